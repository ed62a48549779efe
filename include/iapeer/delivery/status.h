/* status.h - what a live peer does just now, with its source and since when.
 *
 * A status is not stored: it follows from the session record, the newest reports (report.h), the
 * runtime's own status file where it keeps one, and for a shell from who is in the foreground of
 * its terminal. Evidence that says "working" and is older than the settings allow, with nothing
 * printed since, decays to unknown.
 */
#pragma once
#include "iapeer/delivery/report.h"
#include "iapeer/launch/session.h"
#include "iapeer/registry/settings.h"
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
	int64_t since_ms; /* UTC; when it began, as far as the evidence reaches back */
	int64_t at_ms;    /* UTC; of the newest evidence: its age is how sure this is */
	char detail[160]; /* which dialog, which tool, what the failure said */
};

const char *status_word(enum peer_status s);
bool status_parse(const char *word, enum peer_status *out);
bool status_needs_person(enum peer_status s); /* waiting, blocked, auth, quota */
/* By files and /proc only: no process, no tmux; reads the end of the reports, not all of them. `s`
 * is a live session. */
void status_look(const struct layout *l, const struct settings *st, const struct session *s,
		 const struct manifest *m, struct status *out);
/* Is it live, and does it need a person? *out: what it does. */
bool status_person(const struct layout *l, const struct settings *st, const struct peer_id *id,
		   const struct manifest *m, struct status *out);
/* What to watch for the runtime's own word on its status: the folder of its files, and in it those
 * of this peer's program and of whoever is below that. Added to *out. */
void status_files(const struct layout *l, const struct manifest *m, const struct peer_id *id,
		  struct strv *out);
/* The newest report of this session. False: it has none. Owned: report_done(). */
bool status_last_report(const struct layout *l, const struct session *s, struct report *out);

/* ---- pure: status.c; what status_look() gathers ---- */

struct status_evidence {
	int64_t now_ms, decay_ms;
	enum runtime_kind kind;
	bool ready; /* it has shown that it takes input, says the session's record */
	int64_t woke_at_ms;
	int64_t printed_at_ms; /* its pane's newest output; 0: not known */
	bool reported;         /* its newest report: */
	enum report_kind report;
	enum report_source report_source;
	int64_t report_at_ms;
	int64_t report_since_ms; /* of the oldest of those that say the same, one after the other */
	char report_detail[160];
	bool filed; /* its own status file: */
	enum peer_status filed_status;
	int64_t filed_at_ms;
	char filed_detail[160];
	bool looked;        /* a shell's terminal: */
	bool in_foreground; /* something but the shell itself runs there */
	char process[64];   /* its name */
};
/* What a report says by itself. */
enum peer_status status_of_report(enum report_kind k, const char *detail);
void status_decide(const struct status_evidence *v, struct status *out);
