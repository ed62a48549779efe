/* doctor --drill: does the recorder work on this host? A scratch peer in a scratch root, with its
 * own keeper and sockets, is killed in six ways, and each record is compared with what was done.
 * Nothing of the user's own root is changed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/doctor.h"
#include "iapeer/cli/follow.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/session.h"
#include "iapeer/launch/tmux.h"

#include "iapeer/base/banned.h"

#define PEER         "drill"
#define IDENTITY     "shell-drill"
#define WAKE_MS      60000
#define RECORD_MS    10000
#define COMMAND_MS   5000
#define REMOVE_MS    3000
#define DIR_TEMPLATE "iapeer-drill.XXXXXX"

/* What is done, and what must be on record of it. A program's own end has no tmux command. */
struct way {
	const char *what;
	int signal;          /* 0: by a tmux command */
	const char *command; /* NULL: by a signal */
	bool program;        /* the signal goes to the program, not to its server */
	const char *cause;
};
static const struct way ways[] = {
    {"SIGKILL to its tmux server", SIGKILL, NULL, false, "sigkill"},
    {"SIGSEGV to its tmux server", SIGSEGV, NULL, false, "sigsegv"},
    {"SIGTERM to its tmux server", SIGTERM, NULL, false, "exited"},
    {"kill-server", 0, "kill-server", false, "kill-server"},
    {"kill-session", 0, "kill-session", false, "kill-server"},
    {"SIGKILL to its program", SIGKILL, NULL, true, "sigkill"},
};
#define N_WAYS (sizeof ways / sizeof ways[0])

struct drill {
	struct layout l; /* the scratch root */
	struct settings settings;
	char dir[LAYOUT_PATH];
	struct peer_id id;
	struct json *list; /* borrowed from the reply */
	size_t wrong;
	bool created;
	bool stuck; /* it does not wake: the other ways would only wait for the same */
};

/* ---- the scratch world: our own environment from here on ---- */

static void put_variable(const struct drill *d, const char *key, const char *below)
{
	char value[LAYOUT_PATH * 2];

	snprintf(value, sizeof value, "%s/%s", d->dir, below);
	if (mkdir(value, 0700) == 0)
		setenv(key, value, 1);
}

static int make_world(struct drill *d, struct err *e)
{
	static const char *const foreign[] = {
	    "TMUX",          "TMUX_PANE",    "PEER_IDENTITY", "PEER_RUNTIME", "PEER_PERSONALITY",
	    "IAPEER_CANARY", "IAPEER_FAULT", "BASH_ENV",      "ENV",          "XDG_RUNTIME_DIR"};
	const char *tmp = getenv("TMPDIR");
	char dir[LAYOUT_PATH], *real;

	snprintf(dir, sizeof dir, "%.300s/" DIR_TEMPLATE, str_empty(tmp) ? "/tmp" : tmp);
	if (!mkdtemp(dir))
		return err_set(e, ERR_FAILED, errno, "make a folder in %.300s",
			       str_empty(tmp) ? "/tmp" : tmp);
	real = realpath(dir, NULL);
	str_cut(d->dir, sizeof d->dir, real ? real : dir);
	free(real);
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
		unsetenv(foreign[i]);
	put_variable(d, "HOME", "home");
	put_variable(d, "IAPEER_ROOT", "root");
	put_variable(d, "IAPEER_SOCK_DIR", "s");
	setenv("IAPEER_SHELL_BIN", "/bin/sh", 1);
	setenv("SHELL", "/bin/sh", 1);
	if (layout_open(&d->l, true, e) < 0)
		return -1;
	char bin[LAYOUT_PATH], version[64];

	if (settings_load(&d->l, &d->settings, e) < 0 ||
	    launch_tmux_bin(&d->l, &d->settings, bin, e) < 0)
		return -1;
	return tmux_version(bin, clock_mono_ms() + COMMAND_MS, version, sizeof version, e);
}

/* The one thing that is taken from the user's own root: which tmux, if its config.json says so. */
static void take_tmux(struct ctx *c)
{
	struct err e;

	if (layout_open(&c->layout, false, &e) < 0)
		return;
	c->rooted = true;
	if (settings_load(&c->layout, &c->settings, &e) == 0 && c->settings.tmux_bin[0])
		setenv("IAPEER_TMUX_BIN", c->settings.tmux_bin, 1);
}

