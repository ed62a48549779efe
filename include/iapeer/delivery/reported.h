/* reported.h - was this very message taken, and what became of its turn? Out of the program's
 * reports; the second witness is its conversation's file.
 *
 * A program that queues what is typed while it works says "taken" at once (Claude Code) or when the
 * text is handed over (Codex). The end of a turn names no message: it ends the turn of everything
 * that was taken before, but for what was queued while it ran and is a turn of its own then.
 */
#pragma once
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/report.h"
#include "iapeer/launch/pane.h"

struct reported {
	const char *id;               /* the message; borrowed */
	int64_t at;                   /* offset in the reports, moved on by each look */
	int64_t since_ms;             /* UTC: older reports say nothing about this session */
	bool taken;                   /* it was taken ... */
	int64_t taken_ms;             /* ... at this UTC */
	bool queued;                  /* ... while a turn was running */
	bool heard;                   /* a hook of this session has said something */
	bool working;                 /* a turn is running */
	int64_t last_ms;              /* UTC of the newest report */
	int turns;                    /* so many have ended since it was taken */
	bool failed;                  /* its turn failed for good: reason */
	bool interrupted;             /* or was interrupted */
	char reason[256];             /* "its turn failed: quota: ..." */
	char *answer;                 /* of the last turn that ended since; owned */
	char transcript[LAYOUT_PATH]; /* the conversation's file, where it was said */
};
void reported_done(struct reported *p);
/* Look for that message in what is reported from `at` on; what stands shortly before it is read
 * too, to know whether a turn was running. `s` NULL: whichever session's. */
void reported_begin(struct reported *p, const char *message_id, int64_t at,
		    const struct session *s);

/* Read what has come since. Errors are the file system's. */
int reported_look(const struct layout *l, const struct peer_id *id, struct reported *p,
		  struct err *e) NODISCARD;
/* Look until it was taken, the session has ended or deadline_ms; true: taken. */
bool reported_wait_taken(const struct pane *pane, struct reported *p, int64_t deadline_ms);
/* The second witness: the id stands in the conversation's file. Then this is reported too (by
 * "file"), and p->taken. */
bool reported_in_file(const struct layout *l, const struct peer_id *id, struct reported *p);
/* Wait for the end of its turn: 0, and p->answer, failed or interrupted says how. ERR_TIMEOUT,
 * ERR_FAILED (the session ended). */
int reported_wait_turn(struct pane *pane, struct reported *p, int64_t deadline_ms,
		       struct err *e) NODISCARD;
/* A turn has failed for good, says `failed`, the newest report: the receipts of what was taken in
 * it say so from now on. Takes no lock. */
int reported_demote(const struct layout *l, const struct peer_id *id, const struct report *failed,
		    struct err *e) NODISCARD;
/* Somebody sees the proof later: a receipt that says ambiguous or submitted becomes recorded. Takes
 * no lock. */
int reported_upgrade(const struct layout *l, const struct peer_id *id, struct receipt *r,
		     struct err *e) NODISCARD;
