/* deliver.h - the one deliverer: a peer's queue, head first, into its live session (SPEC 7).
 *
 * The caller holds the peer's lock. For each message: receipt there already? then only tidy; else
 * look, write the intent (<identity>.sending, durable), paste, prove, receipt (durable), out of the
 * queue, intent away. Killed between any two of these the next caller knows what happened, or says
 * that it cannot be known.
 */
#pragma once
#include "iapeer/delivery/paste.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/registry/profile.h"

struct deliver_in {
	const struct layout *layout;
	const struct manifest *manifest;
	const struct profile *profile;
	const struct session *session;
	struct pane *pane;
	bool one_task; /* an ephemeral worker: no second text after one that was pasted */
	void (*on_receipt)(const char *message_id, void *arg); /* NULL: none */
	void *arg;
};

struct deliver_out {
	int delivered;     /* receipts written by this call */
	int tasks;         /* of them: texts that were pasted */
	int submitted;     /* of these: texts that were seen to be taken */
	char waiting[256]; /* why the head waits; "" : the queue is empty */
	char turn_id[MESSAGE_ID_MAX +
		     1]; /* set: this message's sender waits for the end of its turn */
	int64_t turn_offset;
	int64_t turn_until_ms; /* UTC */
};

/* Accept: into the queue, durably (queue_put), and one line of delivery.log. */
int deliver_accept(const struct layout *l, const struct peer_id *id, struct queue_item *m,
		   struct err *e) NODISCARD;
/* Deliver until the queue is empty, its head must wait, or a turn must be waited for (without the
 * lock). */
int deliver_queue(const struct deliver_in *in, struct deliver_out *out, struct err *e) NODISCARD;
/* Settle an unsettled paste. `in->pane` NULL: its session is gone, so it is ambiguous. */
int deliver_settle(const struct deliver_in *in, const struct peer_id *id, struct err *e) NODISCARD;
/* The turn has ended: note the answer in the receipt. */
int deliver_turn_ended(const struct layout *l, const struct peer_id *id, const char *message_id,
		       const char *answer, struct err *e) NODISCARD;
