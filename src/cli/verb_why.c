/* why: what happened to a peer, as a person would tell it. */
#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/story.h"
#include "iapeer/cli/why_export.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

#define DAY_MS    (INT64_C(24) * 3600 * 1000)
#define LINES_MAX 20000 /* of the journals, at most */
#define TOLD      40
#define TOLD_MAX  10000

/* Its last day on record, however long ago that was: unless told otherwise. */
static int read_story(struct ctx *c, const char *name, const char *since, struct timeline *out,
		      struct err *e)
{
	struct timeline_want want = {.name = name, .most = LINES_MAX};
	size_t old = 0;

	if (since && words_since(since, clock_utc_ms(), &want.since_ms, e) < 0)
		return -1;
	if (timeline_read(&c->layout, &want, out, e) < 0)
		return -1;
	while (!since && old < out->n && out->v[old].at_ms < out->v[out->n - 1].at_ms - DAY_MS)
		free(out->v[old++].line);
	if (old) {
		memmove(out->v, out->v + old, (out->n - old) * sizeof *out->v);
		out->n -= old;
	}
	return timeline_details(&c->layout, out, e);
}

/* What is so now, for the last line; nothing of a peer that is not registered any more. */
static void tell_now(struct ctx *c, const char *name, struct json *reply)
{
	const struct peer_record *record = registry_find(&c->registry, name);
	struct sight *sights = NULL;
	struct json *now;
	struct err e;

	if (!record || sights_of(c, NULL, record, &sights, &e) < 0)
		return;
	now = json_set(reply, "now", json_array());
	for (size_t i = 0; i < record->runtimes.n; i++) {
		struct json *o = json_push(now, json_object());
		char identity[PEER_IDENTITY_MAX + 1];

		peer_identity(&sights[i].id, identity);
		json_set_str(o, "identity", identity);
		json_set_str(o, "state", shown_state_word(sights[i].shown));
		json_set_i64(o, "queue", (int64_t)sights[i].queued);
		if (sights[i].looked && sights[i].o.snap.crash_loop)
			json_set_bool(o, "crash_loop", true);
	}
	free(sights);
}

/* ---- for a person ---- */

static void add_day(struct ctx *c, const struct tm *tm, char day[static 32])
{
	char now[32];

	strftime(now, sizeof now, "%A, %d %B %Y", tm);
	if (strcmp(now, day) == 0)
		return;
	buf_fmt(&c->out, "%s%s\n", day[0] ? "\n" : "", now);
	str_cut(day, 32, now);
}

static void add_event(struct ctx *c, const struct json *o, bool several, char day[static 32])
{
	AUTO(buf_done) struct buf line = BUF_INIT(CAP_STATE);
	size_t width = c->term.columns > 0 ? (size_t)c->term.columns : 100;
	int64_t at = 0;
	time_t seconds;
	char clock[16];
	struct tm tm;

	if (!clock_parse_iso(json_text(json_get(o, "ts")), &at))
		return;
	seconds = (time_t)(at / 1000);
	localtime_r(&seconds, &tm);
	add_day(c, &tm, day);
	strftime(clock, sizeof clock, "  %H:%M:%S  ", &tm);
	if (several)
		buf_fmt(&line, "%s: ", json_text(json_get(o, "identity")));
	text_shown(&line, json_text(json_get(o, "text")));
	buf_str(&c->out, clock);
	text_wrap(&c->out, buf_cstr(&line), strlen(clock), strlen(clock), width);
}

/* How it stands, and what lets it wake again. */
static void add_now(struct ctx *c, const struct json *o, const char *name)
{
	int64_t queue = 0;

	buf_fmt(&c->out, "%s is %s now", json_text(json_get(o, "identity")),
		json_text(json_get(o, "state")));
	if (json_get(o, "crash_loop"))
		buf_fmt(&c->out, ", in a crash loop: `iapeer start %s` lets it wake again", name);
	if (json_whole(json_get(o, "queue"), &queue) && queue > 0)
		buf_fmt(&c->out, "; %lld message%s wait%s", (long long)queue, queue == 1 ? "" : "s",
			queue == 1 ? "s" : "");
	buf_str(&c->out, ".\n");
}

static void print(struct ctx *c, const struct json *reply, const char *name)
{
	const struct json *events = json_get(reply, "events"), *now = json_get(reply, "now");
	const struct json *first = json_at(events, 0);
	bool several = false;
	char day[32] = "";

	for (const struct json *o = json_first(events); o; o = json_next(o))
		several = several || strcmp(json_text(json_get(o, "identity")),
					    json_text(json_get(first, "identity"))) != 0;
	for (const struct json *o = json_first(events); o; o = json_next(o))
		add_event(c, o, several, day);
	if (!first)
		buf_str(&c->out, "nothing is on record\n");
	if (first && json_first(now))
		buf_chr(&c->out, '\n');
	for (const struct json *o = json_first(now); o; o = json_next(o))
		add_now(c, o, name);
}

/* Instead of being printed. */
static int export(struct ctx *c, const char *name, const char *file, const struct timeline *t,
		  const struct json *told, struct err *e)
{
	AUTO(buf_done) struct buf story = BUF_INIT(CAP_OUTPUT);

	print(c, told, name);
	buf_add(&story, c->out.p, c->out.len);
	buf_cut(&c->out, 0);
	if (why_export(c, name, file, t, &story, e) < 0)
		return err_wrap(e, "export");
	c->reply = json_object();
	json_set_str(c->reply, "file", file);
	if (!c->json)
		buf_fmt(&c->out,
			"%s: story, lines, evidence, the end of the pane's log, versions; "
			"secrets are masked, look at it before you send it\n",
			file);
	return 0;
}

int verb_why(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(timeline_done) struct timeline t = {.n = 0};
	auto_json struct json *reply = json_object();
	struct json *events = json_set(reply, "events", json_array());
	const char *name = p->args[0];
	int64_t last = TOLD;

	/* A removed peer's story is still on record, so the name need not be registered. */
	if (peer_name_check(name, e) < 0 || opt_i64(p, "last", 1, TOLD_MAX, &last, e) < 0)
		return -1;
	if (c->rooted && read_story(c, name, opt_value(p, "since"), &t, e) < 0)
		return -1;
	if (t.n == 0) {
		const struct peer_record *record;

		if (registry_need(&c->registry, name, &record, e) < 0)
			return -1;
	}
	story_tell(&t, events);
	while ((int64_t)json_len(events) > last)
		json_remove_at(events, 0);
	tell_now(c, name, reply);
	if (opt_value(p, "export"))
		return export(c, name, opt_value(p, "export"), &t, reply, e);
	if (!c->json)
		print(c, reply, name);
	c->reply = reply;
	reply = NULL;
	return 0;
}
