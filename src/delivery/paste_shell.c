/* A shell, a REPL, a cat: text is typed into a terminal, and its echo is the proof. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/echo.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/launch/shell.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS  5000 /* one tmux call */
#define ENTER_MS 1500 /* until Enter shows; then once more */
#define LOOK_MS  100  /* between two looks at a prompt that does not change */
#define ONE_ROW  100  /* bytes that stay on the prompt's row for sure */
#define GAP_MS                                                                                     \
	500 /* a shell that edits lines is in canonical mode while it runs a command of its own */

/* ---- before ---- */

static size_t longest_line(const char *text, size_t len)
{
	size_t longest = 0, n = 0;

	for (size_t i = 0; i < len; i++) {
		n = text[i] == '\n' ? 0 : n + 1;
		longest = n > longest ? n : longest;
	}
	return longest;
}

static void trimmed(const char *s, char *out, size_t size)
{
	size_t n;

	str_cut(out, size, s);
	for (n = strlen(out); n > 0 && out[n - 1] == ' '; n--)
		out[n - 1] = '\0';
}

/* Has a person typed something behind the prompt? What is not known counts as typed: a message may
 * wait, but it is never submitted together with somebody's words. */
static bool has_draft(struct pane *p, struct shell_memory *m, const struct tmux_look *look)
{
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_SCREEN);
	char prompt[sizeof m->prompt];
	size_t n;
	bool nobody_typed;

	echo_row(look, look->cursor_y, &row);
	trimmed(m->prompt, prompt, sizeof prompt);
	n = strlen(prompt);
	if (n > 0 && strcmp(buf_cstr(&row), prompt) == 0)
		return false;
	if (row.len == 0 || n == 0)
		return false;
	/* More than the prompt: typed by a client, or by somebody's own send-keys, of which tmux
	 * keeps no account. */
	if (str_starts(buf_cstr(&row), prompt))
		return true;
	/* No client sent a key since our last Enter: whatever stands there was printed by the
	 * shell. */
	nobody_typed =
	    !look->attached && look->last_input_ms + 1000 <
				   (m->entered_at_ms ? m->entered_at_ms : p->session->woke_at_ms);
	if (nobody_typed)
		return false;
	/* Another folder, another prompt: it ends like the one that we know, and nothing stands
	 * behind the cursor. */
	return row.p[row.len - 1] != prompt[n - 1] ||
	       (size_t)look->cursor_x < utf8_chars(row.p, row.len);
}

/* Between two commands such a shell has its terminal in canonical mode for a moment; a paste would
 * lose its brackets. */
static void wait_out_gap(struct pane *p, const struct shell_memory *m, struct shell_facts *f)
{
	int64_t until = clock_mono_ms() + GAP_MS;

	shell_look(p, f);
	while (m->raw && f->known && f->at_prompt && (shell_works(f, m) || !f->sleeping) &&
	       clock_mono_ms() < until && pane_wait(p, 2))
		shell_look(p, f);
}

int shell_check(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	struct shell_memory m;
	struct shell_facts f;
	int64_t size;
	char reason[128];

	shell_memory_load(p, &m);
	wait_out_gap(p, &m, &f);
	if (pane_ended(p))
		return err_set(e, ERR_NOT_FOUND, 0, "its session has ended");
	if (f.known && f.canonical &&
	    longest_line(j->text, j->len) > (size_t)plat_canonical_max()) {
		snprintf(reason, sizeof reason,
			 "a line of %zu bytes: this terminal takes %d a line",
			 longest_line(j->text, j->len), plat_canonical_max());
		return paste_verdict(out, PASTE_REFUSED, reason);
	}
	size = pane_log_size(p);
	if (j->force || !f.at_prompt || shell_works(&f, &m) ||
	    (m.empty_log_size >= 0 && size == m.empty_log_size))
		return 0; /* what runs in the foreground gets the text, as if typed */
	if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
		return -1;
	if (has_draft(p, &m, &look))
		return paste_verdict(out, PASTE_WAIT,
				     "somebody has typed at its prompt and not pressed Enter");
	m.empty_log_size = size;
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_SCREEN);
	echo_row(&look, look.cursor_y, &row);
	if (row.len > 0) /* else it has not been painted yet: the one before is as good */
		str_cut(m.prompt, sizeof m.prompt, buf_cstr(&row));
	shell_memory_save(p, &m);
	return 0;
}

