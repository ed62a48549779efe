/* fleet.h - which state files there are, of all peers at once: two folders listed instead of a
 * dozen files looked for a peer. Read before everything else that is looked at; what comes later is
 * another event. */
#pragma once
#include "iapeer/registry/layout.h"
#include "iapeer/runtime/manifest.h"
#include <stdbool.h>

/* Names in the state folder and the socket folder, sorted. */
struct fleet {
	struct strv state, socks;
	struct manifest *manifests; /* of runtimes that were asked for, each read once */
	size_t n_manifests;
};
int fleet_scan(const struct layout *l, struct fleet *out, struct err *e) NODISCARD;
void fleet_done(struct fleet *f);
/* Is there <identity>.<what>? */
bool fleet_has(const struct fleet *f, const struct peer_id *id, const char *what);
/* Neither a state file nor a socket: a sleeping peer that nothing is known of. */
bool fleet_nothing(const struct layout *l, const struct fleet *f, const struct peer_id *id);
