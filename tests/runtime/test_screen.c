/* tests/golden/screen/ holds captures (tmux capture-pane -p -e) of claude 2.1.330, codex 0.169.0
 * and fake_tui. */
#include "screens.h"

#include "iapeer/base/banned.h"

/* ---- real screens ---- */

struct golden {
	const char *file; /* begins with the runtime's name */
	enum screen_state state;
	const char *dialog, *key; /* "" : none */
	const char *typed;        /* NULL: no composer */
};

static const struct golden goldens[] = {
    {"claude-ready", SCREEN_READY, "", "", ""},
    {"claude-ready-truecolour", SCREEN_READY, "", "", ""},
    {"claude-ready-named", SCREEN_READY, "", "", ""},
    {"claude-ready-80x24", SCREEN_READY, "", "", ""},
    {"claude-draft", SCREEN_READY, "", "", "a draft of a person"},
    {"claude-draft-one-char-under-cursor", SCREEN_READY, "", "", "x"},
    {"claude-draft-lines", SCREEN_READY, "", "", "line one\nline two\n\nline four"},
    {"claude-pasted", SCREEN_READY, "", "", "[Pasted text #1 +5 lines]"},
    {"claude-busy", SCREEN_BUSY, "", "", ""},
    {"claude-queued", SCREEN_BUSY, "", "", ""},
    {"claude-queued-truecolour", SCREEN_BUSY, "", "", ""},
    {"claude-retrying", SCREEN_BUSY, "", "", ""},
    {"claude-history", SCREEN_READY, "", "", ""},
    {"claude-slash", SCREEN_READY, "", "", "/"},
    {"claude-theme", SCREEN_DIALOG, "theme", "Enter", NULL},
    {"claude-security-notes", SCREEN_DIALOG, "security-notes", "Enter", NULL},
    {"claude-trust", SCREEN_DIALOG, "trust", "Down", NULL},
    {"claude-trust-80x24", SCREEN_DIALOG, "trust", "Down", NULL},
    {"claude-trust-on-row", SCREEN_DIALOG, "trust", "Enter", NULL},
    {"claude-api-key", SCREEN_DIALOG, "api-key", "Up", NULL},
    {"claude-bypass", SCREEN_DIALOG, "bypass", "Down", NULL},
    {"claude-permission", SCREEN_DIALOG, "permission", "", NULL},
    {"claude-permission-manual", SCREEN_DIALOG, "permission", "", NULL},
    {"claude-auto-mode", SCREEN_DIALOG, "auto-mode", "", NULL},
    {"claude-auth", SCREEN_READY, "", "", ""},
    {"claude-retrying-quota", SCREEN_BUSY, "", "", ""},
    {"claude-mcp-server", SCREEN_DIALOG, "mcp-servers", "", NULL},
    {"claude-mcp-servers", SCREEN_DIALOG, "mcp-servers", "", NULL},
    {"claude-question", SCREEN_DIALOG, "question", "", NULL},
    {"codex-ready", SCREEN_READY, "", "", ""},
    {"codex-draft", SCREEN_READY, "", "", "a draft of a person"},
    {"codex-draft-lines", SCREEN_READY, "", "", "line one\nline two\n\nline four"},
    {"codex-collapsed", SCREEN_READY, "", "", "[Pasted Content 3492 chars]"},
    {"codex-busy", SCREEN_BUSY, "", "", ""},
    {"codex-busy-draft", SCREEN_BUSY, "", "", "second message"},
    {"codex-queued", SCREEN_BUSY, "", "", ""},
    {"codex-done", SCREEN_READY, "", "", ""},
    {"codex-auth", SCREEN_READY, "", "", ""},
    {"codex-early", SCREEN_STARTING, "", "", ""},
    {"codex-trust", SCREEN_DIALOG, "trust", "Enter", NULL},
    {"codex-login", SCREEN_DIALOG, "login", "", NULL},
    {"fake-ghost", SCREEN_READY, "", "", ""},
    {"fake-draft", SCREEN_READY, "", "", "a draft of a person"},
    {"fake-pasted", SCREEN_READY, "", "", "[Pasted text #1 +5 lines]"},
    {"fake-busy", SCREEN_BUSY, "", "", ""},
    {"fake-queued", SCREEN_BUSY, "", "", ""},
    {"fake-small", SCREEN_READY, "", "", ""},
    {"fake-booting", SCREEN_STARTING, "", "", NULL},
    {"fake-early", SCREEN_READY, "", "", "early"},
    {"fake-trust", SCREEN_DIALOG, "trust", "Down", NULL},
    {"fake-trust-on-row", SCREEN_DIALOG, "trust", "Enter", NULL},
    {"fake-resume", SCREEN_DIALOG, "resume", "Down", NULL},
    {"fake-notes", SCREEN_DIALOG, "notes", "Enter", NULL},
    {"fake-login", SCREEN_DIALOG, "login", "", NULL},
    {"fake-unknown", SCREEN_STARTING, "", "", NULL},
    {"fake-hostile", SCREEN_READY, "", "", ""},
};

