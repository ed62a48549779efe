/* The panel without a terminal: rows, keys, the prompt. */
#include "iapeer/cli/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const struct term utf8 = {.utf8 = true}, ascii = {.utf8 = false};

/* Names, in any order; a '!' in front: it needs a person. */
static void fill(struct top *t, const char *const *names, size_t n)
{
	struct top_row *rows = xcalloc(n, sizeof *rows);

	for (size_t i = 0; i < n; i++) {
		rows[i].needs_person = names[i][0] == '!';
		str_cut(rows[i].id.name, sizeof rows[i].id.name, names[i] + rows[i].needs_person);
		str_cut(rows[i].id.runtime, sizeof rows[i].id.runtime, "shell");
		str_cut(rows[i].tags, sizeof rows[i].tags, i % 2 ? " @odd  @all " : " @all ");
		rows[i].state = i % 2 ? SHOWN_LIVE : SHOWN_ASLEEP;
		rows[i].quiet_ms = rows[i].memory_bytes = -1;
	}
	top_take(t, rows, n);
}
#define FILL(t, ...)                                                                               \
	fill(t, (const char *const[]){__VA_ARGS__},                                                \
	     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void shown_is(const struct top *t, const char *want)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	for (size_t i = 0; i < t->n_seen; i++)
		buf_fmt(&b, "%s%s", i ? " " : "", t->rows[t->seen[i]].id.name);
	assert_string_equal(buf_cstr(&b), want);
}

static void who_needs_a_person_stands_first(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	FILL(&t, "dora", "bob", "!zoe", "ann");
	shown_is(&t, "zoe ann bob dora");
	top_done(&t);
}

static void the_selection_stays_with_its_peer(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	FILL(&t, "ann", "bob", "carl");
	top_move(&t, TOP_DOWN, 10);
	assert_string_equal(top_selected(&t)->id.name, "bob");
	FILL(&t, "aaa", "ann", "bob", "carl");
	assert_string_equal(top_selected(&t)->id.name, "bob");
	FILL(&t, "ann", "carl");
	assert_non_null(top_selected(&t));
	top_done(&t);
}

static void a_filter_takes_names_tags_and_states(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	FILL(&t, "ann", "bob", "anton");
	str_cut(t.filter, sizeof t.filter, "an");
	top_refilter(&t);
	shown_is(&t, "ann anton");
	str_cut(t.filter, sizeof t.filter, "@odd");
	top_refilter(&t);
	shown_is(&t, "bob");
	str_cut(t.filter, sizeof t.filter, "@od");
	top_refilter(&t);
	shown_is(&t, "");
	assert_null(top_selected(&t));
	top_move(&t, TOP_DOWN, 10);
	str_cut(t.filter, sizeof t.filter, "live");
	top_refilter(&t);
	shown_is(&t, "bob");
	top_done(&t);
}

static void moving_never_leaves_the_list_nor_the_screen(void **state)
{
	static const enum top_act acts[] = {TOP_UP,        TOP_DOWN,  TOP_PAGE_UP,
					    TOP_PAGE_DOWN, TOP_FIRST, TOP_LAST};
	struct top t;
	uint32_t seed = 1;

	(void)state;
	top_init(&t);
	FILL(&t, "a", "b", "c", "d", "e", "f", "g");
	for (int i = 0; i < 10000; i++) {
		size_t page = 1 + (size_t)(seed >> 20) % 9;

		seed = seed * 1664525 + 1013904223;
		top_move(&t, acts[(seed >> 16) % 6], page);
		assert_true(t.at < t.n_seen);
		assert_true(t.at >= t.first && t.at < t.first + page);
	}
	top_done(&t);
}

static void every_binding_is_found_by_its_key(void **state)
{
	(void)state;
	for (const struct top_binding *b = top_bindings; b->shown; b++)
		assert_int_equal(top_key(b->key), b->act);
	assert_int_equal(top_key('Z'), TOP_NOTHING);
	assert_int_equal(top_key('\n'), TOP_ATTACH);
}

static void the_prompt_takes_whole_characters(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	assert_true(top_type(&t, 'a'));
	assert_true(top_type(&t, 0x1F600));
	assert_true(top_type(&t, 1));
	assert_string_equal(t.typed, "a😀");
	assert_true(top_type(&t, 127));
	assert_string_equal(t.typed, "a");
	assert_true(top_type(&t, 127));
	assert_true(top_type(&t, 127));
	assert_string_equal(t.typed, "");
	for (int i = 0; i < 1000; i++)
		assert_true(top_type(&t, 0x20AC));
	assert_true(strlen(t.typed) < sizeof t.typed && utf8_valid(t.typed, strlen(t.typed)));
	assert_true(top_type(&t, 21));
	assert_string_equal(t.typed, "");
	assert_false(top_type(&t, '\r'));
	assert_false(top_type(&t, 27));
	top_done(&t);
}

static void a_line_fills_its_width_and_hides_controls(void **state)
{
	struct top_row r = {.state = SHOWN_LIVE,
			    .status = "idle",
			    .queued = 3,
			    .quiet_ms = 7200000,
			    .memory_bytes = (int64_t)1536 << 20};

	(void)state;
	str_cut(r.id.name, sizeof r.id.name, "a-name-of-thirty-two-characters");
	str_cut(r.id.runtime, sizeof r.id.runtime, "shell");
	str_cut(r.note, sizeof r.note, "red \x1b[31m and 日本語 and more of it");
	for (size_t width = 1; width < 130; width++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

		top_line(&utf8, &r, width, &b);
		assert_int_equal(text_cells(buf_cstr(&b)), width);
		assert_null(strchr(buf_cstr(&b), 0x1b));
	}
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	top_line(&ascii, &r, 80, &b);
	assert_non_null(strstr(buf_cstr(&b), "2h"));
	assert_non_null(strstr(buf_cstr(&b), "1.5G"));
	assert_int_equal(buf_cstr(&b)[0], '*');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_needs_a_person_stands_first),
	    cmocka_unit_test(the_selection_stays_with_its_peer),
	    cmocka_unit_test(a_filter_takes_names_tags_and_states),
	    cmocka_unit_test(moving_never_leaves_the_list_nor_the_screen),
	    cmocka_unit_test(every_binding_is_found_by_its_key),
	    cmocka_unit_test(the_prompt_takes_whole_characters),
	    cmocka_unit_test(a_line_fills_its_width_and_hides_controls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
