/* timeline.h - what the three journals (lifecycle, delivery, exits) say of a peer, as one, by time.
 */
#pragma once
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum timeline_log { TIMELINE_LIFECYCLE, TIMELINE_DELIVERY, TIMELINE_EXITS, TIMELINE_LOGS };

struct timeline_entry {
	int64_t at_ms; /* UTC */
	size_t order;  /* as they were read: of equal times the earlier line comes first */
	enum timeline_log log;
	char *line; /* logfmt, owned */
	size_t len;
	/* of a server's death, filled by timeline_details(): */
	size_t burst;             /* how many servers died at once, itself too; 0: not looked */
	int64_t available, total; /* bytes of memory in the evidence; -1: not there */
	/* of a program that was killed: what the flight recorder saw last before it; -1: nothing */
	int64_t before_available, before_grew_bytes;
	char before_grew[24]; /* who of the whole machine had grown most since the minute before */
	int64_t memory_kills; /* killed for memory in its group while it lived, and the kernel's
				     log does not say whether it was one of them */
};
struct timeline {
	struct timeline_entry *v;
	size_t n, cap;
};

struct timeline_want {
	const char
	    *name; /* a personality: lines of its identities, and messages to them; NULL: all */
	bool sent; /* messages that it sent, too */
	int64_t since_ms; /* UTC; 0: from the beginning */
	size_t most;      /* keep the newest; at least 1 */
};
int timeline_read(const struct layout *l, const struct timeline_want *want, struct timeline *out,
		  struct err *e) NODISCARD;
void timeline_done(struct timeline *t);
/* Of the deaths among them: who died at the same time, and the memory that was left. */
int timeline_details(const struct layout *l, struct timeline *t, struct err *e) NODISCARD;
/* "lifecycle", "delivery", "exits" */
const char *timeline_log_word(enum timeline_log log);
/* Is that line of a journal what is wanted? (timeline_read, and whoever follows.) */
bool timeline_wanted(const struct timeline_want *want, const char *line, size_t len,
		     int64_t *out_at_ms);
