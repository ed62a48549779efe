/* receipt.h - what became of a message: <identity>.receipts/<hash of its id>.json, remembered 7
 * days.
 *
 * The receipt is written durably before the message leaves the queue, so that whoever is killed in
 * between finds it and does not deliver again; the same id sent again gets the first receipt and
 * `duplicate`.
 */
#pragma once
#include "iapeer/delivery/queue.h"

enum delivery_status {
	DELIVERY_DELIVERED,
	DELIVERY_QUEUED,
	DELIVERY_REFUSED,
	DELIVERY_FAILED,
	DELIVERY_AMBIGUOUS,
	DELIVERY_STATUS_COUNT
};
enum rung { RUNG_NONE, RUNG_ACCEPTED, RUNG_PASTED, RUNG_SUBMITTED, RUNG_RECORDED, RUNG_COUNT };

struct receipt {
	char id[MESSAGE_ID_MAX + 1];
	enum delivery_status status;
	enum rung rung;
	bool woke;     /* its delivery started the session */
	char mode[16]; /* when woke */
	char cause[64];
	char reason[256]; /* when not delivered */
	int64_t accepted_at_ms, pasted_at_ms, submitted_at_ms, recorded_at_ms,
	    turn_at_ms; /* UTC, 0: not reached */
	bool turn_ended;
	char *answer; /* of the turn, where it was waited for; NULL: none */
};

void receipt_done(struct receipt *r);
const char *delivery_status_word(enum delivery_status s);
const char *rung_word(enum rung r);
/* ERR_NOT_FOUND: none (yet). */
int receipt_load(const struct layout *l, const struct peer_id *id, const char *message_id,
		 struct receipt *out, struct err *e) NODISCARD;
int receipt_save(const struct layout *l, const struct peer_id *id, const struct receipt *r,
		 struct err *e) NODISCARD;
/* Forget those older than 7 days. */
int receipt_expire(const struct layout *l, const struct peer_id *id, int64_t now_utc_ms,
		   struct err *e) NODISCARD;
/* One line of delivery.log for this receipt; `to`: the recipient's identity. `m` NULL: the message
 * itself is gone, the receipt changed later. */
int receipt_journal(const struct layout *l, const struct queue_item *m, const struct receipt *r,
		    const char *to, struct err *e) NODISCARD;
