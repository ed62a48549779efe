/* mcp_words.h - what became of a message, in words that an agent can act on. Pure. */
#pragma once
#include "iapeer/agent/send.h"

/* `rc` and `e` as send_finish() left them, or whatever failed before it; `quote`: an answer is
 * part of it. True: the tool's call counts as failed, as the message was not sent, or nobody knows.
 */
bool mcp_words(const struct send *s, int rc, const struct err *e, bool quote, struct buf *out);
/* The message was not even looked at: its arguments are wrong, or the root cannot be read. */
void mcp_words_unsent(const struct err *e, struct buf *out);
