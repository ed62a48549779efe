/* event_line.h - one line of a journal or of a peer's reports as an event: what `events` streams.
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/layout.h"

struct event {
	int64_t at_ms; /* UTC */
	char identity[PEER_IDENTITY_MAX + 1];
	struct json *o; /* {"ts","event","identity",...}; owned */
};

void event_done(struct event *v);
/* `path`: the file that it is from, below the root; it decides how the line is read. False: it is
 * none, or says what another line says better. Never a text that a peer was sent or answered. */
bool event_read(const char *path, const char *line, size_t len, struct event *out);
