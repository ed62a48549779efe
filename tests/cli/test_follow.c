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

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/cli/follow.h"

#define LOG LAYOUT_LIFECYCLE_LOG

struct world {
	struct layout l;
	struct follow f;
	struct buf heard; /* the lines, each with a | behind it */
	int stop_after;   /* -1: never */
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e = ERR_INIT;
	char dir[] = "/tmp/iapf.XXXXXX";

	assert_non_null(mkdtemp(dir));
	setenv("IAPEER_ROOT", dir, 1);
	w->l = (struct layout)LAYOUT_INIT;
	assert_int_equal(layout_open(&w->l, true, &e), 0);
	w->f = (struct follow)FOLLOW_INIT;
	w->heard = (struct buf)BUF_INIT(16 << 20);
	w->stop_after = -1;
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;

	assert_int_equal(fs_remove_tree(AT_FDCWD, w->l.root, &e), 0);
	follow_done(&w->f);
	layout_done(&w->l);
	buf_done(&w->heard);
	free(w);
	return 0;
}

static void append(struct world *w, const char *text)
{
	char path[2 * LAYOUT_PATH];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", w->l.root, LOG);
	file = fopen(path, "a");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void rotate(struct world *w)
{
	struct err e = ERR_INIT;

	assert_int_equal(fs_rename(w->l.root_fd, LOG, LOG ".1", &e), 0);
}

static bool hear(const char *path, const char *line, size_t len, void *arg)
{
	struct world *w = arg;

	assert_string_equal(path, LOG);
	if (w->stop_after == 0)
		return false;
	if (w->stop_after > 0)
		w->stop_after--;
	buf_add(&w->heard, line, len);
	buf_chr(&w->heard, '|');
	return true;
}

static const char *read_it(struct world *w)
{
	struct err e = ERR_INIT;

	buf_cut(&w->heard, 0);
	assert_int_equal(follow_read(&w->f, hear, w, &e), 0);
	return buf_cstr(&w->heard);
}

static void add(struct world *w, int64_t back)
{
	struct err e = ERR_INIT;

	assert_int_equal(follow_add(&w->f, &w->l, LOG, back, &e), 0);
}

static void a_file_that_comes_later_is_told_from_its_beginning(void **state)
{
	struct world *w = *state;

	add(w, 0);
	assert_string_equal(read_it(w), "");
	append(w, "one\ntw");
	assert_int_equal(follow_wait(&w->f, 5000), FOLLOW_CHANGED);
	assert_string_equal(read_it(w), "one|");
	append(w, "o\n");
	assert_int_equal(follow_wait(&w->f, 5000), FOLLOW_CHANGED);
	assert_string_equal(read_it(w), "two|");
	assert_string_equal(read_it(w), "");
	assert_int_equal(follow_wait(&w->f, 30), FOLLOW_TIME);
}

static void what_was_there_is_told_as_far_back_as_asked(void **state)
{
	struct world *w = *state;

	append(w, "aaaa\nbbbb\n");
	rotate(w);
	append(w, "cccc\ndddd\n");
	add(w, 0);
	assert_string_equal(read_it(w), "");
	follow_done(&w->f);
	add(w, 7);
	assert_string_equal(read_it(w), "dddd|");
	follow_done(&w->f);
	add(w, 12);
	assert_string_equal(read_it(w), "cccc|dddd|");
	follow_done(&w->f);
	add(w, FOLLOW_ALL);
	assert_string_equal(read_it(w), "aaaa|bbbb|cccc|dddd|");
}

static void rotation_loses_and_repeats_nothing(void **state)
{
	struct world *w = *state;

	append(w, "one\n");
	add(w, FOLLOW_ALL);
	assert_string_equal(read_it(w), "one|");
	append(w, "two\n");
	rotate(w);
	assert_string_equal(read_it(w), "two|");
	append(w, "three\n");
	assert_int_equal(follow_wait(&w->f, 5000), FOLLOW_CHANGED);
	assert_string_equal(read_it(w), "three|");
	append(w, "four\n");
	rotate(w);
	append(w, "five\n");
	assert_string_equal(read_it(w), "four|five|");
	assert_string_equal(read_it(w), "");
}

static void a_line_that_was_refused_is_told_again(void **state)
{
	struct world *w = *state;

	append(w, "one\ntwo\nthree\n");
	add(w, FOLLOW_ALL);
	w->stop_after = 1;
	assert_string_equal(read_it(w), "one|");
	w->stop_after = -1;
	assert_string_equal(read_it(w), "two|three|");
}

static void an_endless_line_is_passed_over(void **state)
{
	struct world *w = *state;
	char *much = malloc((2 << 20) + 1);

	memset(much, 'x', 2 << 20);
	much[2 << 20] = '\0';
	append(w, "one\n");
	append(w, much);
	add(w, FOLLOW_ALL);
	assert_string_equal(read_it(w), "one|");
	append(w, "x\ntwo\n");
	assert_string_equal(read_it(w), "two|");
	free(much);
}

/* A writer that rotates by the journal's own rule, and a reader that looks whenever it likes. */
static void a_journal_that_rotates_all_the_time_is_told_whole(void **state)
{
	struct world *w = *state;
	struct journal j = {.dirfd = w->l.root_fd, .path = LOG, .max_bytes = 400, .keep = 3};
	AUTO(buf_done) struct buf want = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);
	struct err e = ERR_INIT;

	add(w, 0);
	for (int i = 0; i < 200; i++) {
		auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};

		logfmt_init(&line, 1000 + i);
		logfmt_i64(&line, "n", i);
		buf_add(&want, line.b.p, line.b.len);
		buf_chr(&want, '|');
		assert_int_equal(journal_write(&j, &line, false, &e), 0);
		if (i % 3 == 0)
			buf_str(&got, read_it(w));
	}
	buf_str(&got, read_it(w));
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	    T(a_file_that_comes_later_is_told_from_its_beginning),
	    T(what_was_there_is_told_as_far_back_as_asked),
	    T(rotation_loses_and_repeats_nothing),
	    T(a_line_that_was_refused_is_told_again),
	    T(an_endless_line_is_passed_over),
	    T(a_journal_that_rotates_all_the_time_is_told_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
