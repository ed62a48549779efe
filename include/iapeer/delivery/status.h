/* status.h - what a live peer does just now, with its source and since when (SPEC 12).
 *
 * A status is not stored: it follows from the session record, the newest reports (report.h) and,
 * where the runtime keeps one, its own status file. Evidence that says "working" and is older than
 * the settings allow decays to unknown.
 */
#pragma once
#include "iapeer/delivery/report.h"
#include "iapeer/launch/session.h"
#include "iapeer/runtime/manifest.h"

enum peer_status {
	STATUS_UNKNOWN,
	STATUS_BOOTING, /* a session that has not shown yet that it takes input */
	STATUS_IDLE,
	STATUS_WORKING,
	STATUS_WAITING, /* for a person's answer */
	STATUS_BLOCKED, /* by a dialog that we do not answer, before it was ever ready */
	STATUS_AUTH,    /* its credentials are dead */
	STATUS_QUOTA,   /* nothing left to spend */
	STATUS_COUNT
};

struct status {
	enum peer_status status;
	char source[16];  /* hook, screen, file, verb, session, process */
	int64_t since_ms; /* UTC of the evidence */
	char detail[160]; /* which dialog, which tool, what the failure said */
};

const char *status_word(enum peer_status s);
bool status_parse(const char *word, enum peer_status *out);
bool status_needs_person(enum peer_status s); /* waiting, blocked, auth, quota */
/* By files and /proc only: no process, no tmux. `s` is a live session. */
void status_look(const struct layout *l, const struct session *s, const struct manifest *m,
		 struct status *out);
