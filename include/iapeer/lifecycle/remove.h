/* remove.h - removing peers, and state that nobody owns any more. */
#pragma once
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"

struct removal {
	bool absent;           /* there was no such peer, and no state of one */
	char cwd[LAYOUT_PATH]; /* kept */
	struct strv purged;    /* "claude-bob.stopped", sorted */
	struct strv left;      /* what could not be deleted, with the reason */
	int undelivered;       /* messages that went with it */
};
void removal_done(struct removal *r);
/* Refuses a live peer (ERR_REFUSED "is live", hint --force) unless force. Takes the peers' locks;
 * waits 10 s. */
int remove_peer(const struct layout *l, const struct settings *s, const char *name, bool force,
		struct removal *out, struct err *e) NODISCARD;
/* Finish removals that a crash cut short, waiting so long for locks (0: one try each; ERR_TIMEOUT:
 * somebody is at it). *out_n: how many. One that cannot be read is passed over, and is ERR_CORRUPT
 * in the end. */
int remove_finish(const struct layout *l, int64_t wait_ms, int *out_n, struct err *e) NODISCARD;
/* Before a new record: what an earlier owner of the name left goes to state/trash. *out_n: files
 * moved. */
int trash_name(const struct layout *l, const char *name, int *out_n, struct err *e) NODISCARD;
/* State of an identity that has been gone from the registry for long enough: to state/trash, if it
 * is gone still (from a registry that is there, parses and is not newer) and nothing of it runs or
 * is watched. Waits for no lock. *out_n: files moved; ERR_TIMEOUT: not now, with the reason. */
int trash_identity(const struct layout *l, const struct settings *s, const struct peer_id *id,
		   int *out_n, struct err *e) NODISCARD;
/* Can the registry be relied on to say who is gone? ERR_NOT_FOUND: there is none; ERR_REFUSED: a
 * newer one. Owned: registry_done(). */
int trash_registry(const struct layout *l, struct registry *out, struct err *e) NODISCARD;
