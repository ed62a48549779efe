/* converse.h - the peer's conversation, brought up to date by what its program reported. */
#pragma once
#include "iapeer/launch/conversation.h"

/* The record and what has been reported since. ERR_NOT_FOUND: it never had one. */
int converse_load(const struct layout *l, const struct peer_id *id, struct conversation *out,
		  struct err *e) NODISCARD;
/* The session takes input: a fresh one's conversation replaces what was on record, a resumed one is
 * gone on with. */
int converse_ready(const struct layout *l, const struct session *s, struct err *e) NODISCARD;
/* Write down what was reported, if it is news. */
int converse_note(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
/* The peer works in `to` from now on and not in `from`: the conversation that it held there goes
 * along. Until it was resumed there it may go on in either, so that this may come before or behind
 * the change itself. Its file stays where its program has put it: it is resumed by its id. The
 * caller holds the peer's lock. */
int converse_move(const struct layout *l, const struct peer_id *id, const char *from,
		  const char *to, struct err *e) NODISCARD;
/* It was resumed, and the program ended by itself before it took input: not tried again. */
int converse_failed(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
