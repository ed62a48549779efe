/* top_look.h - fill the panel's rows. */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/top.h"

/* A row for each runtime of each peer of `r`. Files and /proc only. `tags`: read the profiles for
 * their tags (a filter asks for one). */
int top_look(const struct ctx *c, const struct registry *r, bool tags, struct top *t,
	     struct err *e) NODISCARD;
