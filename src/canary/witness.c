#include "iapeer/canary/witness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/ledger.h"

#include "iapeer/base/banned.h"

#define ANCESTORS_MAX 64
#define TMUX          "tmux"          /* check-layers: not a command */
#define CLIENT        TMUX ": client" /* as it calls itself on Linux; by its own name elsewhere */

/* ---- which process asked ---- */

/* How well a client's words fit a kill of the server on that socket. */
enum fit {
	FIT_NOT,   /* it talks to another server, or we cannot see to which */
	FIT_THERE, /* it is a client of this server: attached, or in control mode */
	FIT_ASKED, /* and its words are such a command */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A socket's name holds its identity, or a hash of its path, and its folder may be reached by many
 * paths. A namesake in another root is another socket. */
static bool same_socket(const char *a, size_t a_len, const char *socket)
{
	struct fs_info theirs, ours;
	char path[LAYOUT_PATH];
	struct err e;

	if (a_len == 0 || a_len >= sizeof path)
		return false;
	memcpy(path, a, a_len);
	path[a_len] = '\0';
	if (strcmp(path, socket) == 0)
		return true;
	if (strcmp(base_name(path), base_name(socket)) != 0)
		return false;
	if (path[0] != '/' || fs_stat(AT_FDCWD, path, &theirs, &e) < 0 || !theirs.exists)
		return true;
	return fs_stat(AT_FDCWD, socket, &ours, &e) == 0 && ours.exists &&
	       ours.inode == theirs.inode;
}

static const char *next_word(const struct buf *b, const char *word)
{
	const char *next = word + strlen(word) + 1;

	return next < b->p + b->len ? next : NULL;
}

/* TMUX=<socket>,<pid>,<session>: which server a client without -S means. */
static bool environment_names(const struct buf *env, const char *socket)
{
	for (const char *w = env->len ? env->p : NULL; w; w = next_word(env, w))
		if (str_starts(w, "TMUX="))
			return same_socket(w + 5, strcspn(w + 5, ","), socket);
	return false;
}

static enum fit fit_of(const struct buf *args, const struct buf *env, const char *socket)
{
	const char *given = NULL;
	bool kills = false;

	for (const char *w = args->len ? args->p : NULL; w; w = next_word(args, w)) {
		if (str_starts(w, "-L"))
			return FIT_NOT;
		if (!given && str_starts(w, "-S"))
			given = w[2] ? w + 2 : next_word(args, w);
		kills = kills || str_starts(w, "kill");
	}
	if (given ? !same_socket(given, strlen(given), socket) : !environment_names(env, socket))
		return FIT_NOT;
	return kills ? FIT_ASKED : FIT_THERE;
}

static enum fit look_at(pid_t pid, const char *socket)
{
	AUTO(buf_done) struct buf args = BUF_INIT(CAP_LINE);
	AUTO(buf_done) struct buf env = BUF_INIT(CAP_LINE);
	struct proc_info info;
	struct err e;

