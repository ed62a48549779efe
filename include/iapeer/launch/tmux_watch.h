/* tmux_watch.h - the words that make a tmux server tell us of its ends; for tmux.c. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stddef.h>
#include <stdint.h>

/* The commands behind `;`: the program's pane stays for its hook (`pane` NULL: the current one),
 * the hook, and the aliases that note who asks for a kill (canary/witness.h). The hook first: its
 * own kill-ses must never be an alias's concern. */
void tmux_watch_words(const char *pane, struct strv *out);
/* What pipe-pane runs. `theirs`: the server may be somebody else's; pipe-pane runs in the
 * environment of its process, which then knows nothing of us, and tmux_retrofit() has told it. */
void tmux_watch_pipe(int64_t max_bytes, int keep, bool theirs, struct strv *out);
