#include "iapeer/cli/top_screen.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1 /* get_wch() and UTF-8, on macOS too */
#include <curses.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

enum { PAIR_GREEN = 1, PAIR_RED, PAIR_YELLOW };

#define PREVIEW_MIN 4 /* lines worth having */
#define ABOVE       2 /* summary and heading */

int top_screen_open(const struct term *t, struct err *e)
{
	const char *name = getenv("TERM");
	SCREEN *screen;

	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return err_set(e, ERR_FAILED, 0, "a terminal of type \"%.40s\" is not known here",
			       name ? name : "");
	set_term(screen);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	if (t->colour && has_colors()) {
		start_color();
		use_default_colors();
		init_pair(PAIR_GREEN, COLOR_GREEN, -1);
		init_pair(PAIR_RED, COLOR_RED, -1);
		init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	}
	return 0;
}

void top_screen_close(void)
{
	endwin();
}

/* Without curses, whose first look at a key would paint the panel over the page. What else was
 * typed, the rest of an arrow's escape sequence say, goes with it. */
void top_screen_wait_read(void)
{
	static const char leave[] = {'q', 'Q', ' ', '\r', '\n', 0x1b /* Escape */,
				     0x04 /* Ctrl-D */};
	struct termios cooked = {.c_lflag = 0}, raw;
	bool changed = tcgetattr(STDIN_FILENO, &cooked) == 0;
	ssize_t n;
	char c;

	raw = cooked;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	changed = changed && tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	do
		n = read(STDIN_FILENO, &c, 1);
	while ((n < 0 && errno == EINTR) || (n == 1 && !memchr(leave, c, sizeof leave)));
	if (changed)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &cooked);
}

/* Half of the screen is the preview, if that leaves something of both. */
static int preview_lines(const struct top *t)
{
	int free_lines = LINES - ABOVE - 1, half = free_lines / 2;

	if (!t->preview || half <= PREVIEW_MIN)
		return 0;
	if ((int)t->n_seen < free_lines - half)
		half = free_lines - (t->n_seen ? (int)t->n_seen : 1);
	return half;
}

size_t top_screen_page(const struct top *t)
{
	int rows = LINES - ABOVE - 1 - preview_lines(t);

	return rows > 0 ? (size_t)rows : 1;
}

/* Text of ours or made visible already; a terminal that has only ASCII gets only that. */
static void put(const struct term *term, int y, int attributes, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	for (const char *p = text; *p; p++)
		if (term->utf8 || !((unsigned char)*p & 0x80))
			buf_chr(&b, *p);
		else if (((unsigned char)*p & 0xC0) == 0xC0)
			buf_chr(&b, '?');
	attrset(attributes);
	move(y, 0);
	clrtoeol();
	addnstr(buf_cstr(&b), -1);
	attrset(A_NORMAL);
}

static int look_of(const struct term *term, const struct top_row *r)
{
	if (!term->colour)
		return r->needs_person ? A_BOLD : A_NORMAL;
	if (r->needs_person)
		return COLOR_PAIR(PAIR_YELLOW) | A_BOLD;
	switch (r->state) {
	case SHOWN_LIVE:
		return COLOR_PAIR(PAIR_GREEN);
	case SHOWN_STOPPED:
	case SHOWN_UNKNOWN:
		return COLOR_PAIR(PAIR_RED);
	case SHOWN_ASLEEP:
	case SHOWN_STATE_COUNT:
		break;
	}
	return A_NORMAL;
}

static size_t width_of(void)
{
	return COLS > 0 ? (size_t)COLS : 1;
}

static void draw_rows(const struct term *term, const struct top *t, size_t page)
{
	for (size_t i = 0; i < page; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
		size_t at = t->first + i;
		int attributes = A_NORMAL;

		if (at < t->n_seen) {
			const struct top_row *r = &t->rows[t->seen[at]];

			top_line(term, r, width_of(), &b);
			attributes = look_of(term, r) | (at == t->at ? (int)A_REVERSE : 0);
		} else if (at == 0) {
			buf_str(&b, t->n ? "  no peer matches: Esc shows all again"
					 : "  no peers registered");
		}
		put(term, ABOVE + (int)i, attributes, buf_cstr(&b));
	}
}

