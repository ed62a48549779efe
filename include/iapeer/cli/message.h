/* message.h - the two ends of `send` and `ask`: where the text comes from, and how the outcome is
 * shown. */
#pragma once
#include "iapeer/agent/send.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/verb.h"

/* The text: the words behind the peer's name, --message, --message-file (- is standard input), or
 * standard input when it is no terminal and nothing else was given. ERR_USAGE: none, two of them,
 * or not text. Owned. */
int message_body(const struct ctx *c, const struct parsed *p, char **out, struct err *e) NODISCARD;

/* Of one that was sent, or waits: one line, or the answer that was asked for. */
void outcome_print(struct ctx *c, const struct send *s);
