#include "iapeer/delivery/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/prove.h"
#include "iapeer/delivery/topics.h"

#include "iapeer/base/banned.h"

#define PROOF_WAIT_MS 10000 /* then it is looked again, under the lock */

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
static void compose(const struct deliver_in *in, const struct queue_item *m, struct buf *out)
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

static void intend(const struct deliver_in *in, const struct queue_item *m, const struct buf *text,
		   struct sending *out)
{
	*out = (struct sending){.length = (int64_t)text->len,
				.server = in->session->server.pid,
				.at_ms = clock_utc_ms(),
				.reports_at = report_size(in->layout, &in->session->id)};
	str_cut(out->id, sizeof out->id, m->id);
	str_cut(out->file, sizeof out->file, m->file);
	str_cut(out->pane, sizeof out->pane, in->session->pane_id);
	snprintf(out->hash, sizeof out->hash, "%016llx",
		 (unsigned long long)str_hash(buf_cstr(text), text->len));
}

/* ---- the receipt ---- */

static void note(const struct layout *l, const struct peer_id *to, const struct queue_item *m,
		 const struct receipt *r)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct err e;

	peer_identity(to, identity);
	if (receipt_journal(l, m, r, identity, &e) < 0)
		log_warn("delivery", "delivery.log: %s", e.msg);
}

int deliver_accept(const struct layout *l, const struct peer_id *id, struct queue_item *m,
		   struct err *e)
{
	struct receipt r = {.status = DELIVERY_QUEUED, .rung = RUNG_ACCEPTED};

	if (queue_put(l, id, m, e) < 0)
		return -1;
	r.accepted_at_ms = m->accepted_at_ms;
	note(l, id, m, &r);
	return 0;
}

/* Receipt, then out of the queue, then the intent: in this order a crash is only tidied up after.
 */
static int conclude(const struct layout *l, const struct peer_id *id, const struct queue_item *m,
		    const struct receipt *r, struct err *e)
{
	if (receipt_save(l, id, r, e) < 0)
		return -1;
	note(l, id, m, r);
	if (queue_remove(l, id, m->file, e) < 0)
		return -1;
	return sending_drop(l, id, e);
}

static void begin_receipt(const struct deliver_in *in, const struct queue_item *m,
			  struct receipt *r)
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

static void take_result(const struct paste *p, struct receipt *r)
{
	static const enum delivery_status status[] = {[PASTE_OK] = DELIVERY_DELIVERED,
						      [PASTE_WAIT] = DELIVERY_QUEUED,
						      [PASTE_REFUSED] = DELIVERY_REFUSED,
						      [PASTE_FAILED] = DELIVERY_FAILED,
						      [PASTE_AMBIGUOUS] = DELIVERY_AMBIGUOUS};

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

/* ---- one message ---- */

static bool has_receipt(const struct layout *l, const struct peer_id *id, const char *message_id)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct err e;

	return receipt_load(l, id, message_id, &r, &e) == 0;
}

static void note_pasted(const struct deliver_in *in, const struct queue_item *m,
			const struct paste *p)
{
	struct receipt seen;

	begin_receipt(in, m, &seen);
	seen.status = DELIVERY_QUEUED; /* on its way; the last line tells the end */
	seen.rung = RUNG_PASTED;
	seen.pasted_at_ms = p->pasted_at_ms;
	note(in->layout, &in->session->id, m, &seen);
}

/* Wait for the proof, as far as that is quickly done. 1: it takes longer; the intent stays. */
static int prove(const struct deliver_in *in, const struct queue_item *m, const struct buf *text,
		 struct sending *s, struct paste *p, struct err *e)
{
	AUTO(reported_done) struct reported w;
	bool maybe = p->end == PASTE_OK;

	reported_begin(&w, m->id, s->reports_at, in->session);
	if (!prove_possible(in->manifest, m))
		return 0;
	if (!in->session->hooks) {
		if (maybe)
			str_cut(p->reason, sizeof p->reason,
				"it was started without our hooks: that it was submitted is all "
				"that can be known");
		return 0;
	}
	if (prove_taken(in->pane, text, true, p, &w, e) < 0)
		return -1;
	if (!prove_judge(in->pane, maybe, &w, s, p))
		return 0;
	return sending_save(in->layout, &in->session->id, s, e) < 0 ? -1 : 1;
}

