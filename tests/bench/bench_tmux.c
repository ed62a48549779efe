/* bench_tmux COUNT FOLDER TMUX SHELL - what tmux alone needs, by hand and without proof: the
 * yardstick for `send`.
 *
 * For each of COUNT rounds, on a new socket in FOLDER, three numbers in microseconds: `new-session
 * -d` until it returns; from before it until the shell's prompt has been seen, a command was typed
 * and its output is in the log; and from before a second command is typed in that shell until its
 * output is in the log. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define WAIT_MS 10000

struct bench {
	const char *tmux, *shell;
	char socket[512], log[512], pipe[600];
	int watch_fd;
};

static int tmux(const struct bench *b, const char *const *args, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	struct proc_opts o = {.file = b->tmux, .deadline_ms = clock_mono_ms() + WAIT_MS};

	strv_add(&argv, "tmux"); /* check-layers: not a command */
	strv_add(&argv, "-S");
	strv_add(&argv, b->socket);
	for (; *args; args++)
		strv_add(&argv, *args);
	o.argv = strv_argv(&argv);
	if (proc_run(&o, &r, e) < 0)
		return -1;
	return r.status == 0 ? 0 : err_set(e, ERR_FAILED, 0, "tmux: %s", buf_cstr(&r.err));
}

/* Until text stands in the log behind `from`; *out: how long the log is then. */
static int wait_for(const struct bench *b, const char *text, int64_t from, int64_t *out,
		    struct err *e)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	for (;;) {
		AUTO(buf_done) struct buf log = BUF_INIT(1U << 20);
		struct pollfd p = {.fd = b->watch_fd, .events = POLLIN};
		struct err none;

		if (fs_read_at(AT_FDCWD, b->log, from, (1U << 20) - 1, &log, &none) == 0 &&
		    log.len > 0 && strstr(buf_cstr(&log), text)) {
			*out = from + (int64_t)log.len;
			return 0;
		}
		if (clock_mono_ms() > until)
			return err_set(e, ERR_TIMEOUT, 0, "\"%s\" was not seen", text);
		if (poll(&p, 1, 20) > 0)
			plat_watch_drain(b->watch_fd);
	}
}

static int type(const struct bench *b, const char *command, const char *answer, int64_t *from,
		struct err *e)
{
	if (tmux(b,
		 (const char *const[]){"send-keys", "-l", command, ";", "send-keys", "Enter", NULL},
		 e) < 0)
		return -1;
	return wait_for(b, answer, *from, from, e);
}

static int round_of(const struct bench *b, struct err *e)
{
	int64_t start = clock_mono_us(), made, first, from = 0;

	if (tmux(b,
		 (const char *const[]){"-f", "/dev/null", "new-session", "-d", "-x", "220", "-y",
				       "50", b->shell, ";", "pipe-pane", b->pipe, NULL},
		 e) < 0)
		return -1;
	made = clock_mono_us() - start;
	/* The first thing that an interactive shell prints is its prompt; it ends in a blank. */
	if (wait_for(b, " ", 0, &from, e) < 0 ||
	    type(b, "echo one-$((20+3))", "one-23", &from, e) < 0)
		return -1;
	first = clock_mono_us() - start;
	poll(NULL, 0, 50); /* the prompt comes back */
	start = clock_mono_us();
	if (type(b, "echo two-$((20+3))", "two-23", &from, e) < 0)
		return -1;
	printf("%lld %lld %lld\n", (long long)made, (long long)first,
	       (long long)(clock_mono_us() - start));
	return tmux(b, (const char *const[]){"kill-server", NULL}, e);
}

int main(int argc, char **argv)
{
	struct bench b = {.watch_fd = -1};
	struct err e = ERR_INIT;
	int64_t n;

	if (argc != 5 || !str_i64(argv[1], 1, 10000, &n)) {
		fprintf(stderr, "usage: bench_tmux COUNT FOLDER TMUX SHELL\n");
		return 2;
	}
	b.tmux = argv[3];
	b.shell = argv[4];
	for (int64_t i = 0; i < n; i++) {
		snprintf(b.socket, sizeof b.socket, "%.300s/bare%lld.sock", argv[2], (long long)i);
		snprintf(b.log, sizeof b.log, "%.300s/bare%lld.log", argv[2], (long long)i);
		snprintf(b.pipe, sizeof b.pipe, "exec cat >'%s'", b.log);
		if (b.watch_fd < 0 && plat_watch(argv[2], &b.watch_fd, &e) < 0)
			break;
		if (round_of(&b, &e) < 0)
			break;
	}
	if (e.code != ERR_NONE)
		fprintf(stderr, "bench_tmux: %s\n", e.msg);
	return e.code == ERR_NONE ? 0 : 1;
}
