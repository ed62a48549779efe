/* conversation.h - <identity>.conversation: which conversation of its program a peer had last, and
 * whether it can be gone on with.
 *
 * The record outlives the session and is replaced when a fresh one is ready. A conversation is
 * named by the program's own id, so what else is held in the same folder meanwhile does not matter.
 */
#pragma once
#include "iapeer/launch/launch_in.h"
#include "iapeer/launch/session.h"

struct conversation {
	char id[CONVERSATION_ID]; /* "" : the program has not told it yet */
	char workdir[LAYOUT_PATH];
	char workdir_before[LAYOUT_PATH]; /* its peer was told to work elsewhere; "" : it was not */
	char transcript[LAYOUT_PATH];     /* its file, as the program told; "" : not told */
	int64_t started_at_ms, used_at_ms; /* UTC */
	int64_t reports_from;              /* what its program says stands behind this offset of
					      <identity>.reports */
	bool failed; /* it was resumed, and the program ended by itself before it took input */
};

/* ERR_NOT_FOUND: none; ERR_CORRUPT. */
int conversation_load(const struct layout *l, const struct peer_id *id, struct conversation *out,
		      struct err *e) NODISCARD;
int conversation_save(const struct layout *l, const struct peer_id *id,
		      const struct conversation *c, struct err *e) NODISCARD;
/* Can it be an argument and part of a file's name? What others say is asked this first. */
bool conversation_id_valid(const char *id);

/* May `in` be started with it? It must belong to the workdir, its file must be there, and nobody
 * may have it open: another process of its program (its process files, its lock), another peer. A
 * holder that is about to end is waited for until the deadline (monotonic). ERR_NOT_FOUND: there is
 * nothing to resume; ERR_REFUSED: somebody has it open. The message says which. */
int conversation_check(const struct launch_in *in, const struct conversation *c,
		       int64_t deadline_ms, struct err *e) NODISCARD;
