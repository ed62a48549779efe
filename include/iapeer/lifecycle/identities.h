/* identities.h - all that a name is, on all its runtimes: for what is done to the whole peer. */
#pragma once
#include "iapeer/base/lock.h"
#include "iapeer/lifecycle/observe.h"

/* The identities of a name, added to out: those of its record (NULL: none), and those that files of
 * state/lifecycle tell of. Sorted: locks are taken in this order. */
int identities_of(const struct layout *l, const struct peer_record *p, const char *name,
		  struct strv *out, struct err *e) NODISCARD;

/* The locks of all of them. */
struct peer_locks {
	struct lock *v;
	size_t n;
};
/* `identities` sorted. ERR_TIMEOUT names the holder; what was taken is in *out either way. Owned:
 * peer_locks_done(). */
int peer_locks_take(const struct layout *l, const struct strv *identities, const char *what,
		    int64_t until_ms, struct peer_locks *out, struct err *e) NODISCARD;
/* The same of the locks under which messages are accepted; behind those above, never before. */
int queue_locks_take(const struct layout *l, const struct strv *identities, const char *what,
		     int64_t until_ms, struct peer_locks *out, struct err *e) NODISCARD;
void peer_locks_done(struct peer_locks *k);

/* Is there a process of it, or might there be? */
bool observed_runs(const struct observation *o);

/* Under the lock of a peer: was its move or its removal cut short? Whoever is at it holds that
 * lock. */
bool identities_cut_short(const struct layout *l, const char *name);
