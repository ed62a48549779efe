/* What plat.h promises about the ends of processes. */
#include "iapeer/base/plat.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "children.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/proc.h"

#include "iapeer/base/banned.h"

static bool readable(int fd, int64_t within_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, (int)within_ms) == 1;
}

static bool closed_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && (flags & FD_CLOEXEC);
}

static void the_exit_of_a_child_makes_its_descriptor_readable(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref ref = ref_of(pid);
	struct err e = ERR_INIT;
	int fd = -1, status;

	(void)state;
	assert_int_equal(plat_exit_fd(ref, &fd, &e), 0);
	assert_true(closed_on_exec(fd));
	assert_false(readable(fd, 50));
	assert_false(plat_exit_status(ref, fd, &status));
	assert_int_equal(plat_signal(ref, SIGKILL, &e), 0);
	assert_true(readable(fd, LONG_MS));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(readable(fd, 0)); /* it stays so */
	close(fd);
}

static void the_exit_of_a_stranger_makes_its_descriptor_readable(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	char sh[] = "sh", c[] = "-c", script[] = "sleep 60 >&- 2>&- & echo $!";
	char *const argv[] = {sh, c, script, NULL};
	struct proc_opts opts = {
	    .file = "/bin/sh", .argv = argv, .deadline_ms = clock_mono_ms() + LONG_MS};
	struct err e = ERR_INIT;
	struct proc_ref ref;
	int fd = -1;

	(void)state;
	assert_int_equal(proc_run(&opts, &r, &e), 0);
	ref = ref_of((pid_t)strtol(buf_cstr(&r.out), NULL, 10));
	assert_int_equal(plat_exit_fd(ref, &fd, &e), 0);
	assert_false(readable(fd, 50));
	assert_int_equal(plat_signal(ref, SIGKILL, &e), 0);
	assert_true(readable(fd, LONG_MS));
	assert_int_equal(plat_proc_state(ref), PROC_GONE);
	assert_true(plat_exit_wait(ref, clock_mono_ms()));
	close(fd);
}

static void a_child_that_has_exited_already_is_readable_at_once(void **state)
{
	pid_t pid = fork();
	struct err e = ERR_INIT;
	int fd = -1, status = 0;

	(void)state;
	if (pid == 0)
		_exit(7);
	becomes((struct proc_ref){.pid = pid}, PROC_GONE);
	assert_int_equal(plat_exit_fd((struct proc_ref){.pid = pid}, &fd, &e), 0);
	assert_true(readable(fd, LONG_MS));
	assert_true(plat_exit_status((struct proc_ref){.pid = pid}, fd, &status));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
}

static void the_status_of_a_zombie_is_told_twice_with_and_without_a_descriptor(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref ref = ref_of(pid);
	struct proc_ref wrong = {.pid = pid, .birth = ref.birth + 1};
	struct err e = ERR_INIT;
	int fd = -1, status;

	(void)state;
	assert_int_equal(plat_exit_fd(ref, &fd, &e), 0);
	assert_int_equal(plat_signal(ref, SIGTERM, &e), 0);
	assert_true(readable(fd, LONG_MS));
	for (int i = 0; i < 4; i++) {
		status = 0;
		assert_true(plat_exit_status(ref, i % 2 ? fd : -1, &status));
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	}
	assert_false(plat_exit_status(wrong, -1, &status));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(plat_exit_status(ref, -1, &status));
	close(fd);
}

/* In a child: leaves a zombie of its own behind, tells its pid, and waits to be killed. */
static void leave_a_zombie(int say)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	if (write(say, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		_exit(1);
	for (;;)
		pause();
}

static void the_status_of_anothers_zombie_is_told_or_not_known_but_never_wrong(void **state)
{
	struct proc_ref ref;
	struct err e = ERR_INIT;
	pid_t parent, pid;
	int said[2], fd = -1, status = 0;

	(void)state;
	assert_int_equal(plat_pipe(said, &e), 0);
	parent = fork();
	if (parent == 0)
		leave_a_zombie(said[1]);
	assert_int_equal(read(said[0], &pid, sizeof(pid)), sizeof(pid));
	ref = ref_of(pid);
	assert_int_equal(plat_exit_fd(ref, &fd, &e), 0);
	assert_int_equal(plat_signal(ref, SIGQUIT, &e), 0);
	assert_true(readable(fd, LONG_MS));
	if (plat_exit_status(ref, fd, &status))
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT);
	close(fd);
	close(said[0]);
	close(said[1]);
	end_child(parent);
}

static void waiting_for_an_exit_ends_with_it_or_at_the_deadline(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref ref = ref_of(pid);
	int64_t begin = clock_mono_ms();
	struct err e = ERR_INIT;

	(void)state;
	assert_false(plat_exit_wait(ref, begin + 100));
	assert_true(clock_mono_ms() - begin >= 99 && clock_mono_ms() - begin < LONG_MS);
	assert_false(plat_exit_wait(ref, 0));
	assert_int_equal(plat_signal(ref, SIGKILL, &e), 0);
	assert_true(plat_exit_wait(ref, INT64_MAX));
	end_child(pid);
}

/* In a child: takes in an orphan and reaps it. 0: done; 3: the system has no such thing. */
static int reap_an_orphan(void)
{
	bool works = false;
	struct err e = ERR_INIT;
	int status, said[2];
	pid_t pid, orphan;
	char c;

	if (plat_become_reaper(&works, &e) < 0 || plat_pipe(said, &e) < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		orphan = fork();
		if (orphan == 0) { /* ends only when it is an orphan */
			close(said[1]);
			_exit(read(said[0], &c, 1) == 0 ? 9 : 1);
		}
		_exit(0);
	}
	close(said[0]);
	if (waitpid(pid, &status, 0) != pid)
		return 2;
	close(said[1]);
	if (!works)
		return 3;
	return waitpid(-1, &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 9 ? 0 : 4;
}

static void a_reaper_gets_the_orphans_where_the_system_has_reapers(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(reap_an_orphan());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_exit_of_a_child_makes_its_descriptor_readable),
	    cmocka_unit_test(the_exit_of_a_stranger_makes_its_descriptor_readable),
	    cmocka_unit_test(a_child_that_has_exited_already_is_readable_at_once),
	    cmocka_unit_test(the_status_of_a_zombie_is_told_twice_with_and_without_a_descriptor),
	    cmocka_unit_test(the_status_of_anothers_zombie_is_told_or_not_known_but_never_wrong),
	    cmocka_unit_test(waiting_for_an_exit_ends_with_it_or_at_the_deadline),
	    cmocka_unit_test(a_reaper_gets_the_orphans_where_the_system_has_reapers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
