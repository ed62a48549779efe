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
/* It was resumed, and the program ended by itself before it took input: not tried again. */
int converse_failed(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
