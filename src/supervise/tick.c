/* The tick (SPEC 8): time is the only thing that no descriptor reports. Everything else is noticed
 * when it happens, and looked at here once more, cheaply: whether two folders changed, by records
 * that were read when they were written. What costs more is looked at before something is done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/activity.h"
#include "iapeer/lifecycle/fleet.h"
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

/* Wall clock against awake time: it changes by a suspend, and when somebody sets the clock. */
static bool moved(int64_t drift, int64_t since)
{
	int64_t by = drift - since;

	return by >= JUMP_MS || by <= -JUMP_MS;
}

/* What activity_look() and observe() want of a session, out of what is known of it. */
static bool session_of(const struct watched *w, const struct peer_id *id, struct session *out)
{
	if (!w->session.known)
		return false;
	*out = (struct session){.id = *id,
				.server = w->canary.server,
				.pane = w->session.pane,
				.woke_at_ms = w->session.woke_at_ms,
				.ready = w->session.ready,
				.hooks = w->session.hooks};
	str_cut(out->boot_id, sizeof out->boot_id, w->canary.boot_id);
	str_cut(out->socket, sizeof out->socket, w->canary.socket);
	return true;
}

/* Wall-clock stamps of files become awake time, here and nowhere else. Stamps that have not changed
 * keep their place, however the clock was set. What has changed did so after our last look: its
 * age by the wall clock is believed up to there, and not at all when the clock was moved. */
static void look_at_activity(struct watched *w, const struct session *s, int64_t oldest_mono_ms,
			     bool wall)
{
	int64_t now = clock_mono_ms(), age;
	struct activity a;

	activity_look(w->k->layout, s, w->session.kind, &a);
	age = wall ? clock_utc_ms() - a.newest_utc_ms : 0;
	if (age < 0)
		age = 0;
	if (age > now - oldest_mono_ms)
		age = now - oldest_mono_ms;
	if (a.attached || a.in_turn)
		w->activity_mono_ms = now;
	else if (a.stamp != w->activity_stamp)
		w->activity_mono_ms = now - age;
	w->activity_stamp = a.stamp;
	w->attached = a.attached;
	w->looked_mono_ms = now;
}

