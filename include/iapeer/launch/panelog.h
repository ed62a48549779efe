/* panelog.h - the bounded writer at the end of tmux's pipe-pane: standard input ->
 * logs/lifecycle/<identity>.log. */
#pragma once
#include "iapeer/registry/layout.h"

/* Copy until end of file, rotating at max_bytes, keeping `keep` old files. Exits quietly when the
 * disk is full: a log must never stop a program. */
int panelog_run(const struct layout *l, const struct peer_id *id, int64_t max_bytes, int keep,
		struct err *e) NODISCARD;
/* Add what was on the screen before anybody wrote a log. */
int panelog_add(const struct layout *l, const struct peer_id *id, const char *text, size_t len,
		struct err *e) NODISCARD;
