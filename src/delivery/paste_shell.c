/* A shell, a REPL, a cat: text is typed into a terminal, and its echo is the proof. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/launch/shell.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS   5000 /* one tmux call */
#define ECHO_MS   5000 /* until the pasted text has been seen */
#define ENTER_MS  1500 /* until Enter shows; then once more */
#define LAST_MS   150  /* until a program's last output is in its log */
#define NEEDLE    20
#define ONE_ROW   100 /* bytes that stay on the prompt's row for sure */
#define REDRAW_MS 300 /* a shell that takes a long command redraws it first */
#define GAP_MS                                                                                     \
	500 /* a shell that edits lines is in canonical mode while it runs a command of its own */

/* What must be seen: the last run of plain ASCII in the last line, at most 20 bytes, white space
 * left out (a terminal wraps where it likes). Empty when the text has no such run. */
static void needle_of(const char *text, size_t len, char out[static NEEDLE + 1])
{
	char run[NEEDLE + 1];
	size_t n = 0, start = len;

	out[0] = '\0';
	while (start > 0 && text[start - 1] != '\n')
		start--;
	for (size_t i = len; i > start; i--) {
		unsigned char c = (unsigned char)text[i - 1];

		if (c >= 0x80 && n >= 3)
			break;
		if (c >= 0x80)
			n = 0;
		else if (c > 0x20 && c != 0x7f)
			run[n++] = (char)c;
		if (n == NEEDLE)
			break;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = run[n - 1 - i];
	out[n] = '\0';
}

/* Printable ASCII only: escapes, controls and white space gone. */
static void dense(const char *text, size_t len, struct buf *out)
{
	AUTO(buf_done) struct buf plain = BUF_INIT(CAP_SCREEN);

	screen_plain(text, len, &plain);
	for (size_t i = 0; i < plain.len; i++)
		if ((unsigned char)plain.p[i] > 0x20 && (unsigned char)plain.p[i] < 0x7f)
			buf_chr(out, plain.p[i]);
}

static bool holds(const char *text, size_t len, const char *needle)
{
	AUTO(buf_done) struct buf d = BUF_INIT(CAP_SCREEN);

	dense(text, len, &d);
	return strstr(buf_cstr(&d), needle) != NULL;
}

static bool log_holds(struct pane *p, int64_t from, const char *needle)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);
	struct err e;

	return pane_log_from(p, from, &b, &e) == 0 && holds(buf_cstr(&b), b.len, needle);
}

static bool screen_shows(struct pane *p, const char *needle)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	struct err e;

	return tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, &e) == 0 &&
	       holds(buf_cstr(&look.screen), look.screen.len, needle);
}

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

/* Row `y` of a screen, plain, trailing blanks cut. */
static void screen_row(const struct tmux_look *look, int y, struct buf *out)
{
	const char *s = buf_cstr(&look->screen);

	for (; y > 0 && *s; y--) {
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	screen_plain(s, strcspn(s, "\n"), out);
	while (out->len > 0 && out->p[out->len - 1] == ' ')
		buf_cut(out, out->len - 1);
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

	screen_row(look, look->cursor_y, &row);
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
	while (m->raw && f->known && f->at_prompt && (f->canonical || !f->sleeping) &&
	       clock_mono_ms() < until && pane_wait(p, 2))
		shell_look(p, f);
}

int shell_check(struct pane *p, const char *text, size_t len, bool force, struct paste *out,
		struct err *e)
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
	if (f.known && f.canonical && longest_line(text, len) > (size_t)plat_canonical_max()) {
		snprintf(reason, sizeof reason,
			 "a line of %zu bytes: this terminal takes %d a line",
			 longest_line(text, len), plat_canonical_max());
		return paste_verdict(out, PASTE_REFUSED, reason);
	}
	size = pane_log_size(p);
	if (force || !f.at_prompt || (m.empty_log_size >= 0 && size == m.empty_log_size))
		return 0; /* what runs in the foreground gets the text, as if typed */
	if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
		return -1;
	if (has_draft(p, &m, &look))
		return paste_verdict(out, PASTE_WAIT,
				     "somebody has typed at its prompt and not pressed Enter");
	m.empty_log_size = size;
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_SCREEN);
	screen_row(&look, look.cursor_y, &row);
	str_cut(m.prompt, sizeof m.prompt, buf_cstr(&row));
	shell_memory_save(p, &m);
	return 0;
}

