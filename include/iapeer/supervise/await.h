/* await.h - wait for what becomes of a message that is in the queue: a descriptor to poll, so that
 * who waits may do other things meanwhile.
 *
 * It survives the keeper's death: it starts another and asks again. Connecting may block for as
 * long as a keeper takes to start; nothing else does.
 */
#pragma once
#include "iapeer/supervise/client.h"

struct await {
	const struct layout *layout; /* borrowed */
	struct json *request;
	struct keeper_link link; /* may be connected before it begins: it is used then */
	struct buf in;
	int64_t deadline_ms; /* monotonic; set it first */
	bool once;           /* an attempt that fails ends the waiting; set it first */
};
#define AWAIT_INIT                                                                                 \
	{                                                                                          \
		.link = KEEPER_LINK_INIT, .in = BUF_INIT(CAP_LINE)                                 \
	}

/* `turn`: wait for the end of its turn. ERR_TIMEOUT: no keeper answers. Owned: await_done(), also
 * after a failure. */
int await_begin(struct await *a, const struct layout *l, const struct peer_id *id,
		const char *message_id, bool turn, struct err *e) NODISCARD;
/* Poll it for input, for so long. */
int await_fd(const struct await *a);
int await_left_ms(const struct await *a);
/* Call it when the descriptor is readable or nothing is left (1 s past the deadline: the keeper's
 * own answer says why, ours could not). 1: wait on (the descriptor may be another). 0: its receipt
 * is there, or its turn has ended. -1: ERR_TIMEOUT past the deadline, *reason why it still waits;
 * ERR_REFUSED, ERR_STOPPED, ERR_USAGE or ERR_CORRUPT when it will not be delivered until somebody
 * changes something (it stays in the queue). */
int await_step(struct await *a, char *reason, size_t size, struct err *e) NODISCARD;
/* The same to its end, for who has nothing else to do: never 1. */
int await_finish(struct await *a, char *reason, size_t size, struct err *e) NODISCARD;
void await_done(struct await *a);

/* All of it at once, for who asks for one attempt: wait until the receipt is there, the attempt has
 * failed (with its error), or the deadline. */
int keeper_deliver(const struct layout *l, const struct peer_id *id, const char *message_id,
		   int64_t deadline_ms, char *out_reason, size_t size, struct err *e) NODISCARD;
