#include "iapeer/cli/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/activity.h"

#include "iapeer/base/banned.h"

#define NEXT_MAX_MS 60000 /* what no file tells is looked at once a minute */

void list_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_done(&l->v[i].marks);
		buf_done(&l->v[i].plain);
	}
	free(l->v);
	*l = (struct list)LIST_INIT;
}

/* Since when it does what it does; 0: not told. Of an idle shell, when it printed last. */
static int64_t since(const struct ctx *c, const struct sight *s)
{
	struct activity a;

	if (strcmp(s->status.source, "process") != 0)
		return s->status.since_ms;
	if (s->status.status != STATUS_IDLE)
		return 0;
	activity_look(&c->layout, &s->o.session, KIND_SHELL, &a);
	return a.newest_utc_ms;
}

#define SPAN_CELLS 3 /* "59s" */

/* Returns how many cells wider its age may become: what stands behind need not move every second.
 */
static size_t add_status(const struct ctx *c, struct list *l, struct list_line *line,
			 const struct sight *s)
{
	const char *word = status_word(s->status.status);
	int64_t from = since(c, s), next;
	char span[24] = " ";
	size_t len;

	buf_chr(&line->marks, ' ');
	status_mark(&c->term, &line->marks, s->status.status);
	buf_fmt(&line->plain, " %s", word);
	line->cells += 1 + strlen(word);
	if (from <= 0)
		return 0;
	next = words_span(clock_utc_ms() - from, span + 1, sizeof span - 1);
	if (next < l->next_ms)
		l->next_ms = next;
	term_paint(&c->term, &line->marks, PAINT_DIM, span);
	len = strlen(span);
	line->cells += len;
	return len <= SPAN_CELLS ? SPAN_CELLS + 1 - len : 0;
}

static void add_line(const struct ctx *c, struct list *l, const struct peer_record *r,
		     const struct sight *sights)
{
	struct list_line *line = &l->v[l->n++];
	size_t slack = 0;

	*line = (struct list_line){
	    .record = r, .marks = BUF_INIT(CAP_STATE), .plain = BUF_INIT(CAP_STATE)};
	for (size_t i = 0; i < r->runtimes.n; i++) {
		if (i)
			buf_str(&line->marks, "  ");
		state_mark(&c->term, &line->marks, sights[i].shown, r->runtimes.v[i]);
		line->cells += (i ? 2U : 0U) + 2 + strlen(r->runtimes.v[i]);
		buf_fmt(&line->plain, " %s %s", shown_state_word(sights[i].shown),
			r->runtimes.v[i]);
		if (sights[i].does)
			slack += add_status(c, l, line, &sights[i]);
		line->queued += sights[i].queued;
	}
	if (strlen(r->name) > l->name_cells)
		l->name_cells = strlen(r->name);
	if (line->cells + slack > l->marks_cells)
		l->marks_cells = line->cells + slack;
}

/* Sights are large and used once, so one peer's at a time is held. */
int list_look(const struct ctx *c, const struct filter *f, struct list *out, struct json *reply,
	      struct err *e)
{
	AUTO(fleet_done) struct fleet fleet = {.n_manifests = 0};

	out->v = xcalloc(c->registry.n + 1, sizeof *out->v);
	out->next_ms = NEXT_MAX_MS;
	if (!c->rooted)
		return 0;
	if (fleet_scan(&c->layout, &fleet, e) < 0)
		return -1;
	for (size_t i = 0; i < c->registry.n; i++) {
		const struct peer_record *r = &c->registry.peers[i];
		struct sight *sights;

		if (!filter_record(f, r))
			continue;
		if (sights_of(c, &fleet, r, &sights, e) < 0)
			return err_wrap(e, "%s", r->name);
		if (filter_sights(f, r, sights)) {
			add_line(c, out, r, sights);
			if (reply)
				json_push(reply, peer_json(c, r, sights));
		}
		free(sights);
	}
	return 0;
}

static void print_line(const struct term *t, const struct list *l, const struct list_line *line,
		       struct buf *out)
{
	size_t marks_at = l->name_cells + 2, text_at = marks_at + l->marks_cells + 2, room = 0;
	char queued[32] = "";

	if (line->queued)
		snprintf(queued, sizeof queued, "(%zu queued)", line->queued);
	term_paint(t, out, PAINT_BOLD, line->record->name);
	text_pad(out, strlen(line->record->name), marks_at);
	buf_add(out, buf_cstr(&line->marks), line->marks.len);
	if (queued[0] || line->record->description[0])
		text_pad(out, marks_at + line->cells, text_at);
	if (queued[0]) {
		term_paint(t, out, PAINT_YELLOW, queued);
		text_at += strlen(queued) + 1;
		if (line->record->description[0])
			buf_chr(out, ' ');
	}
	if (t->columns > 0)
		room = (size_t)t->columns > text_at + 8 ? (size_t)t->columns - text_at : 8;
	text_fit(t, out, line->record->description, room);
	buf_chr(out, '\n');
}

void list_print(const struct term *t, const struct list *l, size_t most, struct buf *out)
{
	size_t n = most > 0 && l->n > most ? most - 1 : l->n;

	for (size_t i = 0; i < n; i++)
		print_line(t, l, &l->v[i], out);
	if (n < l->n)
		buf_fmt(out, "and %zu more\n", l->n - n);
}

int list_once(struct ctx *c, const struct filter *f, struct err *e)
{
	AUTO(list_done) struct list l = LIST_INIT;
	auto_json struct json *reply = c->json ? json_object() : NULL;
	struct json *peers = reply ? json_set(reply, "peers", json_array()) : NULL;

	if (list_look(c, f, &l, peers, e) < 0)
		return -1;
	if (reply) {
		c->reply = reply;
		reply = NULL;
		return 0;
	}
	list_print(&c->term, &l, 0, &c->out);
	if (l.n == 0)
		buf_str(&c->out, c->registry.n ? "no peer matches\n" : "no peers registered\n");
	return 0;
}
