#include "iapeer/cli/verb_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/move_intent.h"
#include "iapeer/lifecycle/remove.h"
#include "iapeer/registry/binary_link.h"
#include "iapeer/registry/environment.h"
#include "iapeer/registry/service.h"

#include "iapeer/base/banned.h"

#define FALLBACK_RUNTIME "claude"

struct creation {
	char name[PEER_NAME_MAX + 1];
	char folder[LAYOUT_PATH];
	const struct peer_record *old; /* NULL: the name is new */
	struct profile profile;        /* what the folder's says, then what it will say */
	struct strv asked;             /* runtimes typed */
	struct strv warnings;
	bool created;
};

static void creation_done(struct creation *n)
{
	profile_done(&n->profile);
	strv_done(&n->asked);
	strv_done(&n->warnings);
}

/* The path that a folder will have: links on the way resolved as far as it exists. It is made only
 * when all else is known to be right. */
static int future_folder(const char *path, char out[static LAYOUT_PATH], struct err *e)
{
	char typed[LAYOUT_PATH], head[LAYOUT_PATH];
	auto_free char *real = NULL;
	auto_free char *whole = NULL;
	char *slash;

	if (words_path(path, typed, e) < 0)
		return -1;
	memcpy(head, typed, sizeof head);
	while (!real && (slash = strrchr(head, '/')) != NULL) {
		*slash = '\0';
		real = realpath(head[0] ? head : "/", NULL);
	}
	if (!real)
		return err_set(e, ERR_USAGE, errno, "folder %.300s", path);
	if (strstr(typed + strlen(head), "/../") || str_ends(typed, "/.."))
		return err_set(e, ERR_USAGE, ENOENT, "folder %.300s", path);
	whole = xasprintf("%s%s", strcmp(real, "/") == 0 ? "" : real, typed + strlen(head));
	return words_path(whole, out, e);
}

static int resolve_folder(const char *path, char out[static LAYOUT_PATH], struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		return future_folder(path, out, e);
	return words_folder(path, out, e);
}

/* --path, else for `init` and without a name this folder, else where the peer lives, else below the
 * root. */
static int find_folder(const struct ctx *c, const struct parsed *p, struct creation *n,
		       struct err *e)
{
	const char *path = opt_value(p, "path"), *name = parsed_arg(p, 0);

	if (path && !*path)
		return err_set(e, ERR_USAGE, 0, "--path is empty");
	if (path)
		return resolve_folder(path, n->folder, e);
	if (p->verb->arg == CREATE_HERE || !name)
		return resolve_folder(".", n->folder, e);
	n->old = registry_find(&c->registry, name);
	if (n->old)
		return str_put(n->folder, sizeof n->folder, n->old->cwd)
			   ? 0
			   : err_set(e, ERR_FAILED, 0, "folder too long");
	layout_peer_home(&c->layout, name, n->folder);
	return 0;
}

