/* tmux_watch.h - the words that make a tmux server tell us of its ends; for tmux.c. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stddef.h>

/* The commands behind `;`: the program's pane stays for its hook (`pane` NULL: the current one),
 * the hook, and the aliases that note who asks for a kill (canary/witness.h). The hook first: its
 * own kill-ses must never be an alias's concern. */
void tmux_watch_words(const char *pane, struct strv *out);
