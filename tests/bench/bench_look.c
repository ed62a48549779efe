/* bench_look FOLDER PID... - the floor of a tick: once a second, five times, nothing but one look
 * at a file's time for each of them, and with one of the five a read of /proc/PID/stat from a file
 * that stays open. Processor time of one round, in microseconds. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h" /* auto_fd */

#include "iapeer/base/banned.h"

#define ROUNDS 5
#define MANY   4096

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void look(int dir, int fd, int i, bool at_process)
{
	char text[1024], name[32];
	struct stat st;

	snprintf(name, sizeof name, "look-%d", i);
	if (fstatat(dir, name, &st, 0) < 0 || (at_process && pread(fd, text, sizeof text, 0) <= 0))
		perror("bench_look");
}

static int watch_one(int dir, const char *pid, int i, struct err *e)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "look-%d", i);
	if (fs_write_atomic(dir, path, "x", 1, 0600, e) < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_FAILED, 0, "open %s", path) : fd;
}

static void look_at_all(int dir, const int *fds, int n, bool at_processes)
{
	poll(NULL, 0, 1000);
	for (int i = 0; i < n; i++)
		look(dir, fds[i], i, at_processes);
}

int main(int argc, char **argv)
{
	static int fds[MANY];
	auto_fd int dir = argc > 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct err e = ERR_INIT;
	int64_t from;
	int n = argc - 2;

	if (dir < 0 || n > MANY) {
		fprintf(stderr, "usage: bench_look FOLDER PID...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = watch_one(dir, argv[i + 2], i, &e);
		if (fds[i] < 0) {
			fprintf(stderr, "bench_look: %s\n", e.msg);
			return 1;
		}
	}
	look_at_all(dir, fds, n, true);
	from = cpu_us();
	for (int round = 0; round < ROUNDS; round++)
		look_at_all(dir, fds, n, round == 0);
	printf("%lld\n", (long long)((cpu_us() - from) / ROUNDS));
	return 0;
}
