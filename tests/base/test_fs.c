#include "iapeer/base/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fsdir.h"

#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- writing ---- */

static void a_write_replaces_the_file_and_leaves_nothing_beside_it(void **state)
{
	struct err e = ERR_INIT;
	struct fs_info info;
	char old[8] = "";
	int reader;

	(void)state;
	put("f", "one");
	reader = openat(root.fd, "f", O_RDONLY | O_CLOEXEC);
	put("f", "");
	holds("f", "");
	assert_int_equal(fs_write_soft(root.fd, "f", "two", 3, 0600, &e), 0);
	holds("f", "two");
	assert_int_equal(read(reader, old, sizeof(old)),
			 3); /* whoever reads the old one reads all of it */
	assert_string_equal(old, "one");
	close(reader);
	assert_int_equal(fs_stat(root.fd, "f", &info, &e), 0);
	assert_int_equal(info.mode, 0600);
	assert_int_equal(info.size, 3);
	lists(".", "f");
}

/* In a child process that may write files of 100 bytes at most. */
static int write_beyond_the_limit(void)
{
	static const char big[1000] = "new";
	struct rlimit limit = {100, 100};
	struct err e = ERR_INIT;
	bool created = false;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	if (fs_write_atomic(root.fd, "f", big, sizeof(big), 0600, &e) == 0 || e.code != ERR_FAILED)
		return 2;
	if (fs_write_soft(root.fd, "f", big, sizeof(big), 0600, &e) == 0)
		return 3;
	if (fs_publish(root.fd, "p", big, sizeof(big), 0600, &created, &e) == 0 || created)
		return 4;
	return 0;
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	put("f", "old");
	pid = fork();
	if (pid == 0)
		_exit(write_beyond_the_limit());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	holds("f", "old");
	lists(".", "f");
}

static void a_write_onto_a_folder_fails_and_leaves_it(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	folder("d/inner");
	assert_int_equal(fs_write_atomic(root.fd, "d", "x", 1, 0600, &e), -1);
	assert_non_null(strstr(e.msg, "d"));
	lists(".", "d");
	assert_int_equal(fs_write_atomic(root.fd, "none/f", "x", 1, 0600, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	lists(".", "d");
}

/* In a child process: waits for the start, publishes its own letter. 0: won, 1: another had, 2:
 * failed. */
static int publish_one(int start_fd, int letter)
{
	char text[2] = {(char)('a' + letter), '\0'}, wait_for_it;
	struct err e = ERR_INIT;
	bool created = false;

	if (read(start_fd, &wait_for_it, 1) != 0)
		return 2;
	if (fs_publish(root.fd, "first", text, 1, 0600, &created, &e) < 0)
		return 2;
	return created ? 0 : 1;
}

static void of_eight_who_publish_exactly_one_wins(void **state)
{
	char won[2] = "";
	int start[2];
	pid_t pids[8];
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(plat_pipe(start, &e), 0);
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(start[1]);
			_exit(publish_one(start[0], i));
		}
	}
	close(start[0]);
	close(start[1]); /* all of them see the end of the pipe at once */
	for (int i = 0; i < 8; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		if (WEXITSTATUS(status) == 0) {
			assert_string_equal(won, "");
			won[0] = (char)('a' + i);
		}
	}
	assert_int_equal(strlen(won), 1);
	holds("first", won);
	lists(".", "first");
}

static void publishing_over_anything_leaves_it(void **state)
{
	struct err e = ERR_INIT;
	bool created = true;

	(void)state;
	put("f", "old");
	link_to("nowhere", "link");
	assert_int_equal(fs_publish(root.fd, "f", "new", 3, 0600, &created, &e), 0);
	assert_false(created);
	holds("f", "old");
	created = true;
	assert_int_equal(fs_publish(root.fd, "link", "new", 3, 0600, &created, &e), 0);
	assert_false(created);
	lists(".", "f link");
}

/* ---- reading ---- */

static void a_file_over_the_cap_is_refused_and_one_at_it_is_read(void **state)
{
	AUTO(buf_done) struct buf nine = BUF_INIT(9);
	AUTO(buf_done) struct buf ten = BUF_INIT(10);
	struct err e = ERR_INIT;

	(void)state;
	put("f", "0123456789");
	assert_int_equal(fs_read(root.fd, "f", &nine, &e), -1);
	assert_int_equal(e.code, ERR_FAILED);
	assert_int_equal(fs_read(root.fd, "f", &ten, &e), 0);
	assert_string_equal(buf_cstr(&ten), "0123456789");
}

