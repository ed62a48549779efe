#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/journals.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

/* All that the page and the JSON are made of. */
struct page {
	const struct peer_record *record;
	struct profile profile;
	struct sight *sights;
	struct strv marks, topics;
};

static void page_done(struct page *g)
{
	profile_done(&g->profile);
	free(g->sights);
	strv_done(&g->marks);
	strv_done(&g->topics);
}

static void marks_of(const struct layout *l, const struct peer_id *id, struct strv *out)
{
	static const char *const all[] = {MARK_STOPPED, MARK_IDLE_REAPED, MARK_NEW_EAGER,
					  MARK_FRESH_NEXT};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (mark_is_set(l, id, all[i]))
			words_unite(out, all[i]);
}

static int gather(struct ctx *c, const char *name, struct page *g, struct err *e)
{
	struct err why = ERR_INIT;

	if (registry_need(&c->registry, name, &g->record, e) < 0 ||
	    sights_of(c, NULL, g->record, &g->sights, e) < 0)
		return -1;
	if (peer_profile(g->record, &g->profile, &why) < 0)
		log_warn("show", "%s", why.msg); /* the rest is worth seeing all the more */
	for (size_t i = 0; i < g->record->runtimes.n; i++) {
		AUTO(strv_done) struct strv topics = STRV_INIT;

		marks_of(&c->layout, &g->sights[i].id, &g->marks);
		if (topics_load(&c->layout, &g->sights[i].id, &topics, &why) < 0)
			log_warn("show", "%s", why.msg);
		for (size_t k = 0; k < topics.n; k++)
			words_unite(&g->topics, topics.v[k]);
	}
	return 0;
}

/* ---- last ---- */

static struct json *last_death(const struct page *g)
{
	const struct death_entry *last = NULL;
	struct json *o;

	for (size_t i = 0; i < g->record->runtimes.n; i++) {
		const struct death_ring *r = &g->sights[i].o.deaths;

		if (g->sights[i].looked && r->n && (!last || r->v[r->n - 1].at_ms > last->at_ms))
			last = &r->v[r->n - 1];
	}
	if (!last)
		return NULL;
	o = json_object();
	json_set_time(o, "ts", last->at_ms);
	json_set_str(o, "class", death_class_word(last->class));
	json_set_str_opt(o, "cause", last->cause);
	return o;
}

static struct json *line_json(const struct buf *line, const char *const *keys)
{
	struct json *o = json_object();

	for (; *keys; keys++)
		log_field(o, *keys, buf_cstr(line), line->len, *keys);
	return o;
}

/* Of several runtimes the newest line counts; ts sorts as text only within one time zone, so the
 * time is compared. */
static void newest(const struct layout *l, const struct page *g, const char *log,
		   const char *const match[3], struct buf *out)
{
	int64_t best = -1;

	for (size_t i = 0; i < g->record->runtimes.n; i++) {
		AUTO(buf_done) struct buf line = BUF_INIT(CAP_STATE);
		char identity[PEER_IDENTITY_MAX + 1], ts[CLOCK_ISO_MAX];
		int64_t at = 0;
		struct log_match want[] = {{match[0], match[1]}, {match[2], identity}};

		peer_identity(&g->sights[i].id, identity);
		if (!log_last(l, log, want, 2, &line))
			continue;
		if (!logfmt_get(buf_cstr(&line), line.len, "ts", ts, sizeof ts) ||
		    !clock_parse_iso(ts, &at) || at <= best)
			continue;
		best = at;
		buf_cut(out, 0);
		buf_add(out, buf_cstr(&line), line.len);
	}
}

static struct json *last_json(const struct ctx *c, const struct page *g)
{
	static const char *const delivery[] = {"ts", "id", "from", "rung", "status", "topic", NULL};
	static const char *const wake[] = {"ts", "identity", "mode", "cause", NULL};
	static const char *const by_to[] = {"ev", "delivery", "to"}, *const by_identity[] = {
									 "ev", "wake", "identity"};
	AUTO(buf_done) struct buf line = BUF_INIT(CAP_STATE);
	struct json *o = json_object(), *death = last_death(g);

	if (death)
		json_set(o, "death", death);
	newest(&c->layout, g, LAYOUT_DELIVERY_LOG, by_to, &line);
	if (line.len)
		json_set(o, "delivery", line_json(&line, delivery));
	buf_cut(&line, 0);
	newest(&c->layout, g, LAYOUT_LIFECYCLE_LOG, by_identity, &line);
	if (line.len)
		json_set(o, "wake", line_json(&line, wake));
	return o;
}

/* ---- JSON ---- */