/* ---- paste and Enter ---- */

/* The pasted text has been seen. False: it has not, within the time. */
static bool wait_echo(struct pane *p, int64_t from, size_t len, const char *needle)
{
	int64_t now = clock_mono_ms(), until = now + ECHO_MS, still_since = now, size = from, next;

	for (;;) {
		next = pane_log_size(p);
		now = clock_mono_ms();
		if (next != size)
			still_since = now;
		size = next;
		if (needle[0] && log_holds(p, from, needle))
			return true;
		/* Nothing in it can be recognised (or a shell without a UTF-8 locale shows it in
		 * its own way): as much output as text, and silence. */
		if (size - from >= (int64_t)len / 2 + 1 &&
		    now - still_since >= (needle[0] ? 400 : 30))
			return true;
		if (now >= until || pane_ended(p))
			return needle[0] && screen_shows(p, needle);
		pane_wait(p, 10);
	}
}

static bool newline_after(struct pane *p, int64_t from, int64_t *out_offset)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);
	const char *nl;
	struct err e;

	if (pane_log_size(p) < from)
		from = 0; /* rotated meanwhile */
	if (pane_log_from(p, from, &b, &e) < 0)
		return false;
	nl = b.len ? memchr(b.p, '\n', b.len) : NULL;
	if (!nl)
		return false;
	*out_offset = from + (nl - b.p) + 1;
	return true;
}

/* The program has ended. What it printed last is still on its way through tmux to the log. */
static bool last_words(struct pane *p, int64_t from, int64_t *out_offset)
{
	int64_t until = clock_mono_ms() + LAST_MS;

	while (!newline_after(p, from, out_offset)) {
		if (clock_mono_ms() >= until)
			return false;
		pane_wait_log(p, 20);
	}
	return true;
}

static bool wait_newline(struct pane *p, int64_t from, int64_t until, int64_t *out_offset)
{
	for (;;) {
		if (newline_after(p, from, out_offset))
			return true;
		if (clock_mono_ms() >= until)
			return false;
		if (!pane_wait(p, 20))
			return last_words(p, from, out_offset);
	}
}

/* A command of several rows is redrawn when it is taken, with newlines of its own: its output
 * begins behind the word by which a shell that edits lines gives the terminal away (bracketed paste
 * off). 0: it does not say so. */
static size_t behind_redraw(const char *s, size_t len)
{
	static const char mark[] = "\033[?2004";
	const size_t n = sizeof mark - 1;
	const char *off = len > n ? memmem(s, len - 1, mark, n) : NULL, *nl;

	if (!off || off[n] != 'l')
		return 0;
	if (off == s || off[-1] == '\n')
		return (size_t)(off - s) + n + 1;
	nl = memchr(off, '\n', len - (size_t)(off - s)); /* zsh says it before its newline */
	return nl ? (size_t)(nl - s) + 1 : 0;
}

static void wait_redraw(struct pane *p, int64_t *offset)
{
	int64_t until = clock_mono_ms() + REDRAW_MS;

	for (;;) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);
		struct err e;
		size_t n;

		if (pane_log_from(p, *offset, &b, &e) < 0)
			return;
		n = behind_redraw(buf_cstr(&b), b.len);
		*offset += (int64_t)n;
		if (n > 0 || clock_mono_ms() >= until || !pane_wait(p, 10))
			return;
	}
}

static int press(struct pane *p, const char *key, struct err *e)
{
	AUTO(strv_done) struct strv keys = STRV_INIT;

	strv_add(&keys, key);
	return tmux_keys(&p->tmux, &keys, clock_mono_ms() + CALL_MS, e);
}

