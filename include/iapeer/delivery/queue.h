/* queue.h - a peer's messages on disk, first in, first out.
 *
 * <identity>.queue/ holds one file a message, numbered in the order of acceptance. A message is
 * safe once queue_put() has returned: kill -9 of anything loses nothing from then on.
 */
#pragma once
#include "iapeer/base/lock.h"
#include "iapeer/delivery/envelope.h"
#include "iapeer/registry/layout.h"

#define MESSAGE_ID_MAX 80

enum wait_rung {
	WAIT_DELIVERED,
	WAIT_ACCEPTED,
	WAIT_SUBMITTED,
	WAIT_RECORDED,
	WAIT_TURN,
	WAIT_RUNG_COUNT
};
enum item_kind { ITEM_MESSAGE, ITEM_WAKE }; /* `start --now` is a wake without words */

struct queue_item {
	enum item_kind kind;
	char id[MESSAGE_ID_MAX + 1]; /* ^[A-Za-z0-9][A-Za-z0-9._:@-]{0,79}$ */
	struct peer_id from;
	enum nature from_nature;
	bool from_verified; /* found by ancestry, or a person at the shell */
	int64_t accepted_at_ms;
	char *topic; /* NULL: none given */
	char *body;  /* as typed; filtered only at the paste */
	struct strv attachments;
	enum wait_rung wait; /* WAIT_TURN: the sender waits for the end of the turn */
	int64_t
	    wait_until_ms; /* UTC: WAIT_TURN: nobody waits for the turn after this; 0: a minute */
	bool force;        /* `queue --force-next`: past a draft or a busy program */
	char file[64];     /* its name in the queue; "" before queue_put */
};

void queue_item_done(struct queue_item *m);
bool message_id_valid(const char *id);
#define MESSAGE_ID_RULE "letters, digits and . _ : @ -, a letter or digit first, at most 80"
void message_id_new(char out[static MESSAGE_ID_MAX + 1]);
const char *wait_rung_word(enum wait_rung w);
bool wait_rung_parse(const char *word, enum wait_rung *out);

/* Is there room for messages? ERR_FAILED with ENOSPC: no more than must be kept for what is owed
 * already; with EROFS. */
int queue_room(const struct layout *l, struct err *e) NODISCARD;
/* The right to put into it: until it is let go nobody else accepts for that peer, removes it or
 * gives it another name. ERR_NOT_FOUND: somebody has. Held for moments only; waits for at most 10
 * s. */
int queue_claim(const struct layout *l, const struct peer_id *id, struct lock *out,
		struct err *e) NODISCARD;
/* Accept, under the claim: number it, write it durably. Sets m->file. */
int queue_put(const struct layout *l, const struct peer_id *id, struct queue_item *m,
	      struct err *e) NODISCARD;
/* What waits in one queue goes behind what waits in the other. Both queues' locks are the caller's.
 */
int queue_join(const struct layout *l, const struct peer_id *from, const struct peer_id *to,
	       struct err *e) NODISCARD;
/* File names of the waiting items, in order. */
int queue_files(const struct layout *l, const struct peer_id *id, struct strv *out,
		struct err *e) NODISCARD;
size_t queue_depth(const struct layout *l,
		   const struct peer_id *id); /* 0 also when it cannot be told */
/* An item that makes no sense is moved aside (<name>.bad, beside what was there: <name>.2.bad):
 * ERR_CORRUPT. ERR_NOT_FOUND: it has left the queue. Any other code: it is there still;
 * ERR_REFUSED: a newer iapeer wrote it, and knows how to deliver it. */
int queue_read(const struct layout *l, const struct peer_id *id, const char *file,
	       struct queue_item *out, struct err *e) NODISCARD;
int queue_remove(const struct layout *l, const struct peer_id *id, const char *file,
		 struct err *e) NODISCARD;
/* The file of the item with that message id, also of one that a newer iapeer wrote. ERR_NOT_FOUND:
 * none has it; any other code: that cannot be told. */
int queue_find(const struct layout *l, const struct peer_id *id, const char *message_id,
	       char out_file[static 64], struct err *e) NODISCARD;
int queue_force(const struct layout *l, const struct peer_id *id, const char *file,
		struct err *e) NODISCARD;
/* The end of its turn is waited for, until then at least. */
int queue_wait_turn(const struct layout *l, const struct peer_id *id, const char *file,
		    int64_t until_ms, struct err *e) NODISCARD;
