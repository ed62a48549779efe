#include "iapeer/delivery/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/prove.h"
#include "iapeer/delivery/sending.h"
#include "iapeer/delivery/stray.h"

#include "iapeer/base/banned.h"

int deliver_accept(const struct layout *l, const struct peer_id *id, struct queue_item *m,
		   struct err *e)
{
	struct receipt r = {.status = DELIVERY_QUEUED, .rung = RUNG_ACCEPTED};

	if (queue_put(l, id, m, e) < 0)
		return -1;
	r.accepted_at_ms = m->accepted_at_ms;
	deliver_note(l, id, m, &r);
	return 0;
}

/* ---- one message ---- */

static void note_pasted(const struct deliver_in *in, const struct queue_item *m,
			const struct paste *p)
{
	struct receipt seen;

	deliver_begin(in, m, &seen);
	seen.status = DELIVERY_QUEUED; /* on its way; the last line tells the end */
	seen.rung = RUNG_PASTED;
	seen.pasted_at_ms = p->pasted_at_ms;
	deliver_note(in->layout, &in->session->id, m, &seen);
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

/* May it be pasted now? A text of ours that was given up is settled, should it be in the way. */
static int check(const struct deliver_in *in, const struct paste_job *j, struct paste *p,
		 struct err *e)
{
	struct paste before;
	int settled;

	if (paste_check(in->pane, j, p, e) < 0)
		return -1;
	if (p->end != PASTE_WAIT)
		return 0;
	settled = stray_settle(in, &before, e);
	return settled <= 0 ? settled : paste_check(in->pane, j, p, e);
}

static int paste_item(struct delivering *d, const struct queue_item *m, struct paste *p,
		      struct err *e)
{
	const struct deliver_in *in = d->in;
	const struct peer_id *id = &in->session->id;
	struct paste_job j = deliver_job(d, m->force);

	if (check(in, &j, p, e) < 0)
		return -1;
	if (p->end != PASTE_OK)
		return 0;
	stray_forget(in);
	deliver_intend(d, m);
	j = deliver_job(d, m->force);
	if (sending_save(in->layout, id, d->sending, e) < 0 || paste_send(in->pane, &j, p, e) < 0)
		return -1;
	if (p->end == PASTE_WAIT) /* provably nothing was sent */
		return sending_drop(in->layout, id, e);
	if (p->pasted_at_ms)
		note_pasted(in, m, p);
	if (p->end == PASTE_HIDDEN) {
		d->sending->pasted_at_ms = p->pasted_at_ms;
		return sending_save(in->layout, id, d->sending, e);
	}
	return prove(in, m, d->text, d->sending, p, e);
}

/* *p says what to do next: must it wait? 1: its proof is waited for. */
static int deliver_one(const struct deliver_in *in, struct queue_item *m, struct sending *s,
		       struct paste *p, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_QUEUE_ITEM);
	struct delivering d = {.in = in, .sending = s, .text = &text};
	struct receipt r;
	int rc = 0;

	*p = (struct paste){.end = PASTE_OK};
	deliver_compose(in, m, &text);
	if (buf_check(&text, "the message", e) < 0)
		return -1;
	if (text.len > 0)
		rc = paste_item(&d, m, p, e);
	if (rc != 0 || p->end == PASTE_WAIT || p->end == PASTE_HIDDEN)
		return rc;
	deliver_begin(in, m, &r);
	deliver_result(p, &r);
	if (text.len == 0)
		r.status =
		    DELIVERY_DELIVERED; /* a wake without words: the session lives, that was all */
	stray_remember(&d, p);
	deliver_keep_turn(in, m, p, s->reports_at);
	return deliver_finish(in, &in->session->id, m, &r, e);
}

/* 1: there was one, it is done; 0: the queue is empty, the head waits, or is waited for. */
static int next(const struct deliver_in *in, struct deliver_out *out, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(strv_done) struct strv files = STRV_INIT;
	const struct peer_id *id = &in->session->id;
	struct sending s = {.server = 0};
	struct paste p;
	int rc, settled;

	if (queue_files(in->layout, id, &files, e) < 0)
		return -1;
	if (files.n == 0)
		return 0;
	if (queue_read(in->layout, id, files.v[0], &m, e) < 0) {
		if (e->code == ERR_REFUSED) {
			str_cut(out->waiting, sizeof out->waiting, e->msg);
			return 0;
		}
		return e->code == ERR_CORRUPT || e->code == ERR_NOT_FOUND ? 1 : -1;
	}
	settled = deliver_has_receipt(in->layout, id, m.id, e);
	if (settled > 0)
		settled = queue_remove(in->layout, id, m.file, e) < 0 ? -1 : 1;
	if (settled != 0)
		return settled;
	rc = deliver_one(in, &m, &s, &p, e);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		deliver_await_proof(&s, out);
		return 0;
	}
	if (deliver_must_wait(&p, out))
		return 0;
	return deliver_tell(in, &m, &p, s.reports_at, out) ? 0 : 1;
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