static int load_profile(struct creation *n, struct err *e)
{
	struct err why = ERR_INIT;

	if (profile_load(n->folder, &n->profile, &why) == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

static int find_name(const struct ctx *c, const struct parsed *p, struct creation *n, struct err *e)
{
	const char *typed = parsed_arg(p, 0), *base = strrchr(n->folder, '/');
	bool fits = true;

	if (typed)
		fits = str_put(n->name, sizeof n->name, typed);
	else if (n->profile.name[0])
		fits = str_put(n->name, sizeof n->name, n->profile.name);
	else if (peer_normalise(base ? base + 1 : n->folder, n->name, e) < 0)
		return err_hint(e, "give a name: iapeer %s <name>", p->verb->name);
	if (!fits)
		return err_set(e, ERR_USAGE, 0, "the name is too long");
	if (n->profile.name[0] && strcmp(n->profile.name, n->name) != 0) {
		err_set(e, ERR_REFUSED, 0, "one name a folder: %s is %s already", n->folder,
			n->profile.name);
		return err_hint(e, "another folder may have the same --workdir");
	}
	n->old = registry_find(&c->registry, n->name);
	return 0;
}

/* ---- what it will be ---- */

static int known_runtime(const struct ctx *c, const char *runtime, struct manifest *out,
			 struct err *e)
{
	AUTO(strv_done) struct strv all = STRV_INIT;
	struct err why = ERR_INIT;

	if (peer_runtime_valid(runtime) && manifest_load(&c->layout, runtime, out, &why) == 0)
		return 0;
	if (peer_runtime_valid(runtime) && why.code != ERR_NOT_FOUND) {
		*e = why;
		return -1;
	}
	err_set(e, ERR_USAGE, 0, "no runtime \"%.40s\"", runtime);
	return manifest_list(&c->layout, &all, &why) < 0 ? -1 : words_hint(e, "there are", &all);
}

/* Telegram's peers are people, a shell is nobody: an intelligence that the runtime forbids is a
 * slip. */
static int check_intelligence(const struct manifest *m, struct creation *n, bool given,
			      struct err *e)
{
	enum nature need = m->requires_intelligence;

	if (need == NATURE_NONE || n->profile.intelligence == need)
		return 0;
	if (given || n->profile.intelligence != NATURE_NONE) {
		err_set(e, ERR_USAGE, 0, "a peer on %s is %s, not %s", m->runtime,
			nature_word(need), nature_word(n->profile.intelligence));
		return err_hint(e, "--intelligence %s", nature_word(need));
	}
	n->profile.intelligence = need;
	return 0;
}

static int take_runtimes(const struct ctx *c, const struct parsed *p, struct creation *n,
			 struct err *e)
{
	struct profile *f = &n->profile;

	for (size_t i = 0; i < opt_count(p, "runtime"); i++)
		words_split(opt_nth(p, "runtime", i), ',', &n->asked);
	if (opt_given(p, "runtime") && n->asked.n == 0)
		return err_set(e, ERR_USAGE, 0, "--runtime is empty");
	if (n->asked.n == 0 && f->runtimes.n == 0 && !f->default_runtime[0] &&
	    !(n->old && n->old->runtimes.n))
		strv_add(&n->asked, FALLBACK_RUNTIME);
	for (size_t i = 0; n->old && i < n->old->runtimes.n; i++)
		words_unite(&f->runtimes, n->old->runtimes.v[i]);
	for (size_t i = 0; i < n->asked.n; i++) {
		AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};

		if (known_runtime(c, n->asked.v[i], &m, e) < 0 ||
		    check_intelligence(&m, n, opt_given(p, "intelligence"), e) < 0)
			return -1;
		words_unite(&f->runtimes, n->asked.v[i]);
	}
	if (!f->default_runtime[0] && n->old)
		memcpy(f->default_runtime, n->old->default_runtime, sizeof f->default_runtime);
	if (!f->default_runtime[0])
		str_cut(f->default_runtime, sizeof f->default_runtime, f->runtimes.v[0]);
	words_unite(&f->runtimes, f->default_runtime);
	return 0;
}

static int take_intelligence(const struct ctx *c, const struct parsed *p, struct creation *n,
			     struct err *e)
{
	const char *word = opt_value(p, "intelligence");

	(void)c;
	if (!word) {
		if (n->profile.intelligence == NATURE_NONE && n->old)
			n->profile.intelligence = n->old->intelligence;
		return 0;
	}
	n->profile.intelligence = nature_parse(word);
	if (n->profile.intelligence == NATURE_NONE)
		return err_set(e, ERR_USAGE, 0,
			       "--intelligence: \"%.40s\" is none of artificial, natural, absent",
			       word);
	return 0;
}

static int take_texts(const struct parsed *p, struct creation *n, struct err *e)
{
	const char *text = opt_value(p, "description"), *workdir = opt_value(p, "workdir");

	if (text && *text && words_description(text, n->profile.description, e) < 0)
		return -1;
	if (!n->profile.description[0] && n->old)
		str_cut(n->profile.description, sizeof n->profile.description, n->old->description);
	if (!str_empty(workdir) && words_folder(workdir, n->profile.workdir, e) < 0)
		return -1;
	for (size_t i = 0; i < opt_count(p, "tag"); i++)
		if (words_tags(opt_nth(p, "tag", i), &n->profile.tags, e) < 0)
			return -1;
	return 0;
}

static int take_trust(const struct ctx *c, const struct parsed *p, struct creation *n,
		      struct err *e)
{
	if (!opt_given(p, "trust"))
		return 0;
	if (peer_said_by_person(c, "--trust", e) < 0)
		return -1;
	n->profile.trust = true;
	return 0;
}

/* ---- what is said about its runtime ---- */

static bool asks_for_trust(const struct manifest *m)
{
	for (size_t i = 0; i < m->n_dialogs; i++)
		if (m->dialogs[i].trust)
			return true;
	return false;
}

/* More than the folder is trusted then: the options say what, in the program's own words. */
static void trusted_options(const struct manifest *m, struct buf *out)
{
	for (size_t i = 0; i < m->args_trust.n; i++)
		if (str_starts(m->args_trust.v[i], "--"))
			buf_fmt(out, "%s%s", out->len ? " " : "", m->args_trust.v[i]);
	if (out->len == 0)
		buf_str(out, "no other options");
}

/* The decision is the owner's: asked on a terminal that is not an agent's, else only said. */
static void decide_trust(const struct ctx *c, const struct manifest *m, struct creation *n)
{
	AUTO(buf_done) struct buf options = BUF_INIT(CAP_STATE);
	char answer[16] = "";
	struct err agent;

	if (n->profile.trust || !asks_for_trust(m))
		return;
	trusted_options(m, &options);
	if (!c->term.in_tty || !c->term.err_tty || c->json ||
	    peer_said_by_person(c, "trust", &agent) < 0) {
		strv_fmt(&n->warnings,
			 "%s may ask whether it may work in this folder; `iapeer create %s "
			 "--trust` answers yes for it, and starts it with %s",
			 m->runtime, n->name, buf_cstr(&options));
		return;
	}
	fprintf(stderr,
		"%s asks whether it may work in %s. Trust it there, and start it with %s? [y/N] ",
		m->runtime, n->profile.workdir[0] ? n->profile.workdir : n->folder,
		buf_cstr(&options));
	fflush(stderr);
	if (fgets(answer, sizeof answer, stdin))
		n->profile.trust = answer[0] == 'y' || answer[0] == 'Y';
}

static int look_at_runtimes(const struct ctx *c, struct creation *n, struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	char program[LAYOUT_PATH];
	struct err why = ERR_INIT;

	if (environment_load(&c->layout, &env, e) < 0)
		return -1;
	for (size_t i = 0; i < n->profile.runtimes.n; i++) {
		AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};

		if (manifest_load(&c->layout, n->profile.runtimes.v[i], &m, &why) < 0) {
			strv_fmt(&n->warnings, "%s", why.msg);
			continue;
		}
		if (n->profile.intelligence == NATURE_NONE &&
		    strcmp(m.runtime, n->profile.default_runtime) == 0)
			n->profile.intelligence = m.default_intelligence;
		if (manifest_program(&m, &c->layout, &env, program, &why) < 0)
			strv_fmt(&n->warnings, "%s; %s", why.msg, why.hint);
		decide_trust(c, &m, n);
	}
	return 0;
}

