#include "iapeer/cli/term.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define COLUMNS_MIN 20
#define COLUMNS_MAX 1000

/* Where no locale is named, what goes into a file or a pipe is UTF-8 like every file of ours. */
static bool locale_utf8(bool tty)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]), *dot;

		if (str_empty(value))
			continue;
		dot = strchr(value, '.');
		return dot &&
		       (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
	}
	return !tty;
}

static void read_size(struct term *t)
{
	struct winsize w = {.ws_col = 0};
	int64_t n;

	if (t->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){.ws_col = 0};
	t->lines = w.ws_row;
	t->columns = w.ws_col >= COLUMNS_MIN ? w.ws_col : 0;
	if (str_i64(getenv("COLUMNS") ? getenv("COLUMNS") : "", COLUMNS_MIN, COLUMNS_MAX, &n))
		t->columns = (int)n;
}

void term_read(struct term *t)
{
	const char *kind = getenv("TERM");

	t->in_tty = isatty(STDIN_FILENO) == 1;
	t->out_tty = isatty(STDOUT_FILENO) == 1;
	t->err_tty = isatty(STDERR_FILENO) == 1;
	t->utf8 = locale_utf8(t->out_tty);
	t->cursor = t->out_tty && !(kind && strcmp(kind, "dumb") == 0);
	t->colour = t->cursor && str_empty(getenv("NO_COLOR"));
	read_size(t);
}

void term_paint(const struct term *t, struct buf *b, enum paint p, const char *text)
{
	static const char *const codes[] = {
	    [PAINT_PLAIN] = "",   [PAINT_BOLD] = "1", [PAINT_DIM] = "2",
	    [PAINT_GREEN] = "32", [PAINT_RED] = "31", [PAINT_YELLOW] = "33"};
	_Static_assert(sizeof codes / sizeof codes[0] == PAINT_COUNT, "one code a colour");

	if (!t->colour || p == PAINT_PLAIN)
		buf_str(b, text);
	else
		buf_fmt(b, "\033[%sm%s\033[0m", codes[p], text);
}

/* The ranges that matter: combining marks and joiners take none, East Asian wide and emoji two. */
static size_t cells(uint32_t c)
{
	static const struct {
		uint32_t from, to;
		unsigned char cells;
	} ranges[] = {{0x0300, 0x036f, 0},   {0x200b, 0x200f, 0},   {0x20d0, 0x20ff, 0},
		      {0xfe00, 0xfe0f, 0},   {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},
		      {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},
		      {0xfe30, 0xfe4f, 2},   {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},
		      {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1faff, 2},
		      {0x20000, 0x3fffd, 2}};

	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (c >= ranges[i].from && c <= ranges[i].to)
			return ranges[i].cells;
	return 1;
}

/* One character; bytes that are none count as one cell each. */
static size_t step(const char *s, size_t len, size_t *out_cells)
{
	uint32_t c = 0;
	size_t n = utf8_decode(s, len, &c);

	*out_cells = n ? cells(c) : 1;
	return n ? n : 1;
}

size_t text_cells(const char *s)
{
	size_t len = strlen(s), sum = 0, w;

	for (size_t i = 0; i < len;) {
		i += step(s + i, len - i, &w);
		sum += w;
	}
	return sum;
}

void text_shown(struct buf *b, const char *s)
{
	str_shown(b, s, strlen(s), false);
}

void text_fit(const struct term *t, struct buf *b, const char *s, size_t width)
{
	AUTO(buf_done) struct buf shown = BUF_INIT(CAP_STATE);
	const char *p, *dots = t->utf8 ? "…" : "...";
	size_t at = 0, sum = 0, room, w, n;

	text_shown(&shown, s);
	p = buf_cstr(&shown);
	if (width == 0 || text_cells(p) <= width) {
		buf_str(b, p);
		return;
	}
	room = width > text_cells(dots) ? width - text_cells(dots) : 0;
	while ((n = step(p + at, shown.len - at, &w)) > 0 && sum + w <= room) {
		at += n;
		sum += w;
	}
	while (at > 0 && p[at - 1] == ' ')
		at--;
	buf_add(b, p, at);
	buf_str(b, dots);
}

void text_pad(struct buf *b, size_t at, size_t column)
{
	do
		buf_chr(b, ' ');
	while (++at < column);
}

void text_wrap(struct buf *b, const char *s, size_t at, size_t indent, size_t width)
{
	bool first = true;

	while (*s) {
		size_t len = strcspn(s, " "), w;
		char word[256];

		if (len == 0) {
			s++;
			continue;
		}
		if (len >= sizeof word)
			len = sizeof word - 1;
		memcpy(word, s, len);
		word[len] = '\0';
		w = text_cells(word);
		if (!first && at + 1 + w > width) {
			buf_chr(b, '\n');
			for (at = 0; at < indent; at++)
				buf_chr(b, ' ');
		} else if (!first) {
			buf_chr(b, ' ');
			at++;
		}
		buf_str(b, word);
		at += w;
		s += len;
		first = false;
	}
	buf_chr(b, '\n');
}
