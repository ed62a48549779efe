#include "iapeer/delivery/delivering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/report.h"
#include "iapeer/delivery/sending.h"
#include "iapeer/delivery/topics.h"

#include "iapeer/base/banned.h"

#define TURN_MS 60000 /* where the sender did not say how long he waits */

/* ---- what is pasted ---- */

static bool woke_by(const struct deliver_in *in, const struct queue_item *m)
{
	return in->session->woke_for[0] && strcmp(in->session->woke_for, m->id) == 0;
}

static void add_envelope(const struct queue_item *m, struct buf *out)
{
	struct envelope v = {.from = m->from, .from_nature = m->from_nature};

	clock_iso(m->accepted_at_ms, v.ts);
	str_cut(v.id, sizeof v.id, m->id);
	str_cut(v.topic, sizeof v.topic, m->topic ? m->topic : "");
	for (size_t i = 0; i < m->attachments.n; i++)
		strv_add(&v.attachments, m->attachments.v[i]);
	v.message = xstrdup(m->body ? m->body : "");
	envelope_encode(&v, out);
	envelope_done(&v);
}

/* The message as the program gets it: a fresh start's first one begins with the profile's initial
 * prompt. */
void deliver_compose(const struct deliver_in *in, const struct queue_item *m, struct buf *out)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(CAP_QUEUE_ITEM);
	bool seed = woke_by(in, m) && strcmp(in->session->mode, "fresh") == 0 && in->profile &&
		    !str_empty(in->profile->initial_prompt);

	if (seed)
		buf_str(&raw, in->profile->initial_prompt);
	if (seed && m->kind == ITEM_MESSAGE)
		buf_str(&raw, "\n\n");
	if (m->kind == ITEM_MESSAGE && in->manifest->envelope == ENVELOPE_IAP)
		add_envelope(m, &raw);
	else if (m->kind == ITEM_MESSAGE)
		buf_str(&raw, m->body ? m->body : "");
	envelope_filter(buf_cstr(&raw), raw.len, out);
	/* Enter is ours to press: newlines at the end would be lines of their own. */
	while (out->len > 0 && out->p[out->len - 1] == '\n')
		buf_cut(out, out->len - 1);
}

/* ---- the intent ---- */

void deliver_intend(struct delivering *d, const struct queue_item *m)
{
	const struct deliver_in *in = d->in;
	const struct buf *text = d->text;
	struct sending *out = d->sending;

	*out = (struct sending){.length = (int64_t)text->len,
				.server = in->session->server.pid,
				.at_ms = clock_utc_ms(),
				.reports_at = report_size(in->layout, &in->session->id),
				.log_before = pane_log_size(in->pane),
				.entered_log = ENTERED_NOT};
	str_cut(out->id, sizeof out->id, m->id);
	str_cut(out->file, sizeof out->file, m->file);
	str_cut(out->pane, sizeof out->pane, in->session->pane_id);
	snprintf(out->hash, sizeof out->hash, "%016llx",
		 (unsigned long long)str_hash(buf_cstr(text), text->len));
}

static int note_entered(int64_t entered_log, void *arg, struct err *e)
{
	struct delivering *d = arg;

	d->sending->entered_log = entered_log;
	return sending_note(d->in->layout, &d->in->session->id, d->sending, e);
}

struct paste_job deliver_job(struct delivering *d, bool force)
{
	const struct sending *s = d->sending;

	return (struct paste_job){.text = buf_cstr(d->text),
				  .len = d->text->len,
				  .force = force,
				  .note = note_entered,
				  .arg = d,
				  .since_ms = s->at_ms,
				  .log_before = s->log_before,
				  .pasted = s->pasted_at_ms > 0,
				  .entered_log = s->entered_log};
}

/* ---- its receipt ---- */

void deliver_note(const struct layout *l, const struct peer_id *to, const struct queue_item *m,
		  const struct receipt *r)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct err e;

	peer_identity(to, identity);
	if (receipt_journal(l, m, r, identity, &e) < 0)
		log_warn("delivery", "delivery.log: %s", e.msg);
}

/* Receipt, then out of the queue, then the intent: in this order a crash is only tidied up after.
 */
static int conclude(const struct layout *l, const struct peer_id *id, const struct queue_item *m,
		    const struct receipt *r, struct err *e)
{
	if (receipt_save(l, id, r, e) < 0)
		return -1;
	deliver_note(l, id, m, r);
	if (queue_remove(l, id, m->file, e) < 0)
		return -1;
	return sending_drop(l, id, e);
}

