/* workq.h - which peer gets a worker next. Pure: what waits, who runs, and the clock go in; a
 * choice comes out.
 *
 * One worker a peer at a time; at most `boot_max` that may start a program, at most `run_max` in
 * all. Asking twice for the same is asking once. First asked, first served, but for peers whose
 * turn has not come (`not_before`).
 */
#pragma once
#include "iapeer/lifecycle/decide.h"
#include "iapeer/registry/peer.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct work {
	char identity[PEER_IDENTITY_MAX + 1];
	unsigned pending; /* set of 1U << enum trigger, not started yet */
	bool running;
	bool booting;          /* its worker counts against boot_max until the program is ready */
	bool boots;            /* the next worker may start a program */
	int64_t not_before_ms; /* monotonic */
	int wordless;          /* workers in a row that ended without a word: the keeper counts */
	uint64_t order;        /* of being asked for */
};

struct workq {
	struct work *v;
	size_t n, cap;
	uint64_t asked;
	int run_max, boot_max;
};

void workq_done(struct workq *q);
struct work *workq_find(struct workq *q, const char *identity); /* NULL */
/* Ask for a worker, not before that time; an earlier time that is there already stays. */
struct work *workq_ask(struct workq *q, const char *identity, enum trigger trigger, bool boots,
		       int64_t not_before_ms);
/* The next to start now, NULL when there is none; and for which trigger. */
struct work *workq_next(struct workq *q, int64_t now_ms, enum trigger *out_trigger);
void workq_started(struct work *w, enum trigger trigger);
void workq_ready(struct work *w); /* its program is up: the place for booting is free */
void workq_ended(struct workq *q,
		 struct work *w); /* the record is dropped when nothing is pending */
bool workq_idle(const struct workq *q);
/* When workq_next() should be asked again; -1: not by time. */
int64_t workq_due_ms(const struct workq *q, int64_t now_ms);