/* ---- paste and Enter ---- */

static int press(struct pane *p, const char *key, struct err *e)
{
	AUTO(strv_done) struct strv keys = STRV_INIT;

	strv_add(&keys, key);
	return tmux_keys(&p->tmux, &keys, clock_mono_ms() + CALL_MS, e);
}

/* A text of several rows, in a terminal whose shell edits lines. */
static bool redraws(const struct pane *p, const struct paste_job *j)
{
	struct shell_facts f;

	shell_look(p, &f);
	return (j->len > ONE_ROW || memchr(j->text, '\n', j->len)) && f.known && !f.canonical;
}

/* How many lines of it a shell that is at work will echo again when it comes to them. */
static int64_t lines_ahead(const struct pane *p, const struct paste_job *j)
{
	struct shell_memory m;
	struct shell_facts f;
	int64_t lines = 1;

	shell_look(p, &f);
	shell_memory_load(p, &m);
	for (size_t i = 0; i < j->len; i++)
		lines += j->text[i] == '\n';
	return f.at_prompt && !shell_works(&f, &m) ? 0 : lines;
}

static int submitted(struct pane *p, bool rows, int64_t ahead, struct paste *out)
{
	struct shell_memory m;

	out->submitted_at_ms = clock_utc_ms();
	if (rows)
		echo_redraw(p, &out->log_offset);
	shell_memory_load(p, &m);
	m.entered_at_ms = out->submitted_at_ms;
	m.empty_log_size = -1;
	m.ahead = ahead;
	shell_memory_save(p, &m);
	return 0;
}

/* The cursor's row is the prompt that we know, and nothing else. */
static bool row_is_prompt(const struct pane *p, const struct tmux_look *look)
{
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_SCREEN);
	struct shell_memory m;
	char prompt[sizeof m.prompt];

	shell_memory_load(p, &m);
	trimmed(m.prompt, prompt, sizeof prompt);
	echo_row(look, look->cursor_y, &row);
	return prompt[0] && strcmp(buf_cstr(&row), prompt) == 0;
}

/* Take our text back, but only from the shell's own line: elsewhere the key would mean something
 * else. A shell that does not react at all may take it later, so it must be seen that it is gone.
 */
static int take_back(struct pane *p, const struct paste_job *j, const char *why, struct paste *out,
		     struct err *e)
{
	int64_t until = clock_mono_ms() + ENTER_MS;
	struct shell_facts f;

	shell_look(p, &f);
	if (!f.at_prompt || f.canonical)
		return paste_verdict(out, PASTE_AMBIGUOUS, why);
	if (paste_note(j, ENTERED_UNKNOWN, e) < 0 || press(p, "C-u", e) < 0)
		return -1;
	for (;;) {
		AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};

		if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
			return -1;
		if (row_is_prompt(p, &look))
			return paste_verdict(out, PASTE_FAILED, why);
		if (clock_mono_ms() >= until || !pane_wait(p, 50))
			return paste_verdict(out, PASTE_AMBIGUOUS, why);
	}
}

/* Enter, and the cursor leaves the row: the echo of a newline. Once more if it was swallowed. */
static int enter(struct pane *p, const char *needle, const struct paste_job *j, struct paste *out,
		 struct err *e)
{
	int64_t ahead = lines_ahead(p, j);
	bool rows = redraws(p, j);

	for (int tries = 0; tries < 3; tries++) {
		int64_t from = pane_log_size(p);
		int shown = tries > 0 && needle[0] ? echo_on_screen(p, needle, e) : 1;

		if (shown < 0)
			return -1;
		if (!shown)
			return paste_verdict(
			    out, PASTE_AMBIGUOUS,
			    "Enter was pressed, and the text is gone without a trace");
		/* An error leaves it unsettled: whoever comes next looks whether our text still
		 * stands there. */
		if ((tries == 0 && paste_note(j, from, e) < 0) || press(p, "Enter", e) < 0)
			return -1;
		if (echo_newline(p, from, clock_mono_ms() + ENTER_MS, &out->log_offset))
			return submitted(p, rows, ahead, out);
		if (pane_ended(p))
			return paste_verdict(out, PASTE_AMBIGUOUS,
					     "the session ended while the text was in it");
	}
	return take_back(p, j, "the terminal did not take Enter", out, e);
}

