/* reply.h - what the keeper answered, as this side sees it. */
#pragma once
#include "iapeer/base/json.h"

/* The outcome of keeper_apply(): its `error` becomes *e (code, message, hint); else `mode` and
 * `cause` are copied out. */
int reply_outcome(const struct json *reply, char mode[static 16], char cause[static 64],
		  struct err *e) NODISCARD;