static void accepts_words(unsigned accepts, struct strv *out)
{
	for (int n = NATURE_NONE + 1; n < NATURE_COUNT; n++)
		if (accepts & 1U << n)
			strv_add(out, nature_word((enum nature)n));
}

static struct json *page_json(const struct ctx *c, const struct page *g, struct json *last)
{
	AUTO(strv_done) struct strv accepts = STRV_INIT;
	struct json *o = peer_json(c, g->record, g->sights);

	accepts_words(g->profile.accepts, &accepts);
	json_set_strv(o, "marks", &g->marks);
	json_set_strv(o, "topics", &g->topics);
	json_set(o, "last", last);
	json_set_str_opt(o, "workdir", g->profile.workdir);
	json_set_str(o, "wake_policy", wake_policy_word(g->profile.wake_policy));
	json_set_str(o, "resume_policy", resume_policy_word(g->profile.resume_policy));
	if (accepts.n)
		json_set_strv(o, "accepts", &accepts);
	json_set_str_opt(o, "initial_prompt", g->profile.initial_prompt);
	return o;
}

/* ---- the page ---- */

static void line(struct ctx *c, const char *label, const char *text)
{
	if (str_empty(text))
		return;
	buf_fmt(&c->out, "  %-13s ", label);
	text_shown(&c->out, text);
	buf_chr(&c->out, '\n');
}

static void lines(struct ctx *c, const char *label, const struct strv *list)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	for (size_t i = 0; i < list->n; i++)
		buf_fmt(&b, "%s%s", i ? ", " : "", list->v[i]);
	line(c, label, buf_cstr(&b));
}

static void runtime_line(struct ctx *c, const struct sight *s)
{
	char iso[CLOCK_ISO_MAX];

	buf_str(&c->out, "  ");
	state_mark(&c->term, &c->out, s->shown, s->id.runtime);
	buf_fmt(&c->out, "  %s", shown_state_word(s->shown));
	if (s->shown == SHOWN_LIVE && s->looked && s->o.has_session) {
		clock_iso(s->o.session.woke_at_ms, iso);
		buf_fmt(&c->out, " since %s, server %ld%s", iso, (long)s->o.session.server.pid,
			session_attached(&s->o.session) ? ", attached" : "");
	}
	if (s->looked && s->o.snap.crash_loop)
		buf_fmt(&c->out, ", in a crash loop (`iapeer start %s` clears it)", s->id.name);
	if (s->queued)
		buf_fmt(&c->out, ", %zu queued", s->queued);
	buf_chr(&c->out, '\n');
	if (s->does) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

		status_text(&s->status, &b);
		buf_fmt(&c->out, "    %s\n", buf_cstr(&b));
	}
}

static void last_line(struct ctx *c, const char *label, const struct json *o)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	for (const struct json *m = o ? json_first(o) : NULL; m; m = json_next(m))
		if (strcmp(json_key(m), "identity") != 0 && json_text(m))
			buf_fmt(&b, "%s%s%s", b.len ? "  " : "",
				strcmp(json_key(m), "from") == 0 ? "from " : "", json_text(m));
	line(c, label, buf_cstr(&b));
}

static void print_page(struct ctx *c, const struct page *g, const struct json *last)
{
	AUTO(strv_done) struct strv accepts = STRV_INIT;
	const struct profile *f = &g->profile;

	accepts_words(f->accepts, &accepts);
	term_paint(&c->term, &c->out, PAINT_BOLD, g->record->name);
	buf_chr(&c->out, '\n');
	for (size_t i = 0; i < g->record->runtimes.n; i++)
		runtime_line(c, &g->sights[i]);
	line(c, "description", g->record->description);
	line(c, "intelligence", nature_word(peer_nature(c, g->record)));
	line(c, "folder", g->record->cwd);
	line(c, "workdir", f->workdir);
	lines(c, "tags", &f->tags);
	line(c, "wakes", wake_policy_word(f->wake_policy));
	line(c, "resumes", resume_policy_word(f->resume_policy));
	lines(c, "accepts", &accepts);
	line(c, "first words", f->initial_prompt);
	lines(c, "marks", &g->marks);
	lines(c, "topics", &g->topics);
	last_line(c, "last wake", json_get(last, "wake"));
	last_line(c, "last delivery", json_get(last, "delivery"));
	last_line(c, "last death", json_get(last, "death"));
}

int verb_show(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(page_done) struct page g = {.record = NULL};
	auto_json struct json *last = NULL;

	if (gather(c, p->args[0], &g, e) < 0)
		return -1;
	last = last_json(c, &g);
	if (c->json) {
		c->reply = page_json(c, &g, last);
		last = NULL;
		return 0;
	}
	print_page(c, &g, last);
	return 0;
}
