#include "iapeer/runtime/screen.h"

#include <ctype.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen_text.h"

#include "iapeer/base/banned.h"

enum {
	RULE_MIN = 8,   /* so many ─ make a rule; behind them may stand a name */
	ROWS_NEAR = 12, /* a dialog's rows stand together */
	BUSY_NEAR = 8,  /* how far above the composer a turn in progress shows */
	LAST_LINES = 3, /* where a question without rows must stand */
};

struct composer {
	bool found;
	size_t first, end; /* lines of content: [first, end) */
	size_t above,
	    below;        /* the lines before `above` and from `below` on are not the composer's */
	struct buf typed; /* without ghost text; empty where it is a placeholder */
};

/* ---- lines ---- */

static bool is_rule(const struct sheet *s, size_t line)
{
	static const char dash[] = "\u2500";
	const char *text = sheet_text(s, line);
	size_t n = 0;

	while ((n + 1) * 3 <= s->lines[line].len && memcmp(text + n * 3, dash, 3) == 0)
		n++;
	return n >= RULE_MIN;
}

/* Does s begin with the glyph, and does the glyph stand alone? */
static bool begins(const char *s, size_t len, const char *glyph)
{
	size_t n = strlen(glyph);

	return n > 0 && len >= n && memcmp(s, glyph, n) == 0 &&
	       (len == n || text_blank(s + n, len - n));
}

static bool has_marker(const struct sheet *s, size_t line, const struct manifest *m)
{
	return begins(sheet_text(s, line), s->lines[line].len, m->marker);
}

/* ---- the composer ---- */

/* [first, end) for a composer without rules: the footer is the last block of lines, if a blank line
 * parts it off. */
static size_t open_end(const struct sheet *s, size_t first)
{
	size_t block = s->n;

	for (size_t i = first + 1; i < s->n; i++)
		if (is_rule(s, i))
			return i;
	while (block > first + 1 && s->lines[block - 1].len > 0)
		block--;
	return block > first + 1 ? block : s->n;
}

static void find(const struct sheet *s, const struct manifest *m, struct composer *c)
{
	size_t i = s->n;

	while (i > 0 &&
	       !(has_marker(s, i - 1, m) && (m->ruled || !(sheet_cells(s, i - 1)[0] & CELL_GHOST))))
		i--;
	if (i == 0)
		return;
	c->first = c->above = i - 1;
	if (!m->ruled) {
		c->end = c->below = open_end(s, c->first);
		c->found = true;
		return;
	}
	for (c->end = i; c->end < s->n && !is_rule(s, c->end);)
		c->end++;
	if (c->first == 0 || !is_rule(s, c->first - 1) || c->end == s->n)
		return;
	c->above = c->first - 1;
	c->below = c->end + 1;
	c->found = true;
}

/* The block cursor over the first character of a ghost text is not dim itself. */
static bool is_ghost(const char *cells, size_t at, size_t n, size_t len)
{
	if (cells[at] & CELL_GHOST)
		return true;
	return (cells[at] & CELL_REVERSE) && at + n < len && (cells[at + n] & CELL_GHOST) &&
	       !(at > 0 && (cells[at - 1] & CELL_REVERSE));
}

/* Where a line's content begins: behind the marker and one blank, or as much indented. */
static size_t content_at(const struct sheet *s, const struct composer *c, size_t line,
			 const struct manifest *m)
{
	const char *text = sheet_text(s, line);
	size_t len = s->lines[line].len, at = 0;

	if (line == c->first) {
		at = strlen(m->marker);
		return at + text_blank(text + at, len - at);
	}
	while (at < 2 && at < len && text[at] == ' ')
		at++;
	return at;
}

