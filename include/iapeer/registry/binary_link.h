/* binary_link.h - <root>/bin/iapeer: what outlives a command (hooks, pane logs, service files)
 * names this link, never a versioned path. */
#pragma once
#include "iapeer/registry/layout.h"

enum binary_link {
	LINK_FINE,     /* it leads to this build's file */
	LINK_OTHER,    /* to another program that can be run */
	LINK_DANGLING, /* to nothing that can be run */
	LINK_MISSING,
	LINK_NO_LINK, /* a file or folder stands there */
};
/* *out_target: where it leads, "" when it is no link. */
int binary_link_look(const struct layout *l, enum binary_link *out,
		     char out_target[static LAYOUT_PATH], struct err *e) NODISCARD;
/* Make it lead to this build. */
int binary_link_set(const struct layout *l, struct err *e) NODISCARD;
/* The same if nothing that can be run is there. */
int binary_link_ensure(const struct layout *l, struct err *e) NODISCARD;