static void every_captured_screen_is_read_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(goldens); i++) {
		const struct golden *g = &goldens[i];
		struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
		struct buf AUTO(buf_done) text = BUF_INIT(CAP_SCREEN), typed = BUF_INIT(CAP_SCREEN);
		struct screen_facts f;
		struct screen s;

		read_golden(g->file, &m, &text);
		s = screen_of(&text);
		screen_read(&m, &s, &f);
		if (f.state != g->state || strcmp(f.dialog ? f.dialog->name : "", g->dialog) != 0 ||
		    strcmp(f.key ? f.key : "", g->key) != 0 || f.has_composer != (g->typed != NULL))
			fail_msg("%s: state %d dialog %s key %s composer %d", g->file, (int)f.state,
				 f.dialog ? f.dialog->name : "-", f.key ? f.key : "-",
				 (int)f.has_composer);
		if (!g->typed)
			continue;
		assert_true(screen_composer(&m, &s, &typed));
		assert_int_equal(f.composer_empty, *g->typed == '\0');
		if (strcmp(buf_cstr(&typed), g->typed) != 0)
			fail_msg("%s: typed \"%s\"", g->file, buf_cstr(&typed));
	}
}

/* ---- made screens ---- */

static const char claude_footer[] =
    RULE "\n  \u23f5\u23f5 bypass permissions on (shift+tab to cycle)\n";

struct composed {
	const char *lines, *typed;
};

static void ghost_text_is_no_draft_and_typed_text_is_one(void **state)
{
	static const struct composed rows[] = {
	    {"❯" NB, ""},
	    {"❯ ", ""},
	    {"❯", ""},
	    {"❯" NB "\x1b[2mTry it\x1b[0m", ""},
	    {"❯" NB "\x1b[7mT\x1b[0;2mry it\x1b[0m", ""},
	    {"❯" NB "\x1b[7;2mT\x1b[27mry it\x1b[0m", ""},
	    {"❯" NB "\x1b[38;5;246mTry it\x1b[39m", ""},
	    {"❯" NB "\x1b[38;5;240mTry\x1b[38;5;250m it\x1b[39m", ""},
	    {"❯" NB "\x1b[38:5:246mTry it\x1b[39m", ""},
	    {"❯" NB "\x1b[38;2;153;153;153mTry it\x1b[39m", ""},
	    {"❯" NB "\x1b[90mTry it\x1b[39m", ""},
	    {"❯" NB "Press up to edit queued messages", ""},
	    {"❯" NB "hello\x1b[7m \x1b[0m", "hello"},
	    {"❯" NB "\x1b[7mh\x1b[0mello", "hello"},
	    {"❯" NB "\x1b[7mh\x1b[0m", "h"},
	    {"❯" NB "hello \x1b[2m(hint)\x1b[0m", "hello"},
	    {"❯" NB "\x1b[38;5;153mhello\x1b[39m", "hello"},
	    {"❯" NB "\x1b[38;2;215;119;87mhello\x1b[39m", "hello"},
	    {"❯" NB "\x1b[48;5;246mhello\x1b[49m", "hello"},
	    {"❯" NB "\x1b[2m\x1b[22mhello", "hello"},
	    {"❯" NB "\x1b[1;38;5;246m\x1b[0mhello", "hello"},
	    {"❯" NB "hello\n  world", "hello\nworld"},
	    {"❯" NB "hello\n\n    indented", "hello\n\n  indented"},
	    {"❯" NB "❯ x\n  ❯ y", "❯ x\n❯ y"},
	};
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};

	(void)state;
	manifest_of("claude", &m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf AUTO(buf_done) b = BUF_INIT(CAP_SCREEN), typed = BUF_INIT(CAP_SCREEN);
		struct screen_facts f;
		struct screen s;

		buf_fmt(&b, "❯ history\n● answer\n\n" RULE "\n%s\n%s", rows[i].lines,
			claude_footer);
		s = screen_of(&b);
		screen_read(&m, &s, &f);
		assert_true(screen_composer(&m, &s, &typed));
		if (strcmp(buf_cstr(&typed), rows[i].typed) != 0 ||
		    f.composer_empty != !*rows[i].typed || f.state != SCREEN_READY)
			fail_msg("row %zu: \"%s\", state %d", i, buf_cstr(&typed), (int)f.state);
	}
}

