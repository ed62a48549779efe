/* topics.h - <identity>.topic: the threads of work this session has heard of, newest last. */
#pragma once
#include "iapeer/registry/layout.h"

#define TOPICS_MAX 16
int topics_load(const struct layout *l, const struct peer_id *id, struct strv *out,
		struct err *e) NODISCARD; /* missing: empty */
int topics_add(const struct layout *l, const struct peer_id *id, const char *topic,
	       struct err *e) NODISCARD; /* a repeat moves to the end */
int topics_clear(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
