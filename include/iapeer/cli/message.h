/* message.h - the two ends of `send` and `ask`: where the text comes from, and how the outcome is
 * shown. */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/verb.h"
#include "iapeer/delivery/receipt.h"

/* The text: the words behind the peer's name, --message, --message-file (- is standard input), or
 * standard input when it is no terminal and nothing else was given. ERR_USAGE: none, two of them,
 * or not text. Owned. */
int message_body(const struct ctx *c, const struct parsed *p, char **out, struct err *e) NODISCARD;

/* What was refused must not be delivered after all: take it out of the queue, unless a paste may
 * have begun. True: it is out, and nobody will deliver it. Waits at most 2 s for the peer's lock.
 */
bool message_withdraw(const struct ctx *c, const struct peer_id *id, const char *message_id);

struct outcome {
	const struct queue_item *item;
	const char *peer, *runtime;    /* as typed until the peer is known */
	const struct receipt *receipt; /* NULL: none */
	bool duplicate, queued;
	const char *reason;
	enum err_code code; /* ERR_NONE: what was asked for has happened */
};
/* The one object of SPEC 13; `ask` adds `answer`. Owned. */
struct json *outcome_json(const struct outcome *o, bool ask);
void outcome_print(struct ctx *c, const struct outcome *o, bool ask);
