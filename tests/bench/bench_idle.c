/* bench_idle COUNT - processes that do nothing: prints the pid of each, a line each, and stays
 * until its input ends or it is killed; they end with it. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* Nobody writes: the read returns when the last holder of the other end is gone. */
static void until_end(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	int fd[2] = {-1, -1};
	struct err e = ERR_INIT;
	int64_t n;

	if (argc != 2 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_idle COUNT\n");
		return 2;
	}
	if (plat_pipe(fd, &e) < 0) {
		fprintf(stderr, "bench_idle: %s\n", e.msg);
		return 1;
	}
	for (int64_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("bench_idle: fork");
			return 1;
		}
		if (pid == 0) {
			close(STDIN_FILENO);
			close(STDOUT_FILENO);
			close(fd[1]);
			until_end(fd[0]);
			_exit(0);
		}
		printf("%ld\n", (long)pid);
		fflush(stdout); /* else every child has a copy of what was not written yet */
	}
	fclose(stdout);
	pause();
	return 0;
}
