/* What a terminal shows of a text that was typed into it. */
#include "iapeer/delivery/echo.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS   5000 /* one tmux call */
#define ECHO_MS   5000 /* until the pasted text has been seen */
#define LAST_MS   150  /* until a program's last output is in its log */
#define REDRAW_MS 300  /* a shell that takes a long command redraws it first */

/* What must be seen: the last run of plain ASCII in the last line, at most 20 bytes, white space
 * left out (a terminal wraps where it likes). Empty when the text has no such run. */
void echo_needle(const char *text, size_t len, char out[static ECHO_NEEDLE + 1])
{
	char run[ECHO_NEEDLE + 1];
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
		if (n == ECHO_NEEDLE)
			break;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = run[n - 1 - i];
	out[n] = '\0';
}

/* Printable ASCII only: escapes, controls and white space gone. */
void echo_dense(const char *text, size_t len, struct buf *out)
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

	echo_dense(text, len, &d);
	return strstr(buf_cstr(&d), needle) != NULL;
}

static bool log_holds(struct pane *p, int64_t from, const char *needle)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);
	struct err e;

	return pane_log_from(p, from, &b, &e) == 0 && holds(buf_cstr(&b), b.len, needle);
}

/* 1: it does. 0: it does not, or its program has ended. -1: it could not be looked at. */
int echo_on_screen(struct pane *p, const char *needle, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};

	if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
		return pane_ended(p) ? 0 : -1;
	return holds(buf_cstr(&look.screen), look.screen.len, needle) ? 1 : 0;
}

/* Row `y` of a screen, plain, trailing blanks cut. */
void echo_row(const struct tmux_look *look, int y, struct buf *out)
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

/* 1: the pasted text has been seen. 0: it has not, within the time. -1: it could not be looked at.
 */
int echo_wait(struct pane *p, int64_t from, size_t len, const char *needle, struct err *e)
{
	int64_t now = clock_mono_ms(), until = now + ECHO_MS, still_since = now, size = from, next;

	for (;;) {
		next = pane_log_size(p);
		now = clock_mono_ms();
		if (next != size)
			still_since = now;
		size = next;
		if (needle[0] && log_holds(p, from, needle))
			return 1;
		/* Nothing in it can be recognised (or a shell without a UTF-8 locale shows it in
		 * its own way): as much output as text, and silence. */
		if (size - from >= (int64_t)len / 2 + 1 &&
		    now - still_since >= (needle[0] ? 400 : 30))
			return 1;
		if (now >= until || pane_ended(p))
			return needle[0] ? echo_on_screen(p, needle, e) : 0;
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

bool echo_newline(struct pane *p, int64_t from, int64_t until, int64_t *out_offset)
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

void echo_redraw(struct pane *p, int64_t *offset)
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

/* Some rows that end at the cursor's are the prompt and the text, and nothing else. */
bool echo_rows(const struct tmux_look *look, const struct buf *prompt, const struct buf *want)
{
	for (int y = look->cursor_y; y >= 0; y--) {
		AUTO(buf_done) struct buf have = BUF_INIT(CAP_SCREEN);

		for (int i = y; i <= look->cursor_y; i++) {
			AUTO(buf_done) struct buf row = BUF_INIT(CAP_SCREEN);

			echo_row(look, i, &row);
			echo_dense(buf_cstr(&row), row.len, &have);
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
