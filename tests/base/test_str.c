#include "iapeer/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/err.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void a_copy_that_does_not_fit_leaves_the_field_empty(void **state)
{
	char small[4] = "old";

	(void)state;
	assert_false(str_put(small, sizeof(small), "four"));
	assert_string_equal(small, "");
	assert_true(str_put(small, sizeof(small), "thr"));
	assert_string_equal(small, "thr");
	assert_true(str_put(small, sizeof(small), ""));
	assert_string_equal(small, "");
}

static void a_cut_never_splits_a_character(void **state)
{
	static const struct {
		const char *in;
		size_t size;
		const char *out;
	} rows[] = {
	    {"abc", 4, "abc"}, {"abcd", 4, "abc"}, {"aü", 4, "aü"},   {"aü", 3, "a"},
	    {"😀", 4, ""},      {"😀", 5, "😀"},      {"ab漢", 5, "ab"}, {"x", 1, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[16];

		str_cut(out, rows[i].size, rows[i].in);
		assert_string_equal(out, rows[i].out);
	}
}

static void beginnings_and_ends_are_told(void **state)
{
	(void)state;
	assert_true(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("bc", "abc"));
	assert_true(str_empty(NULL) && str_empty("") && !str_empty(" "));
}

static void a_number_is_whole_and_in_range_or_none(void **state)
{
	static const struct {
		const char *s;
		int64_t min, max;
		bool ok;
		int64_t value;
	} rows[] = {
	    {"0", 0, 9, true, 0},
	    {"-7", -9, 9, true, -7},
	    {"9223372036854775807", 0, INT64_MAX, true, INT64_MAX},
	    {"-9223372036854775808", INT64_MIN, 0, true, INT64_MIN},
	    {"007", 0, 9, true, 7},
	    {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
	    {"10", 0, 9, false, 0},
	    {"-1", 0, 9, false, 0},
	    {"", 0, 9, false, 0},
	    {" 1", 0, 9, false, 0},
	    {"1 ", 0, 9, false, 0},
	    {"+1", 0, 9, false, 0},
	    {"1.0", 0, 9, false, 0},
	    {"0x1", 0, 9, false, 0},
	    {"1e1", 0, 99, false, 0},
	    {"-", -9, 9, false, 0},
	    {"--1", -9, 9, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t got = 42;

		if (str_i64(rows[i].s, rows[i].min, rows[i].max, &got) != rows[i].ok)
			fail_msg("\"%s\" read wrongly", rows[i].s);
		assert_int_equal(got, rows[i].ok ? rows[i].value : 42);
	}
}

static void invalid_utf8_is_told_from_valid(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		bool ok;
	} rows[] = {
	    {"", 0, true},
	    {"abc", 3, true},
	    {"a\0b", 3, true},
	    {"\xc2\x80", 2, true},
	    {"\xdf\xbf", 2, true},
	    {"\xe0\xa0\x80", 3, true},
	    {"\xed\x9f\xbf", 3, true},
	    {"\xee\x80\x80", 3, true},
	    {"\xf0\x90\x80\x80", 4, true},
	    {"\xf4\x8f\xbf\xbf", 4, true},
	    {"\x80", 1, false},
	    {"\xc0\x80", 2, false},
	    {"\xc1\xbf", 2, false},
	    {"\xe0\x9f\xbf", 3, false},
	    {"\xed\xa0\x80", 3, false},
	    {"\xf0\x8f\xbf\xbf", 4, false},
	    {"\xf4\x90\x80\x80", 4, false},
	    {"\xf8\x88\x80\x80\x80", 5, false},
	    {"\xff", 1, false},
	    {"\xc3", 1, false},
	    {"\xe6\xbc", 2, false},
	    {"\xc3(", 2, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (utf8_valid(rows[i].s, rows[i].len) != rows[i].ok)
			fail_msg("row %zu", i);
}

static void every_character_survives_encoding(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x110000; c++) {
		char bytes[4];
		uint32_t back = ~c;
		bool real = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		size_t n = utf8_encode(c, bytes);

		if (real != (utf8_decode(bytes, n, &back) == n) || (real && back != c))
			fail_msg("U+%04X", (unsigned)c);
		if (real && n > 1 && utf8_decode(bytes, n - 1, &back) != 0)
			fail_msg("U+%04X is read though it is cut", (unsigned)c);
	}
	assert_int_equal(utf8_chars("aü漢😀", 10), 4);
	assert_int_equal(utf8_chars("", 0), 0);
}

static void what_is_shown_cannot_drive_a_terminal(void **state)
{
	static const struct {
		const char *in;
		bool multiline;
		const char *out;
	} rows[] = {
	    {"plain ü", false, "plain ü"},
	    {"\x1b[31m", false, "\\x1b[31m"},
	    {"a\nb\tc\r", false, "a\\x0ab\\x09c\\x0d"},
	    {"a\nb\tc\r", true, "a\nb\tc\\x0d"},
	    {"\x7f", true, "\\x7f"},
	    {"\xc2\x9b"
	     "2J",
	     true, "\\x9b2J"},
	    {"\xff", true, "\\xff"},
	    {"\xc2\xa0", false, "\xc2\xa0"},
	    {"\xe2\x80\xae"
	     "txt\xe2\x81\xa9",
	     true, "\\u202etxt\\u2069"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

		str_shown(&b, rows[i].in, strlen(rows[i].in), rows[i].multiline);
		assert_string_equal(buf_cstr(&b), rows[i].out);
	}
}

static void distance_counts_edits_up_to_its_limit(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned limit, d;
	} rows[] = {
	    {"", "", 3, 0},       {"abc", "abc", 3, 0}, {"abc", "abd", 3, 1},
	    {"abc", "ab", 3, 1},  {"abc", "acb", 3, 1}, {"kitten", "sitting", 3, 3},
	    {"abc", "xyz", 2, 3}, {"", "abcd", 3, 4},   {"a", "b", 0, 1},
	};
	char huge[300];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(str_distance(rows[i].a, rows[i].b, rows[i].limit), rows[i].d);
		assert_int_equal(str_distance(rows[i].b, rows[i].a, rows[i].limit), rows[i].d);
	}
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(str_distance(huge, "stop", 3), 4);
}

static void the_nearest_name_is_one_that_may_be_meant(void **state)
{
	static const char *const names[] = {"start", "status", "stop", "send", "list"};

	(void)state;
	assert_string_equal(str_nearest("strat", names, COUNT(names)), "start");
	assert_string_equal(str_nearest("sotp", names, COUNT(names)), "stop");
	assert_string_equal(str_nearest("stats", names, COUNT(names)), "status");
	assert_null(str_nearest("quarantine", names, COUNT(names)));
	assert_null(str_nearest("x", names, 0));
}

static void a_hash_is_the_published_fnv(void **state)
{
	(void)state;
	assert_true(str_hash("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(str_hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(str_hash("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

/* ---- buf.h ---- */

static void a_buffer_stops_at_its_cap_and_says_so_once(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8);
	struct err e = ERR_INIT;

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	buf_str(&b, "12345678");
	assert_int_equal(buf_check(&b, "what", &e), 0);
	buf_chr(&b, '9');
	buf_cut(&b, 0);
	buf_str(&b, "x"); /* once failed nothing is added: a hole in the middle would go unseen */
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_check(&b, "what", &e), -1);
	assert_int_equal(e.code, ERR_FAILED);
	assert_string_equal(e.msg, "what: more than 8 bytes");
	buf_done(&b);
	buf_fmt(&b, "%d-%s", 12, "abc");
	assert_int_equal(buf_check(&b, "what", &e), 0);
	assert_string_equal(buf_cstr(&b), "12-abc");
	buf_drop(&b, 3);
	assert_string_equal(buf_cstr(&b), "abc");
	buf_drop(&b, 99);
	assert_int_equal(b.len, 0);
}

static void a_vector_owns_its_strings_and_ends_in_null(void **state)
{
	AUTO(strv_done) struct strv v = STRV_INIT;
	char word[] = "b";

	(void)state;
	assert_null(strv_argv(&v)[0]);
	strv_add(&v, word);
	word[0] = 'x';
	strv_fmt(&v, "%c%d", 'a', 1);
	assert_true(strv_has(&v, "b") && strv_has(&v, "a1") && !strv_has(&v, "x"));
	strv_sort(&v);
	assert_string_equal(strv_argv(&v)[0], "a1");
	assert_string_equal(v.v[1], "b");
	assert_null(v.v[2]);
}

/* ---- err.h ---- */

static void an_error_keeps_its_code_while_intent_is_put_before_it(void **state)
{
	struct err e = ERR_INIT;
	char longer[1000];

	(void)state;
	assert_int_equal(err_set(&e, ERR_REFUSED, 2, "open %s", "x"), -1);
	assert_string_equal(e.msg, "open x: No such file or directory");
	assert_int_equal(err_hint(&e, "do %s", "this"), -1);
	assert_int_equal(err_hint(&e, "not that"), -1);
	assert_int_equal(err_wrap(&e, "start %s", "bob"), -1);
	assert_string_equal(e.msg, "start bob: open x: No such file or directory");
	assert_string_equal(e.hint, "do this");
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(e.sys, 2);
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_wrap(&e, "%s", longer), -1);
	assert_true(strlen(e.msg) < sizeof(e.msg));
	err_set(&e, ERR_FAILED, 0, "plain");
	assert_string_equal(e.msg, "plain");
	assert_string_equal(e.hint, "");
}

static void every_code_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int code = 0; code < ERR_CODE_COUNT; code++)
		assert_int_equal(err_from_word(err_word((enum err_code)code)), code);
	assert_int_equal(err_from_word("from the future"), ERR_FAILED);
}