static void add_content(const struct sheet *s, const struct composer *c, size_t line,
			const struct manifest *m, struct buf *all, struct buf *typed)
{
	const char *text = sheet_text(s, line), *cells = sheet_cells(s, line);
	size_t len = s->lines[line].len;
	size_t kept = typed->len;
	uint32_t code;

	for (size_t at = content_at(s, c, line, m); at < len;) {
		size_t n = utf8_decode(text + at, len - at, &code);

		n = n ? n : 1;
		buf_add(all, text + at, n);
		if (!is_ghost(cells, at, n, len)) {
			buf_add(typed, text + at, n);
			kept = text_blank(text + at, n) ? kept : typed->len;
		}
		at += n;
	}
	buf_cut(typed, kept);
	buf_chr(typed, '\n');
}

static bool same_squeezed(const struct buf *squeezed, const char *text)
{
	struct buf AUTO(buf_done) other = BUF_INIT(CAP_STATE);

	text_squeeze(text, strlen(text), false, &other);
	return other.len == squeezed->len && other.len > 0 &&
	       memcmp(other.p, squeezed->p, other.len) == 0;
}

static void composer_done(struct composer *c)
{
	buf_done(&c->typed);
}

static void composer_read(const struct sheet *s, const struct manifest *m, struct composer *c)
{
	struct buf AUTO(buf_done) all = BUF_INIT(SHEET_MAX);
	struct buf AUTO(buf_done) squeezed = BUF_INIT(SHEET_MAX);

	if (!*m->marker || m->kind != KIND_TUI)
		return;
	find(s, m, c);
	if (!c->found)
		return;
	for (size_t i = c->first; i < c->end; i++)
		add_content(s, c, i, m, &all, &c->typed);
	while (c->typed.len > 0 && c->typed.p[c->typed.len - 1] == '\n')
		buf_cut(&c->typed, c->typed.len - 1);
	text_squeeze(buf_cstr(&all), all.len, false, &squeezed);
	for (size_t i = 0; i < m->placeholders.n; i++)
		if (same_squeezed(&squeezed, m->placeholders.v[i]))
			buf_cut(&c->typed, 0);
}

#define COMPOSER_INIT                                                                              \
	{                                                                                          \
		.typed = BUF_INIT(SHEET_MAX)                                                       \
	}

bool screen_composer(const struct manifest *m, const struct screen *s, struct buf *out)
{
	struct sheet AUTO(sheet_done) sheet = SHEET_INIT;
	struct composer AUTO(composer_done) c = COMPOSER_INIT;

	sheet_read(&sheet, s->text, s->len);
	composer_read(&sheet, m, &c);
	if (c.found)
		buf_add(out, buf_cstr(&c.typed), c.typed.len);
	return c.found;
}

/* ---- is it ours? ---- */

/* The number that stands before `word` in a collapsed paste, or -1. */
static long long number_before(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	const char *digit = at;
	long long n = 0;

	while (digit && digit > text && digit[-1] >= '0' && digit[-1] <= '9')
		digit--;
	if (!at || digit == at || at - digit > 9)
		return -1;
	for (; digit < at; digit++)
		n = n * 10 + (*digit - '0');
	return n;
}

static bool near(long long stated, size_t counted)
{
	long long d = stated - (long long)counted;

	return stated < 0 || (d >= -1 && d <= 1); /* programs count lines or their ends */
}

/* `squeezed` is the whole composer: "[Pastedtext#1+5lines]". */
static bool collapsed_of(const struct manifest *m, const struct buf *squeezed, const char *text,
			 size_t len)
{
	size_t lines = 0;
	bool known = false;

	for (size_t i = 0; i < m->pasted.n && !known; i++) {
		struct buf AUTO(buf_done) prefix = BUF_INIT(CAP_STATE);

		text_squeeze(m->pasted.v[i], strlen(m->pasted.v[i]), false, &prefix);
		known = prefix.len > 0 && str_starts(buf_cstr(squeezed), buf_cstr(&prefix));
	}
	if (!known || strcspn(squeezed->p, "]") != squeezed->len - 1)
		return false;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return near(number_before(squeezed->p, "lines"), lines) &&
	       near(number_before(squeezed->p, "chars"), utf8_chars(text, len));
}

