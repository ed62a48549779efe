/* Names that are remembered: never wrong, and listed again only when they may have changed. */
#include "iapeer/base/fs_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "fsdir.h"

#include "iapeer/base/banned.h"

static struct timespec ago(time_t s)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec -= s;
	return t;
}

/* Set the time of the folder d. */
static void changed_at(struct timespec t)
{
	struct timespec both[2] = {t, t};

	assert_int_equal(utimensat(root.fd, "d", both, 0), 0);
}

static void has(struct fs_names *n, const char *names)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	struct err e = ERR_INIT;

	if (fs_names_look(n, root.fd, "d", &e) < 0)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n->v.n; i++)
		buf_fmt(&b, "%s%s", i ? " " : "", n->v.v[i]);
	assert_string_equal(buf_cstr(&b), names);
}

static void names_come_and_go(void **state)
{
	AUTO(fs_names_done) struct fs_names n = {.open = false};

	(void)state;
	has(&n, "");
	folder("d");
	has(&n, "");
	put("d/b", "");
	put("d/a", "");
	has(&n, "a b");
	assert_int_equal(unlinkat(root.fd, "d/a", 0), 0);
	has(&n, "b");
	assert_int_equal(unlinkat(root.fd, "d/b", 0), 0);
	assert_int_equal(unlinkat(root.fd, "d", AT_REMOVEDIR), 0);
	has(&n, "");
}

static void a_folder_that_rests_is_listed_once(void **state)
{
	AUTO(fs_names_done) struct fs_names n = {.open = false};

	(void)state;
	folder("d");
	put("d/a", "");
	changed_at(ago(10));
	has(&n, "a");
	n.v.v[0][0] = 'x'; /* it would be a again */
	has(&n, "x");
	put("d/b", "");
	has(&n, "a b");
}

/* Clocks of file systems are coarse: two changes may have one time. */
static void a_change_within_the_clocks_grain_is_seen(void **state)
{
	AUTO(fs_names_done) struct fs_names n = {.open = false};
	struct timespec now = ago(1);

	(void)state;
	folder("d");
	put("d/a", "");
	changed_at(now);
	has(&n, "a");
	put("d/b", "");
	changed_at(now);
	has(&n, "a b");
}

static void a_folder_whose_time_lies_ahead_is_listed_each_time(void **state)
{
	AUTO(fs_names_done) struct fs_names n = {.open = false};
	struct timespec later = ago(-1000);

	(void)state;
	folder("d");
	changed_at(later);
	has(&n, "");
	put("d/a", "");
	changed_at(later);
	has(&n, "a");
}

static void another_folder_in_its_place_is_another_even_of_the_same_age(void **state)
{
	AUTO(fs_names_done) struct fs_names n = {.open = false};
	struct timespec old = ago(10);

	(void)state;
	folder("d");
	put("d/a", "");
	changed_at(old);
	has(&n, "a");
	assert_int_equal(renameat(root.fd, "d", root.fd, "away"), 0);
	folder("d");
	put("d/b", "");
	changed_at(old);
	has(&n, "b");
}

static void a_link_in_its_place_is_refused(void **state)
{
	AUTO(fs_names_done) struct fs_names n = {.open = false};
	struct err e = ERR_INIT;

	(void)state;
	folder("d");
	put("d/a", "");
	changed_at(ago(10));
	has(&n, "a");
	assert_int_equal(renameat(root.fd, "d", root.fd, "away"), 0);
	link_to("away", "d");
	assert_int_equal(fs_names_look(&n, root.fd, "d", &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(n.v.n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(names_come_and_go),
	    TEST(a_folder_that_rests_is_listed_once),
	    TEST(a_change_within_the_clocks_grain_is_seen),
	    TEST(a_folder_whose_time_lies_ahead_is_listed_each_time),
	    TEST(another_folder_in_its_place_is_another_even_of_the_same_age),
	    TEST(a_link_in_its_place_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
