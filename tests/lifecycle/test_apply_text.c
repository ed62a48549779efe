/* Every byte of a message arrives, and nothing but the message: in a raw terminal, in a canonical
 * one, in shells. */
#include "iapeer/lifecycle/apply.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define FFFD "\xef\xbf\xbd"

static const struct {
	const char *name, *body, *want;
} texts[] = {
    {"one line", "hello there", "hello there"},
    {"lines", "one\ntwo\n\nfour", "one\ntwo\n\nfour"},
    {"newlines around", "\n\none\n\n\n", "\n\none"},
    {"blanks around", "   three before, two after  ", "   three before, two after  "},
    {"tab", "a\tb\t\tc", "a\tb\t\tc"},
    {"emoji",
     "\xf0\x9f\x8e\x89 caf\xc3\xa9 \xe6\xbc\xa2\xe5\xad\x97 "
     "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
     "\xf0\x9f\x8e\x89 caf\xc3\xa9 \xe6\xbc\xa2\xe5\xad\x97 "
     "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"},
    {"no ASCII at all", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
     "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},
    {"CRLF and CR", "one\r\ntwo\rthree", "one\ntwo\nthree"},
    {"end of paste", "x\033[201~\rrm -rf y", "x" FFFD "[201~\nrm -rf y"},
    {"controls", "a\001b\003c\004d\025e\032f\177g\302\233h",
     "a" FFFD "b" FFFD "c" FFFD "d" FFFD "e" FFFD "f" FFFD "g" FFFD "h"},
    {"leading dash", "-n --help -- -l", "-n --help -- -l"},
    {"expansions", "$(touch pwned) `touch pwned` ${HOME} $'\\n' !! !x *",
     "$(touch pwned) `touch pwned` ${HOME} $'\\n' !! !x *"},
    {"quotes", "it's \"so\" \\ \\\\ '", "it's \"so\" \\ \\\\ '"},
    {"tmux words", "#{pid} #(touch pwned) %0 ; kill-server \\;",
     "#{pid} #(touch pwned) %0 ; kill-server \\;"},
    {"ends in ;", "one;", "one;"},
    {"key names", "Enter", "Enter"},
    {"one letter", "x", "x"},
};
#define N_TEXTS (sizeof texts / sizeof texts[0])

static void must_deliver(struct world *w, const char *id, const char *body)
{
	struct receipt r;

	world_send(w, id, body);
	world_apply(w, TRIG_MESSAGE);
	r = world_receipt(w, id);
	if (r.status != DELIVERY_DELIVERED)
		fail_msg("%s: %s, %s", id, delivery_status_word(r.status), r.reason);
}

/* ---- a raw terminal ---- */

static void a_raw_terminal_gets_the_text_in_brackets_and_one_enter(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_TEXT);

	NEEDS_TMUX();
	world_peer(w, "bob", world_reader());
	for (size_t i = 0; i < N_TEXTS; i++) {
		char id[16], file[32];

		snprintf(id, sizeof id, "t%zu", i);
		snprintf(file, sizeof file, "bob/got.%zu", i + 1);
		must_deliver(w, id, texts[i].body);
		EVENTUALLY(world_exists(w, file));
		auto_free char *got = world_read(w, file);
		if (strcmp(got, texts[i].want) != 0)
			fail_msg("%s: got \"%s\"", texts[i].name, got);
		buf_fmt(&want, "\033[200~%s\033[201~\r", texts[i].want);
	}
	auto_free char *raw = world_read(w, "bob/raw");
	assert_string_equal(raw, buf_cstr(&want));
}

static void sixteen_thousand_characters_arrive_in_a_raw_terminal(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf body = BUF_INIT(CAP_TEXT);

	NEEDS_TMUX();
	world_peer(w, "bob", world_reader());
	for (int i = 0; i < 16000; i++)
		buf_str(&body, i % 400 == 399 ? "\n" : i % 7 == 0 ? "\xc3\xa9" : "x");
	buf_cut(&body, body.len - 1);
	must_deliver(w, "big", buf_cstr(&body));
	EVENTUALLY(world_exists(w, "bob/got.1"));
	auto_free char *got = world_read(w, "bob/got.1");
	assert_string_equal(got, buf_cstr(&body));
}

static void copy_mode_is_left_before_the_text_and_before_enter(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", world_reader());
	must_deliver(w, "m1", "first");
	TMUX(w, "copy-mode", "-t", "%0");
	must_deliver(w, "m2", "second");
	EVENTUALLY(world_exists(w, "bob/got.2"));
	auto_free char *got = world_read(w, "bob/got.2");
	assert_string_equal(got, "second");
}

/* ---- a canonical one ---- */

static const char *recorder(const struct world *w)
{
	return world_script(w, "recorder", "#!/bin/sh\nprintf '> '\nexec cat >got\n");
}

