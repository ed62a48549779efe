/* The other half of deliver.h: what is done about a delivery later. */
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/deliver.h"
#include "iapeer/delivery/prove.h"
#include "iapeer/delivery/sending.h"
#include "iapeer/delivery/stray.h"

#include "iapeer/base/banned.h"

#define PROOF_WAIT_MS 10000 /* then it is looked again, under the lock */

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

/* What its composer says; where that is not certain, its program's reports once more. */
static int look_closely(struct delivering *d, const struct queue_item *m, bool hooks,
			struct reported *w, struct paste *p, struct err *e)
{
	struct paste_job j = deliver_job(d, m->force);
	bool first = d->sending->submitted_at_ms == 0;

	if (paste_settle(d->in->pane, &j, p, e) < 0)
		return -1;
	if (!hooks || p->end == PASTE_WAIT || p->end == PASTE_HIDDEN)
		return 0;
	return prove_taken(d->in->pane, d->text, first, p, w, e);
}

/* What can be found out about a paste that was cut short. 1: it cannot be told yet, and will be. */
static int find_out(struct delivering *d, const struct peer_id *id, const struct queue_item *m,
		    struct paste *p, struct err *e)
{
	const struct deliver_in *in = d->in;
	struct sending *s = d->sending;
	AUTO(reported_done) struct reported w;
	bool possible = prove_possible(in->manifest, m);
	bool same = in->pane && strcmp(s->pane, in->session->pane_id) == 0 &&
		    s->server == in->session->server.pid;
	bool hooks = possible && same && in->session->hooks;

	reported_begin(&w, s->id, 0, same ? in->session : NULL);
	if (possible && reported_look(in->layout, id, &w, e) < 0)
		return -1;
	if (possible && !w.taken && !same)
		reported_in_file(in->layout, id, &w);
	if (!w.taken && same && look_closely(d, m, hooks, &w, p, e) < 0)
		return -1;
	if (!w.taken && (!hooks || p->end == PASTE_WAIT || p->end == PASTE_HIDDEN))
		return 0;
	if (!prove_judge(in->pane, true, &w, s, p))
		return 0;
	return sending_save(in->layout, id, s, e) < 0 ? -1 : 1;
}

/* Which message it was. 1: none that waits any more, and so it is done. */
static int find_item(const struct deliver_in *in, const struct peer_id *id, const struct sending *s,
		     struct queue_item *m, struct err *e)
{
	char file[sizeof m->file] = "";
	int settled = 1;

	if (queue_find(in->layout, id, s->id, file, e) == 0)
		settled = deliver_has_receipt(in->layout, id, s->id, e);
	else if (e->code != ERR_NOT_FOUND)
		settled = -1;
	if (settled > 0)
		return tidy(in, id, file, e) < 0 ? -1 : 1;
	if (settled < 0)
		return -1;
	return queue_read(in->layout, id, file, m, e);
}

/* 1: none that anybody can read. */
static int load_intent(const struct deliver_in *in, const struct peer_id *id, struct sending *s,
		       struct err *e)
{
	if (sending_load(in->layout, id, s, e) == 0)
		return 0;
	/* No descriptor is free, a disk fails: it may be read the next time. */
	if (e->code == ERR_FAILED)
		return -1;
	log_warn("delivery", "unreadable intent dropped: %s", e->msg);
	return sending_drop(in->layout, id, e) < 0 ? -1 : 1;
}

int deliver_settle(const struct deliver_in *in, const struct peer_id *id, struct deliver_out *out,
		   struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_QUEUE_ITEM);
	struct paste p = {.end = PASTE_AMBIGUOUS,
			  .reason = "a delivery was cut short, and its session is gone"};
	struct sending s;
	struct delivering d = {.in = in, .sending = &s, .text = &text};
	struct receipt r;
	int rc;

	*out = (struct deliver_out){.delivered = 0};
	rc = load_intent(in, id, &s, e);
	if (rc == 0)
		rc = find_item(in, id, &s, &m, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	deliver_compose(in, &m, &text);
	rc = find_out(&d, id, &m, &p, e);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		deliver_await_proof(&s, out);
		return 0;
	}
	if (p.end == PASTE_WAIT) /* it never arrived, and goes as if for the first time */
		return sending_drop(in->layout, id, e);
	if (deliver_must_wait(&p, out))
		return 0;
	deliver_begin(in, &m, &r);
	deliver_result(&p, &r);
	if (r.rung == RUNG_ACCEPTED)
		r.rung = RUNG_PASTED; /* at most: the intent to paste is all that is known */
	if (in->pane)
		stray_remember(&d, &p);
	deliver_keep_turn(in, &m, &p, s.reports_at);
	if (deliver_finish(in, id, &m, &r, e) < 0)
		return -1;
	deliver_tell(in, &m, &p, s.reports_at, out);
	return 0;
}
