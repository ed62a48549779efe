/* delivering.h - one message on its way: its text, its intent, its receipt. Inside of deliver, but
 * for what goes in and comes out. */
#pragma once
#include "iapeer/delivery/paste.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/turn.h"
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
	struct turn turn;  /* set: this message's sender waits for the end of its turn */
	char proof_id[MESSAGE_ID_MAX + 1]; /* set: this message was submitted, and that it was taken
					    * is waited for; deliver_settle() comes next */
	int64_t proof_reports_at;
};

struct sending; /* sending.h */

/* A text on its way into a session, and its intent on disk. */
struct delivering {
	const struct deliver_in *in;
	struct sending *sending;
	const struct buf *text;
};
/* The intent, not saved yet. */
void deliver_intend(struct delivering *d, const struct queue_item *m);
/* The text, and how its intent is told of Enter. Borrows from d. */
struct paste_job deliver_job(struct delivering *d, bool force);
/* The message as the program gets it, appended. */
void deliver_compose(const struct deliver_in *in, const struct queue_item *m, struct buf *out);

/* 1: it has one; 0: none that can be read; -1: that cannot be told now, so that nothing may be
 * pasted that may have been. */
int deliver_has_receipt(const struct layout *l, const struct peer_id *id, const char *message_id,
			struct err *e) NODISCARD;
void deliver_begin(const struct deliver_in *in, const struct queue_item *m, struct receipt *r);
void deliver_result(const struct paste *p, struct receipt *r);
/* Does its sender wait for the end of its turn? Then it is on record from now on (turn.h): to be
 * called before the receipt is written. */
void deliver_keep_turn(const struct deliver_in *in, const struct queue_item *m,
		       const struct paste *p, int64_t reports_at);
/* Receipt and what follows from it. */
int deliver_finish(const struct deliver_in *in, const struct peer_id *id,
		   const struct queue_item *m, const struct receipt *r, struct err *e) NODISCARD;
/* A line of delivery.log; m as in receipt_journal(). */
void deliver_note(const struct layout *l, const struct peer_id *to, const struct queue_item *m,
		  const struct receipt *r);
/* Whoever waits is told. True: its sender waits for the end of its turn. */
bool deliver_tell(const struct deliver_in *in, const struct queue_item *m, const struct paste *p,
		  int64_t reports_at, struct deliver_out *out);
/* It was submitted, and its proof is waited for. */
void deliver_await_proof(const struct sending *s, struct deliver_out *out);
/* Not now; its intent, if there is one, stays. */
bool deliver_must_wait(const struct paste *p, struct deliver_out *out);
