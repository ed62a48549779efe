/* ctx.h - what a verb works with: the root, the registry, the terminal, and what it has to say.
 *
 * A verb writes to `out`, or with --json builds `reply`; verb_main() prints it once, adds `error`
 * to the reply of a verb that failed, and prints the error on standard error.
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/cli/term.h"
#include "iapeer/cli/verb.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"

struct ctx {
	bool rooted; /* layout is open; else there is no root yet, and the registry is empty */
	struct layout layout;
	struct registry registry;
	struct settings settings;
	struct term term;
	bool json;
	bool mute; /* V_MUTE */
	char
	    tried[128]; /* begins the error's line: "send to bob"; empty: verb and first argument */
	struct json *reply; /* owned; NULL: a verb that failed before it had one */
	struct buf out;
};
#define CTX_INIT                                                                                   \
	{                                                                                          \
		.layout = LAYOUT_INIT, .out = BUF_INIT(CAP_OUTPUT)                                 \
	}

/* Open what the row's flags ask for. */
int ctx_open(struct ctx *c, const struct verb *v, struct err *e) NODISCARD;
void ctx_done(struct ctx *c);
/* For a verb that goes on for as long as it is let: what it has said so far is printed now. 1:
 * nobody reads it any more. */
int ctx_flush(struct ctx *c, struct err *e) NODISCARD;
PRINTF(2, 3) void ctx_tried(struct ctx *c, const char *fmt, ...);
/* One line for a person on standard error, while we work. Controls are made visible. */
PRINTF(1, 2) void ctx_note(const char *fmt, ...);