void deliver_begin(const struct deliver_in *in, const struct queue_item *m, struct receipt *r)
{
	*r = (struct receipt){
	    .status = DELIVERY_FAILED, .rung = RUNG_ACCEPTED, .accepted_at_ms = m->accepted_at_ms};
	str_cut(r->id, sizeof r->id, m->id);
	if (!in->session || !woke_by(in, m))
		return;
	r->woke = true;
	str_cut(r->mode, sizeof r->mode, in->session->mode);
	str_cut(r->cause, sizeof r->cause, in->session->cause);
}

void deliver_result(const struct paste *p, struct receipt *r)
{
	static const enum delivery_status status[] = {
	    [PASTE_OK] = DELIVERY_DELIVERED,        [PASTE_WAIT] = DELIVERY_QUEUED,
	    [PASTE_REFUSED] = DELIVERY_REFUSED,     [PASTE_FAILED] = DELIVERY_FAILED,
	    [PASTE_AMBIGUOUS] = DELIVERY_AMBIGUOUS, [PASTE_HIDDEN] = DELIVERY_QUEUED};

	_Static_assert(sizeof status / sizeof status[0] == PASTE_END_COUNT, "one status an end");

	r->status = status[p->end];
	r->pasted_at_ms = p->pasted_at_ms;
	r->submitted_at_ms = p->submitted_at_ms;
	r->recorded_at_ms = p->recorded_at_ms;
	r->rung = p->recorded_at_ms    ? RUNG_RECORDED
		  : p->submitted_at_ms ? RUNG_SUBMITTED
		  : p->pasted_at_ms    ? RUNG_PASTED
				       : RUNG_ACCEPTED;
	str_cut(r->reason, sizeof r->reason, p->reason);
}

int deliver_has_receipt(const struct layout *l, const struct peer_id *id, const char *message_id,
			struct err *e)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};

	if (receipt_load(l, id, message_id, &r, e) == 0)
		return 1;
	return e->code == ERR_NOT_FOUND || e->code == ERR_CORRUPT ? 0 : -1;
}

static bool turn_of(const struct deliver_in *in, const struct queue_item *m, const struct paste *p,
		    int64_t reports_at, struct turn *out)
{
	if (m->wait != WAIT_TURN || p->end != PASTE_OK || !p->submitted_at_ms)
		return false;
	*out = (struct turn){.offset = p->log_offset,
			     .reports_at = reports_at,
			     .until_ms =
				 m->wait_until_ms ? m->wait_until_ms : clock_utc_ms() + TURN_MS,
			     .woke_ms = in->session->woke_at_ms};
	str_cut(out->id, sizeof out->id, m->id);
	return true;
}

void deliver_keep_turn(const struct deliver_in *in, const struct queue_item *m,
		       const struct paste *p, int64_t reports_at)
{
	struct turn t;
	struct err e;

	if (turn_of(in, m, p, reports_at, &t) &&
	    turn_save(in->layout, &in->session->id, &t, &e) < 0)
		log_warn("delivery", "%s: who waits for the turn of %s is not told", e.msg, m->id);
}

int deliver_finish(const struct deliver_in *in, const struct peer_id *id,
		   const struct queue_item *m, const struct receipt *r, struct err *e)
{
	if (conclude(in->layout, id, m, r, e) < 0)
		return -1;
	if (r->status == DELIVERY_DELIVERED && !str_empty(m->topic) &&
	    topics_add(in->layout, id, m->topic, e) < 0)
		log_warn("delivery", "topic: %s", e->msg);
	return 0;
}

/* ---- who waits ---- */

bool deliver_tell(const struct deliver_in *in, const struct queue_item *m, const struct paste *p,
		  int64_t reports_at, struct deliver_out *out)
{
	out->delivered++;
	out->tasks += p->pasted_at_ms != 0;
	out->submitted += p->submitted_at_ms != 0;
	if (in->on_receipt)
		in->on_receipt(m->id, in->arg);
	return turn_of(in, m, p, reports_at, &out->turn);
}

void deliver_await_proof(const struct sending *s, struct deliver_out *out)
{
	str_cut(out->proof_id, sizeof out->proof_id, s->id);
	out->proof_reports_at = s->reports_at;
	out->tasks++;
}

bool deliver_must_wait(const struct paste *p, struct deliver_out *out)
{
	if (p->end != PASTE_WAIT && p->end != PASTE_HIDDEN)
		return false;
	str_cut(out->waiting, sizeof out->waiting, p->reason);
	return true;
}
