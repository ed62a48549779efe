/* sender.h - who sends: the peer whose session we are in, else --from, else the person at the
 * shell.
 *
 * In a session is who has the peer's server above it, or is in its program's session; then who is
 * in its control group, which is less (verified is false). A process that left all of these is
 * found out as one that some peer let loose (delivery/origin.h): it is artificial and not verified,
 * whatever name it gives. */
#pragma once
#include "iapeer/registry/registry.h"

struct sender {
	struct peer_id id; /* runtime "cli" for a person at a shell */
	enum nature nature;
	bool verified; /* by process ancestry; a person: certainly nobody of ours */
	bool inside;   /* we run inside that peer's session */
};
/* The person at the shell, no peer. */
bool sender_is_person(const struct sender *s);
/* `from`: an identity as typed, or NULL. ERR_USAGE (no valid identity), ERR_NOT_FOUND (not
 * registered), ERR_REFUSED (it contradicts the ancestry). */
int sender_find(const struct layout *l, const struct registry *r, const char *from,
		struct sender *out, struct err *e) NODISCARD;
