/* start, stop, new: one peer, a tag's or all; the worst result is the exit status. */
#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/agent/send.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/reply.h"
#include "iapeer/cli/targets.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/sender.h"
#include "iapeer/lifecycle/apply.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/registry/service.h"
#include "iapeer/runtime/manifest.h"
#include "iapeer/supervise/await.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define LOCK_WAIT_MS   10000
#define KEEPER_WAIT_MS 10000
#define WAKE_SLACK_MS  15000

/* What was done to one identity. */
struct result {
	const char *action;
	const char *refused; /* instead of "failed" */
	bool kept_up;        /* it comes by itself */
	bool woken;
	char mode[16], cause[64];
	struct err why; /* of "failed" */
};

static int64_t wake_deadline(const struct ctx *c)
{
	return clock_mono_ms() + c->settings.boot_deadline_ms + c->settings.ready_gate_ms +
	       WAKE_SLACK_MS;
}

static int stop_one(const struct ctx *c, const struct target *t, struct result *r, struct err *e)
{
	struct apply_in in = {.layout = &c->layout,
			      .settings = &c->settings,
			      .registry = &c->registry,
			      .id = t->id,
			      .trigger = TRIG_STOP,
			      .lock_deadline_ms = clock_mono_ms() + LOCK_WAIT_MS,
			      .keep_parked = true};
	struct apply_outcome out = {.started = false};

	r->action = "stopped";
	return apply_peer(&in, &out, e);
}

static int put(const struct ctx *c, const struct peer_id *id, struct queue_item *m, struct err *e)
{
	AUTO(lock_done) struct lock claim = LOCK_INIT;

	if (queue_claim(&c->layout, id, &claim, e) < 0)
		return -1;
	return queue_put(&c->layout, id, m, e);
}

/* `start --now` is a wake without words: it goes through the queue like any message, so it outlives
 * us. */
static int wake(const struct ctx *c, const struct target *t, struct result *r, struct err *e)
{
	AUTO(queue_item_done)
	struct queue_item m = {.kind = ITEM_WAKE, .accepted_at_ms = clock_utc_ms()};
	AUTO(receipt_done) struct receipt done = {.answer = NULL};
	struct sender s = {.nature = NATURE_NONE};
	struct err none = ERR_INIT;
	char reason[256] = "";

	if (sender_find(&c->layout, &c->registry, NULL, &s, e) < 0)
		return -1;
	message_id_new(m.id);
	m.from = s.id;
	m.from_nature = s.nature;
	m.from_verified = s.verified;
	if (keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0 ||
	    put(c, &t->id, &m, e) < 0)
		return -1;
	if (keeper_deliver(&c->layout, &t->id, m.id, wake_deadline(c), reason, sizeof reason, e) <
	    0) {
		/* What is said to have failed must not happen later. */
		if (!message_withdraw(&c->layout, &t->id, m.id))
			log_debug("life", "%s is still to be woken", t->id.name);
		return -1;
	}
	if (receipt_load(&c->layout, &t->id, m.id, &done, &none) == 0) {
		memcpy(r->mode, done.mode, sizeof r->mode);
		memcpy(r->cause, done.cause, sizeof r->cause);
		if (done.status != DELIVERY_DELIVERED)
			return err_set(e, ERR_FAILED, 0, "%s",
				       done.reason[0] ? done.reason : "it did not start");
	}
	return 0;
}

/* A peer that is to be there always needs somebody who sees to it. */
static bool kept_up(const struct target *t)
{
	AUTO(profile_done) struct profile f = {.tree = NULL};
	struct err e = ERR_INIT;

	return t->record && peer_profile(t->record, &f, &e) == 0 && f.wake_policy == WAKE_ALWAYS;
}

/* Of a peer with several runtimes all are let go on; the default one wakes, as with a message. */
static bool to_be_woken(const struct parsed *p, const struct target *t)
{
	return opt_given(p, "now") &&
	       (parsed_arg(p, 1) || strcmp(t->id.runtime, t->record->default_runtime) == 0);
}

static int start_one(const struct ctx *c, const struct parsed *p, const struct target *t,
		     struct result *r, struct err *e)
{
	r->action = "started";
	if (mark_clear(&c->layout, &t->id, MARK_STOPPED, e) < 0 ||
	    deaths_forgive(&c->layout, &t->id, e) < 0)
		return -1;
	r->woken = to_be_woken(p, t);
	if (r->woken)
		return wake(c, t, r, e);
	if (!kept_up(t))
		return 0;
	r->kept_up = true;
	return keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e);
}

static int refuse_service(const struct ctx *c, const struct target *t, struct err *e)
{
	AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};

	if (manifest_need(&c->layout, t->id.runtime, &m, e) < 0)
		return -1;
	if (m.kind != KIND_SERVICE)
		return 0;
	err_set(e, ERR_REFUSED, 0, "%s is a service and has no conversation", t->id.runtime);
	return err_hint(e, "to restart it: iapeer stop %s && iapeer start --now %s", t->id.name,
			t->id.name);
}

static int new_one(const struct ctx *c, const struct parsed *p, const struct target *t,
		   struct result *r, struct err *e)
{
	auto_json struct json *reply = NULL;
	struct err soft = ERR_INIT;

