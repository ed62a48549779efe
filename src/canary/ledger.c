#include "iapeer/canary/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* The name becomes a path, and any server may be watched: what may stand in a file's name, and no
 * more. */
static int record_path(const char *identity, const char *what, char out[static LAYOUT_PATH],
		       struct err *e)
{
	size_t n = strlen(identity);

	if (n == 0 || n > 100 || identity[0] == '.' || identity[0] == '-' ||
	    identity[strspn(identity,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] !=
		'\0')
		return err_set(e, ERR_USAGE, 0,
			       "identity %.100s: letters, digits, - _ . only, at most 100",
			       identity);
	snprintf(out, LAYOUT_PATH, "%s/%s.%s", LAYOUT_LIFECYCLE, identity, what);
	return 0;
}

static int parse_u64(const struct json *j, const char *where, const char *key, uint64_t *out,
		     struct err *e)
{
	char text[32] = "";
	int64_t n;

	if (json_req_str(j, where, key, text, sizeof text, e) < 0)
		return -1;
	if (!str_i64(text, 0, INT64_MAX, &n))
		return err_set(e, ERR_CORRUPT, 0, "%s.%s: expected a number in quotes", where, key);
	*out = (uint64_t)n;
	return 0;
}

static int parse(const char *text, size_t len, const char *where, struct canary *c, struct err *e)
{
	auto_json struct json *j = NULL;
	int64_t pid = 0, format = 0;

	if (json_parse(text, len, where, &j, e) < 0 ||
	    json_req_i64(j, where, "format", 1, 1000, &format, e) < 0)
		return -1;
	if (format != 1)
		return err_set(e, ERR_CORRUPT, 0, "%s: format %lld is newer than this build", where,
			       (long long)format);
	if (json_req_str(j, where, "identity", c->identity, sizeof c->identity, e) < 0 ||
	    json_req_i64(j, where, "server_pid", 1, INT32_MAX, &pid, e) < 0 ||
	    parse_u64(j, where, "server_birth", &c->server.birth, e) < 0 ||
	    json_req_str(j, where, "boot_id", c->boot_id, sizeof c->boot_id, e) < 0 ||
	    json_opt_str(j, where, "socket", c->socket, sizeof c->socket, e) < 0 ||
	    json_opt_str(j, where, "log_dir", c->log_dir, sizeof c->log_dir, e) < 0 ||
	    json_opt_i64(j, where, "armed_at_ms", 0, INT64_MAX / 2, &c->armed_at_ms, e) < 0 ||
	    json_opt_str(j, where, "who", c->who, sizeof c->who, e) < 0 ||
	    json_opt_str(j, where, "why", c->why, sizeof c->why, e) < 0 ||
	    json_opt_i64(j, where, "deadline_ms", 0, INT64_MAX / 2, &c->deadline_utc_ms, e) < 0)
		return -1;
	c->server.pid = (pid_t)pid;
	return 0;
}

static int load_one(const struct layout *l, const char *identity, const char *what,
		    struct canary *out, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct canary c = {.armed_at_ms = 0};
	char path[LAYOUT_PATH];

	if (record_path(identity, what, path, e) < 0 || fs_read(l->root_fd, path, &b, e) < 0)
		return -1;
	if (parse(buf_cstr(&b), b.len, path, &c, e) < 0)
		return -1;
	/* The file's name says whose it is: a record of another name could never be dropped. */
	snprintf(c.identity, sizeof c.identity, "%s", identity);
	*out = c;
	return 0;
}

int canary_load(const struct layout *l, const char *identity, enum canary_state *out_state,
		struct canary *out, struct err *e)
{
	/* Both are there only between the two steps of canary_begin_ending(): then it is an ending.
	 */
	if (load_one(l, identity, "ending", out, e) == 0) {
		*out_state = CANARY_ENDING;
		return 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (load_one(l, identity, "canary", out, e) == 0) {
		*out_state = CANARY_ARMED;
		return 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	*out_state = CANARY_NONE;
	return 0;
}

static void list_add(struct strv *out, const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);
	char identity[128];

	if (n <= m || n - m >= sizeof identity || name[0] == '.' || !str_ends(name, suffix))
		return;
	memcpy(identity, name, n - m);
	identity[n - m] = '\0';
	strv_add(out, identity);
}

int canary_list(const struct layout *l, struct strv *out, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	AUTO(strv_done) struct strv all = STRV_INIT;

	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		list_add(&all, names.v[i], ".canary");
		list_add(&all, names.v[i], ".ending");
	}
	strv_sort(&all); /* "a-b.canary" stands before "a.canary" in the folder */
	for (size_t i = 0; i < all.n; i++)
		if (i == 0 || strcmp(all.v[i], all.v[i - 1]) != 0)
			strv_add(out, all.v[i]);
	return 0;
}

static void note_memory(struct json *j, pid_t pid)
{
	struct memory_group group;

	plat_memory_group(pid, &group);
	json_set_i64(j, "armed_mono_ms", clock_mono_ms());
	if (!group.path[0])
		return;
	json_set_str(j, "memory_group", group.path);
	json_set_i64(j, "memory_kills", group.kills);
	json_set_bool(j, "memory_whole", group.whole);
}

void canary_armed_memory(const struct layout *l, const char *identity, struct armed_memory *out)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = NULL;
	struct armed_memory m = {.kills = -1};
	char path[LAYOUT_PATH];
	struct err e;