static void a_part_of_a_file_is_read_from_either_end(void **state)
{
	static const struct {
		int64_t offset;
		size_t max;
		const char *text;
	} rows[] = {{0, 3, "012"}, {7, 99, "789"}, {-4, 2, "67"}, {-99, 2, "01"},
		    {10, 5, ""},   {99, 5, ""},    {3, 0, ""}};
	struct err e = ERR_INIT;

	(void)state;
	put("f", "0123456789");
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);

		assert_int_equal(fs_read_at(root.fd, "f", rows[i].offset, rows[i].max, &b, &e), 0);
		assert_string_equal(buf_cstr(&b), rows[i].text);
	}
}

static void only_a_regular_file_is_read(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	struct err e = ERR_INIT;
	char full[128];

	(void)state;
	snprintf(full, sizeof(full), "%s/fifo", root.path);
	assert_int_equal(mkfifo(full, 0600), 0);
	assert_int_equal(fs_read(root.fd, "fifo", &b, &e), -1); /* and does not wait for a writer */
	folder("d");
	assert_int_equal(fs_read(root.fd, "d", &b, &e), -1);
	assert_int_equal(fs_read(root.fd, "none", &b, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "none"));
	assert_int_equal(b.len, 0);
}

/* ---- the rest ---- */

static void what_is_missing_is_no_failure_where_the_header_says_so(void **state)
{
	struct err e = ERR_INIT;
	struct fs_info info;
	char text[8];
	int fd;

	(void)state;
	assert_int_equal(fs_stat(root.fd, "none", &info, &e), 0);
	assert_false(info.exists);
	assert_int_equal(fs_stat(root.fd, "none/deeper", &info, &e), 0);
	assert_int_equal(fs_unlink(root.fd, "none", &e), 0);
	assert_int_equal(fs_unlink(root.fd, "none/deeper", &e), 0);
	lists("none", "");
	lists("none/deeper", "");
	assert_int_equal(fs_open_dir(root.fd, "none", &fd, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(fs_readlink(root.fd, "none", text, sizeof(text), &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void folders_are_made_private_and_twice_is_fine(void **state)
{
	struct err e = ERR_INIT;
	struct fs_info info;

	(void)state;
	folder("a/b/c");
	folder("a/b/c");
	folder("a/b/d/");
	lists("a/b", "c d");
	assert_int_equal(fs_stat(root.fd, "a/b", &info, &e), 0);
	assert_true(info.is_dir);
	assert_int_equal(info.mode, 0700);
	put("file", "x");
	assert_int_equal(fs_mkdirs(root.fd, "file/x", &e), -1);
	holds("file", "x");
}

static void names_are_sorted_and_files_move(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	folder("to");
	put("b", "1");
	put("a", "2");
	put(".hidden", "3");
	lists(".", ".hidden a b to");
	assert_int_equal(fs_rename(root.fd, "b", "to/b", &e), 0);
	assert_int_equal(fs_rename(root.fd, "a", "to/b", &e), 0);
	holds("to/b", "2");
	assert_int_equal(fs_rename(root.fd, "a", "to/c", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_link_of_ours_is_replaced_and_read(void **state)
{
	struct err e = ERR_INIT;
	char text[8] = "";

	(void)state;
	assert_int_equal(fs_symlink("one", root.fd, "l", &e), 0);
	assert_int_equal(fs_symlink("two", root.fd, "l", &e), 0);
	assert_int_equal(fs_readlink(root.fd, "l", text, sizeof(text), &e), 0);
	assert_string_equal(text, "two");
	assert_int_equal(fs_readlink(root.fd, "l", text, 3, &e), -1); /* does not fit: not cut */
	lists(".", "l");
}

static void a_socket_is_told_from_a_file(void **state)
{
	struct err e = ERR_INIT;
	struct fs_info info;

	(void)state;
	put("f", "abc");
	assert_int_equal(fs_stat(root.fd, "f", &info, &e), 0);
	assert_true(info.exists && info.is_file && !info.is_dir && !info.is_link && !info.is_sock);
	assert_int_equal(info.uid, geteuid());
	assert_true(info.mtime_ms > INT64_C(1500000000000));
}

static void what_we_open_is_closed_on_exec(void **state)
{
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	assert_int_equal(fs_open_dir(root.fd, ".", &fd, &e), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

static void writing_to_nobody_is_an_error_not_a_death(void **state)
{
	struct err e = ERR_INIT;
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(plat_pipe(fds, &e), 0);
	assert_int_equal(fs_write_all(fds[1], "abc", 3, &e), 0);
	close(fds[0]);
	assert_int_equal(fs_write_all(fds[1], "abc", 3, &e), -1);
	close(fds[1]);
}

/* ---- forgetting ---- */

static void age(const char *name, int64_t at_ms)
{
	const struct timespec t = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};

	assert_int_equal(utimensat(root.fd, name, (struct timespec[]){t, t}, AT_SYMLINK_NOFOLLOW),
			 0);
}

static void old_files_go_but_the_newest_stay_and_nothing_else_goes(void **state)
{
	struct err e = ERR_INIT;
	AUTO(strv_done) struct strv names = STRV_INIT;

	(void)state;
	assert_int_equal(fs_expire(root.fd, "none", 1000, 0, &e), 0);
	assert_int_equal(fs_mkdirs(root.fd, "d/folder", &e), 0);
	for (int i = 0; i < 6; i++) {
		char name[8];

		snprintf(name, sizeof name, "d/%d", i);
		put(name, "x");
		age(name, 1000 + i);
	}
	assert_int_equal(symlinkat("0", root.fd, "d/link"), 0);
	age("d/link", 1);
	age("d/folder", 1);
	assert_int_equal(fs_expire(root.fd, "d", 1005, 4, &e), 0); /* six, four are kept */
	assert_false(fs_exists(root.fd, "d/1"));
	assert_true(fs_exists(root.fd, "d/2"));
	assert_int_equal(fs_expire(root.fd, "d", 1005, 0, &e), 0);
	assert_int_equal(fs_list(root.fd, "d", &names, &e), 0);
	assert_int_equal(names.n, 3);
	assert_string_equal(names.v[0], "5"); /* at that time, not before */
	assert_string_equal(names.v[1], "folder");
	assert_string_equal(names.v[2], "link");
}

static void temporary_files_are_told_by_their_names(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	put(".a.1.2.tmp", "x");
	put("a.tmp", "x");
	put(".a", "x");
	age(".a.1.2.tmp", 1000);
	age("a.tmp", 1000);
	age(".a", 1000);
	assert_int_equal(fs_expire_temps(root.fd, ".", 1000, &e), 0);
	assert_true(fs_exists(root.fd, ".a.1.2.tmp"));
	assert_int_equal(fs_expire_temps(root.fd, ".", 1001, &e), 0);
	assert_false(fs_exists(root.fd, ".a.1.2.tmp"));
	assert_true(fs_exists(root.fd, "a.tmp"));
	assert_true(fs_exists(root.fd, ".a"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_write_replaces_the_file_and_leaves_nothing_beside_it),
	    TEST(a_write_that_fails_leaves_the_old_file_and_nothing_else),
	    TEST(a_write_onto_a_folder_fails_and_leaves_it),
	    TEST(of_eight_who_publish_exactly_one_wins),
	    TEST(publishing_over_anything_leaves_it),
	    TEST(a_file_over_the_cap_is_refused_and_one_at_it_is_read),
	    TEST(a_part_of_a_file_is_read_from_either_end),
	    TEST(only_a_regular_file_is_read),
	    TEST(what_is_missing_is_no_failure_where_the_header_says_so),
	    TEST(folders_are_made_private_and_twice_is_fine),
	    TEST(names_are_sorted_and_files_move),
	    TEST(a_link_of_ours_is_replaced_and_read),
	    TEST(a_socket_is_told_from_a_file),
	    TEST(what_we_open_is_closed_on_exec),
	    TEST(writing_to_nobody_is_an_error_not_a_death),
	    TEST(old_files_go_but_the_newest_stay_and_nothing_else_goes),
	    TEST(temporary_files_are_told_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
