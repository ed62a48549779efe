/* fake_tui_paint.h - what fake_tui is, and how it looks. Included by fake_tui.c only. */
#pragma once
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"

#define TEXT_MAX (8U << 20)

struct opts {
	long long delay_ms, swallow_enter, busy_ms, die_after, die_at_boot;
	long long deaf_hooks, hook_delay_ms, fail_turn;
	const char *draft, *ghost, *record, *raw, *die_how, *hook, *transcript;
	bool no_echo, ignore_hup, hook_late, merge;
	struct strv dialogs;
};

struct dialog_screen {
	const char *name, *text, *rows[3], *footer;
	int start, leaves; /* the row under the cursor at first; the row that ends the program (-1:
			      none) */
};

static const struct dialog_screen dialogs[] = {
    {"trust",
     "Fake workspace:\n\nDo you trust the files in this folder?",
     {"No, exit", "Yes, I trust this folder", NULL},
     "Enter to confirm \u00b7 Esc to cancel",
     0,
     0},
    {"resume",
     "This fake session is old and large.",
     {"Resume from summary (instant)", "Resume full session as-is", NULL},
     "Enter to confirm \u00b7 Esc to cancel",
     0,
     -1},
    {"notes",
     "Fake security notes:\n\n1. Fakes can make mistakes.",
     {NULL},
     "Press Enter to continue",
     0,
     -1},
    {"login",
     "Select fake login method:",
     {"With an account", "With a key", NULL},
     "Enter to confirm",
     0,
     -1},
    {"unknown",
     "Which colour shall the shed have?",
     {"Red", "Blue", NULL},
     "Enter to paint",
     0,
     -1},
};

struct tui {
	struct opts o;
	struct termios before;
	int rows, cols;
	struct buf box;      /* what the composer shows; collapsed pastes as their markers */
	struct strv pastes;  /* their contents */
	struct strv entries; /* the transcript */
	struct strv turns;   /* submitted, not answered; the first is running while busy */
	bool busy;
	int64_t busy_until_ms;
	size_t dialog; /* of o.dialogs; past the end: none */
	int row;
	long long enters, submitted, taken, ended;
	struct buf in, paste;
	bool pasting;
	int record_fd, raw_fd;
};

static void put(int fd, const void *bytes, size_t n)
{
	struct err e = ERR_INIT;

	if (fs_write_all(fd, bytes, n, &e) < 0)
		_exit(1); /* nobody is there any more */
}

static _Noreturn void leave(struct tui *t, int status)
{
	static const char off[] = "\x1b[?2004l\x1b[?25h\r\n";

	put(1, off, sizeof(off) - 1);
	tcsetattr(0, TCSADRAIN, &t->before);
	_exit(status);
}

/* ---- painting ---- */

static int char_width(uint32_t c)
{
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

/* Append text as lines of at most the terminal's width: `first` before the first, two blanks before
 * the others. */
static void wrap(const struct tui *t, const char *first, const char *text, struct strv *out)
{
	struct buf AUTO(buf_done) line = BUF_INIT(TEXT_MAX);
	size_t len = strlen(text);
	int width = 2;

	buf_str(&line, first);
	for (size_t i = 0; i < len;) {
		uint32_t c = 0xfffd;
		size_t n = utf8_decode(text + i, len - i, &c);
		int w = text[i] == '\t' ? 4 : char_width(c);

		if (text[i] == '\n' || width + w > t->cols - 1) {
			strv_add(out, buf_cstr(&line));
			buf_cut(&line, 0);
			buf_str(&line, "  ");
			width = 2;
		}
		if (text[i] == '\t')
			buf_str(&line, "    ");
		else if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f && n)
			buf_add(&line, text + i, n);
		else if (text[i] != '\n')
			buf_str(&line, "\ufffd");
		width += text[i] == '\n' ? 0 : w;
		i += n ? n : 1;
	}
	strv_add(out, buf_cstr(&line));
}

static void rule(const struct tui *t, struct strv *out)
{
	struct buf AUTO(buf_done) line = BUF_INIT(TEXT_MAX);

	buf_str(&line, "\x1b[38;5;244m");
	for (int i = 0; i < t->cols; i++)
		buf_str(&line, "\u2500");
	buf_str(&line, "\x1b[0m");
	strv_add(out, buf_cstr(&line));
}

