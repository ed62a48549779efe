/* screen_text.h - a capture taken apart: characters, which of them are ghost text, lines. Pure.
 *
 * Ghost text is what a program shows in an empty input line to be replaced by typing: dim (SGR 2)
 * or grey. A sheet holds no escape sequence and no control but newline and tab; bytes that are no
 * UTF-8 are U+FFFD.
 */
#pragma once
#include "iapeer/base/buf.h"

enum { CELL_GHOST = 1, CELL_REVERSE = 2 };

struct sheet_line {
	size_t at, len; /* in text; without the newline, trailing blanks cut */
};

struct sheet {
	struct buf text;
	struct buf cells;         /* one byte of CELL_ flags a byte of text */
	struct sheet_line *lines; /* owned; at most the last SHEET_LINES of the capture */
	size_t n;
};
#define SHEET_MAX   ((size_t)2 * CAP_SCREEN)
#define SHEET_LINES 2000
#define SHEET_INIT                                                                                 \
	{                                                                                          \
		.text = BUF_INIT(SHEET_MAX), .cells = BUF_INIT(SHEET_MAX)                          \
	}

/* What does not fit the caps is left out. Owned: sheet_done(). */
void sheet_read(struct sheet *s, const char *text, size_t len);
void sheet_done(struct sheet *s);
const char *sheet_text(const struct sheet *s,
		       size_t line); /* borrowed; its length is lines[line].len */
const char *sheet_cells(const struct sheet *s, size_t line); /* borrowed, as long as the text */

/* The length of the escape sequence that s begins with, as far as it is there. */
size_t text_escape(const char *s, size_t len);
/* Append text without escape sequences and controls (newline and tab stay). */
void text_plain(const char *text, size_t len, struct buf *out);
/* The length of the blank (ASCII or Unicode white space, or a character of no width) that s begins
 * with, or 0. */
size_t text_blank(const char *s, size_t len);
/* Likewise for a box-drawing character. */
size_t text_box(const char *s, size_t len);
/* Append s without blanks, and without box-drawing characters if `boxes`. */
void text_squeeze(const char *s, size_t len, bool boxes, struct buf *out);