/* ---- doing it ---- */

static int register_peer(const struct ctx *c, struct creation *n, struct err *e)
{
	struct peer_record r = {.intelligence = n->profile.intelligence,
				.telegram = n->profile.telegram};
	struct registry_change change = {.record = &r};

	memcpy(r.name, n->name, sizeof r.name);
	r.cwd = n->folder;
	memcpy(r.default_runtime, n->profile.default_runtime, sizeof r.default_runtime);
	r.description = n->profile.description;
	r.runtimes = n->profile.runtimes; /* borrowed */
	return registry_upsert(&c->layout, &change, &n->created, e);
}

/* The registry comes last: a peer that is listed is whole. What an earlier owner of the name left
 * goes before it. */
static int make(const struct ctx *c, struct creation *n, struct err *e)
{
	int moved = 0;

	if (move_intent_none(&c->layout, n->name, e) < 0)
		return -1;
	if (!n->old && trash_name(&c->layout, n->name, &moved, e) < 0)
		return err_wrap(e, "state of an earlier %s", n->name);
	if (moved > 0)
		log_debug("create", "%d files of an earlier %s went to the trash", moved, n->name);
	memcpy(n->profile.name, n->name, sizeof n->name);
	if (fs_mkdirs(AT_FDCWD, n->folder, e) < 0 || profile_save(n->folder, &n->profile, e) < 0)
		return -1;
	if (binary_link_ensure(&c->layout, e) < 0)
		return -1;
	return register_peer(c, n, e);
}

