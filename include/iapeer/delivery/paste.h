/* paste.h - text into a program, and the proof that it was taken: paste, see it, Enter, see it go.
 *
 * Enter is pressed only on text that is provably ours. Split in two, because the intent goes to
 * disk in between: paste_check() looks and touches nothing; paste_send() acts.
 */
#pragma once
#include "iapeer/delivery/paste_kind.h"

/* Errors are tmux's or the system's; nothing was touched. */
int paste_check(struct pane *p, const struct paste_job *j, struct paste *out,
		struct err *e) NODISCARD;
/* An error means that it was cut short, and paste_settle() has to find out; what cannot be known at
 * all is PASTE_AMBIGUOUS in *out, what can be known later PASTE_HIDDEN. */
int paste_send(struct pane *p, const struct paste_job *j, struct paste *out,
	       struct err *e) NODISCARD;
/* After a crash. The composer shows exactly this text: press Enter and prove it. It was entered,
 * and has gone: PASTE_OK. It was not entered, and the composer is as empty as before: PASTE_WAIT,
 * it may be sent anew. May wait some seconds for a text that is still on its way. */
int paste_settle(struct pane *p, const struct paste_job *j, struct paste *out,
		 struct err *e) NODISCARD;
/* Wait for the end of the turn that began at log_offset; the answer is appended to out (a shell's
 * output). ERR_TIMEOUT. */
int paste_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e) NODISCARD;
