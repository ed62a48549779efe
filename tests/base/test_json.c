#include "iapeer/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/json_scan.h"
#include "iapeer/base/mem.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct json *parsed(const char *text)
{
	struct json *j = NULL;
	struct err e = ERR_INIT;

	if (json_parse(text, strlen(text), "f.json", &j, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return j;
}

/* The whole message of a text that must be refused. */
static void refused(const char *text, size_t len, const char *message)
{
	struct json *j = NULL;
	struct err e = ERR_INIT;

	if (json_parse(text, len, "f.json", &j, &e) == 0)
		fail_msg("accepted: %s", text);
	assert_null(j);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_string_equal(e.msg, message);
}

static void prints(const struct json *j, bool pretty, const char *expected)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);

	json_print(j, pretty, &b);
	assert_string_equal(buf_cstr(&b), expected);
}

/* ---- parsing ---- */

static void what_is_not_json_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
	    {"", "f.json: line 1, column 1: the text ends here"},
	    {" \n ", "f.json: line 2, column 2: the text ends here"},
	    {"{", "f.json: line 1, column 2: the text ends here"},
	    {"{}x", "f.json: line 1, column 3: something follows the value"},
	    {"{} {}", "f.json: line 1, column 4: something follows the value"},
	    {"{}\n,", "f.json: line 2, column 1: something follows the value"},
	    {"[1,]", "f.json: line 1, column 4: expected a value"},
	    {"[,1]", "f.json: line 1, column 2: expected a value"},
	    {"[1 2]", "f.json: line 1, column 4: expected a comma or ]"},
	    {"[1}", "f.json: line 1, column 3: expected a comma or ]"},
	    {"{\"a\":1]", "f.json: line 1, column 7: expected a comma or }"},
	    {"{\"a\":1,}", "f.json: line 1, column 8: expected a key in quotes"},
	    {"{a:1}", "f.json: line 1, column 2: expected a key in quotes"},
	    {"{\"a\" 1}", "f.json: line 1, column 6: expected a colon"},
	    {"{\"a\":}", "f.json: line 1, column 6: expected a value"},
	    {"]", "f.json: line 1, column 1: expected a value"},
	    {"nul", "f.json: line 1, column 1: expected a value"},
	    {"True", "f.json: line 1, column 1: expected a value"},
	    {"truex", "f.json: line 1, column 5: something follows the value"},
	    {"NaN", "f.json: line 1, column 1: expected a value"},
	    {"'a'", "f.json: line 1, column 1: expected a value"},
	    {"/* c */ 1", "f.json: line 1, column 1: expected a value"},
	    {"\xef\xbb\xbf{}", "f.json: line 1, column 1: expected a value"},
	    {"\"abc", "f.json: line 1, column 5: the string is not closed"},
	    {"\"abc\\", "f.json: line 1, column 6: unknown escape"},
	    {"\"\\x41\"", "f.json: line 1, column 3: unknown escape"},
	    {"\"\\u12g4\"", "f.json: line 1, column 6: expected four hex digits"},
	    {"\"a\nb\"", "f.json: line 1, column 3: a control character in a string"},
	    {"\"a\x1b[31m\"", "f.json: line 1, column 3: a control character in a string"},
	    {"01", "f.json: line 1, column 2: a number may not begin with 0"},
	    {"+1", "f.json: line 1, column 1: expected a value"},
	    {"-", "f.json: line 1, column 2: expected a digit"},
	    {"1.", "f.json: line 1, column 3: expected a digit"},
	    {".5", "f.json: line 1, column 1: expected a value"},
	    {"1e", "f.json: line 1, column 3: expected a digit"},
	    {"1e+", "f.json: line 1, column 4: expected a digit"},
	    {"0x10", "f.json: line 1, column 2: something follows the value"},
	    {"1e999", "f.json: a number that is too large: 1e999"},
	    {"[-1e999]", "f.json: a number that is too large: -1e999"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		refused(rows[i].text, strlen(rows[i].text), rows[i].message);
}

