/* origin.h - where a process comes from: the processes above it, and what is left to say when they
 * no longer reach its peer.
 *
 * A process that outlives its parent is adopted. While a keeper lives it adopts what its peers let
 * loose (plat_become_reaper), so that such a process has the keeper above it, if not its peer. Once
 * a keeper has gone while something below it lived, a stray may be a child of init and look like
 * anybody's: <root>/state/iapeer/strays names the oldest keeper of this boot of which that may be
 * so. Whatever was started before that keeper is no stray.
 */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/registry/layout.h"

#define ANCESTRY_MAX 128

/* We ourselves and the processes above us, nearest first. */
struct ancestry {
	struct {
		struct proc_ref ref;
		pid_t ppid;
		bool adopts; /* a service manager, which takes orphans as init does */
	} v[ANCESTRY_MAX];
	size_t n;
	bool deeper; /* there are more: nobody but somebody who hides is so deep */
};
void ancestry_look(struct ancestry *out);
/* How far above us it is; a->n: it is not. */
size_t ancestry_distance(const struct ancestry *a, const struct proc_ref *p);

enum origin {
	ORIGIN_OUTSIDE, /* certainly none of ours */
	ORIGIN_UNKNOWN, /* somebody else's, or a stray of a keeper that has gone */
	ORIGIN_STRAY,   /* certainly let loose by a peer, or by what the keeper runs */
};

/* What is known of keepers. */
struct keepers {
	struct proc_ref now;  /* pid 0: none runs */
	pid_t above;          /* the parent of that one */
	uint64_t loose_since; /* birth of the oldest one that may have let something loose; 0: none
			       */
	bool adopts;          /* that one adopts orphans while it lives */
};
void keepers_look(const struct layout *l, struct keepers *out);

/* For who is below no peer's server. Pure. */
enum origin origin_of(const struct ancestry *a, const struct keepers *k);

/* For the keeper, under its lock: before it starts anything, and when it leaves. `clean`: nothing
 * lives below it any more. */
void origin_keeper_begins(const struct layout *l, bool adopts);
void origin_keeper_ends(const struct layout *l, bool clean);
