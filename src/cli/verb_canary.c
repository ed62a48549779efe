/* canary: hidden but stable. One word on standard output, for any tmux server of ours,
 * registered or not. */
#include "iapeer/cli/verb_runs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/ledger.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/words.h"
#include "iapeer/launch/session.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define KEEPER_WAIT_MS  10000
#define TMUX_WAIT_MS    5000
#define SERVER_WAIT_MS  10000
#define ENDING_LASTS_MS 30000

struct subject {
	const char *identity;
	char socket[LAYOUT_PATH];
};

static void word(struct ctx *c, const char *text)
{
	json_free(c->reply);
	c->reply = json_object();
	json_set_str(c->reply, "action", text);
	buf_cut(&c->out, 0);
	buf_fmt(&c->out, "%s\n", text);
}

static bool same_server(const struct proc_ref *a, const struct proc_ref *b)
{
	return a->pid == b->pid && a->birth == b->birth;
}

/* Whatever is on record of a server that is gone is brought to its end before the next one is armed
 * under its name. */
static int settle_old(const struct ctx *c, const char *identity, const struct proc_ref *server,
		      bool *out_armed, struct err *e)
{
	struct death d = {.late = true};
	enum canary_state state;
	struct canary old;

	*out_armed = false;
	if (canary_load(&c->layout, identity, &state, &old, e) < 0)
		return -1;
	if (state == CANARY_NONE)
		return 0;
	if (!canary_server_gone(&old)) {
		*out_armed = state == CANARY_ARMED;
		if (same_server(&old.server, server))
			return 0;
		return err_set(e, ERR_REFUSED, 0,
			       "another server (pid %ld) is watched under that name",
			       (long)old.server.pid);
	}
	if (state == CANARY_ENDING)
		return canary_finish_ending(&c->layout, identity, e);
	d.canary = old;
	return canary_record(&c->layout, &d, 1, e);
}

static int arm(struct ctx *c, const struct subject *s, const char *log_dir, const char **out_word,
	       struct err *e)
{
	struct canary watch = {.armed_at_ms = 0};
	bool armed = false;

	if (tmux_server_of(s->socket, &watch.server, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_FAILED; /* no such server; "no such peer" it is not */
		return -1;
	}
	if (settle_old(c, s->identity, &watch.server, &armed, e) < 0)
		return -1;
	if (!armed) {
		if (!str_put(watch.identity, sizeof watch.identity, s->identity) ||
		    !str_put(watch.socket, sizeof watch.socket, s->socket))
			return err_set(e, ERR_USAGE, 0, "--identity or --socket is too long");
		if (words_path(log_dir, watch.log_dir, e) < 0 ||
		    canary_arm(&c->layout, &watch, e) < 0)
			return -1;
	}
	*out_word = armed ? "already" : "spawned";
	return keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e);
}

static int ensure(struct ctx *c, const struct parsed *p, const struct subject *s, struct err *e)
{
	const char *log_dir = opt_value(p, "log-dir"), *said = "skipped";

	if (!c->settings.canary || str_empty(log_dir)) {
		word(c, said);
		return 0;
	}
	word(c, "failed");
	if (arm(c, s, log_dir, &said, e) < 0)
		return -1;
	word(c, said);
	return 0;
}

static int disarm(struct ctx *c, const struct subject *s, struct err *e)
{
	bool was = false;

	if (canary_disarm(&c->layout, s->identity, &was, e) < 0)
		return -1;
	word(c, was ? "disarmed" : "none");
	return 0;
}

static int status(struct ctx *c, const struct subject *s, struct err *e)
{
	enum canary_state state;
	struct canary now;

	if (canary_load(&c->layout, s->identity, &state, &now, e) < 0)
		return -1;
	word(c, state == CANARY_ARMED && !canary_server_gone(&now) ? "watching" : "none");
	return 0;
}

/* The server lives on (it has other sessions, or hangs): it is watched again. */
static int lives_on(const struct ctx *c, const struct subject *s, const struct proc_ref *server,
		    struct err *e)
{
	if (canary_undo_ending(&c->layout, s->identity, e) < 0)
		return -1;
	return err_set(e, ERR_TIMEOUT, 0, "the session has ended, its server (pid %ld) has not",
		       (long)server->pid);
}

/* Unless somebody listens there again. */
static int drop_socket(const struct subject *s, struct err *e)
{
	struct proc_ref server;
	struct fs_info info;
	struct err none = ERR_INIT;

	if (tmux_server_of(s->socket, &server, &none) == 0 || none.code != ERR_NOT_FOUND)
		return 0;
	if (fs_stat(AT_FDCWD, s->socket, &info, e) < 0)
		return -1;
	return info.is_sock ? fs_unlink(AT_FDCWD, s->socket, e) : 0;
}

/* A peer's session on that server has ended with it. */
static int drop_session(const struct ctx *c, const char *identity, struct proc_ref server,
			struct err *e)
{
	struct session s;
	struct peer_id id;
	struct err none;

	if (peer_parse(identity, &id, &none) < 0 || session_load(&c->layout, &id, &s, &none) < 0 ||
	    !same_server(&s.server, &server))
		return 0;
	return session_drop(&c->layout, &id, e);
}

/* A server that is gone already is not ended by us: its death stays what it was. */
static int end_session(struct ctx *c, const struct subject *s, struct err *e)
{
	struct tmux t = {.pane = ""};
	struct proc_ref server;

	if (tmux_server_of(s->socket, &server, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		word(c, "none");
		return 0;
	}
	memcpy(t.socket, s->socket, sizeof t.socket);
	/* Its caller's own tmux started that server, and another release may not speak to it. */
	if (tmux_find(c->settings.tmux_bin, getenv("PATH"), t.bin, e) < 0)
		return -1;
	if (canary_begin_ending(&c->layout, s->identity, "end-session", "canary end-session",
				clock_utc_ms() + ENDING_LASTS_MS, e) < 0)
		return -1;
	if (tmux_kill_session(&t, s->identity, clock_mono_ms() + TMUX_WAIT_MS, e) < 0)
		return -1; /* the ending stands; whoever looks past its deadline undoes it */
	if (!plat_exit_wait(server, clock_mono_ms() + SERVER_WAIT_MS))
		return lives_on(c, s, &server, e);
	if (drop_socket(s, e) < 0 || drop_session(c, s->identity, server, e) < 0)
		return -1;
	word(c, "ended");
	return canary_finish_ending(&c->layout, s->identity, e);
}

static int subject_of(const struct parsed *p, struct subject *s, struct err *e)
{
	const char *socket = opt_value(p, "socket");

	s->identity = opt_value(p, "identity");
	if (str_empty(s->identity) || str_empty(socket))
		return err_set(e, ERR_USAGE, 0, "--identity and --socket are needed");
	return words_path(socket, s->socket, e);
}

int verb_canary(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *what = p->args[0];
	struct subject s;

	if (subject_of(p, &s, e) < 0)
		return -1;
	if (strcmp(what, "ensure") == 0)
		return ensure(c, p, &s, e);
	if (strcmp(what, "disarm") == 0)
		return disarm(c, &s, e);
	if (strcmp(what, "status") == 0)
		return status(c, &s, e);
	if (strcmp(what, "end-session") == 0)
		return end_session(c, &s, e);
	return err_set(e, ERR_USAGE, 0, "\"%.40s\" is none of ensure, disarm, status, end-session",
		       what);
}