bool screen_holds(const struct manifest *m, const struct screen *s, const char *text, size_t len)
{
	struct buf AUTO(buf_done) typed = BUF_INIT(SHEET_MAX);
	struct buf AUTO(buf_done) have = BUF_INIT(SHEET_MAX);
	struct buf AUTO(buf_done) want = BUF_INIT(SHEET_MAX);

	if (!utf8_valid(text, len) || !screen_composer(m, s, &typed))
		return false;
	text_squeeze(buf_cstr(&typed), typed.len, false, &have);
	text_squeeze(text, len, false, &want);
	if (have.failed || want.failed || have.len == 0 || want.len == 0)
		return false;
	if (have.len == want.len && memcmp(have.p, want.p, have.len) == 0)
		return true;
	return collapsed_of(m, &have, text, len);
}

/* ---- questions ---- */

/* The lines [from, to) squeezed: a text is found in it also where the program wrapped it. */
static void squeeze_lines(const struct sheet *s, size_t from, size_t to, struct buf *out)
{
	for (size_t i = from; i < to && i < s->n; i++)
		text_squeeze(sheet_text(s, i), s->lines[i].len, true, out);
}

static bool shows(const struct buf *squeezed, const char *text)
{
	struct buf AUTO(buf_done) wanted = BUF_INIT(CAP_STATE);

	text_squeeze(text, strlen(text), true, &wanted);
	return wanted.len > 0 && strstr(buf_cstr(squeezed), buf_cstr(&wanted)) != NULL;
}

static bool shows_any(const struct buf *squeezed, const struct strv *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		if (shows(squeezed, texts->v[i]))
			return true;
	return false;
}

static bool shows_all(const struct buf *squeezed, const struct strv *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		if (!shows(squeezed, texts->v[i]))
			return false;
	return texts->n > 0;
}

static bool line_shows(const struct sheet *s, size_t line, const char *text)
{
	struct buf AUTO(buf_done) squeezed = BUF_INIT(SHEET_MAX);

	squeeze_lines(s, line, line + 1, &squeezed);
	return shows(&squeezed, text);
}

/* The line's first text begins with the cursor's glyph. */
static bool under_cursor(const struct sheet *s, size_t line, const char *cursor)
{
	const char *text = sheet_text(s, line);
	size_t len = s->lines[line].len, at = 0, n;

	while (at < len &&
	       ((n = text_blank(text + at, len - at)) || (n = text_box(text + at, len - at))))
		at += n;
	return begins(text + at, len - at, cursor);
}

/* A question without rows is no quotation of one only if nothing follows it. */
static bool asked_last(const struct sheet *s, size_t from, const struct dialog *d)
{
	struct buf AUTO(buf_done) last = BUF_INIT(SHEET_MAX);

	squeeze_lines(s, s->n > from + LAST_LINES ? s->n - LAST_LINES : from, s->n, &last);
	return d->when.n > 0 && shows(&last, d->when.v[d->when.n - 1]);
}

/* What may be pressed: a key only when the cursor and the wanted row were both seen. */
static const char *dialog_key(const struct sheet *s, size_t from, const struct dialog *d,
			      bool *on_row)
{
	size_t at = s->n;
	size_t low, high;

	*on_row = false;
	if (!*d->accept)
		return NULL;
	if (!*d->cursor) {
		*on_row = asked_last(s, from, d);
		return *on_row ? d->accept : NULL;
	}
	while (at > from && !under_cursor(s, at - 1, d->cursor))
		at--;
	if (at == from)
		return NULL;
	at--;
	*on_row = line_shows(s, at, d->row);
	if (*on_row)
		return d->accept;
	low = at > from + ROWS_NEAR ? at - ROWS_NEAR : from;
	high = at + ROWS_NEAR < s->n ? at + ROWS_NEAR : s->n - 1;
	for (size_t i = low; i <= high; i++)
		if (line_shows(s, i, d->row))
			return *d->move ? d->move : NULL;
	return NULL;
}

/* The first dialog that is there, looked for from line `from` on. */
static bool read_dialog(const struct manifest *m, const struct sheet *s, size_t from,
			struct screen_facts *out)
{
	struct buf AUTO(buf_done) squeezed = BUF_INIT(SHEET_MAX);

