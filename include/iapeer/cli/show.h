/* show.h - all that is known of one peer, and the page of it. */
#pragma once
#include "iapeer/cli/peers.h"
#include "iapeer/launch/conversation.h"

struct show {
	const struct peer_record *record; /* borrowed from the registry */
	struct profile profile;
	struct sight *sights;               /* of its runtimes, in their order */
	struct conversation *conversations; /* likewise; id "": none */
	struct strv marks, topics, accepts;
	struct json *last;  /* {"death"?,"delivery"?,"wake"?} as `show --json` has it */
	struct buf died_of; /* a sentence on the last death; may be empty */
};

/* For a person: what it is doing, what it is, what happened last; times as ages. */
void show_print(struct ctx *c, const struct show *s);
