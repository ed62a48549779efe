/* What plat.h promises about processes, on whichever system this is; exits are in test_plat_exit.c,
 * the rest in test_plat_system.c. Where a system is allowed to say less, the test says so. */
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
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "children.h"

#include "iapeer/base/clock.h"

#include "iapeer/base/banned.h"

/* ---- processes ---- */

static void what_is_told_about_ourselves_is_true(void **state)
{
	struct proc_info info, again;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(plat_proc_info(getpid(), &info, &e), 0);
	assert_int_equal(info.state, PROC_RUNNING);
	assert_int_equal(info.ppid, getppid());
	assert_int_equal(info.pgid, getpgrp());
	assert_true(info.birth != 0);
	assert_true(info.rss_bytes > 100000);
	assert_int_equal(info.exit_status, -1);
	assert_string_equal(info.name, "test_plat");
	assert_int_equal(plat_proc_info(getpid(), &again, &e), 0);
	assert_true(again.birth == info.birth);
	assert_int_equal(plat_proc_state(ref_of(getpid())), PROC_RUNNING);
}

static void a_process_that_is_not_there_is_gone_and_that_is_no_failure(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref ref = ref_of(pid);
	struct proc_info info;
	struct err e = ERR_INIT;
	int fd = -1;

	(void)state;
	end_child(pid);
	assert_int_equal(plat_proc_info(pid, &info, &e), 0);
	assert_int_equal(info.state, PROC_GONE);
	assert_int_equal(plat_proc_state(ref), PROC_GONE);
	assert_int_equal(plat_proc_state((struct proc_ref){.pid = 0}), PROC_GONE);
	assert_int_equal(plat_proc_ref(pid, &ref, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(plat_exit_fd(ref, &fd, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(fd, -1);
	assert_int_equal(plat_signal(ref, SIGTERM, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_true(plat_exit_wait(ref, clock_mono_ms()));
}

static void a_stopped_child_is_stopped_and_an_idle_one_sleeps(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref ref = ref_of(pid);
	int64_t deadline_ms = clock_mono_ms() + LONG_MS;
	struct proc_info info = {.sleeping = false};
	struct err e = ERR_INIT;

	(void)state;
	while (!info.sleeping && clock_mono_ms() < deadline_ms)
		assert_int_equal(plat_proc_info(pid, &info, &e), 0);
	assert_true(info.sleeping);
	assert_int_equal(info.ppid, getpid());
	assert_int_equal(plat_signal(ref, SIGSTOP, &e), 0);
	becomes(ref, PROC_STOPPED);
	assert_int_equal(plat_signal(ref, SIGCONT, &e), 0);
	becomes(ref, PROC_RUNNING);
	end_child(pid);
}

static enum proc_state state_again(pid_t pid, int *fd)
{
	struct proc_info info;
	struct err e = ERR_INIT;

	assert_int_equal(plat_proc_info_again(pid, fd, &info, &e), 0);
	return info.state;
}

/* By one file that stays open, through all that a process may become. */
static void who_asks_again_and_again_is_told_how_it_is_then(void **state)
{
	pid_t pid = idle_child(), other = idle_child();
	struct proc_ref ref = ref_of(pid);
	auto_fd int fd = -1;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(state_again(pid, &fd), PROC_RUNNING);
	assert_int_equal(plat_signal(ref, SIGSTOP, &e), 0);
	becomes(ref, PROC_STOPPED);
	assert_int_equal(state_again(pid, &fd), PROC_STOPPED);
	assert_int_equal(plat_signal(ref, SIGCONT, &e), 0);
	becomes(ref, PROC_RUNNING);
	assert_int_equal(state_again(pid, &fd), PROC_RUNNING);
	assert_int_equal(plat_signal(ref, SIGKILL, &e), 0);
	becomes(ref, PROC_GONE);
	assert_int_equal(state_again(pid, &fd), PROC_ZOMBIE);
	end_child(pid);
	assert_int_equal(state_again(pid, &fd), PROC_GONE);
	assert_int_equal(state_again(other, &fd), PROC_RUNNING);
	end_child(other);
}

static void a_zombie_is_told_from_the_living(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref ref = ref_of(pid);
	struct proc_info info;
	struct err e = ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(plat_signal(ref, SIGKILL, &e), 0);
	becomes(ref, PROC_GONE);
	assert_int_equal(plat_proc_info(pid, &info, &e), 0);
	assert_int_equal(info.state, PROC_ZOMBIE);
	assert_true(info.birth == ref.birth);
	assert_int_equal(plat_proc_ref(pid, &ref, &e), -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void another_process_with_the_same_pid_is_not_touched(void **state)
{
	pid_t pid = idle_child();
	struct proc_ref real = ref_of(pid), wrong = {.pid = pid, .birth = real.birth + 1};
	struct err e = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(plat_proc_state(wrong), PROC_GONE);
	assert_int_equal(plat_signal(wrong, SIGKILL, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(plat_exit_fd(wrong, &fd, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_true(plat_exit_wait(wrong, clock_mono_ms()));
	assert_false(plat_exit_wait(real, clock_mono_ms() + 50));
	assert_int_equal(plat_proc_state(real), PROC_RUNNING);
	end_child(pid);
}

/* Linux lets root choose the next pid: then a real recycled pid can be had. Elsewhere nothing is
 * tried. */
static void a_recycled_pid_has_another_birth(void **state)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	struct proc_ref old;
	bool recycled = false;

	(void)state;
	if (fd < 0)
		skip();
	for (int tries = 0; tries < 20 && !recycled; tries++) {
		pid_t pid = idle_child(), next;
		char text[16];
		int n = snprintf(text, sizeof(text), "%ld", (long)pid - 1);

		old = ref_of(pid);
		end_child(pid);
		poll(NULL, 0, 15); /* births are counted in steps of 10 ms */
		if (pwrite(fd, text, (size_t)n, 0) != n)
			break;
		next = idle_child();
		recycled = next == pid;
		if (recycled) {
			assert_true(ref_of(next).birth != old.birth);
			assert_int_equal(plat_proc_state(old), PROC_GONE);
		}
		end_child(next);
	}
	close(fd);
	if (!recycled)
		skip();
}

static void the_list_of_processes_has_us_and_our_child(void **state)
{
	pid_t pid = idle_child(), *pids = NULL;
	struct err e = ERR_INIT;
	int found = 0;
	size_t n = 0;

	(void)state;
	assert_int_equal(plat_pids(&pids, &n, &e), 0);
	for (size_t i = 0; i < n; i++)
		found += pids[i] == pid || pids[i] == getpid();
	assert_int_equal(found, 2);
	free(pids);
	end_child(pid);
}

static void the_foreground_group_of_a_terminal_is_told(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), said[2];
	struct proc_info info;
	struct err e = ERR_INIT;
	char c;
	pid_t pid;

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	assert_int_equal(plat_pipe(said, &e), 0);
	pid = fork();
	if (pid == 0) {
		int slave;

		setsid();
		slave = open(ptsname(master), O_RDWR);
		if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 || write(said[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(said[0], &c, 1), 1);
	assert_int_equal(plat_proc_info(pid, &info, &e), 0);
	assert_int_equal(info.tty_pgid, pid);
	assert_int_equal(info.pgid, pid);
	end_child(pid);
	close(master);
	close(said[0]);
	close(said[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_told_about_ourselves_is_true),
	    cmocka_unit_test(a_process_that_is_not_there_is_gone_and_that_is_no_failure),
	    cmocka_unit_test(a_stopped_child_is_stopped_and_an_idle_one_sleeps),
	    cmocka_unit_test(who_asks_again_and_again_is_told_how_it_is_then),
	    cmocka_unit_test(a_zombie_is_told_from_the_living),
	    cmocka_unit_test(another_process_with_the_same_pid_is_not_touched),
	    cmocka_unit_test(a_recycled_pid_has_another_birth),
	    cmocka_unit_test(the_list_of_processes_has_us_and_our_child),
	    cmocka_unit_test(the_foreground_group_of_a_terminal_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