static void paint_ghost(const char *ghost, struct strv *out)
{
	uint32_t c;
	size_t n = utf8_decode(ghost, strlen(ghost), &c);

	if (n)
		strv_fmt(out, "\u276f\u00a0\x1b[7m%.*s\x1b[0;2m%s\x1b[0m", (int)n, ghost,
			 ghost + n);
	else
		strv_add(out, "\u276f\u00a0\x1b[7m \x1b[0m");
}

static void paint_box(const struct tui *t, struct strv *out)
{
	struct strv AUTO(strv_done) lines = STRV_INIT;
	size_t most = t->rows > 12 ? (size_t)t->rows - 8 : 4, from;

	rule(t, out);
	if (t->box.len == 0) {
		paint_ghost(t->busy && t->turns.n > 1 ? "Press up to edit queued messages"
			    : t->o.ghost              ? t->o.ghost
						      : "",
			    out);
	} else {
		wrap(t, "\u276f\u00a0", buf_cstr(&t->box), &lines);
		from = lines.n > most ? lines.n - most : 0;
		for (size_t i = from; i < lines.n; i++)
			strv_fmt(out, "%s%s", lines.v[i],
				 i + 1 == lines.n ? "\x1b[7m \x1b[0m" : "");
	}
	rule(t, out);
	strv_fmt(
	    out,
	    "  \x1b[38;5;211m\u23f5\u23f5 fake mode on\x1b[38;5;246m (shift+tab to cycle)%s\x1b[0m",
	    t->busy ? " \u00b7 esc to interrupt" : "");
}

static void paint_dialog(const struct tui *t, const struct dialog_screen *d, struct strv *out)
{
	rule(t, out);
	wrap(t, " ", d->text, out);
	strv_add(out, "");
	for (int i = 0; d->rows[i]; i++)
		strv_fmt(out,
			 i == t->row ? " \x1b[38;5;153m\u276f\x1b[39m \x1b[38;5;153m%d. %s\x1b[39m"
				     : "   %d. %s",
			 i + 1, d->rows[i]);
	strv_add(out, "");
	strv_fmt(out, " \x1b[38;5;246m%s\x1b[0m", d->footer);
}

static const struct dialog_screen *dialog_now(const struct tui *t)
{
	if (t->dialog >= t->o.dialogs.n)
		return NULL;
	for (size_t i = 0; i < sizeof(dialogs) / sizeof(dialogs[0]); i++)
		if (strcmp(dialogs[i].name, t->o.dialogs.v[t->dialog]) == 0)
			return &dialogs[i];
	return &dialogs[sizeof(dialogs) / sizeof(dialogs[0]) - 1];
}

static void paint(const struct tui *t)
{
	struct strv AUTO(strv_done) low = STRV_INIT, high = STRV_INIT;
	struct buf AUTO(buf_done) out = BUF_INIT(TEXT_MAX);
	const struct dialog_screen *d = dialog_now(t);
	size_t room, rows = (size_t)t->rows, first = t->entries.n;

	if (d)
		paint_dialog(t, d, &low);
	else
		paint_box(t, &low);
	room = rows > low.n ? rows - low.n : 0;
	for (size_t lines = 0; first > 0 && lines < room; first--)
		lines += strlen(t->entries.v[first - 1]) / (size_t)t->cols + 1;
	for (size_t i = first; i < t->entries.n; i++)
		wrap(t, "", t->entries.v[i], &high);
	buf_str(&out, "\x1b[?25l\x1b[H");
	for (size_t i = 0; i < room; i++) {
		size_t blank = d || high.n >= room ? 0 : room - high.n;
		size_t line = i - blank + (high.n > room ? high.n - room : 0);

		buf_fmt(&out, "%s\x1b[K\r\n", i >= blank && line < high.n ? high.v[line] : "");
	}
	for (size_t i = low.n > rows ? low.n - rows : 0; i < low.n; i++)
		buf_fmt(&out, "%s\x1b[K%s", low.v[i], i + 1 < low.n ? "\r\n" : "\x1b[J");
	put(1, buf_cstr(&out), out.len);
}
