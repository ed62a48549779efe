/* bench_deaths EXITS_LOG together|alone|programs PID... - SIGKILL to tmux servers; how long until
 * the line of each stands in the log, in microseconds: one number a server. `alone`: one after the
 * other, `together`: all at once, `programs`: these are not servers but the programs in them, one
 * after the other. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define WAIT_MS 10000
#define LOG_MAX (4U << 20)

struct victim {
	pid_t pid;
	const char *key; /* of its pid in the line */
	int64_t killed_us, seen_us;
};

static int slay(struct victim *v, struct err *e)
{
	v->killed_us = clock_mono_us();
	return kill(v->pid, SIGKILL) < 0 ? err_set(e, ERR_FAILED, errno, "kill %ld", (long)v->pid)
					 : 0;
}

static size_t look(const struct buf *log, struct victim *v, size_t n)
{
	int64_t now = clock_mono_us();
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		char text[48];

		snprintf(text, sizeof text, " %s=%ld ", v[i].key, (long)v[i].pid);
		if (!v[i].seen_us && strstr(buf_cstr(log), text))
			v[i].seen_us = now;
		left += v[i].seen_us == 0;
	}
	return left;
}

/* The log is read over and over: no notification, no timer adds to what is measured. */
static int wait_for(const char *log, int64_t from, struct victim *v, size_t n, struct err *e)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	for (;;) {
		AUTO(buf_done) struct buf b = BUF_INIT(LOG_MAX);
		struct err none;

		if (fs_read_at(AT_FDCWD, log, from, LOG_MAX - 1, &b, &none) == 0 &&
		    look(&b, v, n) == 0)
			break;
		if (clock_mono_ms() > until)
			return err_set(e, ERR_TIMEOUT, 0, "a death is not in %s", log);
		poll(NULL, 0, 1);
	}
	for (size_t i = 0; i < n; i++)
		printf("%lld\n", (long long)(v[i].seen_us - v[i].killed_us));
	return 0;
}

static int64_t size_of(const char *log)
{
	struct fs_info info;
	struct err none;

	return fs_stat(AT_FDCWD, log, &info, &none) == 0 && info.exists ? info.size : 0;
}

static int all(const char *log, bool together, struct victim *v, size_t n, struct err *e)
{
	size_t step = together ? n : 1;

	for (size_t i = 0; i < n; i += step) {
		int64_t from = size_of(log);

		for (size_t k = i; k < i + step; k++)
			if (slay(&v[k], e) < 0)
				return -1;
		if (wait_for(log, from, v + i, step, e) < 0)
			return -1;
		poll(NULL, 0,
		     100); /* what comes after the line is not to be in the way of the next death */
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t n = argc > 3 ? (size_t)argc - 3 : 0;
	struct victim *v = xcalloc(n + 1, sizeof *v);
	struct err e = ERR_INIT;
	int64_t pid;
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (!str_i64(argv[i + 3], 2, INT32_MAX, &pid))
			n = 0;
		else
			v[i] = (struct victim){
			    .pid = (pid_t)pid,
			    .key = strcmp(argv[2], "programs") == 0 ? "pid" : "server_pid"};
	}
	if (n == 0) {
		fprintf(stderr, "usage: bench_deaths EXITS_LOG together|alone|programs PID...\n");
		free(v);
		return 2;
	}
	rc = all(argv[1], strcmp(argv[2], "together") == 0, v, n, &e);
	if (rc < 0)
		fprintf(stderr, "bench_deaths: %s\n", e.msg);
	free(v);
	return rc < 0 ? 1 : 0;
}
