#include "iapeer/cli/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

void top_init(struct top *t)
{
	*t = (struct top){.preview = true};
}

void top_done(struct top *t)
{
	free(t->rows);
	free(t->seen);
	top_init(t);
}

/* ---- rows ---- */

static int by_need_then_name(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int name = strcmp(x->id.name, y->id.name);

	if (x->needs_person != y->needs_person)
		return x->needs_person ? -1 : 1;
	return name ? name : strcmp(x->id.runtime, y->id.runtime);
}

static bool matches(const struct top_row *r, const char *filter)
{
	char tag[TOP_TEXT + 3];

	if (filter[0] == '@') {
		snprintf(tag, sizeof tag, " %s ", filter);
		return strstr(r->tags, tag) != NULL;
	}
	return strstr(r->id.name, filter) || strstr(r->id.runtime, filter) ||
	       strstr(r->status, filter) || strcmp(shown_state_word(r->state), filter) == 0;
}

static bool same(const struct peer_id *a, const struct peer_id *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->runtime, b->runtime) == 0;
}

void top_refilter(struct top *t)
{
	bool found = false;

	t->n_seen = 0;
	for (size_t i = 0; i < t->n; i++) {
		if (!matches(&t->rows[i], t->filter))
			continue;
		if (same(&t->rows[i].id, &t->selected)) {
			t->at = t->n_seen;
			found = true;
		}
		t->seen[t->n_seen++] = i;
	}
	if (!found && t->at >= t->n_seen)
		t->at = t->n_seen ? t->n_seen - 1 : 0;
	if (t->n_seen)
		t->selected = t->rows[t->seen[t->at]].id;
}

void top_take(struct top *t, struct top_row *rows, size_t n)
{
	free(t->rows);
	free(t->seen);
	t->rows = rows;
	t->n = n;
	t->peers = 0;
	for (size_t i = 0; i < n; i++)
		t->peers += i == 0 || strcmp(rows[i].id.name, rows[i - 1].id.name) != 0;
	t->seen = xcalloc(n + 1, sizeof *t->seen);
	if (n)
		qsort(rows, n, sizeof *rows, by_need_then_name);
	top_refilter(t);
}

const struct top_row *top_selected(const struct top *t)
{
	return t->n_seen ? &t->rows[t->seen[t->at]] : NULL;
}

/* ---- keys ---- */

const struct top_binding top_bindings[] = {
    {'a', TOP_ATTACH, "a", "attach", true},
    {'\r', TOP_ATTACH, "Enter", "attach", false},
    {'s', TOP_DO_SEND, "s", "send", true},
    {'?', TOP_DO_ASK, "?", "ask", true},
    {'x', TOP_STOP, "x", "stop", true},
    {'S', TOP_START, "S", "start", true},
    {'n', TOP_NEW, "n", "new", true},
    {'d', TOP_DO_REMOVE, "d", "remove", false},
    {'w', TOP_WHY, "w", "why", true},
    {'/', TOP_DO_FILTER, "/", "filter", true},
    {TOP_KEY_ESCAPE, TOP_UNFILTER, "Esc", "show all again", false},
    {'p', TOP_PREVIEW, "p", "preview on or off", false},
    {'k', TOP_UP, "k, Up", "up", false},
    {'j', TOP_DOWN, "j, Down", "down", false},
    {TOP_KEY_UP, TOP_UP, "", NULL, false},
    {TOP_KEY_DOWN, TOP_DOWN, "", NULL, false},
    {TOP_KEY_PAGE_UP, TOP_PAGE_UP, "PgUp, PgDn", "a page", false},
    {TOP_KEY_PAGE_DOWN, TOP_PAGE_DOWN, "", NULL, false},
    {'g', TOP_FIRST, "g, G", "first, last", false},
    {'G', TOP_LAST, "", NULL, false},
    {TOP_KEY_HOME, TOP_FIRST, "", NULL, false},
    {TOP_KEY_END, TOP_LAST, "", NULL, false},
    {'h', TOP_HELP, "h", "help", true},
    {'q', TOP_QUIT, "q", "quit", true},
    {0, TOP_NOTHING, NULL, NULL, false},
};

enum top_act top_key(int key)
{
	if (key == '\n')
		key = '\r';
	for (const struct top_binding *b = top_bindings; b->shown; b++)
		if (b->key == key)
			return b->act;
	return TOP_NOTHING;
}

void top_move(struct top *t, enum top_act act, size_t page)
{
	size_t last = t->n_seen ? t->n_seen - 1 : 0, step = page ? page : 1;

	if (act == TOP_UP && t->at > 0)
		t->at--;
	else if (act == TOP_DOWN && t->at < last)
		t->at++;
	else if (act == TOP_PAGE_UP)
		t->at -= t->at < step ? t->at : step;
	else if (act == TOP_PAGE_DOWN)
		t->at = last - t->at < step ? last : t->at + step;
	else if (act == TOP_FIRST)
		t->at = 0;
	else if (act == TOP_LAST)
		t->at = last;
	if (t->n_seen)
		t->selected = t->rows[t->seen[t->at]].id;
	top_scroll(t, page);
}