/* Enter, and the cursor leaves the row: the echo of a newline. Once more if it was swallowed. */
static int enter(struct pane *p, const char *needle, bool rows, struct paste *out, struct err *e)
{
	struct shell_memory m;
	struct shell_facts f;

	shell_look(p, &f);
	rows = rows && f.known && !f.canonical;
	for (int tries = 0; tries < 3; tries++) {
		int64_t from = pane_log_size(p);

		if (tries > 0 && needle[0] && !screen_shows(p, needle))
			return paste_verdict(
			    out, PASTE_AMBIGUOUS,
			    "Enter was pressed, and the text is gone without a trace");
		if (press(p, "Enter", e) < 0)
			return -1; /* unsettled: whoever comes next looks whether our text still
				      stands there */
		if (!wait_newline(p, from, clock_mono_ms() + ENTER_MS, &out->log_offset)) {
			if (pane_ended(p))
				return paste_verdict(out, PASTE_AMBIGUOUS,
						     "the session ended while the text was in it");
			continue;
		}
		out->submitted_at_ms = clock_utc_ms();
		if (rows)
			wait_redraw(p, &out->log_offset);
		shell_memory_load(p, &m);
		m.entered_at_ms = out->submitted_at_ms;
		m.empty_log_size = -1;
		shell_memory_save(p, &m);
		return 0;
	}
	shell_look(p, &f);
	/* Take our text back, but only from the shell's own line: elsewhere the key would mean
	 * something else. */
	if (f.at_prompt && !f.canonical && press(p, "C-u", e) < 0)
		return -1;
	return paste_verdict(out, PASTE_FAILED, "the terminal did not take Enter");
}

int shell_send(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	char needle[NEEDLE + 1];
	int64_t from = pane_log_size(p);
	struct shell_facts f;

	needle_of(text, len, needle);
	shell_look(p, &f);
	if (tmux_paste(&p->tmux, text, len, clock_mono_ms() + CALL_MS, e) < 0)
		return e->code == ERR_NOT_FOUND ? paste_verdict(out, PASTE_WAIT, e->msg)
						: -1; /* -1: unsettled */
	out->pasted_at_ms = clock_utc_ms();
	if (f.known && f.canonical && !f.echo) {
		/* It asks for a password, or something like it: nobody can see whether the text
		 * arrived. */
		if (press(p, "Enter", e) < 0)
			return -1;
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "its terminal does not echo, so nothing can be proved");
	}
	if (!wait_echo(p, from, len, needle)) {
		if (pane_ended(p))
			return paste_verdict(out, PASTE_AMBIGUOUS,
					     "the session ended while the text was in it");
		shell_look(p, &f);
		if (!f.at_prompt)
			return paste_verdict(out, PASTE_AMBIGUOUS,
					     "what runs in it did not show the text");
		if (press(p, "C-u", e) < 0)
			return -1;
		return paste_verdict(out, PASTE_FAILED, "the text was not seen after the paste");
	}
	return enter(p, needle, len > ONE_ROW || memchr(text, '\n', len), out, e);
}

/* Some rows that end at the cursor's are the prompt and the text, and nothing else. */
static bool rows_hold(const struct tmux_look *look, const struct buf *prompt,
		      const struct buf *want)
{
	for (int y = look->cursor_y; y >= 0; y--) {
		AUTO(buf_done) struct buf have = BUF_INIT(CAP_SCREEN);

		for (int i = y; i <= look->cursor_y; i++) {
			AUTO(buf_done) struct buf row = BUF_INIT(CAP_SCREEN);

			screen_row(look, i, &row);
			dense(buf_cstr(&row), row.len, &have);
		}
		if (have.len > prompt->len + want->len)
			return false;
		if (have.len == prompt->len + want->len &&
		    str_starts(buf_cstr(&have), buf_cstr(prompt)) &&
		    str_ends(buf_cstr(&have), buf_cstr(want)))
			return true;
	}
	return false;
}

int shell_settle(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_SCREEN);
	AUTO(buf_done) struct buf prompt = BUF_INIT(CAP_SCREEN);
	char needle[NEEDLE + 1];
	struct shell_memory m;
	struct shell_facts f;

	needle_of(text, len, needle);
	shell_memory_load(p, &m);
	shell_look(p, &f);
	if (!f.at_prompt)
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "a delivery was cut short and cannot be proved either way");
	if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
		return -1;
	dense(text, len, &want);
	dense(m.prompt, strlen(m.prompt), &prompt);
	/* Exactly our text behind exactly the prompt, over however many rows: then it is ours to
	 * submit. */
	if (want.len == 0 || prompt.len == 0 || !rows_hold(&look, &prompt, &want))
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "a delivery was cut short and cannot be proved either way");
	out->pasted_at_ms = clock_utc_ms();
	return enter(p, needle, len > ONE_ROW || memchr(text, '\n', len), out, e);
}
