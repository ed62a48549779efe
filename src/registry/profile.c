#include "iapeer/registry/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/record.h"

#include "iapeer/base/banned.h"

static const char *const wake_words[] = {
    [WAKE_ON_DEMAND] = "on-demand",
    [WAKE_EPHEMERAL] = "ephemeral",
    [WAKE_ALWAYS] = "always",
};
_Static_assert(sizeof wake_words / sizeof wake_words[0] == WAKE_POLICY_COUNT, "one word a policy");

static const char *const resume_words[] = {
    [RESUME_CONTINUE] = "continue",
    [RESUME_TOPIC] = "topic",
    [RESUME_ALWAYS] = "always",
    [RESUME_NEVER] = "never",
};
_Static_assert(sizeof resume_words / sizeof resume_words[0] == RESUME_POLICY_COUNT,
	       "one word a policy");

const char *wake_policy_word(enum wake_policy w)
{
	return wake_words[w < WAKE_POLICY_COUNT ? w : WAKE_ON_DEMAND];
}

const char *resume_policy_word(enum resume_policy r)
{
	return resume_words[r < RESUME_POLICY_COUNT ? r : RESUME_CONTINUE];
}

static int index_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; word && i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return -1;
}

bool wake_policy_parse(const char *word, enum wake_policy *out)
{
	int i = index_of(word, wake_words, WAKE_POLICY_COUNT);

	if (i >= 0)
		*out = (enum wake_policy)i;
	return i >= 0;
}

bool resume_policy_parse(const char *word, enum resume_policy *out)
{
	int i = index_of(word, resume_words, RESUME_POLICY_COUNT);

	if (i >= 0)
		*out = (enum resume_policy)i;
	return i >= 0;
}

void profile_init(struct profile *p)
{
	*p = (struct profile){.tree = NULL};
}

void profile_done(struct profile *p)
{
	if (!p)
		return;
	strv_done(&p->runtimes);
	strv_done(&p->tags);
	free(p->initial_prompt);
	json_free(p->tree);
	profile_init(p);
}

/* ---- reading ---- */

/* A word that we do not know (a newer build's, a slip) is the default, and no reason to lose the
 * peer. */
static int read_policies(const struct json *o, const char *what, struct profile *p, struct err *e)
{
	auto_free char *wake = NULL;
	auto_free char *resume = NULL;

	if (json_opt_dup(o, what, "wake_policy", &wake, e) < 0 ||
	    json_opt_dup(o, what, "resume_policy", &resume, e) < 0)
		return -1;
	if (wake && !wake_policy_parse(wake, &p->wake_policy))
		log_debug("profile", "%s: unknown wake_policy \"%s\", %s is used", what, wake,
			  wake_policy_word(p->wake_policy));
	if (resume && !resume_policy_parse(resume, &p->resume_policy))
		log_debug("profile", "%s: unknown resume_policy \"%s\", %s is used", what, resume,
			  resume_policy_word(p->resume_policy));
	return 0;
}

/* What a peer takes messages from guards it: a word that is not understood must not open or shut it
 * unseen. */
static int read_accepts(const struct json *o, const char *what, unsigned *out, struct err *e)
{
	AUTO(strv_done) struct strv words = STRV_INIT;
	unsigned set = 0;

	if (json_opt_strv(o, what, "accepts", &words, e) < 0)
		return -1;
	for (size_t i = 0; i < words.n; i++) {
		enum nature n = nature_parse(words.v[i]);

		if (n == NATURE_NONE)
			return err_set(
			    e, ERR_CORRUPT, 0,
			    "%s.accepts[%zu]: \"%.40s\" is none of artificial, natural, absent",
			    what, i, words.v[i]);
		set |= 1U << n;
	}
	*out = set;
	return 0;
}

static int read_workdir(const struct json *o, const char *what, struct profile *p, struct err *e)
{
	if (json_opt_str(o, what, "workdir", p->workdir, sizeof p->workdir, e) < 0)
		return -1;
	if (p->workdir[0] && p->workdir[0] != '/')
		return err_set(e, ERR_CORRUPT, 0, "%s.workdir: expected an absolute path", what);
	return 0;
}

static int read_fields(const struct json *o, const char *what, struct profile *p, struct err *e)
{
	if (!json_is_object(o))
		return err_set(e, ERR_CORRUPT, 0, "%s: expected an object", what);
	if (record_read_name(o, what, p->name, e) < 0 ||
	    record_read_runtimes(o, what, p->default_runtime, &p->runtimes, e) < 0 ||
	    record_read_description(o, what, p->description, e) < 0 ||
	    record_read_nature(o, what, &p->intelligence, e) < 0 ||
	    record_read_interfaces(o, what, &p->telegram, e) < 0)
		return -1;
	if (read_workdir(o, what, p, e) < 0 ||
	    json_opt_dup(o, what, "initial_prompt", &p->initial_prompt, e) < 0 ||
	    read_policies(o, what, p, e) < 0 || read_accepts(o, what, &p->accepts, e) < 0 ||
	    json_opt_strv(o, what, "tags", &p->tags, e) < 0 ||
	    json_opt_bool(o, what, "trust", &p->trust, e) < 0)
		return -1;
	if (p->initial_prompt && !*p->initial_prompt) {
		free(p->initial_prompt);
		p->initial_prompt = NULL;
	}
	return 0;
}

