/* targets.h - which peers a verb is meant for: `<peer> [runtime]`, `@tag` or --all. */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/verb.h"

struct target {
	const struct peer_record *record; /* borrowed from the registry */
	struct peer_id id;
};
struct targets {
	struct target *v;
	size_t n;
};
/* every_runtime: without a runtime all of a peer's are meant, else its default. ERR_USAGE when
 * nobody is named, ERR_NOT_FOUND, ERR_REFUSED (undeclared runtime). Owned: targets_done(). */
int targets_find(const struct ctx *c, const struct parsed *p, bool every_runtime,
		 struct targets *out, struct err *e) NODISCARD;
/* One peer by name: of one runtime, or (runtime NULL and every_runtime) all of its. */
int targets_of_peer(const struct ctx *c, const char *name, const char *runtime, bool every_runtime,
		    struct targets *out, struct err *e) NODISCARD;
/* ERR_NOT_FOUND, and what was meant, or which there are. Returns -1. */
int targets_no_tag(const char *tag, struct strv *there, struct err *e);
void targets_done(struct targets *t);
