/* turn.h - <identity>.turn: somebody waits for the end of the turn of a message that was delivered.
 * Whoever waits for it is told by the receipt; a worker that is killed while it watches is followed
 * by another, who knows from here what to watch.
 *
 * It is there before the receipt, and goes after its end stands in the receipt: a receipt without
 * an end that no turn names will never have one.
 */
#pragma once
#include "iapeer/delivery/queue.h"

struct turn {
	char id[MESSAGE_ID_MAX + 1]; /* "": none */
	int64_t offset;              /* the pane's log was this long at its beginning */
	int64_t reports_at;          /* the reports about it begin here */
	int64_t until_ms;            /* UTC: nobody waits longer */
	int64_t woke_ms;             /* wokeAtMs of its session */
};

/* Not synced: with the machine goes the session, too. */
int turn_save(const struct layout *l, const struct peer_id *id, const struct turn *t,
	      struct err *e) NODISCARD;
/* ERR_NOT_FOUND: none. */
int turn_load(const struct layout *l, const struct peer_id *id, struct turn *out,
	      struct err *e) NODISCARD;
int turn_drop(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
/* Is the end of the turn of that message waited for? */
bool turn_waits(const struct layout *l, const struct peer_id *id, const char *message_id);
/* Somebody waits for the turn of that message, too, and perhaps for longer: whether it is in the
 * queue still or at work. The caller holds the peer's lock. */
int turn_extend(const struct layout *l, const struct peer_id *id, const char *message_id,
		int64_t until_ms, struct err *e) NODISCARD;