	if (refuse_service(c, t, e) < 0)
		return -1;
	r->action = "fresh-next";
	if (opt_given(p, "on-wake"))
		return mark_set(&c->layout, &t->id, MARK_FRESH_NEXT, e);
	r->action = "fresh";
	if (keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0 ||
	    mark_clear(&c->layout, &t->id, MARK_STOPPED, e) < 0 ||
	    mark_clear(&c->layout, &t->id, MARK_IDLE_REAPED, e) < 0 ||
	    mark_set(&c->layout, &t->id, MARK_NEW_EAGER, e) < 0)
		return -1;
	if (keeper_apply(&c->layout, &t->id, trigger_word(TRIG_NEW), wake_deadline(c), &reply, e) ==
		0 &&
	    reply_outcome(reply, r->mode, r->cause, e) == 0)
		return 0;
	/* It was tried and did not come up: the wish must not be carried out again and again. */
	if (e->code != ERR_TIMEOUT && mark_clear(&c->layout, &t->id, MARK_NEW_EAGER, &soft) < 0)
		log_warn("life", "%s", soft.msg);
	return -1;
}

/* A peer that somebody else's job keeps is read-only: not even a flag is written. */
static int guard(const struct services *services, const struct target *t, struct result *r,
		 struct err *e)
{
	enum service_owner owner = SERVICE_NONE;

	if (services_guard(services, t->id.name, &owner, e) == 0)
		return 0;
	r->refused = service_action(owner);
	return -1;
}

static int one(const struct ctx *c, const struct parsed *p, const struct target *t,
	       struct result *r, struct err *e)
{
	switch ((enum life_arg)p->verb->arg) {
	case LIFE_START:
		return start_one(c, p, t, r, e);
	case LIFE_STOP:
		return stop_one(c, t, r, e);
	case LIFE_NEW:
		return new_one(c, p, t, r, e);
	}
	return err_set(e, ERR_FAILED, 0, "unknown verb");
}

static const char *explain(const struct result *r)
{
	if (strcmp(r->action, "fresh-next") == 0)
		return "starts fresh with the next message";
	if (strcmp(r->action, "fresh") == 0)
		return "fresh and ready";
	if (strcmp(r->action, "stopped") == 0)
		return "stopped";
	if (r->kept_up)
		return "is started and kept up";
	return r->woken ? "live" : "asleep, wakes with the next message";
}

static void say(struct ctx *c, const struct target *t, const struct result *r, enum shown_state now)
{
	buf_fmt(&c->out, "%s (%s): ", t->id.name, t->id.runtime);
	if (r->why.code != ERR_NONE)
		text_shown(&c->out, r->why.msg);
	else
		buf_str(&c->out, now == SHOWN_LIVE ? "live"
				 : now == SHOWN_UNKNOWN
				     ? "not stopped any more, but its tmux server does not answer"
				     : explain(r));
	buf_chr(&c->out, '\n');
}

static void tell(struct json *results, const struct target *t, const struct result *r)
{
	struct json *o = json_push(results, json_object());

	json_set_str(o, "personality", t->id.name);
	json_set_str(o, "runtime", t->id.runtime);
	if (r->why.code == ERR_NONE)
		json_set_str(o, "action", r->action);
	else
		json_set_str(o, "action", r->refused ? r->refused : "failed");
	json_set_str_opt(o, "mode", r->mode);
	json_set_str_opt(o, "cause", r->cause);
	json_set_str_opt(o, "reason", r->why.msg);
}

/* What a peer that was let go on is now; for the other verbs what was done says it. */
static enum shown_state shown_now(const struct ctx *c, const struct parsed *p,
				  const struct target *t, const struct result *r)
{
	struct sight s;
	struct err e = ERR_INIT;

	if (p->verb->arg != LIFE_START || r->why.code != ERR_NONE ||
	    sight_of(c, NULL, t->record, &t->id, &s, &e) < 0)
		return SHOWN_ASLEEP;
	return s.shown;
}

/* Of a peer that was removed while it was started no other reason is worth a word. */
static void went_away(const struct ctx *c, const struct target *t, struct err *why)
{
	struct err gone = ERR_INIT;

	if (t->record && registry_still_has(&c->layout, t->id.name, &gone) < 0)
		*why = gone;
}

/* Of several failures the one with the highest code is the verb's. */
static int worst(size_t n, size_t failed, const struct err *bad, struct err *e)
{
	if (failed == 0)
		return 0;
	*e = *bad;
	if (n > 1)
		err_wrap(e, failed > 1 ? "%zu of %zu failed, one of them" : "%zu of %zu failed",
			 failed, n);
	return -1;
}

int verb_life(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(targets_done) struct targets t = {.v = NULL};
	AUTO(services_done) struct services services = {.n = 0};
	struct err bad = ERR_INIT;
	struct json *results;
	size_t failed = 0;

	if (targets_find(c, p, p->verb->arg != LIFE_NEW, &t, e) < 0)
		return -1;
	services_scan(&services);
	c->reply = json_object();
	results = json_set(c->reply, "results", json_array());
	for (size_t i = 0; i < t.n; i++) {
		struct result r = {.action = "failed", .why = ERR_INIT};

		struct err why = ERR_INIT;

		if (guard(&services, &t.v[i], &r, &why) < 0 || one(c, p, &t.v[i], &r, &why) < 0) {
			went_away(c, &t.v[i], &why);
			r.why = why;
			failed++;
			if (why.code >= bad.code)
				bad = why;
		}
		tell(results, &t.v[i], &r);
		if (t.n > 1 || r.why.code == ERR_NONE)
			say(c, &t.v[i], &r, shown_now(c, p, &t.v[i], &r));
	}
	return worst(t.n, failed, &bad, e);
}
