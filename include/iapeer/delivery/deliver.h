/* deliver.h - the one deliverer: a peer's queue, head first, into its live session.
 *
 * The caller holds the peer's lock. For each message: receipt there already? then only tidy; else
 * look, write the intent (<identity>.sending, durable), paste, prove, receipt (durable), out of the
 * queue, intent away. Killed between any two of these the next caller knows what happened, or says
 * that it cannot be known.
 */
#pragma once
#include "iapeer/delivery/delivering.h"

/* Accept: into the queue, durably, under the claim (queue_put), and one line of delivery.log. */
int deliver_accept(const struct layout *l, const struct peer_id *id, struct queue_item *m,
		   struct err *e) NODISCARD;
/* Deliver until the queue is empty, its head must wait, or a proof or a turn must be waited for
 * (without the lock). */
int deliver_queue(const struct deliver_in *in, struct deliver_out *out, struct err *e) NODISCARD;
/* Settle an unsettled paste: what its program reported counts first, then what the composer shows.
 * `in->pane` NULL: its session is gone, so it is ambiguous if nothing was reported. */
int deliver_settle(const struct deliver_in *in, const struct peer_id *id, struct deliver_out *out,
		   struct err *e) NODISCARD;
/* Wait, without the lock, until that message was taken, or nothing more is to be expected soon. */
void deliver_wait_proof(const struct pane *p, const char *message_id, int64_t reports_at);
struct turn_end {
	const char *answer; /* NULL: there is none */
	const char *reason; /* why; "": as turns should */
	bool failed;        /* for good, and so the message failed after all */
};
/* The turn has ended: note it in the receipt. */
int deliver_turn_ended(const struct layout *l, const struct peer_id *id, const char *message_id,
		       const struct turn_end *t, struct err *e) NODISCARD;
