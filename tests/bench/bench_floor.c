/* bench_floor COUNT FOLDER - what the system itself needs, in microseconds, three numbers a line: a
 * program that does nothing started and waited for; 100 bytes appended to a file in FOLDER and
 * synced; a process killed until its exit descriptor says so. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define WAIT_MS 10000

static int run(struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	char name[] = "true", *argv[] = {name, NULL};
	struct proc_opts o = {
	    .file = "/bin/true", .argv = argv, .deadline_ms = clock_mono_ms() + WAIT_MS};

	return proc_run(&o, &r, e);
}

static int sync_some(int fd, struct err *e)
{
	static const char line[100] = "line";

	if (fs_write_all(fd, line, sizeof line, e) < 0)
		return -1;
	return plat_fsync(fd) < 0 ? err_set(e, ERR_FAILED, 0, "sync") : 0;
}

static int see_end(struct err *e, int64_t *us)
{
	auto_fd int fd = -1;
	struct proc_ref ref = {.pid = 0};
	struct pollfd p = {.events = POLLIN};
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	if (pid < 0 || plat_proc_ref(pid, &ref, e) < 0 || plat_exit_fd(ref, &fd, e) < 0)
		return err_set(e, ERR_FAILED, 0, "watch a process");
	p.fd = fd;
	*us = clock_mono_us();
	kill(pid, SIGKILL);
	poll(&p, 1, WAIT_MS);
	*us = clock_mono_us() - *us;
	waitpid(pid, NULL, 0);
	return 0;
}

static int measure(int64_t n, int fd, struct err *e)
{
	while (n-- > 0) {
		int64_t t0 = clock_mono_us(), t1, t2, end;

		if (run(e) < 0)
			return -1;
		t1 = clock_mono_us();
		if (sync_some(fd, e) < 0)
			return -1;
		t2 = clock_mono_us();
		if (see_end(e, &end) < 0)
			return -1;
		printf("%lld %lld %lld\n", (long long)(t1 - t0), (long long)(t2 - t1),
		       (long long)end);
	}
	return 0;
}

int main(int argc, char **argv)
{
	auto_fd int fd = -1;
	struct err e = ERR_INIT;
	char file[4096];
	int64_t n;

	if (argc != 3 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_floor COUNT FOLDER\n");
		return 2;
	}
	snprintf(file, sizeof file, "%s/floor", argv[2]);
	fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		err_set(&e, ERR_FAILED, 0, "open %s", file);
	if (fd < 0 || measure(n, fd, &e) < 0) {
		fprintf(stderr, "bench_floor: %s\n", e.msg);
		return 1;
	}
	return 0;
}
