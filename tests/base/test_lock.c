#include "iapeer/base/lock.h"

#include <fcntl.h>
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

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/proc.h"

#include "iapeer/base/banned.h"

static struct {
	char path[64];
	int fd;
} root;

static int enter(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	snprintf(root.path, sizeof(root.path), "%s/iapeer-lock.XXXXXX", P_tmpdir);
	return mkdtemp(root.path) ? fs_open_dir(AT_FDCWD, root.path, &root.fd, &e) : -1;
}

static int leave(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	close(root.fd);
	return fs_remove_tree(AT_FDCWD, root.path, &e);
}

/* Another process that holds "l" until its pipe ends. */
struct holder {
	pid_t pid;
	int until; /* close it: the holder lets go and exits */
};

/* In the child: says that it holds, waits for the end of the pipe, lets go. */
static int hold(int say, int until)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	struct err e = ERR_INIT;
	char c;

	if (lock_take(&l, root.fd, "l", "deliver", 0, &e) < 0 || write(say, "y", 1) != 1)
		return 1;
	return read(until, &c, 1) == 0 ? 0 : 1;
}

static struct holder start_holder(void)
{
	struct holder h = {.pid = 0};
	struct err e = ERR_INIT;
	int said[2], until[2];
	char c;

	assert_int_equal(plat_pipe(said, &e), 0);
	assert_int_equal(plat_pipe(until, &e), 0);
	h.pid = fork();
	if (h.pid == 0) {
		close(until[1]);
		_exit(hold(said[1], until[0]));
	}
	close(said[1]);
	close(until[0]);
	assert_int_equal(read(said[0], &c, 1), 1);
	close(said[0]);
	h.until = until[1];
	return h;
}

static int end_holder(const struct holder *h)
{
	int status;

	close(h->until);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	return status;
}