static void a_zero_character_is_refused_raw_and_escaped(void **state)
{
	(void)state;
	refused("\"a\\u0000b\"", 10, "f.json: line 1, column 9: \\u0000 is not accepted");
	refused("{\"a\\u0000\":1}", 13, "f.json: line 1, column 10: \\u0000 is not accepted");
	refused("\"a\0b\"", 5, "f.json: line 1, column 3: a control character in a string");
	refused("{}\0", 3, "f.json: line 1, column 3: something follows the value");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	static const char *const rows[] = {
	    "\"\x80\"",             /* a tail without a head */
	    "\"\xc3\"",             /* cut */
	    "\"\xc0\xaf\"",         /* longer than it need be */
	    "\"\xed\xa0\x80\"",     /* a surrogate */
	    "\"\xf4\x90\x80\x80\"", /* beyond U+10FFFF */
	    "\"\xff\"",
	    "{\"\xfe\":1}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *j = NULL;
		struct err e = ERR_INIT;

		assert_int_equal(json_parse(rows[i], strlen(rows[i]), "f", &j, &e), -1);
		assert_non_null(strstr(e.msg, "invalid UTF-8"));
	}
}

static void half_a_surrogate_pair_is_refused(void **state)
{
	static const char *const rows[] = {"\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ud83d\\n\"",
					   "\"\\ude00\"", "\"\\ud83d\\u0041\""};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *j = NULL;
		struct err e = ERR_INIT;

		assert_int_equal(json_parse(rows[i], strlen(rows[i]), "f", &j, &e), -1);
		assert_non_null(strstr(e.msg, "half of a surrogate pair"));
	}
}

static void a_key_twice_is_refused_however_it_is_written(void **state)
{
	(void)state;
	refused("{\"a\":1,\"b\":2,\"a\":3}", 19, "f.json: the key \"a\" appears twice");
	refused("{\"a\":1,\"\\u0061\":3}", 18, "f.json: the key \"a\" appears twice");
	refused("[{\"x\":{\"\":1,\"\":1}}]", 19, "f.json: the key \"\" appears twice");
	refused("{\"\\u001b\":1,\"\\u001b\":1}", 23, "f.json: the key \"\\u001b\" appears twice");
	json_free(parsed("{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}}"));
	json_free(parsed("{\"name\":1,\"Name\":2}"));
}

static void nesting_of_32_is_accepted_and_33_refused(void **state)
{
	char text[200] = "";
	struct json *j;

	(void)state;
	for (size_t i = 0; i < 33; i++) {
		text[i] = '[';
		text[66 - 1 - i] = ']';
	}
	refused(text, 66, "f.json: line 1, column 33: nested too deeply");
	text[65] = '\0';
	j = parsed(text + 1);
	json_free(j);
}

static void a_hostile_depth_or_a_hundred_thousand_keys_cost_no_stack_and_no_minute(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8U << 20);
	int64_t begin = clock_mono_ms();
	struct json *j = NULL;
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < 1000000; i++)
		buf_str(&b, "[");
	assert_int_equal(json_parse(b.p, b.len, "f", &j, &e), -1);
	buf_cut(&b, 0);
	for (int i = 0; i < 100000; i++)
		buf_fmt(&b, "%c\"key %d\":%d", i ? ',' : '{', i, i);
	buf_str(&b, "}");
	assert_int_equal(json_parse(b.p, b.len, "f", &j, &e), 0);
	assert_int_equal(json_len(j), 100000);
	json_free(j);
	assert_true(clock_mono_ms() - begin < 20000);
}

static void the_text_needs_no_terminator_behind_its_length(void **state)
{
	static const char *const rows[] = {"5", "{}", "[1,2]", "\"a\"", "true", "-1.5e3"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i]);
		char *exact = xmalloc(len); /* a sanitizer sees a read behind it */
		struct json *j = NULL;
		struct err e = ERR_INIT;

		memcpy(exact, rows[i], len);
		assert_int_equal(json_parse(exact, len, "f", &j, &e), 0);
		prints(j, false, i == 5 ? "-1.5e3" : rows[i]);
		json_free(j);
		free(exact);
	}
}

/* ---- reading ---- */

static void names_are_case_sensitive_and_null_is_absent(void **state)
{
	auto_json struct json *j = parsed("{\"Name\":\"x\",\"none\":null,\"list\":[null]}");

	(void)state;
	assert_null(json_get(j, "name"));
	assert_non_null(json_get(j, "Name"));
	assert_null(json_get(j, "none"));
	assert_null(json_get(NULL, "a"));
	assert_null(json_get(json_get(j, "Name"), "a"));
	assert_null(json_get(json_get(j, "list"), "a"));
	assert_int_equal(json_len(json_get(j, "list")), 1);
	assert_int_equal(json_len(json_get(j, "Name")), 0);
	assert_int_equal(json_len(NULL), 0);
}

