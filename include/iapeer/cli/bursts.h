/* bursts.h - servers of different peers that died together: each within two seconds of the next,
 * whoever recorded them. One that dies again and again is a crash loop and no burst.
 */
#pragma once
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define BURST_MS 2000

struct burst_death {
	int64_t at_ms;
	uint64_t who; /* a hash of the identity */
};
struct burst {
	int64_t from_ms, to_ms; /* UTC, of its first and its last death */
	size_t n;               /* deaths, each of another identity */
};
struct bursts {
	struct burst *v; /* by time */
	size_t n;
};
/* Deaths in any order (they are sorted) -> which were one event. Pure. Owned: bursts_done(). */
void bursts_group(struct burst_death *v, size_t n, struct bursts *out);
/* The same from exits.log, of all peers. */
int bursts_read(const struct layout *l, struct bursts *out, struct err *e) NODISCARD;
void bursts_done(struct bursts *b);
/* The burst that a death at that time belongs to; NULL: it died alone. Borrowed. */
const struct burst *burst_of(const struct bursts *b, int64_t at_ms);
