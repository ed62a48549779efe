/* A program with a composer: the text is seen in it, and after Enter it is seen to be gone. */
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS  5000
#define PASTE_MS 5000 /* until the composer shows the text */
#define ENTER_MS 700  /* until it has gone; then Enter again */
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

int tui_check(struct pane *p, const char *text, size_t len, bool force, struct paste *out,
	      struct err *e)
{
	AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
	char reason[160];

	(void)text;
	(void)len;
	if (view(p, &v, e) < 0)
		return -1;
	if (v.facts.state == SCREEN_DIALOG) {
		snprintf(reason, sizeof reason, PASTE_ASKS " (%s)", v.facts.dialog->name);
		return paste_verdict(out, PASTE_WAIT, reason);
	}
	if (!v.facts.has_composer)
		return paste_verdict(out, PASTE_WAIT,
				     "its screen shows no place to type; attach and look");
	if (force)
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

/* Look until the composer holds the text (`there`) or not any more, or the time is over. */
static bool wait_held(struct pane *p, const char *text, size_t len, bool there, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	for (;;) {
		AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
		struct err e;

		if (view(p, &v, &e) < 0)
			return false;
		if (screen_holds(p->manifest, &v.screen, text, len) == there &&
		    (there || v.facts.has_composer))
			return true;
		if (clock_mono_ms() >= until || (!pane_wait(p, 30) && pane_ended(p)))
			return false;
	}
}

static bool still_holds(struct pane *p, const char *text, size_t len)
{
	AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};
	struct err e;

	return view(p, &v, &e) == 0 && screen_holds(p->manifest, &v.screen, text, len);
}

/* Enter only while the composer holds our text, and nothing but our text. */
static int submit(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	AUTO(strv_done) struct strv clear = STRV_INIT;

	for (int tries = 0; tries < TRIES; tries++) {
		if (tries > 0 && !still_holds(p, text, len))
			return paste_verdict(
			    out, PASTE_AMBIGUOUS,
			    "Enter was pressed, and the text went somewhere that cannot be seen");
		if (press(p, &p->manifest->submit, e) < 0)
			return -1; /* unsettled: whoever comes next looks whether our text still
				      stands there */
		if (wait_held(p, text, len, false, ENTER_MS)) {
			out->submitted_at_ms = clock_utc_ms();
			out->log_offset = pane_log_size(p);
			return 0;
		}
		if (pane_ended(p))
			return paste_verdict(out, PASTE_AMBIGUOUS,
					     "the session ended while the text was in it");
	}
	strv_add(&clear, "C-u");
	if (press(p, &clear, e) < 0)
		return -1;
	return paste_verdict(out, PASTE_FAILED, "it did not take Enter");
}

int tui_send(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	if (tmux_paste(&p->tmux, text, len, clock_mono_ms() + CALL_MS, e) < 0)
		return e->code == ERR_NOT_FOUND ? paste_verdict(out, PASTE_WAIT, e->msg)
						: -1; /* -1: unsettled */
	out->pasted_at_ms = clock_utc_ms();
	if (!wait_held(p, text, len, true, PASTE_MS)) {
		if (pane_ended(p))
			return paste_verdict(out, PASTE_AMBIGUOUS,
					     "the session ended while the text was in it");
		/* What is in the composer is not provably ours: no key is safe, not even one that
		 * would clear it. */
		return paste_verdict(out, PASTE_AMBIGUOUS, "the text was not seen after the paste");
	}
	return submit(p, text, len, out, e);
}

int tui_settle(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	AUTO(view_done) struct view v = {.look = {.cursor_x = -1}};

	if (view(p, &v, e) < 0)
		return -1;
	if (!screen_holds(p->manifest, &v.screen, text, len))
		return paste_verdict(out, PASTE_AMBIGUOUS,
				     "a delivery was cut short and cannot be proved either way");
	out->pasted_at_ms = clock_utc_ms();
	return submit(p, text, len, out, e);
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
