/* death.h - the ring of a peer's last deaths and what it means: pure.
 *
 * Deliberate ends never enter the ring. "Of its own" is a program that ended by itself; a kill from
 * outside is not held against it. */
#pragma once
#include "iapeer/base/json.h"
#include <stdbool.h>
#include <stdint.h>

#define DEATH_RING 16

enum death_class { DEATH_SERVER_DEAD, DEATH_SESSION_GONE };

struct death_entry {
	int64_t at_ms; /* UTC */
	enum death_class class;
	char cause[32];     /* "" in files of 0.2.x */
	bool forgiven;      /* by `start`: still how its last session ended, and counted no more */
	int64_t woke_at_ms; /* of the session that ended: the same one is not counted twice; 0 not
			       known */
};
struct death_ring {
	struct death_entry v[DEATH_RING]; /* oldest first */
	size_t n;
};

int death_ring_parse(const char *text, size_t len, const char *what, struct death_ring *out,
		     struct err *e) NODISCARD;
void death_ring_print(const struct death_ring *r, struct buf *out);
void death_ring_add(struct death_ring *r, const struct death_entry *d);
void death_ring_forgive(struct death_ring *r);
bool death_is_own(const struct death_entry *d);
/* Deaths of its own in the window before now. */
int death_ring_own(const struct death_ring *r, int64_t now_ms, int64_t window_ms);
/* A peer that is kept up is started again when? After the n-th end in the window, of whatever
 * cause: 1, 2, 4 ... 60 s after it. 0: now. UTC. */
int64_t death_ring_rested_ms(const struct death_ring *r, int64_t now_ms, int64_t window_ms);
const char *death_class_word(enum death_class c);
/* "sigkill", "sigsegv", "exit-3", "exited" out of the hook's status and signal; "oom-kill" where
 * that is proven. */
void death_session_cause(int exit_status, int signal, bool oom, char out[static 32]);
