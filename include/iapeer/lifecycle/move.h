/* move.h - a peer gets another name, another folder, or both, and all that is its goes along.
 *
 * An intent (state/iapeer/moving/<old name>) holds the whole of what is to be, so that whoever
 * finds it after a crash can finish: folder, profile, state of each identity, pane logs, registry,
 * intent away, in this order, each step the same when it is done again.
 */
#pragma once
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"

struct peer_move {
	const struct peer_record *record; /* as it is */
	const char *name;                 /* as it is to be called; may be the same */
	const char *folder;      /* absolute, its .iapeer is to live there; may be the same */
	struct profile *profile; /* as it is to be, its name too */
};
/* Takes the locks of both names' identities. ERR_REFUSED: it lives, the name or the folder is
 * taken, .iapeer is on another file system. */
int move_peer(const struct layout *l, const struct settings *s, const struct peer_move *m,
	      struct err *e) NODISCARD;
/* Finish moves that a crash cut short, waiting so long for locks (0: one try each; ERR_TIMEOUT:
 * somebody is at it). One that cannot be read is passed over, and is ERR_CORRUPT in the end. */
int move_finish(const struct layout *l, int64_t wait_ms, struct err *e) NODISCARD;
/* Finish moves and removals before anything is changed, waiting as long as for any lock; what fails
 * is a warning. Until then state is under two names, or of a peer that is to go, and what is new
 * would be lost with it. */
void move_catch_up(const struct layout *l);
