#include "iapeer/cli/render_help.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

static const struct term plain = {.utf8 = true};

/* $IAPEER_UPDATE_GOLDEN writes what is printed instead of comparing. */
static void is_golden(const struct buf *got, const char *name)
{
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_STATE);
	const char *source = getenv("IAPEER_SOURCE_DIR");
	struct err e = ERR_INIT;
	char path[1024];

	if (!source)
		skip();
	snprintf(path, sizeof path, "%s/tests/golden/%s", source, name);
	if (getenv("IAPEER_UPDATE_GOLDEN") &&
	    fs_write_soft(AT_FDCWD, path, buf_cstr(got), got->len, 0644, &e) < 0)
		fail_msg("%s", e.msg);
	if (fs_read(AT_FDCWD, path, &want, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_cstr(got), buf_cstr(&want));
}

static void the_page_of_all_verbs_is_as_recorded(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	(void)state;
	help_all(&plain, &b);
	is_golden(&b, "help.txt");
}

static void the_pages_of_the_verbs_are_as_recorded(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	(void)state;
	for (size_t i = 0; i < n_verbs; i++) {
		if (verbs[i].flags & V_HIDDEN)
			continue;
		buf_fmt(&b, "%s$ iapeer help %s\n", i ? "\n" : "", verbs[i].name);
		help_verb(&plain, &verbs[i], &b);
	}
	is_golden(&b, "help-verbs.txt");
}

/* "  name" and a blank or the line's end. */
static bool has_row(const char *page, const char *name)
{
	char start[64];
	size_t len = strlen(name) + 3;

	snprintf(start, sizeof start, "\n  %s", name);
	for (const char *p = page; (p = strstr(p, start)) != NULL; p += len)
		if (p[len] == ' ' || p[len] == '\n')
			return true;
	return false;
}

static void every_verb_stands_at_the_start_of_its_line(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	(void)state;
	help_all(&plain, &b);
	for (size_t i = 0; i < n_verbs; i++)
		assert_true(has_row(buf_cstr(&b), verbs[i].name) == !(verbs[i].flags & V_HIDDEN));
}

/* No word is broken, so the characters are the same at every width. */
static void check_width(int columns, const char *words)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE), joined = BUF_INIT(CAP_STATE);
	struct term t = {.utf8 = true, .columns = columns};
	size_t width = help_width(&t);

	help_all(&t, &b);
	for (const char *p = buf_cstr(&b); *p;) {
		size_t len = strcspn(p, "\n");

		if (len > width)
			fail_msg("%zu columns at width %zu: %.*s", len, width, (int)len, p);
		p += len + (p[len] == '\n');
	}
	for (const char *p = buf_cstr(&b); *p; p++)
		if (*p != ' ' && *p != '\n')
			buf_chr(&joined, *p);
	assert_string_equal(buf_cstr(&joined), words);
}

static void help_fits_any_width_and_breaks_no_word(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE), words = BUF_INIT(CAP_STATE);

	(void)state;
	help_all(&plain, &b);
	for (const char *p = buf_cstr(&b); *p; p++)
		if (*p != ' ' && *p != '\n')
			buf_chr(&words, *p);
	for (int columns = 20; columns <= 120; columns++)
		check_width(columns, buf_cstr(&words));
}

static void the_briefs_begin_in_one_column(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	size_t column = 0;

	(void)state;
	help_all(&plain, &b);
	for (size_t i = 0; i < n_verbs; i++) {
		const char *brief, *line;

		if (verbs[i].flags & V_HIDDEN)
			continue;
		brief = strstr(buf_cstr(&b), verbs[i].brief);
		assert_non_null(brief);
		for (line = brief; line[-1] != '\n'; line--)
			;
		if (!column)
			column = (size_t)(brief - line);
		assert_int_equal(brief - line, column);
	}
}

static void every_exit_code_is_explained(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	char start[64];

	(void)state;
	help_exit_codes(&plain, &b);
	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		snprintf(start, sizeof start, "\n  %d  %s ", i, err_word((enum err_code)i));
		assert_non_null(strstr(buf_cstr(&b), start));
	}
	is_golden(&b, "help-exit-codes.txt");
}

static void help_has_no_colour_without_a_terminal(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE), coloured = BUF_INIT(CAP_STATE);
	struct term t = {.utf8 = true, .colour = true};

	(void)state;
	help_all(&plain, &b);
	help_all(&t, &coloured);
	assert_null(strchr(buf_cstr(&b), '\033'));
	assert_non_null(strchr(buf_cstr(&coloured), '\033'));
}

/* ---- texts in columns ---- */

static void text_of_others_is_cut_to_its_column(void **state)
{
	static const struct {
		const char *text;
		size_t cells;
		bool utf8;
		const char *shown;
	} rows[] = {{"short", 10, true, "short"},
		    {"exactly ten", 11, true, "exactly ten"},
		    {"a longer text", 8, true, "a longe…"},
		    {"a longer text", 8, false, "a lon..."},
		    {"a longer", 0, true, "a longer"},
		    {"日本語の説明", 7, true, "日本語…"},
		    {"two words", 5, true, "two…"},
		    {"esc\033[31m", 0, true, "esc\\x1b[31m"},
		    {"line\nbreak", 0, true, "line\\x0abreak"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
		struct term t = {.utf8 = rows[i].utf8};

		text_fit(&t, &b, rows[i].text, rows[i].cells);
		assert_string_equal(buf_cstr(&b), rows[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_page_of_all_verbs_is_as_recorded),
	    cmocka_unit_test(the_pages_of_the_verbs_are_as_recorded),
	    cmocka_unit_test(every_verb_stands_at_the_start_of_its_line),
	    cmocka_unit_test(help_fits_any_width_and_breaks_no_word),
	    cmocka_unit_test(the_briefs_begin_in_one_column),
	    cmocka_unit_test(every_exit_code_is_explained),
	    cmocka_unit_test(help_has_no_colour_without_a_terminal),
	    cmocka_unit_test(text_of_others_is_cut_to_its_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
