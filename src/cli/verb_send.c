/* send and ask: check, put into the queue, have it delivered, say what became of it (SPEC 7). */
#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/message.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/delivery/check.h"
#include "iapeer/delivery/deliver.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/pane.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/registry/service.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define KEEPER_WAIT_MS    10000
#define NUDGE_MS          20
#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MAX_S     86400

struct sending {
	const char *typed; /* the peer's name as typed */
	struct peer_id id;
	bool known; /* id is filled */
	const struct peer_record *record;
	struct manifest manifest;
	struct profile profile;
	struct queue_item item;
	struct receipt receipt;
	bool has_receipt, duplicate, queued, live;
	int64_t timeout_ms;
	char reason[256]; /* why it still waits */
};

/* On the heap: it holds a manifest, a profile and an item, more than a frame should. */
static void sending_free(struct sending **p)
{
	struct sending *s = *p;

	manifest_done(&s->manifest);
	profile_done(&s->profile);
	queue_item_done(&s->item);
	receipt_done(&s->receipt);
	free(s);
}

/* ---- what was typed ---- */

static int take_wait(const struct parsed *p, struct sending *s, struct err *e)
{
	const char *word = p->verb->arg == SEND_ASK ? NULL : opt_value(p, "wait");
	int64_t seconds = TIMEOUT_DEFAULT_S;

	if (p->verb->arg == SEND_ASK)
		s->item.wait = WAIT_TURN;
	if (word && !wait_rung_parse(word, &s->item.wait)) {
		err_set(e, ERR_USAGE, 0, "--wait: no rung \"%.40s\"", word);
		return err_hint(e, "there are: delivered, accepted, submitted, recorded, turn");
	}
	if (opt_i64(p, "timeout", 0, TIMEOUT_MAX_S, &seconds, e) < 0)
		return -1;
	s->timeout_ms = seconds * 1000;
	return 0;
}

static int take_id(const struct parsed *p, struct sending *s, struct err *e)
{
	const char *id = opt_value(p, "id");

	if (!id) {
		message_id_new(s->item.id);
		return 0;
	}
	if (!message_id_valid(id) || !str_put(s->item.id, sizeof s->item.id, id)) {
		err_set(e, ERR_USAGE, 0, "--id: \"%.80s\" is no message id", id);
		return err_hint(
		    e, "letters, digits and . _ : @ -, a letter or digit first, at most %d",
		    MESSAGE_ID_MAX);
	}
	return 0;
}

static int take_words(const struct ctx *c, const struct parsed *p, struct sending *s, struct err *e)
{
	const char *topic = opt_value(p, "topic");

	if (take_wait(p, s, e) < 0 || take_id(p, s, e) < 0)
		return -1;
	for (size_t i = 0; i < opt_count(p, "attachment"); i++)
		strv_add(&s->item.attachments, opt_nth(p, "attachment", i));
	if (!str_empty(topic))
		s->item.topic = xstrdup(topic);
	return message_body(c, p, &s->item.body, e);
}

/* ---- who and whether ---- */

static int find_peer(const struct ctx *c, const struct parsed *p, struct sending *s, struct err *e)
{
	if (peer_meant(c, s->typed, opt_value(p, "runtime"), &s->record, &s->id, e) < 0)
		return -1;
	s->known = true;
	if (manifest_load(&c->layout, s->id.runtime, &s->manifest, e) < 0 ||
	    peer_profile(s->record, &s->profile, e) < 0)
		return -1;
	if (s->item.wait == WAIT_RECORDED && s->manifest.proof != PROOF_RECORDED) {
		err_set(e, ERR_USAGE, 0, "--wait recorded: %s can prove no more than submitted",
			s->id.runtime);
		return err_hint(e, "--wait submitted");
	}
	return 0;
}