static int paste_item(const struct deliver_in *in, const struct queue_item *m,
		      const struct buf *text, struct sending *s, struct paste *p, struct err *e)
{
	if (paste_check(in->pane, buf_cstr(text), text->len, m->force, p, e) < 0)
		return -1;
	if (p->end != PASTE_OK)
		return 0;
	intend(in, m, text, s);
	if (sending_save(in->layout, &in->session->id, s, e) < 0 ||
	    paste_send(in->pane, buf_cstr(text), text->len, p, e) < 0)
		return -1;
	if (p->end == PASTE_WAIT)
		return sending_drop(in->layout, &in->session->id,
				    e); /* provably nothing was sent */
	if (p->pasted_at_ms)
		note_pasted(in, m, p);
	return prove(in, m, text, s, p, e);
}

/* Receipt and what follows from it. */
static int finish(const struct deliver_in *in, const struct peer_id *id, const struct queue_item *m,
		  const struct receipt *r, struct err *e)
{
	if (conclude(in->layout, id, m, r, e) < 0)
		return -1;
	if (r->status == DELIVERY_DELIVERED && !str_empty(m->topic) &&
	    topics_add(in->layout, id, m->topic, e) < 0)
		log_warn("delivery", "topic: %s", e->msg);
	return 0;
}

/* *p says what to do next. PASTE_WAIT: the head must wait. 1: its proof is waited for. */
static int deliver_one(const struct deliver_in *in, struct queue_item *m, struct sending *s,
		       struct paste *p, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_QUEUE_ITEM);
	struct receipt r;
	int rc = 0;

	*p = (struct paste){.end = PASTE_OK};
	compose(in, m, &text);
	if (buf_check(&text, "the message", e) < 0)
		return -1;
	if (text.len > 0)
		rc = paste_item(in, m, &text, s, p, e);
	if (rc != 0 || p->end == PASTE_WAIT)
		return rc;
	begin_receipt(in, m, &r);
	take_result(p, &r);
	if (text.len == 0)
		r.status =
		    DELIVERY_DELIVERED; /* a wake without words: the session lives, that was all */
	return finish(in, &in->session->id, m, &r, e);
}

/* It was delivered (or will not be): whoever waits is told. True: its sender waits for the end of
 * its turn. */
static bool tell(const struct deliver_in *in, const struct queue_item *m, const struct paste *p,
		 int64_t reports_at, struct deliver_out *out)
{
	out->delivered++;
	out->tasks += p->pasted_at_ms != 0;
	out->submitted += p->submitted_at_ms != 0;
	if (in->on_receipt)
		in->on_receipt(m->id, in->arg);
	if (m->wait != WAIT_TURN || p->end != PASTE_OK || !p->submitted_at_ms)
		return false;
	str_cut(out->turn_id, sizeof out->turn_id, m->id);
	out->turn_offset = p->log_offset;
	out->turn_reports_at = reports_at;
	out->turn_until_ms = m->wait_until_ms ? m->wait_until_ms : clock_utc_ms() + 60000;
	return true;
}

static void wait_proof(const struct sending *s, struct deliver_out *out)
{
	str_cut(out->proof_id, sizeof out->proof_id, s->id);
	out->proof_reports_at = s->reports_at;
	out->tasks++;
}

/* 1: there was one, it is done; 0: the queue is empty, the head waits, or is waited for. */
static int next(const struct deliver_in *in, struct deliver_out *out, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(strv_done) struct strv files = STRV_INIT;
	const struct peer_id *id = &in->session->id;
	struct sending s = {.server = 0};
	struct paste p;
	int rc;

	if (queue_files(in->layout, id, &files, e) < 0)
		return -1;
	if (files.n == 0)
		return 0;
	if (queue_read(in->layout, id, files.v[0], &m, e) < 0) {
		log_warn("delivery", "put aside: %s", e->msg);
		return e->code == ERR_CORRUPT || e->code == ERR_NOT_FOUND ? 1 : -1;
	}
	if (has_receipt(in->layout, id, m.id))
		return queue_remove(in->layout, id, m.file, e) < 0 ? -1 : 1;
	rc = deliver_one(in, &m, &s, &p, e);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		wait_proof(&s, out);
		return 0;
	}
	if (p.end == PASTE_WAIT) {
		str_cut(out->waiting, sizeof out->waiting, p.reason);
		return 0;
	}
	return tell(in, &m, &p, s.reports_at, out) ? 0 : 1;
}