/* Our own binary, as a user would call it. */
static int ourselves(const char *const *words, int64_t within_ms, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	struct proc_opts o = {.file = plat_self_again(),
			      .deadline_ms = clock_mono_ms() + within_ms};

	strv_add(&argv, "iapeer");
	for (; *words; words++)
		strv_add(&argv, *words);
	o.argv = strv_argv(&argv);
	if (proc_run(&o, &r, e) < 0)
		return -1;
	if (r.status == 0)
		return 0;
	return err_set(e, ERR_FAILED, 0, "%.*s", (int)strcspn(buf_cstr(&r.err), "\n"),
		       buf_cstr(&r.err));
}
#define OURSELVES(within_ms, e, ...)                                                               \
	ourselves((const char *const[]){__VA_ARGS__, NULL}, within_ms, e)

static void unmake_world(struct drill *d)
{
	int64_t until;
	struct err e;

	if (d->created) {
		if (OURSELVES(WAKE_MS, &e, "stop", PEER) < 0)
			ctx_note("stop the scratch peer: %s", e.msg);
		if (OURSELVES(WAKE_MS, &e, "supervise", "--stop") < 0)
			ctx_note("stop the scratch keeper: %s", e.msg);
	}
	layout_done(&d->l);
	until = clock_mono_ms() + REMOVE_MS;
	/* A worker or a pane's log that was still at its last line makes it try again. */
	while (d->dir[0] && fs_remove_tree(AT_FDCWD, d->dir, &e) < 0) {
		if (clock_mono_ms() > until) {
			ctx_note("%s", e.msg);
			return;
		}
		poll(NULL, 0, 50);
	}
}

/* ---- one way ---- */

struct search {
	const struct session *s;
	bool program;
	bool found;
	char cause[64], evidence[32], command[32], asker[128];
};

static bool number_is(const char *line, size_t len, const char *key, pid_t pid)
{
	char text[32];
	int64_t n;

	return logfmt_get(line, len, key, text, sizeof text) && str_i64(text, 1, INT32_MAX, &n) &&
	       n == pid;
}

/* Of this very server or program; another line of it would be the second, and is wrong. */
static bool each_line(const char *path, const char *line, size_t len, void *arg)
{
	struct search *s = arg;
	char ev[32] = "", signal[32] = "";

	(void)path;
	if (!logfmt_get(line, len, "ev", ev, sizeof ev) ||
	    !(strcmp(ev, "server-exit") == 0 ? number_is(line, len, "server_pid", s->s->server.pid)
					     : number_is(line, len, "pid", s->s->pane.pid)))
		return true;
	if (s->found || s->program != (strcmp(ev, "session-exit") == 0)) {
		str_cut(s->cause, sizeof s->cause, "two records");
		return true;
	}
	s->found = true;
	logfmt_get(line, len, "command", s->command, sizeof s->command);
	logfmt_get(line, len, "asker", s->asker, sizeof s->asker);
	if (!s->program) {
		logfmt_get(line, len, "cause", s->cause, sizeof s->cause);
		logfmt_get(line, len, "evidence", s->evidence, sizeof s->evidence);
		return true;
	}
	str_cut(s->evidence, sizeof s->evidence, "observed");
	logfmt_get(line, len, "signal", signal, sizeof signal);
	str_cut(s->cause, sizeof s->cause, strcmp(signal, "SIGKILL") == 0 ? "sigkill" : "exited");
	return true;
}

static int kill_it(const struct drill *d, const struct way *w, const struct session *s,
		   struct err *e)
{
	struct tmux t = {.pane = ""};

	if (w->signal)
		return plat_signal(w->program ? s->pane : s->server, w->signal, e);
	str_cut(t.socket, sizeof t.socket, s->socket);
	if (launch_tmux_bin(&d->l, &d->settings, t.bin, e) < 0)
		return -1;
	return tmux_ask_kill(&t, w->command, clock_mono_ms() + COMMAND_MS, e);
}

static int await_record(struct follow *exits, struct search *found, int64_t deadline_ms,
			struct err *e)
{
	int64_t left;

	while (!found->found && (left = deadline_ms - clock_mono_ms()) > 0) {
		if (follow_read(exits, each_line, found, e) < 0)
			return -1;
		if (!found->found && follow_wait(exits, left) == FOLLOW_NOBODY)
			break;
	}
	return 0;
}

/* Wake it, end it, wait for the record. *out_ms: from the end to the record. */
static int try_way(struct drill *d, const struct way *w, struct search *found, int64_t *out_ms,
		   struct err *e)
{
	AUTO(follow_done) struct follow exits = FOLLOW_INIT;
	struct session s;
	int64_t from;
	int rc;

