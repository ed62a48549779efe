#include "iapeer/delivery/prove.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define TAKEN_MS     2000 /* hooks run within a tenth of that */
#define ENTERS       3
#define PATIENCE_MS  10000 /* after the last sign of life */
#define LONG_TURN_MS 600000

bool prove_possible(const struct manifest *mf, const struct queue_item *m)
{
	return m->kind == ITEM_MESSAGE && mf->proof == PROOF_RECORDED &&
	       mf->envelope == ENVELOPE_IAP;
}

int prove_taken(struct pane *pane, const struct buf *text, bool patient, struct paste *p,
		struct reported *w, struct err *e)
{
	int64_t ms = patient && p->end != PASTE_FAILED ? TAKEN_MS : 0;

	for (int enters = 0; !reported_wait_taken(pane, w, clock_mono_ms() + ms); enters++) {
		struct paste_job j = {.text = buf_cstr(text),
				      .len = text->len,
				      .log_before = -1,
				      .entered_log = ENTERED_UNKNOWN};
		struct paste again;

		if (enters >= ENTERS || p->end != PASTE_OK || pane_ended(pane))
			break;
		if (paste_settle(pane, &j, &again, e) < 0)
			return -1;
		if (again.end == PASTE_FAILED)
			*p = again; /* our text was taken back */
		if (again.end != PASTE_OK)
			break;
	}
	if (!w->taken)
		reported_in_file(pane->layout, &pane->session->id, w);
	return 0;
}

/* While it works, a program may hand over what was typed only later. */
static bool may_come(const struct reported *w, const struct sending *s)
{
	int64_t now = clock_utc_ms(), last = w->last_ms > s->at_ms ? w->last_ms : s->at_ms;

	if (now < s->at_ms || now - s->at_ms > LONG_TURN_MS)
		return false; /* the clock was set, or nobody can be so patient */
	return w->working || now - last < PATIENCE_MS;
}

static void is_recorded(const struct reported *w, const struct sending *s, struct paste *p)
{
	p->recorded_at_ms = w->taken_ms;
	if (!p->submitted_at_ms)
		p->submitted_at_ms = s->submitted_at_ms ? s->submitted_at_ms : w->taken_ms;
	/* A hook may be faster than the screen. */
	if (p->submitted_at_ms > w->taken_ms && w->taken_ms >= s->at_ms)
		p->submitted_at_ms = w->taken_ms;
	if (!p->pasted_at_ms)
		p->pasted_at_ms = s->pasted_at_ms ? s->pasted_at_ms : s->at_ms;
	/* What the screen showed does not matter any more; a turn that has failed already does. */
	paste_verdict(p, w->failed ? PASTE_FAILED : PASTE_OK, w->reason);
}

static void is_unknown(const struct reported *w, const struct sending *s, struct paste *p)
{
	p->submitted_at_ms = s->submitted_at_ms;
	p->pasted_at_ms = s->pasted_at_ms;
	if (s->submitted_at_ms && !w->heard)
		paste_verdict(p, PASTE_OK,
			      "nothing is heard of its hooks: that it was submitted is all that is "
			      "known");
	else
		paste_verdict(p, PASTE_AMBIGUOUS,
			      "Enter was pressed, but neither its hooks nor its conversation's "
			      "file name the message");
}

bool prove_judge(const struct pane *pane, bool maybe, const struct reported *w, struct sending *s,
		 struct paste *p)
{
	if (w->taken) {
		is_recorded(w, s, p);
		return false;
	}
	if (p->end == PASTE_FAILED || !maybe || !pane)
		return false;
	if (p->submitted_at_ms)
		s->submitted_at_ms = p->submitted_at_ms;
	if (p->pasted_at_ms)
		s->pasted_at_ms = p->pasted_at_ms;
	if (!pane_ended(pane) && may_come(w, s))
		return true;
	is_unknown(w, s, p);
	return false;
}