	*out = m;
	if (record_path(identity, "canary", path, &e) < 0 ||
	    fs_read(l->root_fd, path, &b, &e) < 0 ||
	    json_parse(buf_cstr(&b), b.len, path, &j, &e) < 0 ||
	    json_opt_i64(j, path, "armed_mono_ms", 0, INT64_MAX / 2, &m.mono_ms, &e) < 0 ||
	    json_opt_str(j, path, "memory_group", m.group, sizeof m.group, &e) < 0 ||
	    json_opt_i64(j, path, "memory_kills", -1, INT64_MAX / 2, &m.kills, &e) < 0 ||
	    json_opt_bool(j, path, "memory_whole", &m.whole, &e) < 0)
		return;
	*out = m;
}

static int save(const struct layout *l, const struct canary *c, const char *what, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = json_object();
	char path[LAYOUT_PATH], birth[32];

	if (record_path(c->identity, what, path, e) < 0 ||
	    fs_mkdirs(l->root_fd, LAYOUT_LIFECYCLE, e) < 0)
		return -1;
	snprintf(birth, sizeof birth, "%llu", (unsigned long long)c->server.birth);
	json_set_i64(j, "format", 1);
	json_set_str(j, "identity", c->identity);
	json_set_i64(j, "server_pid", c->server.pid);
	json_set_str(j, "server_birth", birth); /* 64 bits do not fit a JSON number */
	json_set_str(j, "boot_id", c->boot_id);
	json_set_str_opt(j, "socket", c->socket);
	json_set_str_opt(j, "log_dir", c->log_dir);
	json_set_i64(j, "armed_at_ms", c->armed_at_ms);
	if (strcmp(what, "canary") == 0)
		note_memory(j, c->server.pid);
	json_set_str_opt(j, "who", c->who);
	json_set_str_opt(j, "why", c->why);
	if (c->deadline_utc_ms)
		json_set_i64(j, "deadline_ms", c->deadline_utc_ms);
	json_print(j, true, &b);
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

static int drop(const struct layout *l, const char *identity, const char *what, struct err *e)
{
	char path[LAYOUT_PATH];

	if (record_path(identity, what, path, e) < 0)
		return -1;
	return fs_unlink(l->root_fd, path, e);
}

static bool same_server(const struct canary *a, const struct canary *b)
{
	return a->server.pid == b->server.pid && a->server.birth == b->server.birth;
}

int canary_arm(const struct layout *l, const struct canary *c, struct err *e)
{
	struct canary armed = *c, old;
	enum canary_state state;

	if (canary_load(l, c->identity, &state, &old, e) < 0)
		return -1;
	if (state == CANARY_ENDING && same_server(&old, c))
		return 0; /* its program has ended already: the hook was quicker than we */
	armed.who[0] = armed.why[0] = '\0';
	armed.deadline_utc_ms = 0;
	if (!armed.boot_id[0] && plat_boot_id(armed.boot_id, e) < 0)
		return -1;
	if (!armed.armed_at_ms)
		armed.armed_at_ms = clock_utc_ms();
	if (save(l, &armed, "canary", e) < 0)
		return -1;
	return state == CANARY_ENDING ? drop(l, c->identity, "ending", e) : 0;
}

int canary_note_ending(const struct layout *l, const struct canary *c, struct err *e)
{
	enum canary_state state;
	struct canary old, ending = *c;

	if (canary_load(l, c->identity, &state, &old, e) < 0)
		return -1;
	if (state != CANARY_NONE && !same_server(&old, c))
		return 0;
	if (state != CANARY_NONE)
		str_cut(ending.log_dir, sizeof ending.log_dir, old.log_dir);
	if (state == CANARY_ENDING)
		return 0;
	if (!ending.boot_id[0] && plat_boot_id(ending.boot_id, e) < 0)
		return -1;
	if (save(l, &ending, "ending", e) < 0)
		return -1;
	return drop(l, c->identity, "canary", e);
}

/* A full disk: the armed record itself becomes the ending, which takes no room. Nobody and no
 * deadline are in it: should the server outlive us, it is watched again at once. */
static int turn_to_ending(const struct layout *l, const char *identity, struct err *e)
{
	char from[LAYOUT_PATH], to[LAYOUT_PATH];

	if (record_path(identity, "canary", from, e) < 0 ||
	    record_path(identity, "ending", to, e) < 0)
		return -1;
	return fs_rename(l->root_fd, from, to, e);
}

int canary_begin_ending(const struct layout *l, const char *identity, const char *who,
			const char *why, int64_t deadline_utc_ms, struct err *e)
{
	enum canary_state state;
	struct canary c;

	if (canary_load(l, identity, &state, &c, e) < 0)
		return -1;
	if (state == CANARY_NONE)
		return 0;
	str_cut(c.who, sizeof c.who, who);
	str_cut(c.why, sizeof c.why, why);
	c.deadline_utc_ms = deadline_utc_ms;
	if (save(l, &c, "ending", e) == 0)
		return drop(l, identity, "canary", e);
	return fs_is_full(e) && state == CANARY_ARMED ? turn_to_ending(l, identity, e) : -1;
}

int canary_finish_ending(const struct layout *l, const char *identity, struct err *e)
{
	/* The armed record first: if we are killed in between, an ending is left, never an armed
	 * record. */
	if (drop(l, identity, "canary", e) < 0 || drop(l, identity, "ending", e) < 0)
		return -1;
	return drop(l, identity, "witness", e); /* of a server that is no concern any more */
}

int canary_undo_ending(const struct layout *l, const char *identity, struct err *e)
{
	enum canary_state state;
	struct canary c;

	if (canary_load(l, identity, &state, &c, e) < 0)
		return -1;
	if (state != CANARY_ENDING)
		return 0;
	c.who[0] = c.why[0] = '\0';
	c.deadline_utc_ms = 0;
	if (save(l, &c, "canary", e) < 0)
		return -1;
	return drop(l, identity, "ending", e);
}

int canary_disarm(const struct layout *l, const char *identity, bool *out_was, struct err *e)
{
	enum canary_state state;
	struct canary c;

	if (canary_load(l, identity, &state, &c, e) < 0)
		return -1;
	*out_was = state != CANARY_NONE;
	return canary_finish_ending(l, identity, e);
}

bool canary_server_gone(const struct canary *c)
{
	char boot[64];
	struct err e;

	if (plat_boot_id(boot, &e) == 0 && strcmp(boot, c->boot_id) != 0)
		return true;
	return plat_proc_state(c->server) == PROC_GONE;
}
