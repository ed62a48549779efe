#include "iapeer/runtime/screen_text.h"

#include <stdint.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

enum { ESC = 0x1b, SHIFT_OUT = 0x0e, SHIFT_IN = 0x0f, PARAMS_MAX = 32 };

/* The pen: what the next character is written with. */
struct pen {
	bool dim, grey, reverse;
	bool line_drawing; /* between SO and SI: q is a horizontal line */
};

/* ---- escape sequences ---- */

/* Up to a final byte in @..~; a cut sequence ends with the text. */
static size_t csi_len(const char *s, size_t len)
{
	size_t i = 2;

	while (i < len && !((unsigned char)s[i] >= 0x40 && (unsigned char)s[i] <= 0x7e)) {
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
			return i; /* broken off: what stands here is text again */
		i++;
	}
	return i < len ? i + 1 : len;
}

/* OSC, DCS and the like: up to BEL or ESC \; never over a line's end. */
static size_t string_len(const char *s, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		if (s[i] == '\a')
			return i + 1;
		if (s[i] == ESC)
			return i + 1 < len && s[i + 1] == '\\' ? i + 2 : i;
		if (s[i] == '\n')
			return i;
	}
	return len;
}

size_t text_escape(const char *s, size_t len)
{
	size_t i = 1;

	if (len < 2)
		return len;
	if (s[1] == '[')
		return csi_len(s, len);
	if (strchr("]PX^_", s[1]) && s[1])
		return string_len(s, len);
	while (i < len && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] <= 0x2f)
		i++;
	return i < len && (unsigned char)s[i] >= 0x30 && (unsigned char)s[i] <= 0x7e ? i + 1 : i;
}

static bool grey_rgb(unsigned r, unsigned g, unsigned b)
{
	unsigned low = r < g ? r : g, high = r > g ? r : g;

	low = b < low ? b : low;
	high = b > high ? b : high;
	return high - low <= 16 && low >= 80 && high <= 190;
}

/* p[0] is 38, 48 or 58. Returns how many parameters it takes; sets the pen for 38. */
static size_t extended_colour(struct pen *pen, const unsigned *p, size_t n)
{
	bool grey = false;
	size_t takes = 1;

	if (n >= 3 && p[1] == 5) {
		grey = (p[2] >= 240 && p[2] <= 250) || p[2] == 8;
		takes = 3;
	} else if (n >= 5 && p[1] == 2) {
		grey = grey_rgb(p[2], p[3], p[4]);
		takes = 5;
	}
	if (p[0] == 38)
		pen->grey = grey;
	return takes;
}

static void set_pen(struct pen *pen, const unsigned *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v = p[i];

		if (v == 0)
			pen->dim = pen->grey = pen->reverse = false;
		else if (v == 2 || v == 22)
			pen->dim = v == 2;
		else if (v == 7 || v == 27)
			pen->reverse = v == 7;
		else if (v == 38 || v == 48 || v == 58)
			i += extended_colour(pen, p + i, n - i) - 1;
		else if ((v >= 30 && v <= 39) || (v >= 90 && v <= 97))
			pen->grey = v == 90;
	}
}

/* Apply ESC [ ... m; every other sequence changes nothing that we look at. */
static void apply(struct pen *pen, const char *s, size_t len)
{
	unsigned p[PARAMS_MAX] = {0};
	size_t n = 1;

	if (len < 3 || s[1] != '[' || s[len - 1] != 'm')
		return;
	for (size_t i = 2; i + 1 < len; i++) {
		if (s[i] == ';' || s[i] == ':') {
			if (n == PARAMS_MAX)
				return;
			n++;
		} else if (s[i] >= '0' && s[i] <= '9') {
			p[n - 1] = (p[n - 1] * 10 + (unsigned)(s[i] - '0')) % 100000;
		} else {
			return;
		}
	}
	set_pen(pen, p, n);
}

/* ---- the sheet ---- */

static void put(struct sheet *s, const struct pen *pen, const char *bytes, size_t n)
{
	char flags =
	    (char)((pen->dim || pen->grey ? CELL_GHOST : 0) | (pen->reverse ? CELL_REVERSE : 0));

	if (s->text.len + n > s->text.max)
		return;
	buf_add(&s->text, bytes, n);
	while (n--)
		buf_chr(&s->cells, flags);
}

