/* live.h - a running session as attach, read and interrupt reach it. */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/launch/session.h"
#include "iapeer/launch/tmux.h"

/* The tmux that speaks to the session: its recorded socket and pane, the binary that settings and
 * environment name. */
int live_tmux(const struct ctx *c, const struct session *s, struct tmux *out,
	      struct err *e) NODISCARD;
