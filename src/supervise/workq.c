#include "iapeer/supervise/workq.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

void workq_done(struct workq *q)
{
	free(q->v);
	q->v = NULL;
	q->n = q->cap = 0;
}

struct work *workq_find(struct workq *q, const char *identity)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->v[i].identity, identity) == 0)
			return &q->v[i];
	return NULL;
}

struct work *workq_ask(struct workq *q, const char *identity, enum trigger trigger, bool boots,
		       int64_t not_before_ms)
{
	struct work *w = workq_find(q, identity);

	if (!w) {
		if (q->n == q->cap) {
			q->cap = q->cap ? q->cap * 2 : 16;
			q->v = xrealloc(q->v, q->cap * sizeof *q->v);
		}
		w = &q->v[q->n++];
		*w = (struct work){.running = false};
		str_cut(w->identity, sizeof w->identity, identity);
	}
	if (!w->pending) {
		w->order = q->asked++;
		w->not_before_ms = not_before_ms;
		w->boots = false;
	}
	if (not_before_ms < w->not_before_ms)
		w->not_before_ms = not_before_ms;
	w->pending |= 1U << trigger;
	w->boots = w->boots || boots;
	return w;
}

/* What was asked for by a person first; a delivery does all that a look would. */
static enum trigger choose(unsigned pending)
{
	static const enum trigger order[] = {TRIG_RUN,     TRIG_NEW,  TRIG_ATTACH,
					     TRIG_MESSAGE, TRIG_TICK, TRIG_LOOK};

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		if (pending & (1U << order[i]))
			return order[i];
	return TRIG_LOOK;
}

struct work *workq_next(struct workq *q, int64_t now_ms, enum trigger *out_trigger)
{
	struct work *best = NULL;
	int running = 0, booting = 0;

	for (size_t i = 0; i < q->n; i++) {
		running += q->v[i].running;
		booting += q->v[i].running && q->v[i].booting;
	}
	if (running >= q->run_max)
		return NULL;
	for (size_t i = 0; i < q->n; i++) {
		struct work *w = &q->v[i];

		if (!w->pending || w->running || w->not_before_ms > now_ms ||
		    (w->boots && booting >= q->boot_max))
			continue;
		if (!best || w->order < best->order)
			best = w;
	}
	if (best)
		*out_trigger = choose(best->pending);
	return best;
}

void workq_started(struct work *w, enum trigger trigger)
{
	w->running = true;
	w->booting = w->boots;
	w->boots = false;
	w->pending &= ~(1U << trigger);
	if (trigger == TRIG_MESSAGE)
		w->pending &= ~(1U << TRIG_LOOK);
}

void workq_ready(struct work *w)
{
	w->booting = false;
}

void workq_ended(struct workq *q, struct work *w)
{
	w->running = w->booting = false;
	if (w->pending)
		return;
	*w = q->v[--q->n];
}

bool workq_idle(const struct workq *q)
{
	return q->n == 0;
}

int64_t workq_due_ms(const struct workq *q, int64_t now_ms)
{
	int64_t due = -1;

	for (size_t i = 0; i < q->n; i++) {
		const struct work *w = &q->v[i];

		if (w->pending && !w->running && w->not_before_ms > now_ms &&
		    (due < 0 || w->not_before_ms < due))
			due = w->not_before_ms;
	}
	return due;
}
