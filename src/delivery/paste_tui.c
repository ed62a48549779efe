/* A program with a composer: the text is seen in it, and after Enter it is seen to be gone. */
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS  5000
#define PASTE_MS 5000  /* until the composer shows the text */
#define ENTER_MS 700   /* until it has gone; then Enter again */
#define LOOK_MS  100   /* between two looks at a composer that does not change */
#define HANGS_MS 60000 /* a program that does not react for so long is given up */
#define TRIES    4

struct view {
	struct tmux_look look;
	struct screen screen;
	struct screen_facts facts;
};

static void view_done(struct view *v)
{
	tmux_look_done(&v->look);
}

static int view(struct pane *p, struct view *v, struct err *e)
{
	if (tmux_look(&p->tmux, false, clock_mono_ms() + CALL_MS, &v->look, e) < 0)
		return -1;
	v->screen = (struct screen){.text = buf_cstr(&v->look.screen),
				    .len = v->look.screen.len,
				    .cursor_x = v->look.cursor_x,
				    .cursor_y = v->look.cursor_y};
	screen_read(p->manifest, &v->screen, &v->facts);
	return 0;
}

int tui_check(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
	char reason[160];

	if (view(p, &v, e) < 0)
		return -1;
	if (v.facts.state == SCREEN_DIALOG) {
		snprintf(reason, sizeof reason, PASTE_ASKS " (%s)", v.facts.dialog->name);
		return paste_verdict(out, PASTE_WAIT, reason);
	}
	if (!v.facts.has_composer)
		return paste_verdict(out, PASTE_WAIT,
				     "its screen shows no place to type; attach and look");
	if (j->force)
		return 0;
	if (v.facts.state == SCREEN_BUSY && p->manifest->busy_policy == BUSY_QUEUE)
		return paste_verdict(out, PASTE_WAIT, "it works on something");
	if (!v.facts.composer_empty)
		return paste_verdict(out, PASTE_WAIT,
				     "somebody has typed into it and not pressed Enter");
	return 0;
}

static int press(struct pane *p, const struct strv *keys, struct err *e)
{
	return tmux_keys(&p->tmux, keys, clock_mono_ms() + CALL_MS, e);
}

static bool holds(const struct pane *p, const struct view *v, const struct paste_job *j)
{
	return screen_holds(p->manifest, &v->screen, j->text, j->len);
}

/* Look until the composer holds the text (`there`) or not any more. 1: so it is. 0: the time is
 * over, or its program has ended. -1: it could not be looked at, which says nothing of the text. */
static int wait_held(struct pane *p, const struct paste_job *j, bool there, int64_t ms,
		     struct err *e)
{
	int64_t until = clock_mono_ms() + ms;

	for (;;) {
		AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};

		if (view(p, &v, e) < 0)
			return pane_ended(p) ? 0 : -1;
		if (holds(p, &v, j) == there && (there || v.facts.has_composer))
			return 1;
		if (clock_mono_ms() >= until || (!pane_wait(p, 30) && pane_ended(p)))
			return 0;
	}
}

static int submitted(const struct pane *p, struct paste *out)
{
	out->submitted_at_ms = clock_utc_ms();
	out->log_offset = pane_log_size(p);
	return 0;
}

/* It did not take Enter. A program that does not react at all may take it later, so it must be seen
 * that our text is gone. */
static int take_back(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	AUTO(strv_done) struct strv clear = STRV_INIT;
	int gone;

	strv_add(&clear, "C-u");
	if (paste_note(j, ENTERED_UNKNOWN, e) < 0 || press(p, &clear, e) < 0)
		return -1;
	gone = wait_held(p, j, false, ENTER_MS, e);
	if (gone < 0)
		return -1;
	return gone ? paste_verdict(out, PASTE_FAILED, "it did not take Enter")
		    : paste_verdict(out, PASTE_AMBIGUOUS, "it reacts to no key");
}

