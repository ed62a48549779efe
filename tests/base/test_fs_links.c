/* fs.h never goes through a link, and never out of its folder. */
#include "iapeer/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fsdir.h"

#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- links ---- */

static void a_link_on_the_way_below_the_folder_is_refused(void **state)
{
	static const char *const paths[] = {"link/f", "d/up/f", "link/sub/f"};
	struct err e = ERR_INIT;
	char text[64];
	bool created;
	int fd;

	(void)state;
	folder("real/sub");
	folder("d");
	put("real/f", "secret");
	link_to("real", "link");
	link_to("../real", "d/up");
	for (size_t i = 0; i < COUNT(paths); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
		AUTO(strv_done) struct strv v = STRV_INIT;
		const char *p = paths[i];
		struct fs_info info;
		const int answers[] = {
		    fs_read(root.fd, p, &b, &e),
		    fs_read_at(root.fd, p, 0, 10, &b, &e),
		    fs_write_atomic(root.fd, p, "x", 1, 0600, &e),
		    fs_write_soft(root.fd, p, "x", 1, 0600, &e),
		    fs_publish(root.fd, p, "x", 1, 0600, &created, &e),
		    fs_unlink(root.fd, p, &e),
		    fs_rename(root.fd, p, "moved", &e),
		    fs_rename(root.fd, "d", p, &e),
		    fs_remove_tree(root.fd, p, &e),
		    fs_mkdirs(root.fd, p, &e),
		    fs_open_dir(root.fd, p, &fd, &e),
		    fs_list(root.fd, p, &v, &e),
		    fs_readlink(root.fd, p, text, sizeof(text), &e),
		    fs_symlink("x", root.fd, p, &e),
		    fs_stat(root.fd, p, &info, &e),
		};

		for (size_t k = 0; k < COUNT(answers); k++)
			if (answers[k] != -1)
				fail_msg("call %zu went through %s", k, p);
		assert_int_equal(e.code, ERR_REFUSED);
		assert_non_null(strstr(e.msg, p));
		assert_false(fs_exists(root.fd, p));
	}
	holds("real/f", "secret");
	lists("real", "f sub");
}

/* In one call, where the system has it; the callers above do without, too. */
static void a_path_opened_at_once_goes_through_no_link(void **state)
{
	static const char *const paths[] = {"link/f", "d/up/f", "d/last"};
	static const int how[] = {O_RDONLY | O_NOFOLLOW | O_CLOEXEC,
				  O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC};
	char text[8] = "";
	int fd;

	(void)state;
	folder("real");
	folder("d");
	put("real/f", "secret");
	link_to("real", "link");
	link_to("../real", "d/up");
	link_to("../real/f", "d/last");
	for (size_t i = 0; i < COUNT(paths); i++)
		for (size_t k = 0; k < COUNT(how); k++) {
			assert_int_equal(plat_open_below(root.fd, paths[i], how[k], 0600), -1);
			assert_true(errno != ENOENT);
		}
	fd = plat_open_below(root.fd, "real/f", how[0], 0);
	if (fd < 0) {
		assert_int_equal(errno, ENOSYS);
		skip();
	}
	assert_int_equal(read(fd, text, sizeof text), 6);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(plat_open_below(root.fd, "real/none", how[0], 0), -1);
	assert_int_equal(errno, ENOENT);
	fd = plat_open_below(root.fd, "real/new", how[1], 0600);
	assert_true(fd >= 0);
	close(fd);
	lists("real", "f new");
}

static void a_link_at_the_end_is_not_followed(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	AUTO(strv_done) struct strv v = STRV_INIT;
	struct err e = ERR_INIT;
	struct fs_info info;
	char full[128];
	int fd;

	(void)state;
	folder("real");
	put("real/f", "secret");
	link_to("real/f", "file");
	link_to("real", "dir");
	assert_int_equal(fs_read(root.fd, "file", &b, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	snprintf(full, sizeof(full), "%s/file", root.path);
	assert_int_equal(fs_read(AT_FDCWD, full, &b, &e), -1);
	assert_int_equal(fs_open_dir(root.fd, "dir", &fd, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(fs_list(root.fd, "dir", &v, &e), -1);
	assert_int_equal(fs_stat(root.fd, "dir", &info, &e), 0);
	assert_true(info.exists && info.is_link && !info.is_dir);
	(void)!fs_write_atomic(root.fd, "file", "overwritten", 11, 0600, &e);
	holds("real/f", "secret");
}

static void a_link_on_the_way_to_a_folder_of_the_users_own_is_fine(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	struct err e = ERR_INIT;
	char full[128];

	(void)state;
	folder("real");
	link_to("real", "link");
	snprintf(full, sizeof(full), "%s/link/f", root.path);
	assert_int_equal(fs_write_atomic(AT_FDCWD, full, "x", 1, 0600, &e), 0);
	assert_int_equal(fs_read(root.fd, full, &b, &e), 0); /* absolute: dirfd does not matter */
	holds("real/f", "x");
}

static void nothing_climbs_out_of_the_folder(void **state)
{
	static const char *const paths[] = {"..", "../x", "d/..", "d/../../x", "d/../d/f"};
	struct err e = ERR_INIT;
	int inner;

	(void)state;
	folder("in/d");
	put("x", "outside");
	put("in/d/f", "inside");
	assert_int_equal(fs_open_dir(root.fd, "in", &inner, &e), 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		AUTO(strv_done) struct strv v = STRV_INIT;
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
		int fd = -1;

		if (fs_list(inner, paths[i], &v, &e) == 0 && v.n > 0)
			fail_msg("listed %s", paths[i]);
		if (fs_open_dir(inner, paths[i], &fd, &e) == 0)
			fail_msg("opened %s", paths[i]);
		if (fs_read(inner, paths[i], &b, &e) == 0)
			fail_msg("read %s", paths[i]);
		if (fs_remove_tree(inner, paths[i], &e) == 0)
			fail_msg("removed %s", paths[i]);
	}
	close(inner);
	holds("x", "outside");
	holds("in/d/f", "inside");
}

static void removing_a_tree_follows_no_link(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	folder("outside");
	put("outside/f", "stays");
	folder("tree/a/b");
	put("tree/a/b/f", "goes");
	link_to("../outside", "tree/link");
	link_to("../../outside/f", "tree/a/file");
	assert_int_equal(fs_remove_tree(root.fd, "tree", &e), 0);
	lists(".", "outside");
	link_to("outside", "link");
	assert_int_equal(fs_remove_tree(root.fd, "link", &e), 0);
	lists(".", "outside");
	holds("outside/f", "stays");
	assert_int_equal(fs_remove_tree(root.fd, "never/there", &e), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_link_on_the_way_below_the_folder_is_refused),
	    TEST(a_path_opened_at_once_goes_through_no_link),
	    TEST(a_link_at_the_end_is_not_followed),
	    TEST(a_link_on_the_way_to_a_folder_of_the_users_own_is_fine),
	    TEST(nothing_climbs_out_of_the_folder),
	    TEST(removing_a_tree_follows_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
