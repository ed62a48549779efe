/* prompt.h - what a peer's program is told of itself, its doctrine and its team.
 *
 * Layers, in this order, an empty one leaving nothing: facts (YAML); IAPEER.md of the root, then of
 * the peer's .iapeer; the team; every other *.md of those two folders, by name; *.md of fragments/
 * of both, by name. Each document begins with a comment that names its file. One that cannot be
 * taken (a link, larger than PROMPT_FILE_MAX) is named in its place, so that its author and the
 * agent see it; a start never fails on it.
 */
#pragma once
#include "iapeer/registry/profile.h"
#include "iapeer/registry/registry.h"

#define PROMPT_FILE_MAX ((size_t)128 << 10) /* bytes of one document */
#define PROMPT_MAX      ((size_t)512 << 10) /* of the whole */
#define PROMPT_TEAM_MAX 200                 /* peers named; the rest is counted */

struct prompt_in {
	const struct layout *layout;
	const struct registry *registry; /* NULL: nobody else is known */
	const struct peer_record *record;
	const struct profile *profile;
	struct peer_id id;
	const char *workdir;
	const char *host; /* this machine's name; "" : left out */
};

/* Appends the text. ERR_FAILED: more than PROMPT_MAX. */
int prompt_compose(const struct prompt_in *in, struct buf *out, struct err *e) NODISCARD;
/* The same into <identity>.system-prompt.md; its absolute path in out. */
int prompt_write(const struct prompt_in *in, char out[static LAYOUT_PATH], struct err *e) NODISCARD;
