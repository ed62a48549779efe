/* ready.h - does the program take input? Dialogs are answered on the way. */
#pragma once
#include "iapeer/launch/pane.h"

/* Wait until the program takes input: a shell's prompt, a TUI's composer, dialogs answered on the
 * way. ERR_FAILED: it ended; ERR_TIMEOUT: the deadline; both say what the screen showed.
 * ERR_QUEUED: a question that only a person can answer is in the way; the session lives. */
int pane_wait_ready(struct pane *p, int64_t deadline_ms, struct err *e) NODISCARD;