void top_scroll(struct top *t, size_t page)
{
	if (page == 0)
		page = 1;
	if (t->first + page > t->n_seen)
		t->first = t->n_seen > page ? t->n_seen - page : 0;
	if (t->at < t->first)
		t->first = t->at;
	if (t->at >= t->first + page)
		t->first = t->at - page + 1;
}

/* ---- the prompt ---- */

#define CTRL_U 21

bool top_type(struct top *t, uint32_t c)
{
	size_t len = strlen(t->typed), n;
	char utf8[4];

	if (c == '\r' || c == '\n' || c == 27)
		return false;
	if (c == CTRL_U) {
		t->typed[0] = '\0';
	} else if (c == 8 || c == 127) {
		while (len > 0 && ((unsigned char)t->typed[len - 1] & 0xC0) == 0x80)
			len--;
		t->typed[len > 0 ? len - 1 : 0] = '\0';
	} else if (c >= ' ' && (n = utf8_encode(c, utf8)) > 0 && len + n < sizeof t->typed) {
		memcpy(t->typed + len, utf8, n);
		t->typed[len + n] = '\0';
	}
	return true;
}

/* ---- lines ---- */

/* Where columns begin; on a narrow screen the later ones are left out. */
static const struct column {
	const char *title;
	size_t at;
} columns[] = {{"", 0},       {"PEER", 2},   {"RUNTIME", 20}, {"STATUS", 29},
	       {"QUIET", 40}, {"QUEUE", 47}, {"MEMORY", 53},  {"", 61}};
enum { C_MARK, C_NAME, C_RUNTIME, C_STATUS, C_QUIET, C_QUEUE, C_MEMORY, C_NOTE, C_COUNT };

/* The text fills its column and one blank; the last one fills the line. */
static void put(const struct term *t, struct buf *out, int column, size_t width, const char *text)
{
	AUTO(buf_done) struct buf fitted = BUF_INIT(CAP_STATE);
	size_t at = columns[column].at, end = column + 1 < C_COUNT ? columns[column + 1].at : width;

	if (at >= width)
		return;
	if (end > width)
		end = width;
	if (end - at > 1)
		text_fit(t, &fitted, text, end - at - (column + 1 < C_COUNT ? 1 : 0));
	buf_add(out, buf_cstr(&fitted), fitted.len);
	for (size_t cell = text_cells(buf_cstr(&fitted)); at + cell < end; cell++)
		buf_chr(out, ' ');
}

static void size_of(int64_t bytes, char *out, size_t size)
{
	int64_t mib = bytes / (1 << 20);

	if (bytes < 0)
		out[0] = '\0';
	else if (mib < 1024)
		snprintf(out, size, "%lldM", (long long)mib);
	else
		snprintf(out, size, "%lld.%lldG", (long long)(mib / 1024),
			 (long long)(mib % 1024 * 10 / 1024));
}

static const char *mark_of(const struct term *t, enum shown_state s)
{
	static const char *const marks[] = {
	    [SHOWN_LIVE] = "●", [SHOWN_ASLEEP] = "○", [SHOWN_STOPPED] = "✕", [SHOWN_UNKNOWN] = "?"};
	static const char *const plain[] = {
	    [SHOWN_LIVE] = "*", [SHOWN_ASLEEP] = "o", [SHOWN_STOPPED] = "x", [SHOWN_UNKNOWN] = "?"};

	return t->utf8 ? marks[s] : plain[s];
}

void top_line(const struct term *t, const struct top_row *r, size_t width, struct buf *out)
{
	char quiet[24] = "", queue[24] = "", memory[32], status[112];

	if (r->quiet_ms >= 0)
		words_span(r->quiet_ms, quiet, sizeof quiet);
	size_of(r->memory_bytes, memory, sizeof memory);
	if (r->queued)
		snprintf(queue, sizeof queue, "%zu", r->queued);
	snprintf(status, sizeof status, "%s%s",
		 r->status[0] ? r->status : shown_state_word(r->state), r->attached ? "+" : "");
	put(t, out, C_MARK, width, mark_of(t, r->state));
	put(t, out, C_NAME, width, r->id.name);
	put(t, out, C_RUNTIME, width, r->id.runtime);
	put(t, out, C_STATUS, width, status);
	put(t, out, C_QUIET, width, quiet);
	put(t, out, C_QUEUE, width, queue);
	put(t, out, C_MEMORY, width, memory);
	put(t, out, C_NOTE, width, r->note);
}

void top_heading(const struct term *t, size_t width, struct buf *out)
{
	for (int i = 0; i < C_COUNT; i++)
		put(t, out, i, width, columns[i].title);
}

void top_summary(const struct top *t, struct buf *out)
{
	size_t live = 0, need = 0;

	for (size_t i = 0; i < t->n; i++) {
		live += t->rows[i].state == SHOWN_LIVE;
		need += t->rows[i].needs_person;
	}
	buf_fmt(out, "%zu peer%s, %zu live", t->peers, t->peers == 1 ? "" : "s", live);
	if (need)
		buf_fmt(out, ", %zu need%s you", need, need == 1 ? "s" : "");
	if (t->filter[0]) {
		buf_fmt(out, ", %zu shown: /", t->n_seen);
		text_shown(out, t->filter);
	}
}
