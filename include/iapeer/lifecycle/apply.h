/* apply.h - the one function that changes a peer.
 *
 * apply_peer(): lock, then observe, decide, act, until nothing is left to do; then unlock. It
 * blocks, and is called by the keeper's workers (whatever starts a server) and by `stop` and
 * `remove` in their own process. A decision is never older than the observation under the lock.
 */
#pragma once
#include "iapeer/lifecycle/request.h"

/* ERR_STOPPED, ERR_REFUSED, ERR_TIMEOUT, ERR_FAILED ... as the exit codes say. */
int apply_peer(const struct apply_in *in, struct apply_outcome *out, struct err *e) NODISCARD;
