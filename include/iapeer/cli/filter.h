/* filter.h - which peers a person wants to see: `bob 'rev*' @team --state live`. */
#pragma once
#include "iapeer/cli/peers.h"
#include "iapeer/cli/verb.h"

struct filter {
	struct strv names; /* as typed; may hold * ? [...] */
	struct strv tags;
	struct strv runtimes;
	unsigned states, statuses; /* bits by their enums; 0: all */
};
#define FILTER_INIT                                                                                \
	{                                                                                          \
		.names = STRV_INIT, .tags = STRV_INIT, .runtimes = STRV_INIT                       \
	}

/* The arguments, and --state, --status and --runtime, each of which may name several. ERR_USAGE for
 * a word that none of them knows; ERR_NOT_FOUND for a name or tag that nobody has. */
int filter_read(const struct ctx *c, const struct parsed *p, struct filter *out,
		struct err *e) NODISCARD;
void filter_done(struct filter *f);
/* By its name or a tag of its; true when neither was asked for. */
bool filter_record(const struct filter *f, const struct peer_record *r);
/* One of its runtimes is and does what was asked for. */
bool filter_sights(const struct filter *f, const struct peer_record *r, const struct sight *sights);