static void put_char(struct sheet *s, const struct pen *pen, const char *bytes, size_t n)
{
	if (pen->line_drawing && n == 1 && (*bytes == 'q' || *bytes == 'x'))
		put(s, pen, *bytes == 'q' ? "\u2500" : "\u2502", 3);
	else
		put(s, pen, bytes, n);
}

/* One character, sequence or control; returns its length. */
static size_t take(struct sheet *s, struct pen *pen, const char *text, size_t len)
{
	unsigned char c = (unsigned char)*text;
	uint32_t code = 0;
	size_t n;

	if (c == ESC) {
		n = text_escape(text, len);
		apply(pen, text, n);
		return n;
	}
	if (c == SHIFT_OUT || c == SHIFT_IN)
		pen->line_drawing = c == SHIFT_OUT;
	else if (c == '\n' || c == '\t')
		put(s, pen, text, 1);
	if (c < 0x20 || c == 0x7f)
		return 1;
	n = utf8_decode(text, len, &code);
	if (n == 0)
		put(s, pen, "\ufffd", 3);
	else if (code < 0x80 || code > 0x9f)
		put_char(s, pen, text, n);
	return n ? n : 1;
}

/* Where the last SHEET_LINES lines begin. */
static size_t last_lines(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = len; i > 0; i--)
		if (text[i - 1] == '\n' && lines++ == SHEET_LINES - 1)
			return i;
	return 0;
}

static void cut_lines(struct sheet *s)
{
	const char *text = buf_cstr(&s->text);
	size_t at = 0;

	s->lines = xcalloc(SHEET_LINES + 1, sizeof(*s->lines));
	while (at <= s->text.len && s->n <= SHEET_LINES) {
		const char *end = memchr(text + at, '\n', s->text.len - at);
		size_t next = end ? (size_t)(end - text) : s->text.len;
		size_t len = next - at;

		while (len > 0 && (text[at + len - 1] == ' ' || text[at + len - 1] == '\t'))
			len--;
		s->lines[s->n++] = (struct sheet_line){.at = at, .len = len};
		at = next + 1;
	}
	while (s->n > 0 && s->lines[s->n - 1].len == 0)
		s->n--;
}

static void take_all(struct sheet *s, const char *text, size_t len)
{
	struct pen pen = {.dim = false};

	for (size_t i = 0; i < len;)
		i += take(s, &pen, text + i, len - i);
}

void sheet_read(struct sheet *s, const char *text, size_t len)
{
	size_t from = last_lines(text, len);

	sheet_done(s);
	take_all(s, text + from, len - from);
	cut_lines(s);
}

void sheet_done(struct sheet *s)
{
	buf_done(&s->text);
	buf_done(&s->cells);
	free(s->lines);
	s->lines = NULL;
	s->n = 0;
}

const char *sheet_text(const struct sheet *s, size_t line)
{
	return buf_cstr(&s->text) + s->lines[line].at;
}

const char *sheet_cells(const struct sheet *s, size_t line)
{
	return buf_cstr(&s->cells) + s->lines[line].at;
}

/* ---- texts ---- */

void text_plain(const char *text, size_t len, struct buf *out)
{
	struct sheet AUTO(sheet_done) s = SHEET_INIT;

	take_all(&s, text, len);
	buf_add(out, buf_cstr(&s.text), s.text.len);
}

size_t text_blank(const char *s, size_t len)
{
	uint32_t c = 0;
	size_t n;

	if (!len)
		return 0;
	if ((unsigned char)*s <= 0x20 || *s == 0x7f)
		return 1;
	n = utf8_decode(s, len, &c);
	if (c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x2064) || c == 0x3000 ||
	    (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff)
		return n;
	return 0;
}

size_t text_box(const char *s, size_t len)
{
	uint32_t c = 0;
	size_t n = utf8_decode(s, len, &c);

	return c >= 0x2500 && c <= 0x257f ? n : 0;
}

void text_squeeze(const char *s, size_t len, bool boxes, struct buf *out)
{
	uint32_t c;

	for (size_t i = 0; i < len;) {
		size_t n = text_blank(s + i, len - i);

		if (!n && boxes)
			n = text_box(s + i, len - i);
		if (n) {
			i += n;
			continue;
		}
		n = utf8_decode(s + i, len - i, &c);
		n = n ? n : 1;
		buf_add(out, s + i, n);
		i += n;
	}
}
