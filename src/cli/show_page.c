/* The page of `iapeer show`. */
#include <string.h>
#include <time.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/show.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

#define LABEL_CELLS 14

/* "4 min ago (20:33:21)"; of another day with its date. */
static void add_when(struct buf *b, int64_t at_ms)
{
	int64_t now = clock_utc_ms();
	time_t then = (time_t)(at_ms / 1000), today = (time_t)(now / 1000);
	struct tm a, t;
	char ago[32], text[32];

	localtime_r(&then, &a);
	localtime_r(&today, &t);
	words_ago(now > at_ms ? now - at_ms : 0, ago, sizeof ago);
	strftime(text, sizeof text,
		 a.tm_year == t.tm_year && a.tm_yday == t.tm_yday ? "%H:%M:%S"
								  : "%Y-%m-%d %H:%M:%S",
		 &a);
	buf_fmt(b, "%s (%s)", ago, text);
}

/* A label and what belongs to it, in as many lines as it takes. */
static void line(struct ctx *c, const char *label, const char *text)
{
	AUTO(buf_done) struct buf shown = BUF_INIT(CAP_STATE);
	size_t width = c->term.columns > 0 ? (size_t)c->term.columns : 100;

	if (str_empty(text))
		return;
	text_shown(&shown, text);
	buf_str(&c->out, "  ");
	term_paint(&c->term, &c->out, PAINT_DIM, label);
	text_pad(&c->out, strlen(label) + 2, LABEL_CELLS);
	text_wrap(&c->out, buf_cstr(&shown), LABEL_CELLS, LABEL_CELLS, width);
}

/* A path is not broken: whoever copies it wants it whole. */
static void path_line(struct ctx *c, const char *label, const char *path)
{
	if (str_empty(path))
		return;
	buf_str(&c->out, "  ");
	term_paint(&c->term, &c->out, PAINT_DIM, label);
	text_pad(&c->out, strlen(label) + 2, LABEL_CELLS);
	text_shown(&c->out, path);
	buf_chr(&c->out, '\n');
}

static void list_line(struct ctx *c, const char *label, const struct strv *list)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	for (size_t i = 0; i < list->n; i++)
		buf_fmt(&b, "%s%s", i ? ", " : "", list->v[i]);
	line(c, label, buf_cstr(&b));
}

/* ---- what it is doing ---- */

static void add_state(struct ctx *c, const struct sight *s)
{
	state_mark(&c->term, &c->out, s->shown, s->id.runtime);
	buf_fmt(&c->out, "  %s", shown_state_word(s->shown));
	if (s->shown == SHOWN_LIVE && s->looked && s->o.has_session) {
		buf_str(&c->out, ", woken ");
		add_when(&c->out, s->o.session.woke_at_ms);
		buf_fmt(&c->out, ", server %ld%s", (long)s->o.session.server.pid,
			session_attached(&s->o.session) ? ", somebody is attached" : "");
	}
	buf_chr(&c->out, '\n');
}

static void print_runtime(struct ctx *c, const struct show *g, size_t i)
{
	const struct conversation *talk = &g->conversations[i];
	const struct sight *s = &g->sights[i];
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	buf_str(&c->out, "  ");
	add_state(c, s);
	if (s->does) {
		status_text(&s->status, &b);
		line(c, "  status", buf_cstr(&b));
	}
	if (s->looked && s->o.snap.crash_loop) {
		buf_cut(&b, 0);
		buf_fmt(&b, "no message wakes it: `iapeer start %s` clears it", g->record->name);
		line(c, "  crash loop", buf_cstr(&b));
	}
	if (s->queued) {
		buf_cut(&b, 0);
		buf_fmt(&b, "%zu message%s wait%s: iapeer queue %s", s->queued,
			s->queued == 1 ? "" : "s", s->queued == 1 ? "s" : "", g->record->name);
		line(c, "  queue", buf_cstr(&b));
	}
	if (!talk->id[0])
		return;
	buf_cut(&b, 0);
	buf_fmt(&b, "%s, used ", talk->id);
	add_when(&b, talk->used_at_ms);
	line(c, "  talk", buf_cstr(&b));
	path_line(c, "", talk->transcript);
}

/* ---- what it is ---- */

static void print_profile(struct ctx *c, const struct show *g)
{
	const struct profile *f = &g->profile;

	line(c, "nature", nature_word(peer_nature(c, g->record)));
	path_line(c, "folder", g->record->cwd);
	path_line(c, "works in", f->workdir);
	list_line(c, "tags", &f->tags);
	line(c, "wakes", wake_policy_word(f->wake_policy));
	line(c, "resumes", resume_policy_word(f->resume_policy));
	list_line(c, "accepts", &g->accepts);
	line(c, "trusted",
	     f->trust ? "yes: it is started with its options for asking nothing" : "");
	line(c, "first words", f->initial_prompt);
	list_line(c, "marks", &g->marks);
	list_line(c, "topics", &g->topics);
}

/* ---- what happened ---- */

static const char *get(const struct json *o, const char *key)
{
	const char *text = json_text(json_get(o, key));

	return text ? text : "";
}

static bool begin_event(const struct json *o, struct buf *b)
{
	int64_t at;

	if (!o || !clock_parse_iso(get(o, "ts"), &at))
		return false;
	add_when(b, at);
	return true;
}

static void print_wake(struct ctx *c, const struct json *o)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	if (!begin_event(o, &b))
		return;
	buf_fmt(&b, ": %s, %s", get(o, "mode"), get(o, "cause"));
	line(c, "woken", buf_cstr(&b));
}

static void print_delivery(struct ctx *c, const struct json *o)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	if (!begin_event(o, &b))
		return;
	buf_fmt(&b, ": %s, from %s, up to \"%s\"%s%s", get(o, "status"), get(o, "from"),
		get(o, "rung"), get(o, "topic")[0] ? ", topic " : "", get(o, "topic"));
	line(c, "message", buf_cstr(&b));
	line(c, "", get(o, "id"));
}

static void print_death(struct ctx *c, const struct show *g, const struct json *o)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	if (!begin_event(o, &b))
		return;
	buf_fmt(&b, ": %s", get(o, "class"));
	if (get(o, "cause")[0])
		buf_fmt(&b, ", %s", get(o, "cause"));
	line(c, "death", buf_cstr(&b));
	line(c, "", buf_cstr(&g->died_of));
	buf_cut(&b, 0);
	buf_fmt(&b, "iapeer why %s", g->record->name);
	line(c, "", buf_cstr(&b));
}

void show_print(struct ctx *c, const struct show *s)
{
	size_t name = strlen(s->record->name) + 2,
	       width = c->term.columns > 0 ? (size_t)c->term.columns : 100;

	term_paint(&c->term, &c->out, PAINT_BOLD, s->record->name);
	if (s->record->description[0]) {
		AUTO(buf_done) struct buf shown = BUF_INIT(CAP_STATE);

		text_shown(&shown, s->record->description);
		buf_str(&c->out, ": ");
		text_wrap(&c->out, buf_cstr(&shown), name, 2, width);
	} else {
		buf_chr(&c->out, '\n');
	}
	for (size_t i = 0; i < s->record->runtimes.n; i++)
		print_runtime(c, s, i);
	buf_chr(&c->out, '\n');
	print_profile(c, s);
	if (json_len(s->last) == 0)
		return;
	buf_chr(&c->out, '\n');
	print_wake(c, json_get(s->last, "wake"));
	print_delivery(c, json_get(s->last, "delivery"));
	print_death(c, s, json_get(s->last, "death"));
}
