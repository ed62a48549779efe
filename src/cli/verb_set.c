#include "iapeer/cli/verb_set.h"
#include "iapeer/cli/verb_runs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/converse.h"
#include "iapeer/lifecycle/move.h"
#include "iapeer/lifecycle/move_intent.h"
#include "iapeer/registry/service.h"
#include "iapeer/runtime/manifest.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define KEEPER_WAIT_MS 10000
#define LOCK_WAIT_MS   10000

/* The peer that is changed: the profile is edited, the registry follows it. */
struct edit {
	const struct ctx *c;
	const struct peer_record *record;
	struct profile profile;
	char name[PEER_NAME_MAX + 1], folder[LAYOUT_PATH]; /* as they are to be */
	char works_in[LAYOUT_PATH];                        /* as it was */
	bool workdir_given;
};

static void edit_done(struct edit *x)
{
	profile_done(&x->profile);
}

static int set_description(struct edit *x, const char *value, struct err *e)
{
	return words_description(value, x->profile.description, e);
}

static int set_tags(struct edit *x, const char *value, struct err *e)
{
	AUTO(strv_done) struct strv tags = STRV_INIT;

	if (words_tags(value, &tags, e) < 0)
		return -1;
	strv_done(&x->profile.tags);
	x->profile.tags = tags;
	tags = (struct strv)STRV_INIT;
	return 0;
}

static int set_wake_policy(struct edit *x, const char *value, struct err *e)
{
	x->profile.wake_policy = WAKE_ON_DEMAND;
	if (!*value || wake_policy_parse(value, &x->profile.wake_policy))
		return 0;
	return err_set(e, ERR_USAGE, 0,
		       "wake_policy: \"%.40s\" is none of on-demand, ephemeral, always", value);
}

static int set_resume_policy(struct edit *x, const char *value, struct err *e)
{
	x->profile.resume_policy = RESUME_CONTINUE;
	if (!*value || resume_policy_parse(value, &x->profile.resume_policy))
		return 0;
	return err_set(e, ERR_USAGE, 0,
		       "resume_policy: \"%.40s\" is none of continue, topic, always, never", value);
}

static int set_trust(struct edit *x, const char *value, struct err *e)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && *value && strcmp(value, "no") != 0)
		return err_set(e, ERR_USAGE, 0, "trust: \"%.40s\" is neither yes nor no", value);
	if (yes && peer_said_by_person(x->c, "trust", e) < 0)
		return -1;
	x->profile.trust = yes;
	return 0;
}

/* Empty: what the runtime's default says. */
static int set_accepts(struct edit *x, const char *value, struct err *e)
{
	AUTO(strv_done) struct strv words = STRV_INIT;
	unsigned accepts = 0;

	if (peer_said_by_person(x->c, "accepts", e) < 0)
		return -1;
	words_split(value, ',', &words);
	for (size_t i = 0; i < words.n; i++) {
		enum nature n = nature_parse(words.v[i]);

		if (n == NATURE_NONE)
			return err_set(e, ERR_USAGE, 0,
				       "accepts: \"%.40s\" is none of artificial, natural, absent",
				       words.v[i]);
		accepts |= 1U << n;
	}
	x->profile.accepts = accepts;
	return 0;
}

static int set_initial_prompt(struct edit *x, const char *value, struct err *e)
{
	if (!utf8_valid(value, strlen(value)))
		return err_set(e, ERR_USAGE, 0, "initial_prompt is not UTF-8");
	free(x->profile.initial_prompt);
	x->profile.initial_prompt = *value ? xstrdup(value) : NULL;
	return 0;
}

static int set_name(struct edit *x, const char *value, struct err *e)
{
	if (peer_name_check(value, e) < 0)
		return err_wrap(e, "name");
	str_cut(x->name, sizeof x->name, value);
	return 0;
}

static int set_folder(struct edit *x, const char *value, struct err *e)
{
	return words_folder(value, x->folder, e);
}

static int set_workdir(struct edit *x, const char *value, struct err *e)
{
	x->workdir_given = true;
	if (*value)
		return words_folder(value, x->profile.workdir, e);
	x->profile.workdir[0] = '\0';
	return 0;
}

static int set_default(struct edit *x, const char *value, struct err *e)
{
	struct profile *f = &x->profile;

	if (strv_has(&f->runtimes, value) &&
	    str_put(f->default_runtime, sizeof f->default_runtime, value))
		return 0;
	err_set(e, ERR_USAGE, 0, "default: %.40s is none of its runtimes", value);
	return words_hint(e, "it has", &f->runtimes);
}

static int check_dropped(const struct edit *x, const struct strv *wanted, struct err *e)
{
	for (size_t i = 0; i < x->record->runtimes.n; i++) {
		const char *runtime = x->record->runtimes.v[i];
		struct peer_id id;
		struct sight s;

		if (strv_has(wanted, runtime))
			continue;
		if (peer_make(runtime, x->record->name, &id, e) < 0 ||
		    sight_of(x->c, NULL, x->record, &id, &s, e) < 0)
			return -1;
		if (s.shown == SHOWN_LIVE || s.shown == SHOWN_UNKNOWN) {
			err_set(e, ERR_REFUSED, 0, "runtimes: %s is live on %s", x->record->name,
				runtime);
			return err_hint(e, "iapeer stop %s %s", x->record->name, runtime);
		}
	}
	return 0;
}

