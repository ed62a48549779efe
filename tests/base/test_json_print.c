/* What json.h promises on printing and building. */
#include "iapeer/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/clock.h"

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

static void prints(const struct json *j, bool pretty, const char *expected)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);

	json_print(j, pretty, &b);
	assert_string_equal(buf_cstr(&b), expected);
}

/* ---- printing and building ---- */

static void a_file_that_is_read_and_written_keeps_what_others_wrote(void **state)
{
	static const char *const rows[] = {
	    "{}",
	    "[]",
	    "null",
	    "\"\"",
	    "0",
	    "-0",
	    "1.0",
	    "0.1",
	    "1e3",
	    "1E+2",
	    "-1.50",
	    "123456789.123456789",
	    "9007199254740991",
	    "9007199254740993",
	    "18446744073709551615",
	    "1e-400",
	    "1.7976931348623157e308",
	    "[1,[],{},[[2]],-3.25]",
	    "{\"z\":1,\"a\":{\"n\":1.10,\"m\":[\"x 7 \\\"-8\\\"\",9.0]},\"\":null}",
	    "\"/slash ü 漢 😀 \xe2\x80\xa8\"",
	    "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_json struct json *j = parsed(rows[i]);
		auto_json struct json *copy = json_copy(j);

		prints(j, false, rows[i]);
		prints(copy, false, rows[i]);
	}
}

static void escapes_are_read_and_only_the_needed_ones_written(void **state)
{
	auto_json struct json *j = parsed("[\"\\/\\u00e9\\ud83d\\ude00\\u0041\\u009b\\u202e\"]");

	(void)state;
	assert_string_equal(json_text(json_at(j, 0)), "/é😀A\xc2\x9b\xe2\x80\xae");
	prints(j, false, "[\"/é😀A\\u009b\\u202e\"]");
}

static void pretty_text_has_two_spaces_and_a_final_newline(void **state)
{
	auto_json struct json *j = parsed("{\"a\":[1,{\"b\":[]}],\"c\":{},\"d\":\"x\"}");
	auto_json struct json *empty = json_array();

	(void)state;
	prints(j, true,
	       "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n  \"d\": "
	       "\"x\"\n}\n");
	prints(empty, true, "[]\n");
}

static void bytes_that_are_not_text_cannot_break_what_we_print(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	struct err e = ERR_INIT;
	struct json *j = NULL;

	(void)state;
	json_quote(&b, "a\0b\xff\xc3\x1b[m\x7f", 9);
	assert_string_equal(buf_cstr(&b), "\"a\xef\xbf\xbd"
					  "b\xef\xbf\xbd\xef\xbf\xbd\\u001b[m\\u007f\"");
	assert_int_equal(json_parse(b.p, b.len, "f", &j, &e), 0);
	json_free(j);
	buf_cut(&b, 0);
	json_quote(&b, NULL, 0);
	assert_string_equal(buf_cstr(&b), "\"\"");
}

static void setting_replaces_in_place_and_optional_values_vanish(void **state)
{
	auto_json struct json *j = parsed("{\"a\":1,\"b\":null,\"c\":\"x\",\"t\":\"y\",\"B\":0}");
	struct json *inner;

	(void)state;
	json_set_str(j, "a", "one");
	json_set_i64(j, "b", -5);
	json_set_str_opt(j, "c", "");
	json_set_time(j, "t", 0);
	json_set_bool(j, "new", true);
	json_set_str_opt(j, "never", NULL);
	json_set_str(j, "empty", "");
	inner = json_set(j, "o", json_object());
	json_set_i64(inner, "big", 9007199254740991);
	prints(j, false,
	       "{\"a\":\"one\",\"b\":-5,\"B\":0,\"new\":true,\"empty\":\"\",\"o\":{\"big\":"
	       "9007199254740991}}");
	json_unset(j, "a");
	json_unset(j, "not there");
	assert_null(json_get(j, "a"));
	json_set_i64(json_get_mut(j, "o"), "big", 1);
	json_set(j, "o", json_array());
	assert_int_equal(json_len(json_get(j, "o")), 0);
}

static void a_time_is_written_so_that_it_can_be_read(void **state)
{
	auto_json struct json *j = json_object();
	int64_t back = 0;

	(void)state;
	json_set_time(j, "at", 1700000000123);
	assert_true(clock_parse_iso(json_text(json_get(j, "at")), &back));
	assert_int_equal(back, 1700000000123);
}

static void arrays_are_pushed_to_and_removed_from(void **state)
{
	auto_json struct json *a = json_array();
	AUTO(strv_done) struct strv v = STRV_INIT;
	auto_json struct json *o = json_object();

	(void)state;
	json_push(a, json_object());
	json_push_str(a, "2");
	json_push_str(a, "x");
	json_push(a, json_array());
	prints(a, false, "[{},\"2\",\"x\",[]]");
	json_set_str(json_at_mut(a, 0), "k", "v");
	json_remove_at(a, 1);
	json_remove_at(a, 99);
	json_push(json_at_mut(a, 2), json_object());
	prints(a, false, "[{\"k\":\"v\"},\"x\",[{}]]");
	json_set_strv(o, "none", &v);
	strv_add(&v, "a b");
	strv_add(&v, "");
	json_set_strv(o, "list", &v);
	prints(o, false, "{\"none\":[],\"list\":[\"a b\",\"\"]}");
}

static void a_full_buffer_is_reported_and_not_overrun(void **state)
{
	auto_json struct json *j = parsed("[\"0123456789\",\"0123456789\"]");
	AUTO(buf_done) struct buf b = BUF_INIT(16);
	struct err e = ERR_INIT;

	(void)state;
	json_print(j, true, &b);
	assert_true(b.failed);
	assert_true(b.len <= 16);
	assert_int_equal(buf_check(&b, "answer", &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_that_is_read_and_written_keeps_what_others_wrote),
	    cmocka_unit_test(escapes_are_read_and_only_the_needed_ones_written),
	    cmocka_unit_test(pretty_text_has_two_spaces_and_a_final_newline),
	    cmocka_unit_test(bytes_that_are_not_text_cannot_break_what_we_print),
	    cmocka_unit_test(setting_replaces_in_place_and_optional_values_vanish),
	    cmocka_unit_test(a_time_is_written_so_that_it_can_be_read),
	    cmocka_unit_test(arrays_are_pushed_to_and_removed_from),
	    cmocka_unit_test(a_full_buffer_is_reported_and_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
