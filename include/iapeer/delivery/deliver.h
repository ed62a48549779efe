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
	int64_t turn_reports_at;           /* where the reports about it begin */
	int64_t turn_until_ms;             /* UTC */
	char proof_id[MESSAGE_ID_MAX + 1]; /* set: this message was submitted, and that it was taken
					    * is waited for; deliver_settle() comes next */
	int64_t proof_reports_at;
};

/* Accept: into the queue, durably (queue_put), and one line of delivery.log. */
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