static int set_runtimes(struct edit *x, const char *value, struct err *e)
{
	AUTO(strv_done) struct strv wanted = STRV_INIT, typed = STRV_INIT;

	words_split(value, ',', &typed);
	for (size_t i = 0; i < typed.n; i++) {
		AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};

		if (!peer_runtime_valid(typed.v[i]))
			return err_set(e, ERR_USAGE, 0, "runtimes: \"%.40s\" is no runtime's name",
				       typed.v[i]);
		if (manifest_load(&x->c->layout, typed.v[i], &m, e) < 0) {
			if (e->code == ERR_NOT_FOUND)
				e->code = ERR_USAGE;
			return -1;
		}
		words_unite(&wanted, typed.v[i]);
	}
	if (wanted.n == 0)
		return err_set(e, ERR_USAGE, 0, "runtimes: at least one");
	if (check_dropped(x, &wanted, e) < 0)
		return -1;
	if (!strv_has(&wanted, x->profile.default_runtime))
		str_cut(x->profile.default_runtime, sizeof x->profile.default_runtime, wanted.v[0]);
	strv_done(&x->profile.runtimes);
	x->profile.runtimes = wanted;
	wanted = (struct strv)STRV_INIT;
	return 0;
}

/* In this order, so that `runtimes=a,b default=b` works whichever was typed first. */
static const struct key {
	const char *name;
	int (*set)(struct edit *, const char *value, struct err *);
} keys[] = {
    {"name", set_name},
    {"folder", set_folder},
    {"runtimes", set_runtimes},
    {"default", set_default},
    {"description", set_description},
    {"tags", set_tags},
    {"workdir", set_workdir},
    {"wake_policy", set_wake_policy},
    {"resume_policy", set_resume_policy},
    {"accepts", set_accepts},
    {"trust", set_trust},
    {"initial_prompt", set_initial_prompt},
};
#define N_KEYS (sizeof keys / sizeof keys[0])

const char *set_key_name(size_t i)
{
	return i < N_KEYS ? keys[i].name : NULL;
}

/* `wake-policy` is meant as `wake_policy`. */
static bool same_key(const char *typed, size_t len, const char *key)
{
	if (strlen(key) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (typed[i] != key[i] && !(typed[i] == '-' && key[i] == '_'))
			return false;
	return true;
}

static int check_key(const char *word, struct err *e)
{
	const char *equals = strchr(word, '='), *names[N_KEYS], *near;
	auto_free char *typed = NULL;

	if (!equals)
		return err_set(e, ERR_USAGE, 0, "\"%.60s\" is no key=value", word);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (same_key(word, (size_t)(equals - word), keys[i].name))
			return 0;
		names[i] = keys[i].name;
	}
	typed = xstrndup(word, (size_t)(equals - word));
	near = str_nearest(typed, names, N_KEYS);
	err_set(e, ERR_USAGE, 0, "nothing called \"%.60s\" can be set", typed);
	if (near)
		return err_hint(e, "did you mean %s?", near);
	return err_hint(e, "`iapeer help set` lists what can be");
}

static int apply_keys(struct edit *x, const struct parsed *p, struct err *e)
{
	for (size_t i = 1; i < p->n_args; i++)
		if (check_key(p->args[i], e) < 0)
			return -1;
	for (size_t k = 0; k < N_KEYS; k++)
		for (size_t i = 1; i < p->n_args; i++) {
			const char *equals = strchr(p->args[i], '=');

			if (same_key(p->args[i], (size_t)(equals - p->args[i]), keys[k].name) &&
			    keys[k].set(x, equals + 1, e) < 0)
				return -1;
		}
	return 0;
}

static int save(struct edit *x, struct err *e)
{
	struct peer_record r = {.telegram = x->record->telegram,
				.intelligence = x->record->intelligence};
	struct registry_change change = {.record = &r, .set_default = true, .replace = true};
	bool created;

	if (move_intent_none(&x->c->layout, x->record->name, e) < 0)
		return -1;
	if (x->c->registry.newer)
		return err_set(
		    e, ERR_REFUSED, 0,
		    "the registry was written by a newer iapeer; it is read, not written");
	if (profile_save(x->record->cwd, &x->profile, e) < 0)
		return -1;
	memcpy(r.name, x->record->name, sizeof r.name);
	r.cwd = x->record->cwd;
	memcpy(r.default_runtime, x->profile.default_runtime, sizeof r.default_runtime);
	r.description = x->profile.description;
	r.runtimes = x->profile.runtimes; /* borrowed */
	return registry_upsert(&x->c->layout, &change, &created, e);
}

/* The conversation belongs to the folder where the program works: it goes on there, unless somebody
 * said another. */
