/* What is said to be safe is: fsync is ours here, counts, and fails when it is told to. */
#include "iapeer/base/fs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fsdir.h"

#include "iapeer/base/banned.h"

static ino_t synced[16]; /* folders, in order */
static size_t n_synced;
static bool fails;

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (fails) {
		errno = EIO;
		return -1;
	}
	assert_true(n_synced < sizeof synced / sizeof synced[0]);
	synced[n_synced++] = st.st_ino;
	return 0;
}

static int begin(void **state)
{
	n_synced = 0;
	fails = false;
	return enter(state);
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(root.fd, path, &st, 0), 0);
	return st.st_ino;
}

static void a_new_folder_is_as_safe_as_what_is_put_into_it(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(fs_mkdirs(root.fd, "a/b", &e), 0);
	assert_int_equal(n_synced, 2);
	assert_int_equal(synced[0], inode_of("."));
	assert_int_equal(synced[1], inode_of("a"));
	assert_int_equal(fs_mkdirs(root.fd, "a/b", &e), 0); /* once, not each time */
	assert_int_equal(n_synced, 2);
	assert_int_equal(fs_mkdirs(root.fd, "a/b/c", &e), 0);
	assert_int_equal(n_synced, 3);
}

static void a_folder_that_is_not_safe_is_none(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	fails = true;
	assert_int_equal(fs_mkdirs(root.fd, "a", &e), -1);
	assert_int_equal(e.sys, EIO);
	assert_false(fs_exists(root.fd, "a")); /* else the next one would believe in it */
}

static void what_was_not_published_for_sure_is_not_there(void **state)
{
	struct err e = ERR_INIT;
	bool created = false;

	(void)state;
	fails = true;
	assert_int_equal(fs_publish(root.fd, "f", "new", 3, 0600, &created, &e), -1);
	assert_int_equal(e.sys, EIO);
	assert_false(created);
	lists(".", "");
	fails = false;
	put("f", "theirs");
	fails = true;
	assert_int_equal(fs_publish(root.fd, "f", "new", 3, 0600, &created, &e), -1);
	holds("f", "theirs"); /* another's is not ours to take away */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_folder_is_as_safe_as_what_is_put_into_it),
	    TEST(a_folder_that_is_not_safe_is_none),
	    TEST(what_was_not_published_for_sure_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
