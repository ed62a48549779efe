/* paste_kind.h - how a paste ends, and its two implementations: terminals that echo (shell),
 * composers (tui). Use paste.h, which chooses. */
#pragma once
#include "iapeer/launch/pane.h"

enum paste_end {
	PASTE_OK,      /* check: go on; send, settle: submitted, proved */
	PASTE_WAIT,    /* not now (draft, question, busy; send: its server is gone; settle: it never
			  arrived); nothing was touched */
	PASTE_REFUSED, /* check: never to this terminal */
	PASTE_FAILED,  /* it was seen, Enter could not be proved, our text was taken back */
	PASTE_AMBIGUOUS, /* it may or may not have been taken */
	PASTE_HIDDEN, /* send, settle: it cannot be seen yet whether it arrived; settle it later */
	PASTE_END_COUNT
};

/* The reason of a PASTE_WAIT for a question on the screen begins with this. */
#define PASTE_ASKS "it asks a question"

#define ENTERED_NOT     (-1)
#define ENTERED_UNKNOWN (-2)

struct paste_job {
	const char *text;
	size_t len;
	bool force; /* check: past a draft or a busy program */
	/* Called before Enter is pressed for the first time, with the length that the pane's log
	 * has then, and with ENTERED_UNKNOWN before a text is taken back. A failure leaves the key
	 * unpressed. NULL: nobody has to know. */
	int (*note)(int64_t entered_log, void *arg, struct err *e);
	void *arg;
	/* For settle: what is known of the one that was cut short. */
	int64_t since_ms;    /* UTC: not pasted before */
	int64_t log_before;  /* length of the pane's log then; -1: not known */
	bool pasted;         /* it was pasted for sure */
	int64_t entered_log; /* what note() was called with last; ENTERED_NOT: it was not */
};

struct paste {
	enum paste_end end;
	char reason[256];
	int64_t pasted_at_ms, submitted_at_ms, recorded_at_ms; /* UTC; 0: not reached */
	int64_t log_offset; /* where the pane log stood when the text had gone */
};

int shell_check(struct pane *p, const struct paste_job *j, struct paste *out,
		struct err *e) NODISCARD;
int shell_send(struct pane *p, const struct paste_job *j, struct paste *out,
	       struct err *e) NODISCARD;
int shell_settle(struct pane *p, const struct paste_job *j, struct paste *out,
		 struct err *e) NODISCARD;
int shell_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e) NODISCARD;
int tui_check(struct pane *p, const struct paste_job *j, struct paste *out,
	      struct err *e) NODISCARD;
int tui_send(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e) NODISCARD;
int tui_settle(struct pane *p, const struct paste_job *j, struct paste *out,
	       struct err *e) NODISCARD;
int tui_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	     struct err *e) NODISCARD;
int paste_verdict(struct paste *out, enum paste_end end, const char *reason); /* returns 0 */
int paste_note(const struct paste_job *j, int64_t entered_log, struct err *e) NODISCARD;
/* May the text of an unsettled paste still come? A program that has printed nothing since is asked
 * sooner: so was nothing sent to it, most likely; unless something is `unread` in its terminal. */
bool paste_may_come(const struct pane *p, const struct paste_job *j, bool unread);
/* Has a client sent a key since the intent? Then what stands in the composer may be a person's. */
bool paste_typed_since(const struct tmux_look *look, const struct paste_job *j);