int deliver_queue(const struct deliver_in *in, struct deliver_out *out, struct err *e)
{
	int more;

	*out = (struct deliver_out){.delivered = 0};
	do
		more = next(in, out, e);
	while (more > 0 && !(in->one_task && out->tasks > 0));
	return more < 0 ? -1 : 0;
}

int deliver_turn_ended(const struct layout *l, const struct peer_id *id, const char *message_id,
		       const struct turn_end *t, struct err *e)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};

	if (receipt_load(l, id, message_id, &r, e) < 0)
		return -1;
	r.turn_ended = true;
	r.turn_at_ms = clock_utc_ms();
	if (t->failed)
		r.status = DELIVERY_FAILED;
	if (!str_empty(t->reason))
		str_cut(r.reason, sizeof r.reason, t->reason);
	free(r.answer);
	r.answer = t->answer ? xstrdup(t->answer) : NULL;
	return receipt_save(l, id, &r, e);
}

void deliver_wait_proof(const struct pane *p, const char *message_id, int64_t reports_at)
{
	AUTO(reported_done) struct reported w;

	reported_begin(&w, message_id, reports_at, p->session);
	reported_wait_taken(p, &w, clock_mono_ms() + PROOF_WAIT_MS);
}

/* Its receipt was written (or the item dropped by a person): only the last steps are missing. */
static int tidy(const struct deliver_in *in, const struct peer_id *id, const char *file,
		struct err *e)
{
	if (file[0] && queue_remove(in->layout, id, file, e) < 0)
		return -1;
	return sending_drop(in->layout, id, e);
}

/* What can be found out about a paste that was cut short. 1: it cannot be told yet. */
static int find_out(const struct deliver_in *in, const struct peer_id *id,
		    const struct queue_item *m, struct sending *s, struct paste *p, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_QUEUE_ITEM);
	AUTO(reported_done) struct reported w;
	bool possible = prove_possible(in->manifest, m), first = s->submitted_at_ms == 0;
	bool same = in->pane && strcmp(s->pane, in->session->pane_id) == 0 &&
		    s->server == in->session->server.pid;

	reported_begin(&w, s->id, 0, same ? in->session : NULL);
	if (possible && reported_look(in->layout, id, &w, e) < 0)
		return -1;
	if (possible && !w.taken && !same)
		reported_in_file(in->layout, id, &w);
	if (!w.taken && same) {
		compose(in, m, &text);
		if (paste_settle(in->pane, buf_cstr(&text), text.len, p, e) < 0)
			return -1;
		if (possible && in->session->hooks &&
		    prove_taken(in->pane, &text, first, p, &w, e) < 0)
			return -1;
	}
	if (!possible || (!w.taken && !(same && in->session->hooks)))
		return 0;
	if (!prove_judge(in->pane, true, &w, s, p))
		return 0;
	return sending_save(in->layout, id, s, e) < 0 ? -1 : 1;
}

int deliver_settle(const struct deliver_in *in, const struct peer_id *id, struct deliver_out *out,
		   struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	struct paste p = {.end = PASTE_AMBIGUOUS,
			  .reason = "a delivery was cut short, and its session is gone"};
	char file[sizeof m.file] = "";
	struct sending s;
	struct receipt r;
	int rc;

	*out = (struct deliver_out){.delivered = 0};
	if (sending_load(in->layout, id, &s, e) < 0) {
		log_warn("delivery", "unreadable intent dropped: %s", e->msg);
		return sending_drop(in->layout, id, e);
	}
	if (queue_find(in->layout, id, s.id, file, e) < 0 || has_receipt(in->layout, id, s.id))
		return tidy(in, id, file, e);
	if (queue_read(in->layout, id, file, &m, e) < 0)
		return -1;
	rc = find_out(in, id, &m, &s, &p, e);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		wait_proof(&s, out);
		return 0;
	}
	begin_receipt(in, &m, &r);
	take_result(&p, &r);
	if (r.rung == RUNG_ACCEPTED)
		r.rung = RUNG_PASTED; /* at most: the intent to paste is all that is known */
	if (finish(in, id, &m, &r, e) < 0)
		return -1;
	tell(in, &m, &p, s.reports_at, out);
	return 0;
}