/* Enter only while the composer holds our text, and nothing but our text. */
static int submit(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	for (int tries = 0; tries < TRIES; tries++) {
		int held = tries > 0 ? wait_held(p, j, true, 0, e) : 1, gone;

		if (held < 0)
			return -1;
		if (!held)
			return paste_verdict(
			    out, PASTE_AMBIGUOUS,
			    "Enter was pressed, and the text went somewhere that cannot be seen");
		/* An error leaves it unsettled: whoever comes next looks whether our text still
		 * stands there. */
		if ((tries == 0 && paste_note(j, pane_log_size(p), e) < 0) ||
		    press(p, &p->manifest->submit, e) < 0)
			return -1;
		gone = wait_held(p, j, false, ENTER_MS, e);
		if (gone < 0)
			return -1;
		if (gone)
			return submitted(p, out);
		if (pane_ended(p))
			return paste_verdict(out, PASTE_AMBIGUOUS,
					     "the session ended while the text was in it");
	}
	return take_back(p, j, out, e);
}

/* The composer does not show the text, and it is not expected to any more. */
static int not_shown(const struct pane *p, const struct paste_job *j, const struct view *v,
		     struct paste *out)
{
	bool printed = j->log_before < 0 || pane_log_size(p) != j->log_before;

	if (j->entered_log == ENTERED_NOT && !v->facts.has_composer)
		return paste_verdict(out, PASTE_HIDDEN,
				     "it was pasted, perhaps, and its screen shows no place to "
				     "type; attach and look");
	if (j->entered_log != ENTERED_NOT || !v->facts.composer_empty)
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "a delivery was cut short and cannot be proved either way");
	/* A program that hangs has it before it; one that paints has thrown it away. */
	if (j->pasted && !printed && clock_utc_ms() - j->since_ms < HANGS_MS)
		return paste_verdict(out, PASTE_HIDDEN,
				     "it was pasted, and its program does not react");
	/* What is in the composer is not provably ours: no key is safe, not even one that would
	 * clear it. */
	if (j->pasted || paste_typed_since(&v->look, j))
		return paste_verdict(out, PASTE_AMBIGUOUS, "the text was not seen after the paste");
	return paste_verdict(out, PASTE_WAIT, "it did not arrive");
}

int tui_settle(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	for (;;) {
		AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
		bool may_come = paste_may_come(p, j, false);

		if (view(p, &v, e) < 0)
			return -1;
		if (holds(p, &v, j))
			break;
		if (j->entered_log >= 0 && v.facts.has_composer) {
			out->pasted_at_ms = clock_utc_ms();
			return submitted(p, out);
		}
		if (!may_come || (!pane_wait(p, LOOK_MS) && pane_ended(p)))
			return not_shown(p, j, &v, out);
	}
	out->pasted_at_ms = clock_utc_ms();
	return submit(p, j, out, e);
}

int tui_send(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
	struct paste_job sent = *j;
	int seen;

	if (tmux_paste(&p->tmux, j->text, j->len, clock_mono_ms() + CALL_MS, e) < 0)
		return e->code == ERR_NOT_FOUND ? paste_verdict(out, PASTE_WAIT, e->msg)
						: -1; /* -1: unsettled */
	out->pasted_at_ms = clock_utc_ms();
	sent.pasted = true;
	seen = wait_held(p, &sent, true, PASTE_MS, e);
	if (seen > 0)
		return submit(p, &sent, out, e);
	if (pane_ended(p))
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "the session ended while the text was in it");
	if (seen < 0 || view(p, &v, e) < 0)
		return -1;
	return not_shown(p, &sent, &v, out);
}

int tui_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	     struct err *e)
{
	int64_t quiet_since = clock_mono_ms(), size = pane_log_size(p);

	(void)log_offset;
	(void)out; /* its own last message is read from its records, where the runtime has any */
	for (;;) {
		AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
		int64_t now = clock_mono_ms(), next = pane_log_size(p);

		if (next != size)
			quiet_since = now;
		size = next;
		if (now - quiet_since >= 300) {
			if (view(p, &v, e) < 0)
				return -1;
			if (v.facts.state == SCREEN_READY)
				return 0;
		}
		if (now >= deadline_ms)
			return err_set(e, ERR_TIMEOUT, 0, "the turn has not ended in time");
		if (!pane_wait(p, 300) && pane_ended(p))
			return err_set(e, ERR_FAILED, 0, "the session ended during the turn");
	}
}