int shell_send(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	char needle[ECHO_NEEDLE + 1];
	int64_t from = pane_log_size(p);
	struct shell_facts f;
	int seen;

	echo_needle(j->text, j->len, needle);
	shell_look(p, &f);
	if (tmux_paste(&p->tmux, j->text, j->len, clock_mono_ms() + CALL_MS, e) < 0)
		return e->code == ERR_NOT_FOUND ? paste_verdict(out, PASTE_WAIT, e->msg)
						: -1; /* -1: unsettled */
	out->pasted_at_ms = clock_utc_ms();
	if (f.known && f.canonical && !f.echo) {
		/* It asks for a password, or something like it: nobody can see whether the text
		 * arrived. */
		if (paste_note(j, ENTERED_UNKNOWN, e) < 0 || press(p, "Enter", e) < 0)
			return -1;
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "its terminal does not echo, so nothing can be proved");
	}
	seen = echo_wait(p, from, j->len, needle, e);
	if (seen > 0)
		return enter(p, needle, j, out, e);
	if (pane_ended(p))
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "the session ended while the text was in it");
	if (seen < 0)
		return -1;
	shell_look(p, &f);
	return f.at_prompt
		   ? take_back(p, j, "the text was not seen after the paste", out, e)
		   : paste_verdict(out, PASTE_AMBIGUOUS, "what runs in it did not show the text");
}

/* Exactly our text behind exactly the prompt, over however many rows: then it is ours to submit. */
static bool row_is_ours(const struct pane *p, const struct paste_job *j,
			const struct tmux_look *look)
{
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_SCREEN);
	AUTO(buf_done) struct buf prompt = BUF_INIT(CAP_SCREEN);
	struct shell_memory m;

	shell_memory_load(p, &m);
	echo_dense(j->text, j->len, &want);
	echo_dense(m.prompt, strlen(m.prompt), &prompt);
	return want.len > 0 && prompt.len > 0 && echo_rows(look, &prompt, &want);
}

/* Nothing of it has reached the shell. A line break in it may have been an Enter: then nothing may
 * have been printed either. */
static bool never_came(const struct pane *p, const struct paste_job *j,
		       const struct tmux_look *look)
{
	bool quiet = j->log_before >= 0 && pane_log_size(p) == j->log_before;

	return j->entered_log == ENTERED_NOT && !j->pasted && row_is_prompt(p, look) &&
	       !paste_typed_since(look, j) && (quiet || !memchr(j->text, '\n', j->len));
}

int shell_settle(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	int64_t until = clock_mono_ms() + ENTER_MS;
	char needle[ECHO_NEEDLE + 1];
	struct shell_facts f;
	int ahead = 0;

	echo_needle(j->text, j->len, needle);
	if (j->entered_log >= 0) {
		bool rows = redraws(p, j);

		out->pasted_at_ms = clock_utc_ms();
		/* As long as it takes while our Enter may be on its way; its newline is our proof.
		 */
		if (echo_newline(p, j->entered_log, until, &out->log_offset))
			return submitted(p, rows, 0, out);
	}
	for (;;) {
		AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
		bool unread = ahead > 0, may_come;

		/* What it has read since the last look it may not have shown yet. */
		shell_look(p, &f);
		ahead = f.ahead;
		unread = unread || ahead > 0;
		may_come = paste_may_come(p, j, unread);
		if (f.at_prompt) {
			if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
				return -1;
			if (row_is_ours(p, j, &look))
				break;
			if (!may_come && !unread && never_came(p, j, &look))
				return paste_verdict(out, PASTE_WAIT, "it did not arrive");
		}
		if (!may_come || !pane_wait(p, LOOK_MS))
			return paste_verdict(
			    out, PASTE_AMBIGUOUS,
			    "a delivery was cut short and cannot be proved either way");
	}
	out->pasted_at_ms = clock_utc_ms();
	return enter(p, needle, j, out, e);
}
