/* term.h - the terminal: how wide, what it can show; and text that fits into columns. */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>

struct term {
	bool in_tty, out_tty, err_tty;
	bool utf8;   /* the locale's word for it (LC_ALL, LC_CTYPE, LANG) */
	bool colour; /* standard output is a terminal and NO_COLOR is not set */
	bool cursor; /* standard output is a terminal whose cursor can be moved */
	int columns; /* of standard output's terminal, or $COLUMNS; 0: not known, do not cut */
	int lines;   /* of standard output's terminal; 0: not known */
};
void term_read(struct term *t);

enum paint {
	PAINT_PLAIN,
	PAINT_BOLD,
	PAINT_DIM,
	PAINT_GREEN,
	PAINT_RED,
	PAINT_YELLOW,
	PAINT_COUNT
};
void term_paint(const struct term *t, struct buf *b, enum paint p, const char *text);

/* Cells that valid UTF-8 takes on a terminal. */
size_t text_cells(const char *s);
/* Text of others (a file, a program): controls made visible, on one line. */
void text_shown(struct buf *b, const char *s);
/* The same, at most `width` cells (0: whole): what does not fit ends in an ellipsis. */
void text_fit(const struct term *t, struct buf *b, const char *s, size_t width);
/* Blanks up to `column`, from where `at` cells are written already; at least one. */
void text_pad(struct buf *b, size_t at, size_t column);
/* Words filled into lines of `width`, the first beginning at column `at`, the others indented by
 * `indent`. No word is broken; a newline ends the text. */
void text_wrap(struct buf *b, const char *s, size_t at, size_t indent, size_t width);