int profile_parse(const char *text, size_t len, const char *what, struct profile *out,
		  struct err *e)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};

	if (json_parse(text, len, what, &p.tree, e) < 0 || read_fields(p.tree, what, &p, e) < 0)
		return -1;
	*out = p;
	profile_init(&p);
	return 0;
}

/* The user's own folder may be reached by a link; what is ours in it may not. */
static int open_folder(const char *folder, int *out_fd, struct err *e)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_FAILED,
			       errno, "open folder %s", folder);
	*out_fd = fd;
	return 0;
}

static int path_of(const char *folder, char out[static LAYOUT_PATH], struct err *e)
{
	int n = snprintf(out, LAYOUT_PATH, "%s/" LAYOUT_PROFILE, folder);

	if (n < 0 || n >= LAYOUT_PATH)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "%s/" LAYOUT_PROFILE, folder);
	return 0;
}

int profile_load(const char *folder, struct profile *out, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROFILE);
	char path[LAYOUT_PATH];
	auto_fd int fd = -1;

	if (path_of(folder, path, e) < 0 || open_folder(folder, &fd, e) < 0)
		return -1;
	if (fs_read(fd, LAYOUT_PROFILE, &text, e) < 0)
		return err_wrap(e, "%s", folder);
	return profile_parse(buf_cstr(&text), text.len, path, out, e);
}

/* ---- writing ---- */

static int check_text(const char *name, const char *field, const char *text, struct err *e)
{
	if (!text || utf8_valid(text, strlen(text)))
		return 0;
	return err_set(e, ERR_USAGE, 0, "%s of %s is not UTF-8", field, name);
}

static int check(const struct profile *p, struct err *e)
{
	struct peer_id id;

	if (!peer_name_valid(p->name))
		return peer_make("x", p->name, &id, e);
	for (size_t i = 0; i < p->runtimes.n; i++)
		if (!peer_runtime_valid(p->runtimes.v[i]))
			return peer_make(p->runtimes.v[i], p->name, &id, e);
	if (p->default_runtime[0] && !peer_runtime_valid(p->default_runtime))
		return peer_make(p->default_runtime, p->name, &id, e);
	if (p->workdir[0] && p->workdir[0] != '/')
		return err_set(e, ERR_USAGE, 0, "workdir of %s must be an absolute path", p->name);
	for (size_t i = 0; i < p->tags.n; i++)
		if (check_text(p->name, "a tag", p->tags.v[i], e) < 0)
			return -1;
	if (check_text(p->name, "the description", p->description, e) < 0 ||
	    check_text(p->name, "the workdir", p->workdir, e) < 0)
		return -1;
	return check_text(p->name, "the initial prompt", p->initial_prompt, e);
}

/* Left out where it is the default and was not there; a word that nobody knows goes. */
static void put_policy(struct json *o, const char *key, const char *word, const char *fallback)
{
	const char *old = json_text(json_get(o, key));

	if (strcmp(word, fallback) != 0 || (old && strcmp(old, word) == 0))
		json_set_str(o, key, word);
	else
		json_unset(o, key);
}

static void put_accepts(struct json *o, unsigned accepts)
{
	AUTO(strv_done) struct strv words = STRV_INIT;

	for (int n = NATURE_NONE + 1; n < NATURE_COUNT; n++)
		if (accepts & 1U << n)
			strv_add(&words, nature_word((enum nature)n));
	if (words.n)
		json_set_strv(o, "accepts", &words);
	else
		json_unset(o, "accepts");
}

static void put_fields(struct json *o, const struct profile *p)
{
	json_set_str(o, "personality", p->name);
	record_put_runtimes(o, p->default_runtime, &p->runtimes);
	record_put_description(o, p->description);
	record_put_nature(o, p->intelligence);
	json_set_str_opt(o, "initial_prompt", p->initial_prompt);
	json_set_str_opt(o, "workdir", p->workdir);
	put_policy(o, "wake_policy", wake_policy_word(p->wake_policy),
		   wake_policy_word(WAKE_ON_DEMAND));
	put_policy(o, "resume_policy", resume_policy_word(p->resume_policy),
		   resume_policy_word(RESUME_CONTINUE));
	put_accepts(o, p->accepts);
	if (p->tags.n)
		json_set_strv(o, "tags", &p->tags);
	else
		json_unset(o, "tags");
	if (p->trust)
		json_set_bool(o, "trust", true);
	else
		json_unset(o, "trust");
	if (p->telegram)
		record_put_telegram(o);
}

void profile_print(struct profile *p, struct buf *out)
{
	if (!p->tree)
		p->tree = json_object();
	put_fields(p->tree, p);
	json_print(p->tree, true, out);
}

int profile_save(const char *folder, struct profile *p, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROFILE);
	char path[LAYOUT_PATH];
	auto_fd int fd = -1;

	if (check(p, e) < 0 || path_of(folder, path, e) < 0 || open_folder(folder, &fd, e) < 0)
		return -1;
	profile_print(p, &text);
	if (buf_check(&text, path, e) < 0)
		return -1;
	if (fs_mkdirs(fd, LAYOUT_PEER_FOLDER, e) < 0 ||
	    fs_write_atomic(fd, LAYOUT_PROFILE, buf_cstr(&text), text.len, 0600, e) < 0)
		return err_wrap(e, "%s", folder);
	return 0;
}