/* ---- clock.h ---- */

static void a_stamp_is_read_back_to_the_millisecond(void **state)
{
	static const int64_t times[] = {0, 1, 999, 1700000000123, 1782864000000, 4102444800999};
	char iso[CLOCK_ISO_MAX];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		clock_iso(times[i], iso);
		assert_int_equal(strlen(iso), strlen("2026-11-22T10:00:00.123+01:00"));
		assert_true(clock_parse_iso(iso, &back));
		assert_int_equal(back, times[i]);
	}
	assert_true(clock_parse_iso("2026-11-22T10:00:00.123+01:00", &back));
	assert_int_equal(back, 1795338000123);
	assert_true(clock_parse_iso("2026-11-22T09:00:00.123Z", &back));
	assert_int_equal(back, 1795338000123);
}

static void what_is_no_stamp_is_not_read(void **state)
{
	static const char *const rows[] = {"",
					   "now",
					   "2026-11-22",
					   "2026-13-22T10:00:00.123Z",
					   "2026-11-22T10:00:00.123Zx",
					   "2026-11-22T25:00:00.000Z",
					   "x2026-11-22T10:00:00.123Z"};
	int64_t back = 5;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (clock_parse_iso(rows[i], &back))
			fail_msg("read: %s", rows[i]);
	assert_int_equal(back, 5);
}

