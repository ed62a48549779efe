/* flight.h - the flight recorder: what a peer was like in the last hour or more, in a
 * file that survives the death of everything.
 *
 * `<identity>.flight` has FLIGHT_SAMPLES places of FLIGHT_LINE bytes each and never grows beyond
 * that; the oldest is overwritten in place. A place is a line of text with a number and a checksum:
 * one that was torn by a kill or a power cut is left out when it is read, the others stand. Nothing
 * is synced: what the machine takes with it is lost.
 */
#pragma once
#include "iapeer/base/buf.h"
#include "iapeer/base/plat.h"
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define FLIGHT_SAMPLES 60
#define FLIGHT_LINE    320

struct flight_sample {
	uint64_t number; /* one more than that before; set by flight_add() */
	int64_t at_ms;   /* UTC */
	pid_t server;
	int64_t rss_bytes; /* of the server and all that it started */
	int64_t processes;
	int64_t available_bytes; /* of the machine; -1: not known */
	int64_t pressure;      /* memory, hundredths of a percent of the last 10 s; -1: not known */
	int64_t printed_at_ms; /* UTC of its pane's newest output; 0: none */
	int64_t reported_at_ms; /* UTC of the newest word of its program (turns); 0: none */
	bool attached;          /* a client is */
	char
	    state[16]; /* a status' word as its program last told it (a shell: working, idle); "" */
	char grew[24]; /* which of its processes grew most since the sample before; "": none */
	int64_t grew_bytes;
	char most[24]; /* the same of the whole machine */
	int64_t most_bytes;
};

/* Write s over the oldest. *last is the number of the newest (0: not known yet, it is looked up).
 */
int flight_add(const struct layout *l, const struct peer_id *id, struct flight_sample *s,
	       uint64_t *last, struct err *e) NODISCARD;
/* What is whole in the file, oldest first; returns how many. */
size_t flight_load(const struct layout *l, const struct peer_id *id,
		   struct flight_sample out[static FLIGHT_SAMPLES]);
/* A table of the samples of that server. */
void flight_table(const struct layout *l, const char *identity, pid_t server, struct buf *out);

/* ---- the line of a sample ---- */

void flight_line(const struct flight_sample *s, char out[static FLIGHT_LINE + 1]);
bool flight_parse(const char *line, struct flight_sample *out); /* false: torn, or none */
