/* The steps that deliver, and what they leave to be waited for without the peer's lock. */
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/reported.h"
#include "iapeer/launch/pane.h"
#include "iapeer/lifecycle/converse.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/step.h"

#include "iapeer/base/banned.h"

#define TURN_MAX_MS (INT64_C(24) * 3600 * 1000) /* of --timeout */

static struct deliver_in deliver_of(const struct step *s, struct pane *pane)
{
	return (struct deliver_in){.layout = s->in->layout,
				   .manifest = &s->manifest,
				   .profile = &s->profile,
				   .session = &s->seen.session,
				   .pane = pane,
				   .on_receipt = s->in->events.receipt,
				   .arg = s->in->events.arg};
}

/* What is waited for without the lock: stop must not wait for a long thought. 1: something is. */
static int wait_outside(struct step *s, const struct deliver_out *out)
{
	s->turn = out->turn;
	str_cut(s->proof_id, sizeof s->proof_id, out->proof_id);
	s->proof_reports_at = out->proof_reports_at;
	return s->turn.id[0] || s->proof_id[0] ? 1 : 0;
}

int step_settle(struct step *s, struct err *e)
{
	AUTO(pane_done) struct pane pane = PANE_INIT;
	bool live = s->seen.snap.session == SESSION_LIVE;
	struct deliver_out out;
	struct deliver_in in;

	if (live &&
	    pane_open(&pane, s->in->layout, s->in->settings, &s->manifest, &s->seen.session, e) < 0)
		return -1;
	in = deliver_of(s, live ? &pane : NULL);
	if (deliver_settle(&in, &s->in->id, &out, e) < 0)
		return -1;
	str_cut(s->out->waiting, sizeof s->out->waiting, out.waiting);
	return wait_outside(s, &out) || out.waiting[0] ? 1 : 0;
}

/* Was a task given? Then the session is for it alone; else it is as free as it was. */
static int after_task(struct step *s, const struct deliver_out *out, struct err *e)
{
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};

	if (out->tasks == 0)
		return mark_clear(s->in->layout, &s->in->id, MARK_TASK_GIVEN, e);
	step_line_begin(s, "ephemeral-drain", &line);
	logfmt_i64(&line, "depth", (int64_t)queue_depth(s->in->layout, &s->in->id));
	step_line_write(s, &line);
	return 0;
}

int step_deliver(struct step *s, struct err *e)
{
	AUTO(pane_done) struct pane pane = PANE_INIT;
	struct deliver_in in = deliver_of(s, &pane);
	struct deliver_out out;
	int rc;

	in.one_task = s->profile.wake_policy == WAKE_EPHEMERAL;
	if (pane_open(&pane, s->in->layout, s->in->settings, &s->manifest, &s->seen.session, e) < 0)
		return -1;
	/* Armed first: killed between this and the paste, the task waits for the next session. The
	 * other way round a second task could follow it into this one. */
	if (in.one_task && mark_set(s->in->layout, &s->in->id, MARK_TASK_GIVEN, e) < 0)
		return -1;
	rc = deliver_queue(&in, &out, e);
	if (in.one_task && rc == 0 && after_task(s, &out, e) < 0)
		return -1;
	str_cut(s->out->waiting, sizeof s->out->waiting, out.waiting);
	if ((rc < 0 || out.waiting[0]) && pane_ended(&pane)) {
		s->out->waiting[0] = '\0';
		return 0; /* it ended under our hands: the next look finds out how */
	}
	if (rc < 0)
		return -1;
	step_saw_delivery(s, &out);
	if (s->manifest.has_conversations && converse_note(s->in->layout, &s->in->id, e) < 0)
		log_warn("apply", "%s", e->msg);
	return wait_outside(s, &out) || out.waiting[0] ? 1 : 0;
}

int step_proof(struct step *s, struct err *e)
{
	AUTO(pane_done) struct pane pane = PANE_INIT;

	if (pane_open(&pane, s->in->layout, s->in->settings, &s->manifest, &s->seen.session, e) ==
	    0)
		deliver_wait_proof(&pane, s->proof_id, s->proof_reports_at);
	else if (!pane_ended(&pane))
		return -1;
	s->proof_id[0] = '\0';
	return 0;
}

/* A program that reports says when the turn of this message has ended, and with which words; of
 * others the screen is read. */
