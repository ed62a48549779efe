/* chain.h - the loop breaker: agents that only answer each other are stopped before they spend a
 * night on it.
 *
 * <identity>.chain holds the last messages that this peer was sent: from whom, and along which
 * chain of agents, a chain beginning with whoever sent without working on somebody's message. A
 * message that a peer sends while it works on another one carries that one's chain and the peer
 * itself. Too long a chain is refused, and so are too many messages between two peers within the
 * window. A person's message begins anew: it has no chain, and the counting of its recipient's
 * pairs begins again.
 *
 * What a peer works on: the newest prompt that its program reported and has not finished
 * (delivery/report.h); of a program that reports nothing, the newest message delivered to it within
 * the window. The file is a memory of some minutes, written without fsync: one that is lost or
 * unreadable costs a few more rounds, never a message.
 */
#pragma once
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/sender.h"
#include "iapeer/registry/settings.h"

/* The chain of a message from `from` to `to`: names of peers, the sender the last. Empty for a
 * person. ERR_REFUSED: the chain, or the pair, has had enough. */
int chain_check(const struct layout *l, const struct settings *set, const struct sender *from,
		const struct peer_id *to, struct strv *out_hops, struct err *e) NODISCARD;
/* Remember it, before it is accepted, under the same claim (queue_claim): its recipient may answer
 * at once. */
int chain_note(const struct layout *l, const struct settings *set, const struct peer_id *to,
	       const struct queue_item *m, const struct strv *hops, struct err *e) NODISCARD;
