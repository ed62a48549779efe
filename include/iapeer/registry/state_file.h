/* state_file.h - the small JSON files of a peer: state/lifecycle/<identity>.<what> (docs/FILES.md).
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/layout.h"

/* *out is owned. out_path: what messages about its fields name. ERR_NOT_FOUND, ERR_CORRUPT. */
int state_read(const struct layout *l, const struct peer_id *id, const char *what,
	       char out_path[static LAYOUT_PATH], struct json **out, struct err *e) NODISCARD;
/* Replaced whole, and synced. */
int state_write(const struct layout *l, const struct peer_id *id, const char *what,
		const struct json *j, struct err *e) NODISCARD;
/* Replaced whole, not synced: for what may be lost together with the machine. */
int state_write_soft(const struct layout *l, const struct peer_id *id, const char *what,
		     const struct json *j, struct err *e) NODISCARD;
/* Its absence is success. */
int state_drop(const struct layout *l, const struct peer_id *id, const char *what,
	       struct err *e) NODISCARD;