static void keep_workdir(struct edit *x)
{
	struct fs_info info;
	struct err none = ERR_INIT;

	if (x->workdir_given || x->profile.workdir[0] || strcmp(x->folder, x->record->cwd) == 0)
		return;
	if (fs_stat(AT_FDCWD, x->record->cwd, &info, &none) == 0 && info.is_dir)
		str_cut(x->profile.workdir, sizeof x->profile.workdir, x->record->cwd);
}

/* Another name or folder: all that is the peer's goes along, in one change that survives a crash.
 */
static int move(struct edit *x, struct err *e)
{
	struct peer_move m = {
	    .record = x->record, .name = x->name, .folder = x->folder, .profile = &x->profile};

	if (service_guard(x->record->name, NULL, e) < 0 || service_guard(x->name, NULL, e) < 0)
		return -1;
	if (x->c->registry.newer)
		return err_set(
		    e, ERR_REFUSED, 0,
		    "the registry was written by a newer iapeer; it is read, not written");
	str_cut(x->profile.name, sizeof x->profile.name, x->name);
	return move_peer(&x->c->layout, &x->c->settings, &m, e);
}

/* The conversations go along with the workdir. First, for until they were resumed there they may go
 * on in either. */
static int move_conversations(struct edit *x, struct err *e)
{
	const char *to = x->profile.workdir[0] ? x->profile.workdir : x->folder;

	for (size_t i = 0; i < x->record->runtimes.n && strcmp(x->works_in, to) != 0; i++) {
		AUTO(lock_done) struct lock lock = LOCK_INIT;
		struct peer_id id;

		if (peer_make(x->record->runtimes.v[i], x->record->name, &id, e) < 0 ||
		    peer_lock(x->c, &id, "set", LOCK_WAIT_MS, &lock, e) < 0 ||
		    converse_move(&x->c->layout, &id, x->works_in, to, e) < 0)
			return -1;
	}
	return 0;
}

static bool moves(const struct edit *x)
{
	return strcmp(x->name, x->record->name) != 0 || strcmp(x->folder, x->record->cwd) != 0;
}

static bool has_profile(const char *folder)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct err e;

	return profile_load(folder, &p, &e) == 0 || e.code != ERR_NOT_FOUND;
}

/* Its owner may have moved the folder already: the profile went along. */
static int load_profile(struct edit *x, const struct parsed *p, struct err *e)
{
	static const char key[] = "folder=";
	struct peer_record there = *x->record; /* its lists stay the registry's */
	char folder[LAYOUT_PATH];
	struct err none;

	for (size_t i = 1; i < p->n_args && !has_profile(there.cwd); i++)
		if (str_starts(p->args[i], key))
			there.cwd = words_folder(p->args[i] + strlen(key), folder, &none) < 0
					? x->record->cwd
					: folder;
	return peer_profile(&there, &x->profile, e);
}

int verb_set(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	AUTO(edit_done) struct edit x = {.c = c};

	if (registry_need(&c->registry, p->args[0], &x.record, e) < 0 ||
	    peer_edit_begin(c, p->args[0], "set", &lock, e) < 0 ||
	    registry_need(&c->registry, p->args[0], &x.record, e) < 0 || load_profile(&x, p, e) < 0)
		return -1;
	if (strcmp(x.profile.name, x.record->name) != 0)
		return err_set(e, ERR_REFUSED, 0, "the profile in %s is of %s", x.record->cwd,
			       x.profile.name);
	for (size_t i = 0; i < x.record->runtimes.n; i++)
		words_unite(&x.profile.runtimes, x.record->runtimes.v[i]);
	str_cut(x.name, sizeof x.name, x.record->name);
	str_cut(x.folder, sizeof x.folder, x.record->cwd);
	str_cut(x.works_in, sizeof x.works_in,
		x.profile.workdir[0] ? x.profile.workdir : x.record->cwd);
	if (apply_keys(&x, p, e) < 0)
		return -1;
	keep_workdir(&x);
	if (move_conversations(&x, e) < 0 || (moves(&x) ? move(&x, e) : save(&x, e)) < 0)
		return -1;
	/* One that is to be there always is, from now on. */
	if (x.profile.wake_policy == WAKE_ALWAYS &&
	    keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0)
		return -1;
	c->reply = json_object();
	json_set_str(c->reply, "personality", x.name);
	json_set_str(c->reply, "action", "updated");
	json_set_str(c->reply, "cwd", x.folder);
	if (strcmp(x.name, x.record->name) != 0)
		buf_fmt(&c->out, "%s is %s now, with its messages, marks and conversations\n",
			x.record->name, x.name);
	else
		buf_fmt(&c->out, "%s: set; what is live takes it with its next start\n", x.name);
	if (strcmp(x.folder, x.record->cwd) != 0) {
		buf_fmt(&c->out, "%s: its .iapeer is in ", x.name);
		text_shown(&c->out, x.folder);
		buf_str(&c->out, "; it works in ");
		text_shown(&c->out, x.profile.workdir[0] ? x.profile.workdir : x.folder);
		buf_chr(&c->out, '\n');
	}
	return 0;
}