static void members_come_in_their_order_by_index_and_by_step(void **state)
{
	auto_json struct json *j = parsed("{\"b\":1,\"a\":true,\"c\":\"x\"}");
	const struct json *m = json_first(j);

	(void)state;
	for (size_t i = 0; i < 3; i++, m = json_next(m)) {
		assert_ptr_equal(m, json_at(j, i));
		assert_int_equal(json_key(m)[0], "bac"[i]);
	}
	assert_null(m);
	assert_null(json_at(j, 3));
	assert_null(json_at(j, SIZE_MAX));
	assert_null(json_first(json_get(j, "c")));
	assert_true(json_true(json_get(j, "a")));
	assert_false(json_true(json_get(j, "b")));
	assert_null(json_text(json_get(j, "b")));
	assert_string_equal(json_text(json_get(j, "c")), "x");
	assert_true(json_is_number(json_get(j, "b")) && json_is_bool(json_get(j, "a")));
	assert_true(json_double(json_get(j, "b")) > 0.9);
}

static void a_whole_number_is_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"3000000000", true, 3000000000},
	    {"9007199254740991", true, 9007199254740991},
	    {"-9007199254740991", true, -9007199254740991},
	    {"1e3", true, 1000},
	    {"2.0", true, 2},
	    {"9007199254740992", false, 0},
	    {"9007199254740993", false, 0},
	    {"18446744073709551616", false, 0},
	    {"-9223372036854775809", false, 0},
	    {"1e308", false, 0},
	    {"0.5", false, 0},
	    {"1e-9", false, 0},
	    {"\"7\"", false, 0},
	    {"true", false, 0},
	    {"[1]", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_json struct json *j = json_object();
		struct err e = ERR_INIT;
		int64_t got = 77;
		int rc;

		json_set(j, "n", parsed(rows[i].text));
		rc = json_opt_i64(j, "o", "n", INT64_MIN, INT64_MAX, &got, &e);
		if (rc != (rows[i].ok ? 0 : -1))
			fail_msg("%s: %d %s", rows[i].text, rc, e.msg);
		assert_int_equal(got, rows[i].ok ? rows[i].value : 77);
		assert_int_equal(e.code, rows[i].ok ? ERR_NONE : ERR_CORRUPT);
	}
}

static void a_number_outside_its_range_is_refused_with_both_ends(void **state)
{
	auto_json struct json *j = parsed("{\"port\":70000}");
	struct err e = ERR_INIT;
	int64_t n = 1;

	(void)state;
	assert_int_equal(json_req_i64(j, "peers[3]", "port", 1, 65535, &n, &e), -1);
	assert_string_equal(e.msg, "peers[3].port: expected a number from 1 to 65535");
	assert_int_equal(n, 1);
	assert_int_equal(json_req_i64(j, "peers[3]", "port", 70000, 70000, &n, &e), 0);
	assert_int_equal(n, 70000);
}

static void a_string_that_does_not_fit_leaves_the_field_alone(void **state)
{
	auto_json struct json *j = parsed("{\"s\":\"four\",\"e\":\"\"}");
	struct err e = ERR_INIT;
	char small[4] = "abc", exact[5] = "";

	(void)state;
	assert_int_equal(json_opt_str(j, "", "s", small, sizeof(small), &e), -1);
	assert_string_equal(e.msg, "s: longer than 3 bytes");
	assert_string_equal(small, "abc");
	assert_int_equal(json_opt_str(j, "", "s", exact, sizeof(exact), &e), 0);
	assert_string_equal(exact, "four");
	assert_int_equal(json_opt_str(j, "", "e", exact, sizeof(exact), &e), 0);
	assert_string_equal(exact, "");
}