void keeper_first_look(struct watched *w)
{
	int64_t now = clock_mono_ms(), utc = clock_utc_ms(), woke = w->session.woke_mono_ms;
	struct session s;
	struct peer_id id;
	struct err e;

	if (peer_parse(w->canary.identity, &id, &e) == 0 && session_of(w, &id, &s))
		look_at_activity(w, &s, woke,
				 !woke || !moved(utc - now, w->session.woke_at_ms - woke));
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

/* By what is known, without a look at files. */
static bool too_early(const struct watched *w, int64_t limit_ms)
{
	return !w->attached && clock_mono_ms() - w->activity_mono_ms < limit_ms;
}

/* Is it idle? Files are looked at only when what we know is old enough to matter, and every time
 * while a client is attached, for nothing is written when he leaves. */
static bool idle_for(struct watched *w, const struct session *s, bool jumped)
{
	int64_t limit_ms = limit_of(w, &s->id);

	if (!jumped && too_early(w, limit_ms))
		return false;
	look_at_activity(w, s, w->looked_mono_ms, !jumped);
	return !jumped && clock_mono_ms() - w->activity_mono_ms >= limit_ms;
}

/* A task that has gone quiet is not left to wait for a tick: its successors wait for it. */
static void come_again(struct watched *w, const struct peer_id *id)
{
	int64_t now = clock_mono_ms(), limit = limit_of(w, id), at = w->activity_mono_ms + limit;

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

/* What one tick sees of the whole, and what it does besides deciding. */
struct tick {
	struct keeper *k;
	const struct registry *registry;
	bool listed;    /* of many: the fleet was read, services are; of one they are asked for */
	bool refreshed; /* the services were, or nobody needed them yet */
	bool jumped;
	uint64_t version;      /* of all files that a decision is made by; 0: not known */
	struct json *outcomes; /* NULL: nobody asked */
};

static void journal_steady(struct keeper *k, const char *identity, const struct decision *d,
			   const char *reason)
{
	struct journal j = {.dirfd = k->layout->root_fd,
			    .path = LAYOUT_LIFECYCLE_LOG,
			    .max_bytes = k->settings.lifecycle_log_max_bytes,
			    .keep = k->settings.lifecycle_log_keep};
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};
	struct err e;

	logfmt_init(&line, clock_utc_ms());
	logfmt_raw(&line, "ev", "tick");
	logfmt_raw(&line, "identity", identity);
	logfmt_raw(&line, "action", d->word);
	logfmt_str(&line, "rule", d->rule);
	logfmt_str(&line, "reason", reason);
	if (journal_write(&j, &line, false, &e) < 0)
		log_warn("tick", "lifecycle.log: %s", e.msg);
}

static void carry_out(struct watched *w, const struct decision *d, const struct tick *t)
{
	char reason[64];

	tell(t->outcomes, w->canary.identity, d->word, d->rule);
	if (d->action > ACT_REFUSE_UNKNOWN) {
		keeper_want(w->k, w->canary.identity, TRIG_TICK, false, 0); /* who journals it */
		return;
	}
	if (!w->k->settings.log_verbose)
		return;
	snprintf(reason, sizeof reason, "quiet for %lld s",
		 (long long)(clock_mono_ms() - w->activity_mono_ms) / 1000);
	journal_steady(w->k, w->canary.identity, d, w->attached ? "a client is attached" : reason);
}

/* Whose is the peer by now? */
static bool foreign(const struct peer_id *id, struct tick *t)
{
	struct services *s = &t->k->services;
	struct err e;

	if (!t->listed)
		return service_guard(id->name, NULL, &e) < 0;
	if (!t->refreshed)
		services_refresh(s);
	t->refreshed = true;
	return services_guard(s, id->name, NULL, &e) < 0;
}

/* No event tells whether its server is stopped, or whether a service manager has the peer. Either
 * leaves it alone, whatever else is so: looked at (`closely`) before something is done, or told. */
static int see(struct watched *w, struct observe_in *in, bool closely, struct observation *o,
	       struct tick *t)
{
	static const enum proc_state running = PROC_RUNNING;
	struct err e;

	in->server = closely || w->fd < 0 ? NULL : &running; /* its end is an event */
	if (observe(in, o, &e) < 0) {
		log_warn("tick", "identity=%s %s", w->canary.identity, e.msg);
		return -1;
	}
	o->snap.idle = w->idle = in->session && idle_for(w, in->session, t->jumped);
	observe_duty(in, w->policy, o);
	o->snap.foreign = closely && foreign(&in->id, t);
	return 0;
}

static bool told(const struct tick *t)
{
	return t->outcomes || t->k->settings.log_verbose;
}

static bool program_watched(const struct watched *w)
{
	return w->pane && uv_is_active((uv_handle_t *)&w->pane->poll);
}

/* It was left alone, its files are those that this was decided by, it and its program go on (their
 * ends are events), and it is too early for it to be idle: it is left alone again. */
static bool as_before(const struct watched *w, const struct tick *t)
{
	return w->left_alone && w->left_alone == t->version && w->fd >= 0 && program_watched(w) &&
	       w->policy != WAKE_EPHEMERAL && too_early(w, w->k->settings.idle_ms) && !t->jumped &&
	       !told(t);
}

/* In full, for what an event did not tell, or tells too late. */
static void decide_one(struct watched *w, const struct peer_id *id, struct observation *o,
		       struct tick *t)
{
	struct session s;
	struct observe_in in = {.layout = w->k->layout,
				.settings = &w->k->settings,
				.record = registry_find(t->registry, id->name),
				.id = *id,
				.fleet = t->listed ? &t->k->fleet : NULL,
				.session = session_of(w, id, &s) ? &s : NULL,
				.program_watched = program_watched(w),
				.armed = &w->canary};
	struct decision d = {.word = "unregistered", .rule = ""};

	w->idle = false;
	w->left_alone = 0;
	if (!in.record) {
		carry_out(w, &d, t);
		return;
	}
	for (int closely = 0; closely < 2; closely++) {
		if (see(w, &in, closely, o, t) < 0)
			return;
		d = decide(TRIG_TICK, &o->snap);
		if (d.action <= ACT_REFUSE_UNKNOWN && !told(t))
			break;
	}
	if (d.action == ACT_NONE && o->snap.session == SESSION_LIVE)
		w->left_alone = t->version;
	carry_out(w, &d, t);
}

/* After a suspend or a jump of the clock this tick parks nobody: not for a night that nobody was
 * awake for. */
static bool jumped(struct keeper *k)
{
	int64_t drift = clock_utc_ms() - clock_mono_ms(), before = k->tick_drift_ms;

	k->tick_drift_ms = drift;
	if (!moved(drift, before))
		return false;
	log_info("tick", "the clock moved by %lld ms against awake time: this tick parks nobody",
		 (long long)(drift - before));
	return true;
}

static int prepare(struct tick *t, struct err *e)
{
	t->registry = keeper_registry(t->k, e);
	if (!t->registry || fleet_scan(t->k->layout, &t->k->fleet, e) < 0)
		return -1;
	t->listed = true;
	t->version = t->k->fleet.state.listings + t->k->fleet.socks.listings + t->k->registry_reads;
	return 0;
}

static void look_at(struct watched *w, struct observation *o, struct tick *t)
{
	struct peer_id id;
	struct err e;

	keeper_watch_exit(w);
	if (w->dying || as_before(w, t) || peer_parse(w->canary.identity, &id, &e) < 0)
		return;
	decide_one(w, &id, o, t);
	if (w->policy == WAKE_EPHEMERAL)
		come_again(w, &id);
}

static void tick_all(struct keeper *k, bool jump, struct json *outcomes)
{
	struct tick t = {.k = k, .jumped = jump, .outcomes = outcomes};
	struct observation *o;
	struct err e;

	if (prepare(&t, &e) < 0) {
		log_warn("tick", "%s", e.msg);
		return;
	}
	o = xcalloc(1, sizeof *o);
	for (struct watched *w = k->watched; w; w = w->next)
		look_at(w, o, &t);
	free(o);
	keeper_look_sockets(k, &k->fleet.socks.v);
}

void keeper_tick_one(struct watched *w)
{
	struct tick t = {.k = w->k};
	struct observation *o;
	struct err e;

	if (w->k->leaving)
		return;
	t.registry = keeper_registry(w->k, &e);
	if (!t.registry) {
		log_warn("tick", "%s", e.msg);
		return;
	}
	o = xcalloc(1, sizeof *o);
	look_at(w, o, &t);
	free(o);
}

void keeper_tick(struct keeper *k, struct json *outcomes)
{
	if (!k->leaving)
		tick_all(k, jumped(k), outcomes);
}

static void on_tick(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (!keeper_in_place(k))
		return;
	keeper_tick(k, NULL);
	keeper_look_listener(k);
	keeper_record_flight(k);
	if (clock_mono_ms() - k->tidied_mono_ms > TIDY_MS) {
		keeper_tidy(k);
		keeper_absent(k);
	}
	if (k->registry_file.inode != k->trimmed_for) {
		k->trimmed_for = k->registry_file.inode;
		plat_trim(); /* reading it took several times what is kept of it */
	}
}

void keeper_tick_every(struct keeper *k, int64_t interval_ms)
{
	uv_timer_start(&k->tick_timer, on_tick, (uint64_t)interval_ms, (uint64_t)interval_ms);
}
