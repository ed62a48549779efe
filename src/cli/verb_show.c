#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/journals.h"
#include "iapeer/cli/show.h"
#include "iapeer/cli/story.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

#define STORY_LINES 2000
#define SAME_MS     2000 /* the journals tell of one death within moments */

static void show_done(struct show *g)
{
	profile_done(&g->profile);
	free(g->sights);
	free(g->conversations);
	strv_done(&g->marks);
	strv_done(&g->topics);
	strv_done(&g->accepts);
	json_free(g->last);
	buf_done(&g->died_of);
}

static void marks_of(const struct layout *l, const struct peer_id *id, struct strv *out)
{
	static const char *const all[] = {MARK_STOPPED, MARK_IDLE_REAPED, MARK_NEW_EAGER,
					  MARK_FRESH_NEXT};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (mark_is_set(l, id, all[i]))
			words_unite(out, all[i]);
}

static void accepts_words(unsigned accepts, struct strv *out)
{
	for (int n = NATURE_NONE + 1; n < NATURE_COUNT; n++)
		if (accepts & 1U << n)
			strv_add(out, nature_word((enum nature)n));
}

static int gather(struct ctx *c, const char *name, struct show *g, struct err *e)
{
	struct err why = ERR_INIT;

	if (registry_need(&c->registry, name, &g->record, e) < 0 ||
	    sights_of(c, NULL, g->record, &g->sights, e) < 0)
		return -1;
	if (peer_profile(g->record, &g->profile, &why) < 0)
		log_warn("show", "%s", why.msg); /* the rest is worth seeing all the more */
	g->conversations = xcalloc(g->record->runtimes.n + 1, sizeof *g->conversations);
	accepts_words(g->profile.accepts, &g->accepts);
	for (size_t i = 0; i < g->record->runtimes.n; i++) {
		AUTO(strv_done) struct strv topics = STRV_INIT;

		if (conversation_load(&c->layout, &g->sights[i].id, &g->conversations[i], &why) <
			0 &&
		    why.code != ERR_NOT_FOUND)
			log_warn("show", "%s", why.msg);
		marks_of(&c->layout, &g->sights[i].id, &g->marks);
		if (topics_load(&c->layout, &g->sights[i].id, &topics, &why) < 0)
			log_warn("show", "%s", why.msg);
		for (size_t k = 0; k < topics.n; k++)
			words_unite(&g->topics, topics.v[k]);
	}
	return 0;
}

/* ---- last ---- */

static struct json *last_death(const struct show *g)
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
static void newest(const struct layout *l, const struct show *g, const char *log,
		   const char *const match[3], struct buf *out)
{
	int64_t best = -1;

	for (size_t i = 0; i < g->record->runtimes.n; i++) {
		AUTO(buf_done) struct buf line = BUF_INIT(CAP_STATE);
		char identity[PEER_IDENTITY_MAX + 1], ts[CLOCK_ISO_MAX];
		int64_t at = 0;
		/* A delivery of no bytes is `start --now`: a wake, and no message. */
		struct log_match want[] = {
		    {match[0], match[1], false}, {match[2], identity, false}, {"bytes", "0", true}};

		peer_identity(&g->sights[i].id, identity);
		if (!log_last(l, log, want, sizeof want / sizeof want[0], &line))
			continue;
		if (!logfmt_get(buf_cstr(&line), line.len, "ts", ts, sizeof ts) ||
		    !clock_parse_iso(ts, &at) || at <= best)
			continue;
		best = at;
		buf_cut(out, 0);
		buf_add(out, buf_cstr(&line), line.len);
	}
}

static struct json *last_json(const struct ctx *c, const struct show *g)
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

static struct json *conversation_json(const struct peer_id *id, const struct conversation *t)
{
	struct json *o = json_object();

	json_set_str(o, "runtime", id->runtime);
	json_set_str(o, "id", t->id);
	json_set_str_opt(o, "workdir", t->workdir);
	json_set_str_opt(o, "transcript", t->transcript);
	json_set_time(o, "started", t->started_at_ms);
	json_set_time(o, "used", t->used_at_ms);
	return o;
}

static struct json *show_json(const struct ctx *c, struct show *g)
{
	struct json *o = peer_json(c, g->record, g->sights), *talks = json_array();

	json_set_strv(o, "marks", &g->marks);
	json_set_strv(o, "topics", &g->topics);
	json_set(o, "last", g->last);
	g->last = NULL;
	json_set_str_opt(o, "workdir", g->profile.workdir);
	json_set_str(o, "wake_policy", wake_policy_word(g->profile.wake_policy));
	json_set_str(o, "resume_policy", resume_policy_word(g->profile.resume_policy));
	if (g->accepts.n)
		json_set_strv(o, "accepts", &g->accepts);
	if (g->profile.trust)
		json_set_bool(o, "trust", true);
	json_set_str_opt(o, "initial_prompt", g->profile.initial_prompt);
	for (size_t i = 0; i < g->record->runtimes.n; i++)
		if (g->conversations[i].id[0])
			json_push(talks, conversation_json(&g->sights[i].id, &g->conversations[i]));
	if (json_len(talks))
		json_set(o, "conversations", talks);
	else
		json_free(talks);
	return o;
}

/* What `why` says of the last death. */
static void tell_death(struct ctx *c, struct show *g)
{
	AUTO(timeline_done) struct timeline t = {.n = 0};
	auto_json struct json *events = json_array();
	struct timeline_want want = {.name = g->record->name, .most = STORY_LINES};
	const char *ts = json_text(json_get(json_get(g->last, "death"), "ts"));
	int64_t died = 0, at = 0;
	struct err e;

	if (!ts || !clock_parse_iso(ts, &died))
		return;
	want.since_ms = died - SAME_MS;
	if (timeline_read(&c->layout, &want, &t, &e) < 0 ||
	    timeline_details(&c->layout, &t, &e) < 0)
		return;
	story_tell(&t, events);
	for (const struct json *o = json_first(events); o; o = json_next(o)) {
		const char *event = json_text(json_get(o, "event"));

		if ((strcmp(event, "died") == 0 || strcmp(event, "ended") == 0) &&
		    clock_parse_iso(json_text(json_get(o, "ts")), &at) && at <= died + SAME_MS) {
			buf_str(&g->died_of, json_text(json_get(o, "text")));
			return;
		}
	}
}

int verb_show(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(show_done) struct show g = {.died_of = BUF_INIT(CAP_STATE)};

	if (gather(c, p->args[0], &g, e) < 0)
		return -1;
	g.last = last_json(c, &g);
	if (c->json) {
		c->reply = show_json(c, &g);
		return 0;
	}
	tell_death(c, &g);
	show_print(c, &g);
	return 0;
}
