/* tmux_words.h - what a client of tmux says when it fails becomes a code. Pure. */
#pragma once
#include "iapeer/base/proc.h"

/* Always -1. ERR_NOT_FOUND: nobody heard it (no server, session or pane); ERR_REFUSED: there is one
 * of that name; else ERR_FAILED. A limit of the machine is named. `what`: the command. */
int tmux_failed(const struct proc_result *r, const char *what, struct err *e);