/* Its owner should hear it now, not when the first message is refused. */
static void warn_of_service(struct creation *n)
{
	struct err why = ERR_INIT;

	if (service_guard(n->name, NULL, &why) < 0)
		strv_fmt(&n->warnings, "%s; it is read-only for us", why.msg);
}

static void report(struct ctx *c, const struct creation *n)
{
	const struct profile *f = &n->profile;

	for (size_t i = 0; i < n->warnings.n; i++)
		ctx_note("iapeer: note: %s", n->warnings.v[i]);
	if (c->json) {
		c->reply = json_object();
		json_set_str(c->reply, "personality", n->name);
		json_set_str(c->reply, "action", n->created ? "created" : "updated");
		json_set_str(c->reply, "default_runtime", f->default_runtime);
		json_set_strv(c->reply, "runtimes", &f->runtimes);
		json_set_str(c->reply, "description", f->description);
		json_set_str(c->reply, "intelligence", nature_word(f->intelligence));
		json_set_str(c->reply, "cwd", n->folder);
		json_set_strv(c->reply, "warnings", &n->warnings);
		return;
	}
	buf_fmt(&c->out, "%s %s (", n->created ? "created" : "updated", n->name);
	words_join(&c->out, &f->runtimes, ", ");
	buf_str(&c->out, ") in ");
	text_shown(&c->out, n->folder);
	buf_fmt(&c->out, "\n  iapeer send %s \"hello\"  wakes it and says hello\n", n->name);
	buf_fmt(&c->out, "  iapeer list%*s  who is there\n", (int)strlen(n->name) + 9, "");
}

/* Anything that the merge would refuse is refused before anything is written. */
static int check_place(const struct ctx *c, const struct creation *n, struct err *e)
{
	if (n->old && strcmp(n->old->cwd, n->folder) != 0)
		return err_set(e, ERR_REFUSED, 0, "%s lives in %s", n->name, n->old->cwd);
	for (size_t i = 0; i < c->registry.n; i++)
		if (&c->registry.peers[i] != n->old &&
		    strcmp(c->registry.peers[i].cwd, n->folder) == 0)
			return err_set(e, ERR_REFUSED, 0, "one name a folder: %s is %s already",
				       n->folder, c->registry.peers[i].name);
	return 0;
}

static int find(const struct ctx *c, const struct parsed *p, struct creation *n, struct err *e)
{
	profile_done(&n->profile);
	return find_folder(c, p, n, e) < 0 || load_profile(n, e) < 0 || find_name(c, p, n, e) < 0
		   ? -1
		   : 0;
}

int verb_create(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	AUTO(creation_done) struct creation n = {.old = NULL};

	if (parsed_arg(p, 0) && peer_name_check(parsed_arg(p, 0), e) < 0)
		return -1;
	if (find(c, p, &n, e) < 0)
		return -1;
	ctx_tried(c, "%s %s", p->verb->name, n.name);
	/* What was found may have been changed by whoever held the lock. */
	if (peer_edit_begin(c, n.name, p->verb->name, &lock, e) < 0 || find(c, p, &n, e) < 0)
		return -1;
	if (check_place(c, &n, e) < 0 || take_intelligence(c, p, &n, e) < 0 ||
	    take_runtimes(c, p, &n, e) < 0 || take_texts(p, &n, e) < 0 ||
	    take_trust(c, p, &n, e) < 0)
		return -1;
	if (c->registry.newer)
		return err_set(
		    e, ERR_REFUSED, 0,
		    "the registry was written by a newer iapeer; it is read, not written");
	if (environment_ensure(&c->layout, e) < 0 || look_at_runtimes(c, &n, e) < 0 ||
	    make(c, &n, e) < 0)
		return -1;
	warn_of_service(&n);
	report(c, &n);
	return 0;
}
