/* prove.h - from "submitted" to "recorded": this very message was taken. Inside of deliver. */
#pragma once
#include "iapeer/delivery/paste.h"
#include "iapeer/delivery/reported.h"
#include "iapeer/delivery/sending.h"

/* Can it be proved at all, by this kind of program? */
bool prove_possible(const struct manifest *mf, const struct queue_item *m);
/* After the paste *p, or after it was settled: wait a little for the report; press Enter again, at
 * most three times, while the composer holds exactly our text; ask the second witness. w->taken
 * says what came of it. `patient`: not waited for before. */
int prove_taken(struct pane *pane, const struct buf *text, bool patient, struct paste *p,
		struct reported *w, struct err *e) NODISCARD;
/* What is so now, in *p. True: it cannot be told yet, and may be told later; then the intent stays,
 * with what is known (s is changed, not saved). `maybe`: Enter may have been pressed. `pane`
 * NULL: its session is gone. */
bool prove_judge(const struct pane *pane, bool maybe, const struct reported *w, struct sending *s,
		 struct paste *p);