/* The end of what it shows. */
static void draw_preview(const struct term *term, const struct top *t, int from, int lines,
			 const char *text)
{
	AUTO(buf_done) struct buf title = BUF_INIT(CAP_LINE);
	const struct top_row *r = top_selected(t);
	const char *start = text ? text + strlen(text) : "";

	buf_fmt(&title, "-- %s ", r ? r->id.name : "");
	for (size_t cell = title.len; cell < width_of(); cell++)
		buf_chr(&title, '-');
	put(term, from, A_DIM, buf_cstr(&title));
	for (int n = 0; text && start > text; start--)
		if (start[-1] == '\n' && *start && ++n >= lines - 1)
			break;
	for (int i = 1; i < lines; i++) {
		AUTO(buf_done) struct buf line = BUF_INIT(CAP_LINE), fitted = BUF_INIT(CAP_LINE);
		size_t len = strcspn(start, "\n");

		buf_add(&line, start, len);
		text_fit(term, &fitted, buf_cstr(&line), width_of());
		put(term, from + i, A_NORMAL, buf_cstr(&fitted));
		start += len + (start[len] == '\n');
	}
}

static void keys_line(struct buf *out)
{
	for (const struct top_binding *b = top_bindings; b->shown; b++)
		if (b->brief)
			buf_fmt(out, "%s%s %s", out->len ? "  " : "", b->shown, b->what);
}

static void prompt_line(const struct top *t, struct buf *out)
{
	static const char *const asks[] = {[TOP_FILTER] = "show only (name, @tag, state): ",
					   [TOP_SEND] = "send to ",
					   [TOP_ASK] = "ask ",
					   [TOP_REMOVE] = "type yes to remove "};
	const struct top_row *r = top_selected(t);

	buf_str(out, asks[t->prompt]);
	if (t->prompt == TOP_REMOVE)
		buf_fmt(out, "%s (its folder is kept): ", r ? r->id.name : "");
	else if (t->prompt != TOP_FILTER)
		buf_fmt(out, "%s: ", r ? r->id.name : "");
}

/* The end of what is typed stays visible. */
static void draw_last_line(const struct term *term, const struct top *t)
{
	AUTO(buf_done) struct buf line = BUF_INIT(CAP_LINE), fitted = BUF_INIT(CAP_LINE);
	const char *typed = t->typed;
	size_t room;

	if (t->prompt == TOP_NO_PROMPT) {
		if (t->message[0])
			text_shown(&line, t->message);
		else
			keys_line(&line);
		text_fit(term, &fitted, buf_cstr(&line), width_of());
		put(term, LINES - 1, t->message[0] ? A_BOLD : A_DIM, buf_cstr(&fitted));
		curs_set(0);
		return;
	}
	prompt_line(t, &line);
	room = width_of() > line.len + 2 ? width_of() - line.len - 2 : 1;
	while (text_cells(typed) > room)
		do
			typed++;
		while (((unsigned char)*typed & 0xC0) == 0x80);
	text_shown(&line, typed);
	put(term, LINES - 1, A_BOLD, buf_cstr(&line));
	move(LINES - 1, (int)text_cells(buf_cstr(&line)));
	curs_set(1);
}

void top_screen_draw(const struct term *term, struct top *t, const char *preview)
{
	AUTO(buf_done) struct buf head = BUF_INIT(CAP_LINE), titles = BUF_INIT(CAP_LINE);
	int lines = preview_lines(t);
	size_t page = top_screen_page(t);

	top_scroll(t, page);
	top_summary(t, &head);
	put(term, 0, A_BOLD, buf_cstr(&head));
	top_heading(term, width_of(), &titles);
	put(term, 1, A_DIM, buf_cstr(&titles));
	draw_rows(term, t, page);
	if (lines > 0)
		draw_preview(term, t, ABOVE + (int)page, lines, preview);
	draw_last_line(term, t);
	refresh();
}

int top_screen_key(int wait_ms)
{
	static const struct {
		int curses, ours;
	} keys[] = {{KEY_UP, TOP_KEY_UP},
		    {KEY_DOWN, TOP_KEY_DOWN},
		    {KEY_PPAGE, TOP_KEY_PAGE_UP},
		    {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		    {KEY_HOME, TOP_KEY_HOME},
		    {KEY_END, TOP_KEY_END},
		    {KEY_ENTER, '\r'},
		    {KEY_BACKSPACE, 127}};
	wint_t c;
	int rc;

	timeout(wait_ms);
	rc = get_wch(&c);
	if (rc == ERR)
		return -1;
	if (rc == OK)
		return (int)c;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if ((int)c == keys[i].curses)
			return keys[i].ours;
	return -1;
}

const char *top_screen_library(void)
{
	return curses_version() + strcspn(curses_version(), "0123456789");
}
