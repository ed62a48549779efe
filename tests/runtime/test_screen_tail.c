#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RULE     "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500"

static void the_tail_is_the_last_two_lines_that_say_something(void **state)
{
	static const struct {
		const char *text, *tail;
	} rows[] = {
	    {"", ""},
	    {"\n \n\u2500\u2500\u2500\u2500\n", ""},
	    {"one", "one"},
	    {"one\ntwo\nthree\n\n", "two | three"},
	    {"one\n\x1b[1mtwo\x1b[0m\r\n\u2502 three \u2502\n" RULE " bob \u2500\n\u276f\n",
	     "two | three"},
	    {"say \"hi\"\n`x`  \t y\x07\n", "say 'hi' | 'x' y"},
	    {"Ошибка\n失敗", "Ошибка | 失敗"},
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		screen_tail(rows[i].text, strlen(rows[i].text), out, sizeof(out));
		assert_string_equal(out, rows[i].tail);
	}
}

static void the_tail_has_at_most_160_characters(void **state)
{
	struct buf AUTO(buf_done) b = BUF_INIT(4096);
	char out[1024], small[8];

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_str(&b, "é");
	screen_tail(b.p, b.len, out, sizeof(out));
	assert_int_equal(utf8_chars(out, strlen(out)), 160);
	screen_tail(b.p, b.len, small, sizeof(small));
	assert_string_equal(small, "ééé");
}

static void plain_text_has_no_escapes_and_no_controls(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"a\r\nb\tc\x07\x08\x7f", "a\nb\tc"},
	    {"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b]8;;u\x1b\\y\x1bPq\x1b\\z", "red xyz"},
	    {"\x1b(B\x1b=\x1b>a\x1b[?2004hb\x1b[200~c", "abc"},
	    {"cut\x1b[38;5", "cut"},
	    {"cut\x1b]0;ti\nnext", "cut\nnext"},
	    {"broken\x1b[3\ntext", "broken\ntext"},
	    {"\x0eqqx\x0fq", "\u2500\u2500\u2502q"},
	    {"\xff\xc2\x9b"
	     "1mé",
	     "\ufffd"
	     "1mé"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf AUTO(buf_done) b = BUF_INIT(CAP_SCREEN);

		screen_plain(rows[i].in, strlen(rows[i].in), &b);
		assert_string_equal(buf_cstr(&b), rows[i].out);
	}
}

static void plain_text_keeps_more_lines_than_a_screen(void **state)
{
	struct buf AUTO(buf_done) in = BUF_INIT(CAP_SCREEN), out = BUF_INIT(CAP_SCREEN);

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_fmt(&in, "%d\n", i);
	screen_plain(in.p, in.len, &out);
	assert_string_equal(in.p, out.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_tail_is_the_last_two_lines_that_say_something),
	    cmocka_unit_test(the_tail_has_at_most_160_characters),
	    cmocka_unit_test(plain_text_has_no_escapes_and_no_controls),
	    cmocka_unit_test(plain_text_keeps_more_lines_than_a_screen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
