/* A row of a terminal, as line editors write it: over and over. */
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen.h"
#include "iapeer/runtime/screen_text.h"

#include "iapeer/base/banned.h"

#define NUMBER_MAX 1000 /* of a control sequence: wider than any row */

struct row {
	struct buf *out;
	size_t begin; /* of the row in out */
	size_t at;    /* the cursor's place in out, at the beginning of a character or the end */
	size_t gap;   /* cells that the cursor is beyond the end */
};

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The byte behind the character at `at`. */
static size_t next(const struct row *r, size_t at)
{
	do
		at++;
	while (at < r->out->len && continues(r->out->p[at]));
	return at;
}

static void go_right(struct row *r, size_t cells)
{
	for (; cells > 0 && r->at < r->out->len; cells--)
		r->at = next(r, r->at);
	r->gap += cells;
}

static void go_left(struct row *r, size_t cells)
{
	size_t back = cells < r->gap ? cells : r->gap;

	r->gap -= back;
	for (cells -= back; cells > 0 && r->at > r->begin; cells--)
		do
			r->at--;
		while (r->at > r->begin && continues(r->out->p[r->at]));
}

static void go_to(struct row *r, size_t cell)
{
	r->at = r->begin;
	r->gap = 0;
	go_right(r, cell);
}

/* Put n bytes where `taken` bytes at the cursor were. */
static void splice(struct row *r, size_t taken, const char *bytes, size_t n)
{
	struct buf *b = r->out;
	size_t rest = b->len - r->at - taken;

	if (n == 0 && taken == 0)
		return;
	for (size_t i = taken; i < n; i++)
		buf_chr(b, ' ');
	if (b->failed)
		return;
	memmove(b->p + r->at + n, b->p + r->at + taken, rest);
	memcpy(b->p + r->at, bytes, n);
	buf_cut(b, r->at + n + rest);
}

static void put(struct row *r, const char *character, size_t n)
{
	for (; r->gap > 0; r->gap--) {
		buf_chr(r->out, ' ');
		r->at = r->out->len;
	}
	splice(r, r->at < r->out->len ? next(r, r->at) - r->at : 0, character, n);
	if (!r->out->failed)
		r->at += n;
}

static void erase(struct row *r, size_t cells)
{
	struct row end = *r;

	go_right(&end, cells);
	splice(r, end.at - r->at, "", 0);
}

static void insert(struct row *r, size_t cells)
{
	for (; cells > 0 && r->at < r->out->len && !r->out->failed; cells--)
		splice(r, 0, " ", 1);
}

/* What the control sequence "ESC [ n letter" does to the row; n: 0 when none was given. */
static void obey(struct row *r, char letter, size_t n)
{
	size_t steps = n ? n : 1;

	if (letter == 'C')
		go_right(r, steps);
	else if (letter == 'D')
		go_left(r, steps);
	else if (letter == 'G')
		go_to(r, steps - 1);
	else if (letter == 'P')
		erase(r, steps);
	else if (letter == '@')
		insert(r, steps);
	else if (letter == 'H' || (letter == 'J' && n == 2))
		go_to(r, 0);
	if (letter == 'H' || letter == 'J' || (letter == 'K' && n == 0))
		buf_cut(r->out, r->at);
}

/* An escape sequence; returns its length. */
static size_t escape(struct row *r, const char *s, size_t len)
{
	size_t n = text_escape(s, len), number = 0;

	if (n < 3 || s[1] != '[')
		return n;
	for (size_t i = 2; i < n && s[i] >= '0' && s[i] <= '9' && number < NUMBER_MAX; i++)
		number = number * 10 + (size_t)(s[i] - '0');
	obey(r, s[n - 1], number);
	return n;
}

/* A character or control that is no escape sequence and no newline; returns its length. */
static size_t show(struct row *r, const char *s, size_t len)
{
	uint32_t c = 0;
	size_t n = utf8_decode(s, len, &c);

	if (n == 0)
		put(r, "\xef\xbf\xbd", 3);
	else if (c == '\r')
		go_to(r, 0);
	else if (c == '\b')
		go_left(r, 1);
	else if (c >= 0xa0 || (c >= 0x20 && c < 0x7f))
		put(r, s, n);
	return n ? n : 1;
}

/* Up to a newline or the end; returns how many bytes that were, without the newline. */
static size_t row(const char *text, size_t len, struct buf *out)
{
	struct row r = {.out = out, .begin = out->len, .at = out->len};
	size_t i = 0;

	while (i < len && text[i] != '\n' && !out->failed)
		i +=
		    text[i] == '\033' ? escape(&r, text + i, len - i) : show(&r, text + i, len - i);
	return i;
}

void screen_rows(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len && !out->failed; i++) {
		i += row(text + i, len - i, out);
		if (i < len)
			buf_chr(out, '\n');
	}
}

void screen_last_row(const char *text, size_t len, struct buf *out)
{
	size_t begin = len;

	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	buf_cut(out, 0);
	row(text + begin, len - begin, out);
}
