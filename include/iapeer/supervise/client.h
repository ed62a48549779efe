/* client.h - how a command talks to the keeper: find it or start it, one JSON line each way
 * (docs/PROTOCOL.md). */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/layout.h"

/* Its own answer, that the time is over and why, is waited for so much longer. */
#define KEEPER_GRACE_MS 1000

struct keeper_link {
	int fd;                      /* -1: none */
	const struct layout *layout; /* whose keeper; borrowed */
};
#define KEEPER_LINK_INIT                                                                           \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Connect; `start`: start one if none answers, and wait until it does. ERR_NOT_FOUND: none runs
 * (start false). ERR_TIMEOUT: past the deadline, or sooner where it cannot answer (keeper_silent).
 * The other end must be ours by uid. */
int keeper_connect(const struct layout *l, bool start, int64_t deadline_ms, struct keeper_link *out,
		   struct err *e) NODISCARD;
void keeper_close(struct keeper_link *k);
/* Send a request, wait for its one line. ERR_TIMEOUT past the deadline; ERR_NOT_FOUND when the
 * keeper went away (ask again: what was asked is on disk). *out_reply owned. *e is filled only on
 * failure. */
int keeper_ask(struct keeper_link *k, const struct json *request, int64_t deadline_ms,
	       struct json **out_reply, struct err *e) NODISCARD;
/* The two halves of it, for who waits for other things too: ERR_NOT_FOUND when the keeper went
 * away; the line it answered (a newline ends it), its `error` made *e. */
int keeper_request(struct keeper_link *k, const struct json *request, struct err *e) NODISCARD;
int keeper_reply(const char *line, struct json **out_reply, struct err *e) NODISCARD;
/* No answer came: ERR_TIMEOUT, with what is known of why. Returns -1. */
int keeper_silent(const struct layout *l, struct err *e);
/* The keeper's pid, 0 when none lives. Starts nothing. */
int keeper_pid(const struct layout *l, pid_t *out, struct err *e) NODISCARD;

/* Run a trigger (new, run, attach) for the identity and wait for its outcome: the reply's members
 * are `mode`, `cause`, or an error's. */
int keeper_apply(const struct layout *l, const struct peer_id *id, const char *trigger,
		 int64_t deadline_ms, struct json **out_reply, struct err *e) NODISCARD;
/* Make sure that a keeper runs, so that what is about to be written to disk will be carried out. */
int keeper_ensure(const struct layout *l, int64_t deadline_ms, struct err *e) NODISCARD;
