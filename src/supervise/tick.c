/* The tick (SPEC 8): time is the only thing that no descriptor reports. Everything else is noticed
 * when it happens, so a steady tick compares two numbers a peer and starts nothing. */
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/lifecycle/activity.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/observe.h"
#include "iapeer/registry/service.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define TIDY_MS  3600000
#define AGAIN_MS 1000 /* between two looks at one that is still there */
#define JUMP_MS                                                                                    \
	5000 /* wall clock and awake time part by more than this: a suspend, or somebody set the   \
		clock */

/* Wall-clock stamps of files become awake time. A stamp that has not changed keeps its place,
 * however the clock was set; one that has is newer than our last look, whatever it says. */
static void look_at_activity(struct watched *w, const struct session *s, enum runtime_kind kind,
			     int64_t now)
{
	int64_t age, most = w->looked_mono_ms ? now - w->looked_mono_ms : INT64_MAX;
	struct activity a;

	activity_look(w->k->layout, s, kind, &a);
	age = clock_utc_ms() - a.newest_utc_ms;
	if (age < 0)
		age = 0;
	if (a.attached || a.in_turn)
		w->activity_mono_ms = now;
	else if (a.newest_utc_ms != w->activity_utc_ms)
		w->activity_mono_ms = now - (age < most ? age : most);
	w->activity_utc_ms = a.newest_utc_ms;
	w->looked_mono_ms = now;
}

static enum runtime_kind kind_of(const struct layout *l, const char *runtime)
{
	struct manifest *m = xcalloc(1, sizeof *m);
	enum runtime_kind kind = KIND_TUI;
	struct err e;

	if (manifest_load(l, runtime, m, &e) == 0)
		kind = m->kind;
	manifest_done(m);
	free(m);
	return kind;
}

/* How long it may be quiet. An ephemeral worker's session is for one task. */
static int64_t limit_of(const struct watched *w, const struct peer_id *id)
{
	const struct settings *s = &w->k->settings;

	if (w->policy == WAKE_ALWAYS)
		return INT64_MAX; /* it is to be there */
	if (w->policy != WAKE_EPHEMERAL)
		return s->idle_ms;
	return mark_is_set(w->k->layout, id, MARK_TASK_GIVEN) ? s->ephemeral_quiet_ms
							      : s->ephemeral_unarmed_idle_ms;
}

/* Is it idle? Files are looked at only when what we know is old enough to matter. */
static bool idle_for(struct watched *w, const struct peer_id *id, int64_t now)
{
	int64_t idle_ms = limit_of(w, id);
	struct session s;
	struct err e;

	if (w->looked_mono_ms && now - w->activity_mono_ms < idle_ms)
		return false;
	if (session_load(w->k->layout, id, &s, &e) < 0)
		return false;
	look_at_activity(w, &s, kind_of(w->k->layout, id->runtime), now);
	return now - w->activity_mono_ms >= idle_ms;
}

/* A task that has gone quiet is not left to wait for a tick: its successors wait for it. */
static void come_again(struct watched *w, const struct peer_id *id, int64_t now)
{
	int64_t limit = limit_of(w, id), at = w->activity_mono_ms + limit;

	keeper_due(w, at > now ? at : now + (limit > AGAIN_MS ? limit : AGAIN_MS));
}

static void tell(struct json *outcomes, const char *identity, const char *action, const char *rule)
{
	struct json *o = outcomes ? json_push(outcomes, json_object()) : NULL;

	if (!o)
		return;
	json_set_str(o, "identity", identity);
	json_set_str(o, "action", action);
	json_set_str_opt(o, "rule", rule);
}

/* A steady peer, in full: only when somebody asked to see it, or when it seems to have been idle
 * for long enough. */
static void decide_one(struct watched *w, const struct peer_id *id, const struct registry *r,
		       bool idle, struct json *outcomes)
{
	struct keeper *k = w->k;
	struct observe_in in = {.layout = k->layout,
				.settings = &k->settings,
				.record = registry_find(r, id->name),
				.id = *id};
	struct observation *o;
	struct decision d;
	struct err e;

	if (!in.record) {
		tell(outcomes, w->canary.identity, "unregistered", "");
		return;
	}
	o = xcalloc(1, sizeof *o);
	if (observe(&in, o, &e) == 0) {
		o->snap.idle = idle;
		observe_duty(&in, w->policy, o);
		o->snap.foreign = service_guard(id->name, NULL, &e) < 0;
		d = decide(TRIG_TICK, &o->snap);
		tell(outcomes, w->canary.identity, d.word, d.rule);
		if (d.action > ACT_REFUSE_UNKNOWN)
			keeper_want(k, w->canary.identity, TRIG_TICK, false, 0);
	} else {
		log_warn("tick", "identity=%s %s", w->canary.identity, e.msg);
	}
	free(o);
}

/* After a suspend or a jump of the clock this tick decides nothing: nobody is parked for a night
 * that nobody was awake for. */
static bool jumped(struct keeper *k, int64_t now)
{
	int64_t utc = clock_utc_ms(), drift = (utc - k->tick_utc_ms) - (now - k->tick_mono_ms);
	bool first = k->tick_mono_ms == 0;

	k->tick_mono_ms = now;
	k->tick_utc_ms = utc;
	if (first || (drift < JUMP_MS && drift > -JUMP_MS))
		return false;
	log_info("tick", "the clock moved by %lld ms against awake time: this tick is skipped",
		 (long long)drift);
	return true;
}

/* What one round over the sessions has read already. */
struct look_round {
	struct registry r;
	bool loaded;
	struct json *outcomes; /* NULL: nobody asked to see them */
	int64_t now;
};

static int look_at(struct watched *w, struct look_round *t)
{
	struct peer_id id;
	bool idle;
	struct err e;

	if (w->dying || peer_parse(w->canary.identity, &id, &e) < 0)
		return 0;
	idle = idle_for(w, &id, t->now);
	if (w->policy == WAKE_EPHEMERAL)
		come_again(w, &id, t->now);
	if (!idle && !t->outcomes)
		return 0;
	if (!t->loaded && registry_load(w->k->layout, &t->r, &e) < 0) {
		log_warn("tick", "%s", e.msg);
		return -1;
	}
	t->loaded = true;
	decide_one(w, &id, &t->r, idle, t->outcomes);
	return 0;
}

void keeper_tick_one(struct watched *w)
{
	struct look_round t = {.loaded = false, .now = clock_mono_ms()};

	if (!w->k->leaving && look_at(w, &t) < 0)
		log_debug("tick", "identity=%s is looked at with the next tick",
			  w->canary.identity);
	registry_done(&t.r);
}

void keeper_tick(struct keeper *k, struct json *outcomes)
{
	struct look_round t = {.outcomes = outcomes, .now = clock_mono_ms()};

	if (k->leaving || jumped(k, t.now))
		return;
	for (struct watched *w = k->watched; w; w = w->next)
		if (look_at(w, &t) < 0)
			break;
	registry_done(&t.r);
	keeper_look_sockets(k);
}

static void on_tick(uv_timer_t *t)
{
	struct keeper *k = t->data;

	keeper_tick(k, NULL);
	if (clock_mono_ms() - k->tidied_mono_ms > TIDY_MS) {
		keeper_tidy(k);
		keeper_absent(k);
	}
}

void keeper_tick_every(struct keeper *k, int64_t interval_ms)
{
	k->tick_mono_ms = clock_mono_ms();
	k->tick_utc_ms = clock_utc_ms();
	uv_timer_start(&k->tick_timer, on_tick, (uint64_t)interval_ms, (uint64_t)interval_ms);
}
