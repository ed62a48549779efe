#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/peers.h"

#include "iapeer/base/banned.h"

/* One line of the table; `marks` keeps its own width, for colours take no room. */
struct line {
	const struct peer_record *record;
	struct buf marks;
	size_t marks_cells;
	size_t queued;
};

struct table {
	struct line *v;
	size_t n;
	size_t name_cells, marks_cells;
};

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_done(&t->v[i].marks);
	free(t->v);
}

static void fill(const struct ctx *c, struct table *t, const struct peer_record *r,
		 const struct sight *sights)
{
	struct line *line = &t->v[t->n++];

	*line = (struct line){.record = r, .marks = BUF_INIT(CAP_STATE)};
	for (size_t i = 0; i < r->runtimes.n; i++) {
		if (i)
			buf_str(&line->marks, "  ");
		state_mark(&c->term, &line->marks, sights[i].shown, r->runtimes.v[i]);
		line->marks_cells += (i ? 2U : 0U) + 2 + strlen(r->runtimes.v[i]);
		if (sights[i].does) {
			buf_chr(&line->marks, ' ');
			status_mark(&c->term, &line->marks, sights[i].status.status);
			line->marks_cells += 1 + strlen(status_word(sights[i].status.status));
		}
		line->queued += sights[i].queued;
	}
	if (strlen(r->name) > t->name_cells)
		t->name_cells = strlen(r->name);
	if (line->marks_cells > t->marks_cells)
		t->marks_cells = line->marks_cells;
}

static void print_line(struct ctx *c, const struct table *t, const struct line *line)
{
	size_t marks_at = t->name_cells + 2, text_at = marks_at + t->marks_cells + 2, room = 0;
	char queued[32] = "";

	if (line->queued)
		snprintf(queued, sizeof queued, "(%zu queued)", line->queued);
	term_paint(&c->term, &c->out, PAINT_BOLD, line->record->name);
	text_pad(&c->out, strlen(line->record->name), marks_at);
	buf_add(&c->out, buf_cstr(&line->marks), line->marks.len);
	if (queued[0] || line->record->description[0])
		text_pad(&c->out, marks_at + line->marks_cells, text_at);
	if (queued[0]) {
		term_paint(&c->term, &c->out, PAINT_YELLOW, queued);
		text_at += strlen(queued) + 1;
		if (line->record->description[0])
			buf_chr(&c->out, ' ');
	}
	if (c->term.columns > 0)
		room =
		    (size_t)c->term.columns > text_at + 8 ? (size_t)c->term.columns - text_at : 8;
	text_fit(&c->term, &c->out, line->record->description, room);
	buf_chr(&c->out, '\n');
}

/* Sights are large and used once, so one peer's at a time is held. */
static int look(struct ctx *c, struct table *t, struct json *peers, struct err *e)
{
	AUTO(fleet_done) struct fleet f = {.state = STRV_INIT};

	if (!c->rooted)
		return 0;
	if (fleet_scan(&c->layout, &f, e) < 0)
		return -1;
	for (size_t i = 0; i < c->registry.n; i++) {
		const struct peer_record *r = &c->registry.peers[i];
		struct sight *sights;

		if (sights_of(c, &f, r, &sights, e) < 0)
			return err_wrap(e, "%s", r->name);
		if (c->json)
			json_push(peers, peer_json(c, r, sights));
		else
			fill(c, t, r, sights);
		free(sights);
	}
	return 0;
}

int verb_list(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(table_done) struct table t = {.n = 0};
	auto_json struct json *reply = json_object();
	struct json *peers = json_set(reply, "peers", json_array());

	(void)p;
	t.v = calloc(c->registry.n + 1, sizeof *t.v);
	if (!t.v)
		return err_set(e, ERR_FAILED, 0, "no memory for %zu peers", c->registry.n);
	if (look(c, &t, peers, e) < 0)
		return -1;
	if (c->json) {
		c->reply = reply;
		reply = NULL;
		return 0;
	}
	for (size_t i = 0; i < t.n; i++)
		print_line(c, &t, &t.v[i]);
	if (t.n == 0)
		buf_str(&c->out, "no peers registered\n");
	return 0;
}
