#include "iapeer/base/proc_tree.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

static bool has(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A child with a child; returns both. */
static void two_generations(pid_t out[static 2])
{
	int said[2] = {-1, -1};
	struct err e = ERR_INIT;

	assert_int_equal(plat_pipe(said, &e), 0);
	out[0] = fork();
	if (out[0] == 0) {
		pid_t below = fork();

		if (below == 0) {
			pause();
			_exit(0);
		}
		if (write(said[1], &below, sizeof below) != sizeof below)
			_exit(1);
		pause();
		kill(below, SIGKILL);
		_exit(0);
	}
	assert_int_equal(read(said[0], &out[1], sizeof out[1]), sizeof out[1]);
	close(said[0]);
	close(said[1]);
}

static void a_tree_holds_its_root_first_and_all_generations(void **state)
{
	pid_t pids[PROC_TREE_MAX], made[2];
	size_t n;

	(void)state;
	two_generations(made);
	n = proc_tree(made[0], pids);
	assert_int_equal(n, 2);
	assert_int_equal(pids[0], made[0]);
	assert_int_equal(pids[1], made[1]);
	n = proc_tree(getpid(), pids);
	assert_true(n >= 3 && has(pids, n, made[0]) && has(pids, n, made[1]));
	kill(made[1], SIGKILL);
	end_child(made[0]);
}

static void room_is_kept_to(void **state)
{
	pid_t out[2] = {0, -1}, made[2], other[2];

	(void)state;
	two_generations(made);
	two_generations(other);
	assert_int_equal(plat_children(getpid(), out, 1), 1);
	assert_int_equal(out[1], -1);
	assert_int_equal(plat_children(getpid(), out, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		kill(i ? other[1] : made[1], SIGKILL);
		end_child(i ? other[0] : made[0]);
	}
}

/* Its two pipes: the child's pid comes out of the first; at the end of the second it ends. The
 * kernel gives a thread's children to another when it ends. */
static void *start_one(void *arg)
{
	const int *fd = arg;
	pid_t pid = fork();
	char c;

	if (pid == 0) {
		close(fd[3]);
		pause();
		_exit(0);
	}
	if (write(fd[1], &pid, sizeof pid) != sizeof pid || read(fd[2], &c, 1) != 0)
		abort();
	return NULL;
}

static void a_child_that_a_thread_started_is_found(void **state)
{
	pid_t pids[PROC_TREE_MAX], made = 0;
	struct err e = ERR_INIT;
	pthread_t thread;
	int fd[4];

	(void)state;
	assert_int_equal(plat_pipe(fd, &e), 0);
	assert_int_equal(plat_pipe(fd + 2, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, start_one, fd), 0);
	assert_int_equal(read(fd[0], &made, sizeof made), sizeof made);
	assert_true(has(pids, proc_tree(getpid(), pids), made));
	close(fd[3]);
	pthread_join(thread, NULL);
	end_child(made);
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
}

static void who_is_gone_is_alone(void **state)
{
	pid_t pids[PROC_TREE_MAX], pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_tree(pid, pids), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tree_holds_its_root_first_and_all_generations),
	    cmocka_unit_test(room_is_kept_to),
	    cmocka_unit_test(a_child_that_a_thread_started_is_found),
	    cmocka_unit_test(who_is_gone_is_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