/* A file may say any number of milliseconds. */
static void a_time_that_no_calendar_has_is_the_first_or_last_one(void **state)
{
	static const int64_t far[] = {
	    INT64_MIN,     INT64_MIN / 2, -INT64_C(62135596800001), INT64_C(253402300800000),
	    INT64_MAX / 2, INT64_MAX};
	char text[CLOCK_ISO_MAX], first[CLOCK_ISO_MAX], last[CLOCK_ISO_MAX];
	size_t n = sizeof far / sizeof far[0];
	int64_t back;

	(void)state;
	clock_iso(far[0], first);
	clock_iso(far[n - 1], last);
	assert_true(clock_parse_iso(last, &back) && back > INT64_C(253000000000000));
	for (size_t i = 0; i < n; i++) {
		memset(text, 'x', sizeof text);
		clock_iso(far[i], text);
		assert_string_equal(text, i < n / 2 ? first : last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_time_that_no_calendar_has_is_the_first_or_last_one),
	    cmocka_unit_test(a_copy_that_does_not_fit_leaves_the_field_empty),
	    cmocka_unit_test(a_cut_never_splits_a_character),
	    cmocka_unit_test(beginnings_and_ends_are_told),
	    cmocka_unit_test(a_number_is_whole_and_in_range_or_none),
	    cmocka_unit_test(invalid_utf8_is_told_from_valid),
	    cmocka_unit_test(every_character_survives_encoding),
	    cmocka_unit_test(what_is_shown_cannot_drive_a_terminal),
	    cmocka_unit_test(distance_counts_edits_up_to_its_limit),
	    cmocka_unit_test(the_nearest_name_is_one_that_may_be_meant),
	    cmocka_unit_test(a_hash_is_the_published_fnv),
	    cmocka_unit_test(a_buffer_stops_at_its_cap_and_says_so_once),
	    cmocka_unit_test(a_vector_owns_its_strings_and_ends_in_null),
	    cmocka_unit_test(an_error_keeps_its_code_while_intent_is_put_before_it),
	    cmocka_unit_test(every_code_has_a_word_of_its_own),
	    cmocka_unit_test(a_stamp_is_read_back_to_the_millisecond),
	    cmocka_unit_test(what_is_no_stamp_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
