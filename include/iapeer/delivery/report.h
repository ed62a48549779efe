/* report.h - what a peer's program says of itself: <identity>.reports.
 *
 * One JSON object a line, appended by one write(2) (O_APPEND): by hooks (`iapeer event`), by a
 * worker that reads the screen, by a verb that presses a key. Nobody needs a lock to append. A line
 * that is cut or is no report is passed over. Whoever starts a session calls report_begin() under
 * the peer's lock: a file longer than 1 MiB becomes <identity>.reports.1 and a new one is begun.
 * Readers find their place by a byte offset that they took before; a file that is shorter than that
 * is read from its start. An offset in the middle of a line is fine (the newest: report_size() less
 * some): the rest of that line is no report.
 */
#pragma once
#include "iapeer/delivery/queue.h"

#define REPORT_TEXT_MAX 65536 /* of an answer; what is longer is cut at a character, "cut":true */

enum report_kind {
	REPORT_READY,  /* it takes input */
	REPORT_TAKEN,  /* it took a prompt: `ids` are the messages in it (none: a person's) */
	REPORT_TOOL,   /* it begins or ends the use of a tool (detail: its name) */
	REPORT_ASKS,   /* it waits for a person: a permission, a question (detail) */
	REPORT_TURN,   /* a turn has ended; text: its last message */
	REPORT_FAILED, /* a turn failed for good; detail: auth, quota, overload, other; text: how */
	REPORT_RETRIES, /* a request failed and is tried again; detail and text as in REPORT_FAILED
			 */
	REPORT_INTERRUPTED, /* its turn was interrupted */
	REPORT_BLOCKED,     /* a dialog at boot that we do not answer (detail: its name) */
	REPORT_LEFT,        /* the program says that it ends */
	REPORT_KIND_COUNT
};
/* Who says so. */
enum report_source {
	REPORT_BY_HOOK,
	REPORT_BY_SCREEN,
	REPORT_BY_FILE,
	REPORT_BY_VERB,
	REPORT_SOURCE_COUNT
};

struct report {
	enum report_kind kind;
	enum report_source source;
	int64_t at_ms;                /* UTC */
	char conversation[80];        /* the program's id of its conversation; "": not said */
	char transcript[LAYOUT_PATH]; /* its conversation's file; "": not said */
	int64_t transcript_size;      /* TAKEN, by a hook: as long as it was then */
	struct strv ids;              /* message ids found in what it took */
	char detail[160];
	char *text; /* NULL: none */
	bool cut;   /* the text was longer */
};

void report_done(struct report *r);
const char *report_kind_word(enum report_kind k); /* ready, taken, tool, asks, turn, failed, ... */
const char *report_source_word(enum report_source s); /* hook, screen, file, verb */
bool report_kind_parse(const char *word, enum report_kind *out);

bool report_has(const struct report *r, const char *message_id); /* is it among its ids? */
/* Append it: one write, not fsynced (a proof that is lost with the host is looked up again in the
 * conversation's file). What was left behind without an end of line is ended first. */
int report_add(const struct layout *l, const struct peer_id *id, const struct report *r,
	       struct err *e) NODISCARD;
/* Length of the file now: the place from which report_each() reads what comes later. */
int64_t report_size(const struct layout *l, const struct peer_id *id);
/* Whole lines from *at on, oldest first; fn returns false to stop. *at is then the place behind the
 * last whole line that was looked at. A missing file is an empty one. */
int report_each(const struct layout *l, const struct peer_id *id, int64_t *at,
		bool (*fn)(const struct report *r, void *arg), void *arg, struct err *e) NODISCARD;
/* All that is still held, that of earlier sessions too (the file before this one). */
int report_history(const struct layout *l, const struct peer_id *id,
		   bool (*fn)(const struct report *r, void *arg), void *arg,
		   struct err *e) NODISCARD;
/* A descriptor that becomes readable when a report is added (plat_watch). Makes the file. */
int report_watch(const struct layout *l, const struct peer_id *id, int *out_fd,
		 struct err *e) NODISCARD;
/* A new session begins: see above. */
int report_begin(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
