/* event.h - `iapeer event`: what an agent's program says through its hooks becomes a report.
 *
 * It runs inside somebody's turn: it takes no lock, starts nothing, prints nothing (the model reads
 * a hook's output), and has ended within EVENT_MS whatever its standard input does.
 */
#pragma once
#include "iapeer/delivery/report.h"

#define EVENT_MS 700 /* for reading; the rest is a matter of microseconds */
#define EVENT_MAX                                                                                  \
	(1 << 20) /* bytes that are looked at; what matters stands before a tool's output */

/* What this hook's object says, at `now_utc_ms`; false: nothing that we note. Owned: report_done().
 */
bool event_report(const char *json, size_t len, int64_t now_utc_ms, struct report *out);
/* Read one object from fd to its end, and append what it says to the identity's reports. */
int event_take(const struct layout *l, const struct peer_id *id, int fd, struct err *e) NODISCARD;
