/* bursts.h - servers that died together: each within two seconds of the next, whoever recorded
 * them.
 */
#pragma once
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define BURST_MS 2000

struct burst {
	int64_t from_ms, to_ms; /* UTC, of its first and its last death */
	size_t n;
};
struct bursts {
	struct burst *v; /* by time */
	size_t n;
};
/* Times of deaths in any order -> which were one event. Pure. Owned: bursts_done(). */
void bursts_group(int64_t *at_ms, size_t n, struct bursts *out);
/* The same from exits.log, of all peers. */
int bursts_read(const struct layout *l, struct bursts *out, struct err *e) NODISCARD;
void bursts_done(struct bursts *b);
/* The burst that a death at that time belongs to; NULL: it died alone. Borrowed. */
const struct burst *burst_of(const struct bursts *b, int64_t at_ms);