	d->stuck = OURSELVES(WAKE_MS, e, "send", PEER, "true") < 0;
	if (d->stuck || session_load(&d->l, &d->id, &s, e) < 0 ||
	    follow_add(&exits, &d->l, LAYOUT_EXITS_LOG, 0, e) < 0)
		return -1;
	from = clock_mono_ms();
	if (kill_it(d, w, &s, e) < 0)
		return -1;
	found->s = &s;
	rc = await_record(&exits, found, from + RECORD_MS, e);
	found->s = NULL;
	*out_ms = clock_mono_ms() - from;
	if (rc < 0)
		return -1;
	if (!found->found)
		return err_set(e, ERR_TIMEOUT, 0, "no record within %d s", RECORD_MS / 1000);
	return 0;
}

static void drill_one(struct drill *d, const struct way *w)
{
	struct search found = {.program = w->program};
	struct json *o = json_push(d->list, json_object());
	int64_t ms = 0;
	bool ok;
	struct err e = ERR_INIT;
	int rc = try_way(d, w, &found, &ms, &e);

	ok = rc == 0 && strcmp(found.cause, w->cause) == 0 &&
	     strcmp(found.evidence, "observed") == 0 &&
	     strcmp(found.command, w->command ? w->command : "") == 0;
	d->wrong += !ok;
	json_set_str(o, "way", w->what);
	json_set_str(o, "want", w->cause);
	json_set_str_opt(o, "cause", found.cause);
	json_set_str_opt(o, "evidence", found.evidence);
	json_set_str_opt(o, "command", found.command);
	json_set_str_opt(o, "asker", found.asker);
	json_set_bool(o, "ok", ok);
	if (rc < 0)
		json_set_str(o, "reason", e.msg);
	else
		json_set_i64(o, "ms", ms);
}

/* ---- all of them ---- */

static bool interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
	       sigismember(&pending, SIGHUP) == 1;
}

static void cell(struct ctx *c, const struct json *o, const char *key, size_t width)
{
	const char *text = json_text(json_get(o, key));

	text_shown(&c->out, text ? text : "-");
	text_pad(&c->out, text_cells(text ? text : "-"), width);
}

static void print(struct ctx *c, const struct json *list)
{
	for (const struct json *o = json_first(list); o; o = json_next(o)) {
		const char *reason = json_text(json_get(o, "reason"));
		bool ok = json_true(json_get(o, "ok"));
		int64_t ms = 0;

		term_paint(&c->term, &c->out, ok ? PAINT_GREEN : PAINT_RED, ok ? "ok" : "bad");
		text_pad(&c->out, ok ? 2 : 3, 6);
		cell(c, o, "way", 30);
		cell(c, o, "cause", 14);
		cell(c, o, "evidence", 10);
		if (json_whole(json_get(o, "ms"), &ms))
			buf_fmt(&c->out, "%lld ms", (long long)ms);
		if (!ok)
			buf_fmt(&c->out, "  should be %s", json_text(json_get(o, "want")));
		if (reason) {
			buf_str(&c->out, ": ");
			text_shown(&c->out, reason);
		}
		buf_chr(&c->out, '\n');
	}
}

/* With INT, TERM and HUP held back, so that what was made is removed first. */
static int drill_all(struct drill *d, struct err *e)
{
	int rc = make_world(d, e);

	if (rc == 0)
		rc = OURSELVES(WAKE_MS, e, "create", PEER, "--runtime", "shell");
	d->created = rc == 0;
	for (size_t i = 0; i < N_WAYS && rc == 0 && !d->stuck && !interrupted(); i++)
		drill_one(d, &ways[i]);
	if (rc == 0 && interrupted())
		rc = err_set(e, ERR_FAILED, 0, "interrupted; all that it made is removed");
	unmake_world(d);
	if (rc < 0 && e->code == ERR_NOT_FOUND)
		e->code = ERR_FAILED; /* tmux; "no such peer" it is not */
	return rc;
}

int doctor_drill(struct ctx *c, struct err *e)
{
	struct drill d = {.l = LAYOUT_INIT};
	sigset_t stop, before;
	int rc;

	if (peer_parse(IDENTITY, &d.id, e) < 0)
		return -1;
	c->reply = json_object();
	d.list = json_set(c->reply, "drill", json_array());
	take_tmux(c);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, &before);
	rc = drill_all(&d, e);
	sigprocmask(SIG_SETMASK, &before, NULL); /* one that came meanwhile ends us here */
	if (!c->json)
		print(c, d.list);
	if (rc < 0)
		return -1;
	json_set_i64(c->reply, "wrong", (int64_t)d.wrong);
	if (d.wrong == 0)
		return 0;
	return err_set(e, ERR_FAILED, 0, "%zu of %zu deaths %s not recorded as %s should be",
		       d.wrong, N_WAYS, d.wrong == 1 ? "was" : "were",
		       d.wrong == 1 ? "it" : "they");
}
