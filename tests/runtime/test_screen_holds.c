#include "screens.h"

#include "iapeer/base/banned.h"

static const char message[] =
    "<iap from-personality=\"alice\" id=\"1\">\nline\n<message><![CDATA[hi\n\n"
    "DELAY:4000 \U0001f600 é]]></message>\n</iap>";

static void a_pasted_message_is_known_as_ours_and_nothing_else_is(void **state)
{
	static const struct {
		const char *file;
		bool holds;
	} rows[] = {
	    {"claude-pasted", true},    {"codex-pasted", true},  {"claude-ready", false},
	    {"claude-draft", false},    {"codex-draft", false},  {"codex-busy-draft", false},
	    {"codex-collapsed", false}, {"claude-trust", false}, {"fake-pasted", true},
	    {"fake-big", false},        {"fake-early", false},   {"codex-busy", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
		struct buf AUTO(buf_done) text = BUF_INIT(CAP_SCREEN);
		struct screen s;

		read_golden(rows[i].file, &m, &text);
		s = screen_of(&text);
		if (screen_holds(&m, &s, message, sizeof(message) - 1) != rows[i].holds)
			fail_msg("%s", rows[i].file);
	}
}

static void a_text_that_the_program_wrapped_is_known(void **state)
{
	static const char *const files[] = {"claude-wrapped", "codex-wrapped"};
	char text[701];

	(void)state;
	memset(text, 'y', sizeof(text));
	for (size_t i = 0; i < COUNT(files); i++) {
		struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
		struct buf AUTO(buf_done) screen = BUF_INIT(CAP_SCREEN);
		struct screen s;

		read_golden(files[i], &m, &screen);
		s = screen_of(&screen);
		assert_true(screen_holds(&m, &s, text, 700));
		assert_false(screen_holds(&m, &s, text, 699));
		assert_false(screen_holds(&m, &s, text, 701));
	}
}

static void a_collapsed_paste_is_ours_only_with_our_numbers(void **state)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	struct buf AUTO(buf_done) screen = BUF_INIT(CAP_SCREEN), text = BUF_INIT(CAP_SCREEN);
	struct screen s;

	(void)state;
	read_golden("codex-collapsed", &m, &screen);
	s = screen_of(&screen);
	for (int i = 1; i <= 300; i++)
		buf_fmt(&text, "é\U0001f600 line %d\n", i);
	assert_true(screen_holds(&m, &s, text.p, text.len));
	buf_str(&text, "more");
	assert_false(screen_holds(&m, &s, text.p, text.len));
	assert_false(screen_holds(&m, &s, "", 0));
}

static void a_collapsed_paste_counts_only_alone(void **state)
{
	static const struct {
		const char *typed;
		bool holds;
	} rows[] = {
	    {"[Pasted text #1]", true},
	    {"[Pasted text #12 +1 lines]", true},
	    {"[Pasted text #1 +2 lines]", true}, /* some count ends, some lines */
	    {"[Pasted text #1 +3 lines]", false},
	    {"[Pasted text #1] and mine", false},
	    {"mine [Pasted text #1]", false},
	    {"[Pasted text #1][Pasted text #2]", false},
	    {"[Pasted text #1", false},
	    {"[Pasted picture #1]", false},
	    {"one two", true},
	    {"one\n  two", true},
	    {"onetwo!", false},
	};
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};

	(void)state;
	manifest_of("claude", &m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf AUTO(buf_done) b = BUF_INIT(CAP_SCREEN);
		struct screen s;

		buf_fmt(&b, RULE "\n❯" NB "%s\n" RULE "\n", rows[i].typed);
		s = screen_of(&b);
		if (screen_holds(&m, &s, "one\ntwo", 7) != rows[i].holds)
			fail_msg("%s", rows[i].typed);
	}
}

static void characters_without_width_make_no_difference(void **state)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	struct screen s = screen_text_of(RULE "\n❯" NB "a\u200db\u00a0c\n" RULE "\n");

	(void)state;
	manifest_of("claude", &m);
	assert_true(
	    screen_holds(&m, &s, "\ufeffab\ufe0f c\u3000", strlen("\ufeffab\ufe0f c\u3000")));
	assert_false(screen_holds(&m, &s, "\xff", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pasted_message_is_known_as_ours_and_nothing_else_is),
	    cmocka_unit_test(a_text_that_the_program_wrapped_is_known),
	    cmocka_unit_test(a_collapsed_paste_is_ours_only_with_our_numbers),
	    cmocka_unit_test(a_collapsed_paste_counts_only_alone),
	    cmocka_unit_test(characters_without_width_make_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
