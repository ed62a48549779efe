/* paste_kind.h - how a paste ends, and its two implementations: terminals that echo (shell),
 * composers (tui). Use paste.h, which chooses. */
#pragma once
#include "iapeer/launch/pane.h"

enum paste_end {
	PASTE_OK,        /* check: go on; send: submitted, proved */
	PASTE_WAIT,      /* not now (draft, question, busy; send: its server is gone); nothing was
			    touched */
	PASTE_REFUSED,   /* check: never to this terminal */
	PASTE_FAILED,    /* send: it was seen, Enter could not be proved, our text was taken back */
	PASTE_AMBIGUOUS, /* send: it may or may not have been taken */
};

/* The reason of a PASTE_WAIT for a question on the screen begins with this. */
#define PASTE_ASKS "it asks a question"

struct paste {
	enum paste_end end;
	char reason[256];
	int64_t pasted_at_ms, submitted_at_ms, recorded_at_ms; /* UTC; 0: not reached */
	int64_t log_offset; /* where the pane log stood when the text had gone */
};

int shell_check(struct pane *p, const char *text, size_t len, bool force, struct paste *out,
		struct err *e) NODISCARD;
int shell_send(struct pane *p, const char *text, size_t len, struct paste *out,
	       struct err *e) NODISCARD;
int shell_settle(struct pane *p, const char *text, size_t len, struct paste *out,
		 struct err *e) NODISCARD;
int shell_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e) NODISCARD;
int tui_check(struct pane *p, const char *text, size_t len, bool force, struct paste *out,
	      struct err *e) NODISCARD;
int tui_send(struct pane *p, const char *text, size_t len, struct paste *out,
	     struct err *e) NODISCARD;
int tui_settle(struct pane *p, const char *text, size_t len, struct paste *out,
	       struct err *e) NODISCARD;
int tui_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	     struct err *e) NODISCARD;
int paste_verdict(struct paste *out, enum paste_end end, const char *reason); /* returns 0 */
