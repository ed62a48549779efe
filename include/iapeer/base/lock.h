/* lock.h - advisory file locks, held by one process at a time.
 *
 * Order: a profile, peers by identity, the registry, never the other way round. The descriptor is
 * close-on-exec: a tmux server started under a lock must not inherit and keep it. A lock file is
 * never unlinked; it holds the holder's pid and what it is doing, for the message of whoever waits
 * (nothing, where the disk had no room for it).
 * The kernel drops the lock with the process, so a lock that is held means that its holder lives.
 */
#pragma once
#include "iapeer/base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lock {
	int fd; /* -1: not held */
};
#define LOCK_INIT                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Take the lock on path, creating the file (0600), waiting until deadline_ms (monotonic; 0: one
 * try). `what` is what the holder does ("deliver", "stop"), shown to whoever waits. Fails:
 * ERR_TIMEOUT (held past the deadline; the message names the holder), ERR_FAILED. */
int lock_take(struct lock *l, int dirfd, const char *path, const char *what, int64_t deadline_ms,
	      struct err *e) NODISCARD;
bool lock_held(const struct lock *l);
void lock_done(struct lock *l); /* release; a no-op on an unheld lock */
/* Does somebody hold the lock on path? Takes nothing. For locks of other programs. */
bool lock_busy(int dirfd, const char *path);
/* Who holds it: pid (0 when nobody), and what it wrote. Takes nothing. */
int lock_holder(int dirfd, const char *path, pid_t *out_pid, char *out_what, size_t size,
		struct err *e) NODISCARD;
