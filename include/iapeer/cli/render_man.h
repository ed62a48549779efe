/* render_man.h - iapeer.1 out of the table of verbs. */
#pragma once
#include "iapeer/base/buf.h"

#define MAN_DESCRIPTION                                                                            \
	"A peer is a participant with a stable name: an AI agent (Claude Code, Codex, any "        \
	"terminal "                                                                                \
	"program), a person or a service. Each live peer runs in a tmux server of its own. "       \
	"Anybody "                                                                                 \
	"sends any peer a message by its name; one that sleeps is woken first, one that is idle "  \
	"is "                                                                                      \
	"put to sleep, and when a session or a whole tmux server dies, the cause is on record. "   \
	"What "                                                                                    \
	"has to outlive a command is held by one keeper process a root; it starts by itself, or "  \
	"a "                                                                                       \
	"service manager runs it."

/* The whole page, as roff for the man macros. Appended to out. */
void man_verbs(struct buf *out);
