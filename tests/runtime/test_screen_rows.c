/* The rows of a terminal's output, as they show. */
#include "iapeer/runtime/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/banned.h"

static const struct {
	const char *name, *text, *row;
} rows[] = {
    {"nothing", "", ""},
    {"plain", "$ ", "$ "},
    {"the last of several", "one\r\ntwo\r\n$ ", "$ "},
    {"an empty one", "one\r\n", ""},
    {"without a carriage return", "one\ntwo", "two"},
    {"overwritten", "12345\rab", "ab345"},
    {"erased to its end", "12345\rab\033[K", "ab"},
    {"erased to its end, said fully", "12345\rab\033[0K", "ab"},
    {"erased from its beginning: not looked at", "12345\033[1K", "12345"},
    {"screen erased below", "12345\rab\033[J", "ab"},
    {"screen erased", "12345\033[2J\033[Hx", "x"},
    {"home", "12345\033[Hx", "x"},
    {"backspace", "abc\b\bX", "aXc"},
    {"backspace at the edge", "\b\b\bx", "x"},
    {"backspace, blank, backspace", "$ ls\b \b\b \b", "$   "},
    {"colours", "\033[1;32muser\033[0m:\033[34m~\033[m$ ", "user:~$ "},
    {"title, ended by BEL", "\033]0;user@host\a$ ", "$ "},
    {"title, ended by ST", "\033]0;user@host\033\\$ ", "$ "},
    {"title that never ends", "\033]0;user@host$ ", ""},
    {"bracketed paste on", "\033[?2004h$ ", "$ "},
    {"charset", "\033(B$ \033)0x", "$ x"},
    {"keypad", "\033=\033>$ ", "$ "},
    {"cursor forward", "a\033[3Cb", "a   b"},
    {"cursor forward by one", "a\033[Cb", "a b"},
    {"cursor back", "abc\033[2DX", "aXc"},
    {"cursor back beyond the edge", "abc\033[99DX", "Xbc"},
    {"column", "abc\033[2GX", "aXc"},
    {"first column", "abc\033[GX", "Xbc"},
    {"an absurd number", "a\033[99999999999999999999CX\033[Gb", NULL},
    {"cut in the middle of a sequence", "$ \033[3", "$ "},
    {"cut after ESC", "$ \033", "$ "},
    {"bell and tab", "a\ab", "ab"},
    {"UTF-8", "\xc3\xa9> ", "\xc3\xa9> "},
    {"DEL", "a\177b", "ab"},
    {"characters of several bytes", "\xc3\xa9\xe2\x82\xac> x\b\b\b\bab",
     "\xc3\xa9"
     "ab x"},
    {"a shorter character over a longer one",
     "a\xe2\x82\xac"
     "b\r\033[Cx\xc3\xa9",
     "ax\xc3\xa9"},
    {"characters deleted", "abcd\r\033[C\033[2P", "ad"},
    {"characters inserted", "ad\b\033[2@bc", "abcd"},
    {"readline, text taken back", "\033[?2004h$ echo hi\b\b\b\b\b\b\b\033[K", "$ "},
    {"readline, pasted text shown plain", "$ \033[7mecho hi\033[27m\r\033[C\033[Cecho hi",
     "$ echo hi"},
    {"readline, a command taken", "$ ls\r\n\033[?2004l\rfile\r\n\033[?2004h$ ", "$ "},
    {"zsh, its mark of a missing newline",
     "\033[1m\033[7m%\033[27m\033[1m\033[0m     \r \r\r\033[0m\033[27m\033[24m\033[J% \033[K",
     "% "},
};

static void each_output_leaves_its_last_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(CAP_STATE);

		screen_last_row(rows[i].text, strlen(rows[i].text), &out);
		if (rows[i].row && strcmp(buf_cstr(&out), rows[i].row) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, buf_cstr(&out));
		buf_done(&out);
	}
}

static void a_row_beyond_its_cap_is_cut_and_no_harm_is_done(void **state)
{
	struct buf out = BUF_INIT(64);

	(void)state;
	screen_last_row("\033[9000Cx\rabc", 11, &out);
	assert_true(out.len <= 64);
	buf_done(&out);
}

static void any_cut_of_any_output_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t n = 0; n <= strlen(rows[i].text); n++) {
			struct buf out = BUF_INIT(4096);
			char text[256];

			memcpy(text, rows[i].text, n);
			screen_last_row(text, n, &out);
			assert_null(memchr(buf_cstr(&out), '\n', out.len));
			buf_done(&out);
		}
}

static void all_rows_are_shown_as_they_were_left(void **state)
{
	static const char log[] = "$ \033[7mecho h\xc3\xa9\033[27m\b\b\b\b\b\b\becho h\xc3\xa9\r\n"
				  "\033[?2004l\rh\xc3\xa9\r\n10 %\r100 %\r\n\xff\xc2\x9b!\n$ ";
	struct buf out = BUF_INIT(CAP_STATE);

	(void)state;
	screen_rows(log, sizeof log - 1, &out);
	assert_string_equal(buf_cstr(&out),
			    "$ echo h\xc3\xa9\nh\xc3\xa9\n100 %\n\xef\xbf\xbd!\n$ ");
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_output_leaves_its_last_row),
	    cmocka_unit_test(a_row_beyond_its_cap_is_cut_and_no_harm_is_done),
	    cmocka_unit_test(all_rows_are_shown_as_they_were_left),
	    cmocka_unit_test(any_cut_of_any_output_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