	squeeze_lines(s, from, s->n, &squeezed);
	for (size_t i = 0; i < m->n_dialogs; i++) {
		const struct dialog *d = &m->dialogs[i];

		if (!shows_all(&squeezed, &d->when))
			continue;
		out->state = SCREEN_DIALOG;
		out->dialog = d;
		out->key = dialog_key(s, from, d, &out->on_row);
		return true;
	}
	return false;
}

/* ---- the whole ---- */

/* Below the composer; and where no rule parts it off, in the lines next above it that are not
 * indented: what an agent or a peer wrote is (but for its first line), so that a quoted "esc to
 * interrupt" is no turn in progress. */
static bool is_busy(const struct manifest *m, const struct sheet *s, const struct composer *c)
{
	struct buf AUTO(buf_done) around = BUF_INIT(SHEET_MAX);
	size_t near_by = c->above > BUSY_NEAR ? c->above - BUSY_NEAR : 0;

	squeeze_lines(s, c->found ? c->below : 0, s->n, &around);
	if (shows_any(&around, &m->busy_any))
		return true;
	if (!c->found || m->ruled)
		return false;
	for (size_t i = c->above; i > near_by && !has_marker(s, i - 1, m); i--) {
		buf_cut(&around, 0);
		squeeze_lines(s, i - 1, i, &around);
		if (sheet_text(s, i - 1)[0] != ' ' && shows_any(&around, &m->busy_any))
			return true;
	}
	return false;
}

/* The last line above the composer that is not indented, from its first letter or digit on, if it
 * says so. While a turn runs, that line is the program's own and no agent's. */
static void find_retry(const struct manifest *m, const struct sheet *s, const struct composer *c,
		       char *out, size_t size)
{
	size_t near_by = c->above > BUSY_NEAR ? c->above - BUSY_NEAR : 0, i = c->above;

	while (i > near_by && (s->lines[i - 1].len == 0 || sheet_text(s, i - 1)[0] == ' '))
		i--;
	for (size_t k = 0; i > near_by && k < m->retry_any.n; k++) {
		const char *text = sheet_text(s, i - 1);
		size_t at = 0, len = s->lines[i - 1].len;

		if (!line_shows(s, i - 1, m->retry_any.v[k]))
			continue;
		while (at < len && !isalnum((unsigned char)text[at]))
			at++;
		str_cut(out, len - at < size ? len - at + 1 : size, text + at);
		return;
	}
}

static bool is_ready(const struct manifest *m, const struct sheet *s, const struct composer *c)
{
	struct buf AUTO(buf_done) all = BUF_INIT(SHEET_MAX);

	if (c->found && (c->typed.len > 0 || m->ready_any.n == 0))
		return true; /* some footers go away while there is text in the box */
	squeeze_lines(s, 0, s->n, &all);
	return m->ready_any.n ? shows_any(&all, &m->ready_any) : all.len > 0 && !*m->marker;
}

void screen_read(const struct manifest *m, const struct screen *s, struct screen_facts *out)
{
	struct sheet AUTO(sheet_done) sheet = SHEET_INIT;
	struct composer AUTO(composer_done) c = COMPOSER_INIT;
	bool sure;

	*out = (struct screen_facts){.state = SCREEN_STARTING};
	sheet_read(&sheet, s->text, s->len);
	composer_read(&sheet, m, &c);
	/* Without rules a dialog's row under the cursor looks like a composer with a draft. */
	sure = c.found && (m->ruled || c.typed.len == 0);
	if (read_dialog(m, &sheet, sure ? c.below : 0, out))
		return;
	out->has_composer = c.found;
	out->composer_empty = c.found && c.typed.len == 0;
	if (*m->marker && !c.found)
		return;
	if (is_busy(m, &sheet, &c)) {
		out->state = SCREEN_BUSY;
		find_retry(m, &sheet, &c, out->retries, sizeof out->retries);
	} else if (is_ready(m, &sheet, &c))
		out->state = SCREEN_READY;
}
