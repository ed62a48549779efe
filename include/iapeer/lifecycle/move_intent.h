/* move_intent.h - what is on record of moves that have begun (move.h): state/iapeer/moving/<old
 * name>.
 */
#pragma once
#include "iapeer/registry/layout.h"
#include "iapeer/registry/profile.h"
#include <stdbool.h>

struct move_plan {
	char from[PEER_NAME_MAX + 1], to[PEER_NAME_MAX + 1];
	char folder_from[LAYOUT_PATH], folder_to[LAYOUT_PATH];
	struct strv identities; /* of both names, sorted: their locks are held */
	struct profile profile; /* as it is to be */
};
void move_plan_done(struct move_plan *p);

/* The intent of that old name. ERR_NOT_FOUND: there is none. */
int move_intent_read(const struct layout *l, const char *name, struct move_plan *out,
		     struct err *e) NODISCARD;
/* ERR_REFUSED: that name is moved, or moved to, and it has not been finished; it would undo what is
 * changed now. */
int move_intent_none(const struct layout *l, const char *name, struct err *e) NODISCARD;
/* That peer is removed: no unfinished move brings it back. */
int move_intent_forget(const struct layout *l, const char *name, struct err *e) NODISCARD;