	if (plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE ||
	    (strcmp(info.name, CLIENT) != 0 && strcmp(info.name, TMUX) != 0) ||
	    !plat_proc_words(pid, &args, &env))
		return FIT_NOT;
	return fit_of(&args, &env, socket);
}

/* The client that asked waits for us, so it is there. One whose words are a kill is it; else one
 * that is attached (a key, the prompt), if there is only one; 0: not to be told. */
static pid_t find_client(const char *socket)
{
	pid_t *pids = NULL, asked = 0, there = 0;
	size_t n = 0, n_there = 0;
	struct err e;

	if (plat_pids(&pids, &n, &e) < 0)
		return 0;
	/* It is young, so from the end. */
	while (n-- > 0 && !asked) {
		enum fit fit = look_at(pids[n], socket);

		if (fit == FIT_ASKED)
			asked = pids[n];
		if (fit == FIT_THERE) {
			there = pids[n];
			n_there++;
		}
	}
	free(pids);
	if (asked)
		return asked;
	return n_there == 1 ? there : 0;
}

/* ---- and who is behind it ---- */

/* Is that process the server of a peer of ours? */
static bool peer_of(const struct layout *l, const struct strv *watched, struct proc_ref server,
		    char *out, size_t size)
{
	for (size_t i = 0; i < watched->n; i++) {
		enum canary_state state;
		struct canary c;
		struct err e;

		if (canary_load(l, watched->v[i], &state, &c, &e) < 0 || state == CANARY_NONE ||
		    c.server.pid != server.pid || c.server.birth != server.birth)
			continue;
		str_cut(out, size, c.identity);
		return true;
	}
	return false;
}

static void add_name(struct witness *w, struct buf *names, struct buf *pids, pid_t pid,
		     const char *name)
{
	const char *shown = str_starts(name, TMUX) ? TMUX : name;

	if (names->len)
		buf_str(names, " < ");
	str_shown(names, shown, strlen(shown), false);
	buf_fmt(pids, "%s%ld", pids->len ? " " : "", (long)pid);
	str_cut(w->pids, sizeof w->pids, buf_cstr(pids));
}

/* From the client upwards, to a peer's server or the first of all processes. */
static void follow(const struct layout *l, pid_t pid, struct witness *w)
{
	AUTO(strv_done) struct strv watched = STRV_INIT;
	AUTO(buf_done) struct buf names = BUF_INIT(CAP_STATE);
	AUTO(buf_done) struct buf pids = BUF_INIT(CAP_STATE);
	char peer[128] = "";
	struct err e;

	if (canary_list(l, &watched, &e) < 0)
		strv_done(&watched);
	for (int i = 0; i < ANCESTORS_MAX && pid > 1 && !peer[0]; i++) {
		struct proc_info info;

		if (plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE)
			break;
		if (i > 0 && str_starts(info.name, TMUX) &&
		    peer_of(l, &watched, (struct proc_ref){.pid = pid, .birth = info.birth}, peer,
			    sizeof peer))
			break;
		if (i < WITNESS_DEPTH)
			add_name(w, &names, &pids, pid, info.name);
		pid = info.ppid;
	}
	snprintf(w->asker, sizeof w->asker, "%.100s%s", peer, peer[0] ? ": " : "");
	str_cut(w->asker + strlen(w->asker), sizeof w->asker - strlen(w->asker), buf_cstr(&names));
}

/* ---- the file ---- */

static bool path_of(const char *identity, char out[static LAYOUT_PATH])
{
	struct peer_id id;
	struct err e;

	if (peer_parse(identity, &id, &e) < 0)
		return false;
	layout_state(&id, "witness", out);
	return true;
}

int witness_note(const struct layout *l, const char *identity, struct proc_ref server,
		 const char *command, struct err *e)
{
	struct witness w = {.server = server, .at_ms = clock_utc_ms()};
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = json_object();
	char path[LAYOUT_PATH], birth[32], boot[64];
	enum canary_state state;
	struct canary armed;
	pid_t client;

	if (!path_of(identity, path))
		return err_set(e, ERR_USAGE, 0, "%.100s is no identity", identity);
	if (plat_boot_id(boot, e) < 0 || canary_load(l, identity, &state, &armed, e) < 0)
		return -1;
	if (state != CANARY_ARMED || armed.server.pid != server.pid ||
	    armed.server.birth != server.birth)
		return 0; /* its end would be no death: it is asked for, or nobody watches */
	client = find_client(armed.socket);
	if (client)
		follow(l, client, &w);
	snprintf(birth, sizeof birth, "%llu", (unsigned long long)server.birth);
	json_set_i64(j, "format", 1);
	json_set_i64(j, "server_pid", server.pid);
	json_set_str(j, "server_birth", birth);
	json_set_str(j, "boot_id", boot);
	json_set_str(j, "command", command);
	json_set_str_opt(j, "asker", w.asker);
	json_set_str_opt(j, "pids", w.pids);
	json_set_i64(j, "at_ms", w.at_ms);
	json_print(j, true, &b);
	/* Not synced: should the host die in this second, its restart is the cause. */
	return fs_write_soft(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

bool witness_load(const struct layout *l, const char *identity, struct proc_ref server,
		  struct witness *out)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH], birth[32] = "", want[32], boot[64], now[64];
	struct witness w = {.at_ms = 0};
	int64_t pid = 0;
	struct err e;

	if (!path_of(identity, path) || fs_read(l->root_fd, path, &b, &e) < 0 ||
	    json_parse(buf_cstr(&b), b.len, path, &j, &e) < 0 ||
	    json_req_i64(j, path, "server_pid", 1, INT32_MAX, &pid, &e) < 0 ||
	    json_req_str(j, path, "server_birth", birth, sizeof birth, &e) < 0 ||
	    json_req_str(j, path, "boot_id", boot, sizeof boot, &e) < 0 ||
	    json_req_str(j, path, "command", w.command, sizeof w.command, &e) < 0 ||
	    json_opt_str(j, path, "asker", w.asker, sizeof w.asker, &e) < 0 ||
	    json_opt_str(j, path, "pids", w.pids, sizeof w.pids, &e) < 0 ||
	    json_opt_i64(j, path, "at_ms", 0, INT64_MAX / 2, &w.at_ms, &e) < 0)
		return false;
	snprintf(want, sizeof want, "%llu", (unsigned long long)server.birth);
	if (pid != server.pid || strcmp(birth, want) != 0 || plat_boot_id(now, &e) < 0 ||
	    strcmp(boot, now) != 0)
		return false;
	w.server = server;
	*out = w;
	return true;
}

int witness_over(const struct layout *l, const char *identity, struct proc_ref server,
		 struct err *e)
{
	char path[LAYOUT_PATH];
	struct witness w;

	if (!witness_load(l, identity, server, &w) || !path_of(identity, path))
		return 0;
	return fs_unlink(l->root_fd, path, e);
}