static void a_canonical_terminal_gets_each_line(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_TEXT);

	NEEDS_TMUX();
	world_peer(w, "bob", recorder(w));
	for (size_t i = 0; i < N_TEXTS; i++) {
		char id[16];

		snprintf(id, sizeof id, "t%zu", i);
		must_deliver(w, id, texts[i].body);
		buf_fmt(&want, "%s\n", texts[i].want);
	}
	EVENTUALLY(world_size(w, "bob/got") >= want.len);
	auto_free char *got = world_read(w, "bob/got");
	assert_string_equal(got, buf_cstr(&want));
}

static void a_line_that_a_canonical_terminal_would_cut_is_refused_with_the_number(void **state)
{
	struct world *w = *state;
	char body[4098];
	size_t max = (size_t)plat_canonical_max();
	struct receipt r;

	NEEDS_TMUX();
	world_peer(w, "bob", recorder(w));
	memset(body, 'x', sizeof body);
	body[max + 1] = '\0';
	world_send(w, "long", body);
	world_apply(w, TRIG_MESSAGE);
	r = world_receipt(w, "long");
	assert_int_equal(r.status, DELIVERY_REFUSED);
	HAS(r.reason, "4095");
	body[max] = '\0';
	must_deliver(w, "fits", body);
	EVENTUALLY(world_size(w, "bob/got") > max);
	auto_free char *got = world_read(w, "bob/got");
	assert_int_equal(strlen(got), max + 1);
}

/* ---- shells ---- */

/* Each text, written to a file by a command that quotes it. */
static void shell_writes(struct world *w, size_t i, const char *text)
{
	AUTO(buf_done) struct buf body = BUF_INIT(CAP_TEXT);
	char id[16], file[32];

	snprintf(id, sizeof id, "t%zu", i);
	snprintf(file, sizeof file, "bob/out.%zu", i);
	buf_str(&body, "printf %s '");
	for (const char *s = text; *s; s++)
		if (*s == '\'')
			buf_str(&body, "'\\''");
		else
			buf_chr(&body, *s);
	buf_fmt(&body, "' >out.tmp; mv out.tmp out.%zu", i);
	must_deliver(w, id, buf_cstr(&body));
	EVENTUALLY(world_exists(w, file));
	auto_free char *got = world_read(w, file);
	if (strcmp(got, text) != 0)
		fail_msg("text %zu: got \"%s\"", i, got);
}

static void every_text_arrives_in(struct world *w, const char *shell)
{
	AUTO(buf_done) struct buf many = BUF_INIT(CAP_TEXT);
	AUTO(strv_done) struct strv files = STRV_INIT;

	world_peer(w, "bob", shell);
	for (size_t i = 0; i < N_TEXTS; i++)
		shell_writes(w, i, texts[i].want);
	for (int i = 0; i < 300; i++)
		buf_fmt(&many, "line %d of many\n", i);
	shell_writes(w, N_TEXTS, buf_cstr(&many));
	assert_false(world_exists(w, "bob/pwned"));
	OK(fs_list(AT_FDCWD, world_path(w, "bob"), &files, e));
	assert_int_equal(files.n, N_TEXTS + 1); /* nothing else was run */
}

static void bash_runs_the_text_and_nothing_else(void **state)
{
	NEEDS_TMUX();
	every_text_arrives_in(*state, "/bin/bash");
}

static void dash_runs_the_text_and_nothing_else(void **state)
{
	NEEDS_TMUX();
	if (access("/bin/dash", X_OK) != 0)
		skip();
	every_text_arrives_in(*state, "/bin/dash");
}

static void bash_takes_sixteen_thousand_characters(void **state)
{
	struct world *w = *state;
	char text[15900];

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof text - 1] = '\0';
	shell_writes(w, 1, text);
}

static void a_program_in_the_foreground_gets_the_text_as_if_typed(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	must_deliver(w, "m1", "cat >typed");
	EVENTUALLY(world_exists(w, "bob/typed"));
	must_deliver(w, "m2", "for cat");
	EVENTUALLY(world_lines(w, "bob/typed", "for cat") == 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_raw_terminal_gets_the_text_in_brackets_and_one_enter),
	    TEST(sixteen_thousand_characters_arrive_in_a_raw_terminal),
	    TEST(copy_mode_is_left_before_the_text_and_before_enter),
	    TEST(a_canonical_terminal_gets_each_line),
	    TEST(a_line_that_a_canonical_terminal_would_cut_is_refused_with_the_number),
	    TEST(bash_runs_the_text_and_nothing_else),
	    TEST(dash_runs_the_text_and_nothing_else),
	    TEST(bash_takes_sixteen_thousand_characters),
	    TEST(a_program_in_the_foreground_gets_the_text_as_if_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
