/* why_export.h - a peer's story and what it is made of as one tar: story, lines, evidence, the end
 * of the pane's log, versions; secrets masked. */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/timeline.h"

/* `file` must not exist (ERR_REFUSED); mode 0600. `story`: as it was printed. */
int why_export(struct ctx *c, const char *name, const char *file, const struct timeline *t,
	       const struct buf *story, struct err *e) NODISCARD;
