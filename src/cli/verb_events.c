/* events: what happens to peers, out of the journals and the peers' reports, merged by time. */
#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/event_line.h"
#include "iapeer/cli/follow.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"

#include "iapeer/base/banned.h"

#define LAST_DEFAULT        50
#define LAST_WHEN_FOLLOWING 10
#define LAST_MAX            100000
#define BACK_BYTES          (1 << 20) /* of each file, for what happened already */
#define BACK_BYTES_REPORTS  (128 << 10)

struct stream {
	struct ctx *c;
	const char *name; /* NULL: all */
	struct follow files;
	struct event *v; /* told, and not printed yet */
	size_t n, room;
};

static void stream_done(struct stream *s)
{
	for (size_t i = 0; i < s->n; i++)
		event_done(&s->v[i]);
	free(s->v);
	follow_done(&s->files);
}

static bool is_meant(const struct stream *s, const char *identity)
{
	struct peer_id id;
	struct err e;

	return !s->name || (peer_parse(identity, &id, &e) == 0 && strcmp(id.name, s->name) == 0);
}

static bool take(const char *path, const char *line, size_t len, void *arg)
{
	struct stream *s = arg;
	struct event v;

	if (!event_read(path, line, len, &v))
		return true;
	if (!is_meant(s, v.identity)) {
		event_done(&v);
		return true;
	}
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->v = xrealloc(s->v, s->room * sizeof *s->v);
	}
	s->v[s->n++] = v;
	return true;
}

/* Those of a peer that reports for the first time too. */
static int add_reports(struct stream *s, int64_t back, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	char path[LAYOUT_PATH];

	if (fs_list(s->c->layout.root_fd, LAYOUT_LIFECYCLE, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct peer_id id;
		const char *what;

		if (!layout_parse_state(names.v[i], &id, &what) || strcmp(what, "reports") != 0 ||
		    (s->name && strcmp(id.name, s->name) != 0))
			continue;
		layout_state(&id, "reports", path);
		if (follow_add(&s->files, &s->c->layout, path, back, e) < 0)
			return -1;
	}
	return 0;
}

static int begin(struct stream *s, int64_t last, struct err *e)
{
	static const char *const journals[] = {LAYOUT_LIFECYCLE_LOG, LAYOUT_DELIVERY_LOG,
					       LAYOUT_EXITS_LOG};
	int64_t back = last > 0 ? BACK_BYTES : 0;

	for (size_t i = 0; i < sizeof journals / sizeof journals[0]; i++)
		if (follow_add(&s->files, &s->c->layout, journals[i], back, e) < 0)
			return -1;
	/* The folder is watched through a file in it that need not be there. */
	if (follow_add(&s->files, &s->c->layout, LAYOUT_LIFECYCLE "/.reports", 0, e) < 0)
		return -1;
	return add_reports(s, last > 0 ? BACK_BYTES_REPORTS : 0, e);
}

/* ---- printing ---- */

/* qsort is not stable: what came first stays first, for a file's lines are in their order. */
struct place {
	int64_t at_ms;
	size_t i;
};

static int by_time(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static void add_value(struct buf *b, const struct json *v)
{
	char room[JSON_NUMBER_MAX];
	bool first = true;

	if (json_is_array(v)) {
		for (const struct json *m = json_first(v); m; m = json_next(m), first = false)
			buf_fmt(b, "%s%s", first ? "" : ",", json_text(m) ? json_text(m) : "");
		return;
	}
	buf_str(b, json_text(v)      ? json_text(v)
		   : json_is_bool(v) ? (json_true(v) ? "true" : "false")
				     : json_number(v, room));
}

/* "2026-11-22 10:00:00  claude-bob  status    working report=tool source=hook detail=Bash" */
static void print_line(struct ctx *c, const struct event *v)
{
	const char *event = json_text(json_get(v->o, "event")),
		   *status = json_text(json_get(v->o, "status"));
	char iso[CLOCK_ISO_MAX];
	enum paint paint = PAINT_PLAIN;
	enum peer_status ps;

	clock_iso(v->at_ms, iso);
	buf_fmt(&c->out, "%.10s %.8s  %-20s ", iso, iso + 11, v->identity[0] ? v->identity : "-");
	if (strcmp(event, "death") == 0 || (status && strcmp(event, "status") == 0 &&
					    status_parse(status, &ps) && status_needs_person(ps)))
		paint = PAINT_RED;
	term_paint(&c->term, &c->out, paint, event);
	text_pad(&c->out, strlen(event), 9);
	for (const struct json *m = json_first(v->o); m; m = json_next(m)) {
		AUTO(buf_done) struct buf value = BUF_INIT(CAP_LINE);
		const char *key = json_key(m);

		if (strcmp(key, "ts") == 0 || strcmp(key, "event") == 0 ||
		    strcmp(key, "identity") == 0)
			continue;
		add_value(&value, m);
		buf_fmt(&c->out, " %s%s", strcmp(key, "status") == 0 ? "" : key,
			strcmp(key, "status") == 0 ? "" : "=");
		text_shown(&c->out, buf_cstr(&value));
	}
	buf_chr(&c->out, '\n');
}

/* What was told, in its order; the last `most` of it. 1: nobody reads. */
static int print(struct stream *s, int64_t most, struct err *e)
{
	struct place *order = xcalloc(s->n + 1, sizeof *order);
	size_t from = (int64_t)s->n > most ? s->n - (size_t)most : 0;

	for (size_t i = 0; i < s->n; i++)
		order[i] = (struct place){.at_ms = s->v[i].at_ms, .i = i};
	if (s->n > 1)
		qsort(order, s->n, sizeof *order, by_time);
	for (size_t i = from; i < s->n; i++) {
		const struct event *v = &s->v[order[i].i];

		if (!s->c->json) {
			print_line(s->c, v);
			continue;
		}
		json_print(v->o, false, &s->c->out);
		buf_chr(&s->c->out, '\n');
	}
	free(order);
	for (size_t i = 0; i < s->n; i++)
		event_done(&s->v[i]);
	s->n = 0;
	return ctx_flush(s->c, e);
}

static int go_on(struct stream *s, struct err *e)
{
	for (;;) {
		int rc;

		if (follow_wait(&s->files, -1) == FOLLOW_NOBODY)
			return 0;
		if (add_reports(s, FOLLOW_ALL, e) < 0 || follow_read(&s->files, take, s, e) < 0)
			return -1;
		rc = print(s, INT64_MAX, e);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
}

int verb_events(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(stream_done)
	struct stream s = {.c = c, .name = parsed_arg(p, 0), .files = FOLLOW_INIT};
	bool follow = opt_given(p, "follow");
	int64_t last = follow ? LAST_WHEN_FOLLOWING : LAST_DEFAULT;
	const struct peer_record *r;
	int rc;

	if (opt_i64(p, "last", 0, LAST_MAX, &last, e) < 0)
		return -1;
	/* A removed peer's events are still on record, so the name need not be registered. */
	if (s.name && peer_name_check(s.name, e) < 0)
		return -1;
	if (!c->rooted)
		return follow ? err_set(e, ERR_NOT_FOUND, 0, "there is no root yet") : 0;
	if (begin(&s, last, e) < 0 || follow_read(&s.files, take, &s, e) < 0)
		return -1;
	if (s.name && s.n == 0 && registry_need(&c->registry, s.name, &r, e) < 0)
		return -1;
	rc = print(&s, last, e);
	if (rc != 0 || !follow)
		return rc < 0 ? -1 : 0;
	return go_on(&s, e);
}
