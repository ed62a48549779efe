/* request.h - one line from the control socket (docs/PROTOCOL.md), understood or refused. Pure. */
#pragma once
#include "iapeer/lifecycle/decide.h"
#include "iapeer/registry/peer.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_WAIT_MS     60000
#define REQUEST_WAIT_MAX_MS (INT64_C(24) * 3600 * 1000)

enum request_op { REQUEST_HELLO, REQUEST_DELIVER, REQUEST_APPLY, REQUEST_TICK, REQUEST_LEAVE };
struct request {
	enum request_op op;
	char identity[PEER_IDENTITY_MAX + 1]; /* deliver, apply: a valid one */
	char message_id[96];                  /* deliver */
	bool turn;                            /* deliver: until its turn has ended */
	bool once;                            /* deliver: an error is an answer */
	enum trigger trigger;                 /* apply; never stop or remove */
	int64_t wait_ms;                      /* deliver, apply */
};
/* ERR_USAGE, or ERR_CORRUPT for what is no JSON or of another shape; *out is undefined then. */
int request_parse(const char *line, size_t len, struct request *out, struct err *e) NODISCARD;