/* NOLINTNEXTLINE(readability-function-size): what is watched, how, and how long */
static int end_of_turn(struct step *s, const struct turn *turn, struct pane *pane,
		       int64_t deadline_ms, struct reported *w, struct err *e)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(CAP_ANSWER);
	struct turn_end t = {.answer = w->answer};

	if (s->manifest.proof == PROOF_RECORDED && s->seen.session.hooks) {
		if (reported_wait_turn(pane, w, deadline_ms, e) < 0)
			return -1;
		t.answer = w->answer;
		t.failed = w->failed;
		t.reason = w->interrupted ? "its turn was interrupted" : w->reason;
	} else {
		if (paste_turn(pane, turn->offset, deadline_ms, &answer, e) < 0)
			return -1;
		t.answer = buf_cstr(&answer);
	}
	step_saw_turn_end(s);
	return deliver_turn_ended(s->in->layout, &s->in->id, turn->id, &t, e);
}

/* Why its session has ended: as it was asked to, or as it died. */
static void how_it_ended(const struct step *s, const struct turn *turn, char *out, size_t size)
{
	const struct death_ring *d = &s->seen.deaths;
	const struct death_entry *last = d->n ? &d->v[d->n - 1] : NULL;

	if (mark_is_set(s->in->layout, &s->in->id, MARK_STOPPED))
		snprintf(out, size, "it was stopped during the turn");
	else if (last && last->woke_at_ms == turn->woke_ms && last->cause[0])
		snprintf(out, size, "its session ended during the turn: %s", last->cause);
	else
		snprintf(out, size, "its session ended during the turn");
}

static void tell(const struct step *s, const struct turn *turn)
{
	if (s->in->events.receipt)
		s->in->events.receipt(turn->id, s->in->events.arg);
}

/* Does anybody still wait for it? */
static bool open_turn(const struct step *s, const struct turn *turn)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct err e;

	return turn->until_ms > clock_utc_ms() &&
	       turn->until_ms < clock_utc_ms() + TURN_MAX_MS && /* the clock has not jumped */
	       receipt_load(s->in->layout, &s->in->id, turn->id, &r, &e) == 0 &&
	       r.status == DELIVERY_DELIVERED && !r.turn_ended;
}

int step_take_turn(struct step *s, struct err *e)
{
	const struct observation *o = &s->seen;
	char reason[160];
	struct turn_end end = {.reason = reason};
	struct turn turn;

	if (turn_load(s->in->layout, &s->in->id, &turn, e) < 0) {
		log_warn("apply", "identity=%s unreadable turn dropped: %s", s->identity, e->msg);
		return turn_drop(s->in->layout, &s->in->id, e);
	}
	if (open_turn(s, &turn)) {
		if (o->snap.session == SESSION_LIVE && o->session.woke_at_ms == turn.woke_ms) {
			s->turn = turn;
			return 1;
		}
		how_it_ended(s, &turn, reason, sizeof reason);
		if (deliver_turn_ended(s->in->layout, &s->in->id, turn.id, &end, e) < 0)
			return -1;
	}
	if (turn_drop(s->in->layout, &s->in->id, e) < 0)
		return -1;
	tell(s, &turn);
	return 0;
}

int step_turn(struct step *s, struct err *e)
{
	AUTO(pane_done) struct pane pane = PANE_INIT;
	AUTO(reported_done) struct reported w;
	struct turn turn = s->turn;
	int64_t left = turn.until_ms - clock_utc_ms();

	s->turn.id[0] = '\0';
	reported_begin(&w, turn.id, turn.reports_at, &s->seen.session);
	if (left < 0 || left > TURN_MAX_MS)
		left = 0; /* the clock jumped, or nobody waits any more */
	if (pane_open(&pane, s->in->layout, s->in->settings, &s->manifest, &s->seen.session, e) <
		0 &&
	    !pane_ended(&pane))
		return -1;
	if (pane_ended(&pane) || end_of_turn(s, &turn, &pane, clock_mono_ms() + left, &w, e) < 0) {
		log_info("apply", "identity=%s turn of %s: %s", s->identity, turn.id,
			 pane_ended(&pane) ? "its session ended" : e->msg);
		return pane_ended(&pane) || e->code == ERR_TIMEOUT ? 0 : -1;
	}
	tell(s, &turn);
	return 0;
}