static void a_lock_that_another_holds_is_not_given_and_its_holder_named(void **state)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	struct holder h = start_holder();
	struct err e = ERR_INIT;
	char pid[16], what[32];
	pid_t who;

	(void)state;
	assert_int_equal(lock_take(&l, root.fd, "l", "stop", 0, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_false(lock_held(&l));
	snprintf(pid, sizeof(pid), "%ld", (long)h.pid);
	assert_non_null(strstr(e.msg, pid));
	assert_non_null(strstr(e.msg, "deliver"));
	assert_int_equal(lock_holder(root.fd, "l", &who, what, sizeof(what), &e), 0);
	assert_int_equal(who, h.pid);
	assert_string_equal(what, "deliver");
	assert_int_equal(end_holder(&h), 0);
	assert_int_equal(lock_take(&l, root.fd, "l", "stop", 0, &e), 0);
	assert_true(lock_held(&l));
}

static void whoever_waits_gets_it_when_it_is_let_go_or_an_answer_at_the_deadline(void **state)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	struct holder h = start_holder();
	struct err e = ERR_INIT;
	int64_t begin = clock_mono_ms();
	pid_t letting_go;
	int status;

	(void)state;
	assert_int_equal(lock_take(&l, root.fd, "l", "stop", begin + 100, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_true(clock_mono_ms() - begin >= 100 && clock_mono_ms() - begin < 5000);
	letting_go = fork();
	if (letting_go ==
	    0) /* the write end is ours and its own: the holder's pipe ends when both are closed */
		_exit(plat_exit_wait((struct proc_ref){.pid = h.pid}, clock_mono_ms() + 50) ? 1
											    : 0);
	close(h.until);
	assert_int_equal(lock_take(&l, root.fd, "l", "stop", clock_mono_ms() + 20000, &e), 0);
	assert_int_equal(waitpid(letting_go, &status, 0), letting_go);
	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	assert_int_equal(status, 0);
}

static void the_lock_of_a_killed_process_is_free(void **state)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	struct holder h = start_holder();
	struct err e = ERR_INIT;
	char what[32];
	pid_t who;
	int status;

	(void)state;
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	status = end_holder(&h);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(lock_holder(root.fd, "l", &who, what, sizeof(what), &e), 0);
	assert_int_equal(who, 0); /* the file still names it */
	assert_string_equal(what, "");
	assert_int_equal(lock_take(&l, root.fd, "l", "stop", 0, &e), 0);
	assert_int_equal(lock_holder(root.fd, "l", &who, what, sizeof(what), &e), 0);
	assert_int_equal(who, getpid());
	assert_string_equal(what, "stop");
}

static void a_program_started_under_the_lock_does_not_keep_it(void **state)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	AUTO(lock_done) struct lock again = LOCK_INIT;
	char name[] = "sleep", time[] = "60";
	char *const argv[] = {name, time, NULL};
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(lock_take(&l, root.fd, "l", "start", 0, &e), 0);
	assert_int_equal(proc_detach("/bin/sleep", argv, -1, &pid, &e), 0);
	lock_done(&l);
	/* It has a copy until it is that program. */
	assert_int_equal(lock_take(&again, root.fd, "l", "stop", clock_mono_ms() + 10000, &e), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void letting_go_twice_or_of_nothing_is_fine(void **state)
{
	struct lock l = LOCK_INIT;
	struct err e = ERR_INIT;

	(void)state;
	lock_done(&l);
	assert_false(lock_held(&l));
	assert_int_equal(lock_take(&l, root.fd, "l", "x", 0, &e), 0);
	assert_int_equal(fcntl(l.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	lock_done(&l);
	lock_done(&l);
	assert_false(lock_held(&l));
}

static void the_file_is_private_stays_and_is_no_link(void **state)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	struct err e = ERR_INIT;
	struct fs_info info;
	char what[8];
	pid_t who = 5;

	(void)state;
	assert_int_equal(lock_holder(root.fd, "l", &who, what, sizeof(what), &e), 0);
	assert_int_equal(who, 0);
	assert_false(fs_exists(root.fd, "l")); /* asking makes none */
	assert_int_equal(lock_take(&l, root.fd, "l", "x", 0, &e), 0);
	lock_done(&l);
	assert_int_equal(fs_stat(root.fd, "l", &info, &e), 0);
	assert_true(info.is_file);
	assert_int_equal(info.mode, 0600);
	assert_int_equal(symlinkat("elsewhere", root.fd, "link"), 0);
	assert_int_equal(lock_take(&l, root.fd, "link", "x", 0, &e), -1);
	assert_false(fs_exists(root.fd, "elsewhere"));
}

static void a_long_purpose_is_cut(void **state)
{
	AUTO(lock_done) struct lock l = LOCK_INIT;
	struct err e = ERR_INIT;
	char longer[500], what[8];
	pid_t who;

	(void)state;
	memset(longer, 'w', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(lock_take(&l, root.fd, "l", longer, 0, &e), 0);
	assert_int_equal(lock_holder(root.fd, "l", &who, what, sizeof(what), &e), 0);
	assert_int_equal(who, getpid());
	assert_string_equal(what, "wwwwwww");
}

/* In a child: 100 times read a number, add one, write it, all under the lock. */
static int count_up(void)
{
	struct err e = ERR_INIT;

	for (int i = 0; i < 100; i++) {
		AUTO(lock_done) struct lock l = LOCK_INIT;
		AUTO(buf_done) struct buf b = BUF_INIT(64);
		char text[32];
		int n;

		if (lock_take(&l, root.fd, "l", "count", clock_mono_ms() + 30000, &e) < 0)
			return 1;
		if (fs_read(root.fd, "n", &b, &e) < 0)
			return 2;
		n = snprintf(text, sizeof(text), "%ld", strtol(buf_cstr(&b), NULL, 10) + 1);
		if (fs_write_soft(root.fd, "n", text, (size_t)n, 0600, &e) < 0)
			return 3;
	}
	return 0;
}

static void four_processes_never_hold_it_together(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64);
	struct err e = ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(fs_write_soft(root.fd, "n", "0", 1, 0600, &e), 0);
	for (int i = 0; i < 4; i++) {
		if (fork() == 0)
			_exit(count_up());
	}
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(fs_read(root.fd, "n", &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "400");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_lock_that_another_holds_is_not_given_and_its_holder_named),
	    TEST(whoever_waits_gets_it_when_it_is_let_go_or_an_answer_at_the_deadline),
	    TEST(the_lock_of_a_killed_process_is_free),
	    TEST(a_program_started_under_the_lock_does_not_keep_it),
	    TEST(letting_go_twice_or_of_nothing_is_fine),
	    TEST(the_file_is_private_stays_and_is_no_link),
	    TEST(a_long_purpose_is_cut),
	    TEST(four_processes_never_hold_it_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