/* The same id again: the first receipt, or the item that still waits. */
static int find_duplicate(const struct ctx *c, struct sending *s, struct err *e)
{
	struct err why = ERR_INIT;

	s->has_receipt = receipt_load(&c->layout, &s->id, s->item.id, &s->receipt, &why) == 0;
	if (!s->has_receipt && why.code == ERR_NOT_FOUND)
		s->queued = queue_find(&c->layout, &s->id, s->item.id, s->item.file, &why) == 0;
	s->duplicate = s->has_receipt || s->queued;
	if (s->duplicate || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

static int check_who(const struct ctx *c, const struct parsed *p, struct sending *s, struct err *e)
{
	struct sender from;

	if (sender_find(&c->layout, &c->registry, opt_value(p, "from"), &from, e) < 0)
		return -1;
	s->item.from = from.id;
	s->item.from_nature = from.nature;
	s->item.from_verified = from.verified;
	return check_sender(&from, &s->id, &s->profile, &s->manifest, e);
}

/* What its program said last, so that nobody has to look for it. */
static void last_words(const struct ctx *c, const struct peer_id *id, char *out, size_t size)
{
	struct session none = {.log_start = 0};
	struct pane p = PANE_INIT;

	p.layout = &c->layout;
	p.session = &none;
	layout_pane_log(id, p.log);
	pane_tail(&p, out, size);
}

static int crash_loop(const struct ctx *c, const struct sending *s, const struct observation *o,
		      struct err *e)
{
	int n = death_ring_own(&o->deaths, clock_utc_ms(), c->settings.crashloop_window_ms);
	const char *cause = o->deaths.n ? o->deaths.v[o->deaths.n - 1].cause : "";
	char words[160];

	last_words(c, &s->id, words, sizeof words);
	err_set(e, ERR_REFUSED, 0,
		"crash loop: its program ended by itself %d times in %lld s%s%s%s%s", n,
		(long long)(c->settings.crashloop_window_ms / 1000), *cause ? ", last: " : "",
		cause, *words ? "; it said: " : "", words);
	return err_hint(e, "iapeer start %s", s->id.name);
}

/* As a start would look for it: launch.env may name another PATH. */
static int find_program(const struct ctx *c, const struct sending *s, struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	struct launch_in in = {.layout = &c->layout,
			       .settings = &c->settings,
			       .record = s->record,
			       .profile = &s->profile,
			       .manifest = &s->manifest,
			       .id = s->id};
	char program[LAYOUT_PATH];

	if (launch_environment(&in, &env, &args, e) < 0)
		return -1;
	return manifest_program(&s->manifest, &c->layout, &env, program, e);
}

static int check_state(const struct ctx *c, struct sending *s, struct err *e)
{
	struct sight now;

	if (service_guard(s->id.name, NULL, e) < 0)
		return -1;
	if (mark_is_set(&c->layout, &s->id, MARK_STOPPED)) {
		err_set(e, ERR_STOPPED, 0, "%s is stopped", s->id.name);
		return err_hint(e, "iapeer start %s", s->id.name);
	}
	if (sight_of(c, NULL, s->record, &s->id, &now, e) < 0)
		return -1;
	s->live = now.shown == SHOWN_LIVE;
	if (s->live)
		return 0;
	if (find_program(c, s, e) < 0)
		return -1;
	return now.o.snap.crash_loop ? crash_loop(c, s, &now.o, e) : 0;
}

static int check_all(const struct ctx *c, const struct parsed *p, struct sending *s, struct err *e)
{
	if (find_peer(c, p, s, e) < 0 || check_message(&s->item, &s->manifest, e) < 0 ||
	    find_duplicate(c, s, e) < 0)
		return -1;
	if (s->duplicate)
		return 0;
	return check_who(c, p, s, e) < 0 ? -1 : check_state(c, s, e);
}

/* ---- sending ---- */

static bool wants_turn(const struct sending *s)
{
	return s->item.wait == WAIT_TURN;
}

/* Wait for the receipt. A failure is kept: what the receipt or the queue says about the message
 * counts for more. */
static int deliver(const struct ctx *c, struct sending *s, struct err *e)
{
	int64_t deadline = clock_mono_ms() + s->timeout_ms;
	struct err why = ERR_INIT;
	char file[64];
	int rc;

	if (s->item.wait == WAIT_ACCEPTED)
		deadline = clock_mono_ms() + NUDGE_MS; /* not waited for */
	if (!s->live && c->term.err_tty && !c->json && s->item.wait != WAIT_ACCEPTED)
		ctx_note("waking %s ...", s->id.name);
	rc = keeper_deliver(&c->layout, &s->id, s->item.id, wants_turn(s), deadline, s->reason,
			    sizeof s->reason, e);
	receipt_done(&s->receipt);
	s->receipt = (struct receipt){.answer = NULL};
	s->has_receipt = receipt_load(&c->layout, &s->id, s->item.id, &s->receipt, &why) == 0;
	s->queued = !s->has_receipt && queue_find(&c->layout, &s->id, s->item.id, file, &why) == 0;
	return rc;
}

static int accept_item(const struct ctx *c, struct sending *s, struct err *e)
{
	if (keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0)
		return -1;
	if (s->duplicate)
		return 0;
	s->item.accepted_at_ms = clock_utc_ms();
	s->item.wait_until_ms = wants_turn(s) ? s->item.accepted_at_ms + s->timeout_ms : 0;
	if (deliver_accept(&c->layout, &s->id, &s->item, e) < 0)
		return -1;
	s->queued = true;
	if (s->item.attachments.n && s->manifest.envelope == ENVELOPE_BARE)
		ctx_note("iapeer: note: %s takes bare text: it is not told of the attachments",
			 s->id.runtime);
	return 0;
}

/* ---- what became of it ---- */

/* Waiting is no failure where nobody wanted more, or the peer takes its tasks one by one. */
static int still_waits(const struct sending *s, struct err *e)
{
	if (s->item.wait == WAIT_ACCEPTED || s->profile.wake_policy == WAKE_EPHEMERAL)
		return 0;
	err_set(e, ERR_QUEUED, 0, "accepted, not yet delivered%s%s", s->reason[0] ? ": " : "",
		s->reason);
	return err_hint(e, "it waits in the queue (iapeer queue %s)", s->id.name);
}

static int of_receipt(const struct sending *s, struct err *e)
{
	const struct receipt *r = &s->receipt;
	const char *why = r->reason[0] ? r->reason : err_text(ERR_TIMEOUT);

	switch (r->status) {
	case DELIVERY_DELIVERED:
		if (!wants_turn(s) || r->turn_ended || (s->duplicate && r->answer))
			return 0;
		err_set(e, ERR_TIMEOUT, 0, "delivered, but the turn has not ended in time");
		return err_hint(e, "iapeer read %s", s->id.name);
	case DELIVERY_QUEUED:
		return still_waits(s, e);
	case DELIVERY_REFUSED:
		return err_set(e, ERR_REFUSED, 0, "%s", why);
	case DELIVERY_AMBIGUOUS:
		return err_set(e, ERR_AMBIGUOUS, 0, "it may or may not have arrived: %s", why);
	case DELIVERY_FAILED:
	case DELIVERY_STATUS_COUNT:
		break;
	}
	return err_set(e, ERR_TIMEOUT, 0, "%s", why);
}

/* Stopped, or in a crash loop, since we looked: then it was refused, and must not be delivered
 * later after all. */
static bool refused(const struct ctx *c, struct sending *s, struct err *e)
{
	struct err why = ERR_INIT;

	if (s->duplicate || s->item.wait == WAIT_ACCEPTED || check_state(c, s, &why) == 0)
		return false;
	if ((why.code != ERR_STOPPED && why.code != ERR_REFUSED) ||
	    !message_withdraw(c, &s->id, s->item.id))
		return false;
	s->queued = false;
	*e = why;
	s->reason[0] = '\0';
	return true;
}

/* The keeper's failure says why; the receipt, else the queue, says what is so. */
static int settle(const struct ctx *c, struct sending *s, int rc, struct err *e)
{
	if (s->has_receipt)
		return of_receipt(s, e);
	if (!s->queued)
		return rc < 0 ? -1 : err_set(e, ERR_FAILED, 0, "no receipt");
	if (refused(c, s, e))
		return -1;
	if (rc < 0 && e->code != ERR_TIMEOUT && !s->reason[0])
		str_cut(s->reason, sizeof s->reason, e->msg);
	return still_waits(s, e);
}

static void report(struct ctx *c, const struct parsed *p, const struct sending *s, int rc,
		   const struct err *e)
{
	bool ask = p->verb->arg == SEND_ASK;
	struct outcome o = {.item = &s->item,
			    .peer = s->known ? s->id.name : s->typed,
			    .runtime = s->known ? s->id.runtime : "",
			    .receipt = s->has_receipt ? &s->receipt : NULL,
			    .duplicate = s->duplicate,
			    .queued = s->queued,
			    .reason = rc < 0 && !s->reason[0] ? e->msg : s->reason,
			    .code = rc < 0 ? e->code : ERR_NONE};

	c->reply = outcome_json(&o, ask);
	if (rc == 0)
		outcome_print(c, &o, ask);
}

int verb_send(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(sending_free) struct sending *s = xcalloc(1, sizeof *s);
	int rc;

	s->typed = p->args[0];
	ctx_tried(c, "%s %.60s", p->verb->arg == SEND_ASK ? "ask" : "send to", s->typed);
	rc = take_words(c, p, s, e) < 0 || check_all(c, p, s, e) < 0 ? -1 : 0;
	if (rc == 0 && !s->has_receipt)
		rc = accept_item(c, s, e) < 0 ? -1 : settle(c, s, deliver(c, s, e), e);
	else if (rc == 0)
		rc = of_receipt(s, e);
	report(c, p, s, rc, e);
	return rc;
}