static void only_a_composer_counts_as_one(void **state)
{
	static const char *const none[] = {
	    "",
	    "❯",
	    "❯ history\n● answer\n",
	    "❯ history\n" RULE "\n",
	    "● answer\n❯ history\n" RULE "\n", /* no rule above */
	    RULE "\n❯ history\n● answer\n",    /* none below */
	    RULE "\n  ❯ indented\n" RULE "\n",
	    RULE "\n❯glued\n" RULE "\n",
	    "  " RULE "\n❯ x\n  " RULE "\n",               /* a message that paints a box */
	    RULE "\n❯" NB "\n" RULE "\n❯ later history\n", /* an old box above */
	};
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};

	(void)state;
	manifest_of("claude", &m);
	for (size_t i = 0; i < COUNT(none); i++) {
		struct buf AUTO(buf_done) typed = BUF_INIT(CAP_SCREEN);
		struct screen s = screen_text_of(none[i]);
		struct screen_facts f;

		screen_read(&m, &s, &f);
		if (f.has_composer || f.state != SCREEN_STARTING || screen_composer(&m, &s, &typed))
			fail_msg("row %zu", i);
	}
}

static void what_is_tried_again_is_the_programs_own_last_line(void **state)
{
	static const struct {
		const char *above, *footer, *retries;
	} rows[] = {
	    {"● answer\n\n✻ 401 invalid x-api-key · retrying in 2s · attempt 3/10\n\n   hint\n",
	     " · esc to interrupt", "401 invalid x-api-key · retrying in 2s · attempt 3/10"},
	    {"✻ 401 no · retrying in 2s\n✻ Worrying…\n", " · esc to interrupt", ""},
	    {"● 401 no · retrying in 2s\n", "", ""}, /* quoted, and no turn runs */
	    {"❯ say\n  401 no · retrying in 2s\n", " · esc to interrupt", ""},
	};
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};

	(void)state;
	manifest_of("claude", &m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf AUTO(buf_done) b = BUF_INIT(CAP_SCREEN);
		struct screen_facts f;
		struct screen s;

		buf_fmt(&b, "%s" RULE "\n❯" NB "\n" RULE "\n  \u23f5\u23f5 on%s\n", rows[i].above,
			rows[i].footer);
		s = screen_of(&b);
		screen_read(&m, &s, &f);
		assert_string_equal(f.retries, rows[i].retries);
	}
}

static void what_is_quoted_in_the_history_is_no_dialog_and_no_turn(void **state)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	struct buf AUTO(buf_done) b = BUF_INIT(CAP_SCREEN);
	struct screen_facts f;
	struct screen s;

	(void)state;
	manifest_of("claude", &m);
	buf_str(&b, "❯ Accessing workspace: Quick safety check: Is this a project you created or "
		    "one you trust?\n"
		    "  Enter to confirm \u00b7 Esc to cancel\n ❯ Yes, I trust this folder\n"
		    "  Security notes: Press Enter to continue\n● press esc to interrupt\n\n" RULE
		    "\n❯" NB "\n");
	buf_str(&b, claude_footer);
	s = screen_of(&b);
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_READY);
	assert_null(f.dialog);
	assert_null(f.key);
}