static void a_wrong_type_is_named_with_its_place(void **state)
{
	auto_json struct json *j = parsed("{\"n\":1,\"s\":\"x\",\"l\":[\"a\",2],\"b\":\"true\"}");
	AUTO(strv_done) struct strv list = STRV_INIT;
	auto_free char *text = NULL;
	struct err e = ERR_INIT;
	char s[8] = "old";
	bool b = true;

	(void)state;
	assert_int_equal(json_opt_str(j, "registry.json: peers[3]", "n", s, sizeof(s), &e), -1);
	assert_string_equal(e.msg, "registry.json: peers[3].n: expected a string");
	assert_int_equal(json_opt_dup(j, "w", "n", &text, &e), -1);
	assert_null(text);
	assert_int_equal(json_opt_bool(j, "w", "b", &b, &e), -1);
	assert_string_equal(e.msg, "w.b: expected true or false");
	strv_add(&list, "kept");
	assert_int_equal(json_opt_strv(j, "w", "l", &list, &e), -1);
	assert_string_equal(e.msg, "w.l[1]: expected a string");
	assert_int_equal(json_opt_strv(j, "w", "s", &list, &e), -1);
	assert_string_equal(e.msg, "w.s: expected an array of strings");
	assert_int_equal(list.n, 1);
	assert_int_equal(json_req_str(j, "w", "no", s, sizeof(s), &e), -1);
	assert_string_equal(e.msg, "w.no: missing");
	assert_string_equal(s, "old");
}

static void what_is_absent_leaves_the_defaults(void **state)
{
	auto_json struct json *j =
	    parsed("{\"s\":null,\"d\":\"new\",\"l\":[\"a\",\"b\"],\"t\":true}");
	AUTO(strv_done) struct strv list = STRV_INIT;
	auto_free char *text = xstrdup("default");
	struct err e = ERR_INIT;
	char s[8] = "def";
	int64_t n = 7;
	bool b = false;

	(void)state;
	strv_add(&list, "one");
	assert_int_equal(json_opt_str(j, "", "s", s, sizeof(s), &e), 0);
	assert_int_equal(json_opt_i64(j, "", "none", 0, 1, &n, &e), 0);
	assert_int_equal(json_opt_strv(j, "", "none", &list, &e), 0);
	assert_int_equal(json_opt_dup(j, "", "none", &text, &e), 0);
	assert_int_equal(n, 7);
	assert_int_equal(list.n, 1);
	assert_string_equal(s, "def");
	assert_string_equal(text, "default");
	assert_int_equal(json_opt_dup(j, "", "d", &text, &e), 0);
	assert_int_equal(json_opt_strv(j, "", "l", &list, &e), 0);
	assert_int_equal(json_opt_bool(j, "", "t", &b, &e), 0);
	assert_string_equal(text, "new");
	assert_int_equal(list.n, 2);
	assert_true(b);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	json_free(NULL);
	assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_string(NULL));
	assert_null(json_text(NULL));
	assert_null(json_key(NULL));
	assert_null(json_next(NULL));
}

static void the_next_number_is_found_behind_strings(void **state)
{
	static const char text[] = "{\"a 1 \\\" 2\": [-3.5e1, \"4\", 0]}";
	size_t at = 0, len = 0;

	(void)state;
	assert_true(json_scan_number(text, strlen(text), &at, &len));
	assert_memory_equal(text + at, "-3.5e1", len);
	at += len;
	assert_true(json_scan_number(text, strlen(text), &at, &len));
	assert_int_equal(len, 1);
	assert_int_equal(text[at], '0');
	at += len;
	assert_false(json_scan_number(text, strlen(text), &at, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
	    cmocka_unit_test(a_zero_character_is_refused_raw_and_escaped),
	    cmocka_unit_test(text_that_is_not_utf8_is_refused),
	    cmocka_unit_test(half_a_surrogate_pair_is_refused),
	    cmocka_unit_test(a_key_twice_is_refused_however_it_is_written),
	    cmocka_unit_test(nesting_of_32_is_accepted_and_33_refused),
	    cmocka_unit_test(
		a_hostile_depth_or_a_hundred_thousand_keys_cost_no_stack_and_no_minute),
	    cmocka_unit_test(the_text_needs_no_terminator_behind_its_length),
	    cmocka_unit_test(names_are_case_sensitive_and_null_is_absent),
	    cmocka_unit_test(members_come_in_their_order_by_index_and_by_step),
	    cmocka_unit_test(a_whole_number_is_exact_or_refused),
	    cmocka_unit_test(a_number_outside_its_range_is_refused_with_both_ends),
	    cmocka_unit_test(a_string_that_does_not_fit_leaves_the_field_alone),
	    cmocka_unit_test(a_wrong_type_is_named_with_its_place),
	    cmocka_unit_test(what_is_absent_leaves_the_defaults),
	    cmocka_unit_test(freeing_nothing_is_fine),
	    cmocka_unit_test(the_next_number_is_found_behind_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