static void codex_is_not_kept_from_work_by_a_quotation_either(void **state)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	struct screen s = screen_text_of(
	    "\x1b[1;2m› \x1b[0mFolder access Trust this folder?\n  › 1. Trust and continue\n\n"
	    "• answer: (esc to interrupt)\n  (3s • esc to interrupt)\n\n› \n\n"
	    "\x1b[1m›\x1b[0m \x1b[2mAsk Codex to do anything\x1b[0m\n\n  model · ~/work\n");
	struct screen_facts f;

	(void)state;
	manifest_of("codex", &m);
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_READY);
	assert_true(f.composer_empty);
}

static void history_of_codex_is_no_composer(void **state)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	struct screen s = screen_text_of("\x1b[1;2m› \x1b[0mhello\n\n• answer\n\nmodel\n");
	struct screen_facts f;

	(void)state;
	manifest_of("codex", &m);
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_STARTING);
	assert_false(f.has_composer);
}

static void a_bare_glyph_of_codex_is_not_ready(void **state)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	struct screen s = screen_text_of("\x1b[1m›\x1b[0m \n");
	struct screen_facts f;

	(void)state;
	manifest_of("codex", &m);
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_STARTING);
}

#define TRUST                                                                                      \
	"Accessing workspace:\n\n Quick safety check: Is this a project\n you created or one you " \
	"trust?\n\n"

static void enter_is_pressed_on_the_right_row_only(void **state)
{
	static const struct {
		const char *text, *key;
	} rows[] = {
	    {TRUST " ❯ No, exit\n   Yes, I trust this folder\n", "Down"},
	    {TRUST "   No, exit\n ❯ Yes, I trust this folder\n", "Enter"},
	    {TRUST "│ ❯ 1. Yes, I trust this folder │\n", "Enter"},
	    {TRUST "   No, exit\n   Yes, I trust this folder\n", ""}, /* no cursor */
	    {TRUST " ❯ No, exit\n", ""},                              /* half painted */
	    {TRUST " ❯ No, exit\n ❯ maybe\n", ""},                    /* other words than we know */
	    {TRUST " ❯Yes, I trust this folder\n", ""},               /* no cursor: glued */
	    {TRUST " > Yes, I trust this folder\n", ""},
	    {"Security notes:\n\n Press Enter to continue\n", "Enter"},
	    {"Security notes:\n Press Enter to continue\n\n! draft\na\nb\nc\n",
	     ""}, /* a quotation */
	    {"Select login method:\n ❯ 1. Claude account\n", ""},
	};
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};

	(void)state;
	manifest_of("claude", &m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct screen s = screen_text_of(rows[i].text);
		struct screen_facts f;

		screen_read(&m, &s, &f);
		if (f.state != SCREEN_DIALOG || strcmp(f.key ? f.key : "", rows[i].key) != 0 ||
		    f.on_row != (strcmp(rows[i].key, "Enter") == 0))
			fail_msg("row %zu: state %d key %s", i, (int)f.state, f.key ? f.key : "-");
	}
}

static void a_program_without_a_composer_is_ready_when_it_says_so(void **state)
{
	struct manifest m = {.kind = KIND_TUI};
	struct screen s = screen_text_of("Welcome\nrepl> ");
	struct screen_facts f;

	(void)state;
	strv_add(&m.ready_any, "repl>");
	strv_add(&m.busy_any, "computing");
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_READY);
	assert_false(f.has_composer);
	s = screen_text_of("computing ...\n");
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_BUSY);
	s = screen_text_of("Welcome\n");
	screen_read(&m, &s, &f);
	assert_int_equal(f.state, SCREEN_STARTING);
	manifest_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_captured_screen_is_read_right),
	    cmocka_unit_test(ghost_text_is_no_draft_and_typed_text_is_one),
	    cmocka_unit_test(only_a_composer_counts_as_one),
	    cmocka_unit_test(what_is_tried_again_is_the_programs_own_last_line),
	    cmocka_unit_test(what_is_quoted_in_the_history_is_no_dialog_and_no_turn),
	    cmocka_unit_test(codex_is_not_kept_from_work_by_a_quotation_either),
	    cmocka_unit_test(history_of_codex_is_no_composer),
	    cmocka_unit_test(a_bare_glyph_of_codex_is_not_ready),
	    cmocka_unit_test(enter_is_pressed_on_the_right_row_only),
	    cmocka_unit_test(a_program_without_a_composer_is_ready_when_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
