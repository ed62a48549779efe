#include "iapeer/launch/ready.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/shell.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define LOOK_MS  5000 /* one tmux call */
#define LAST_MS  150  /* until a program's last output is in its log */
#define STUCK_MS 4000 /* without any output: it will not get ready by itself */

static int ended(struct pane *p, struct err *e)
{
	int64_t until = clock_mono_ms() + LAST_MS;
	char tail[200];

	/* What it printed last is still on its way through tmux to the log. */
	pane_tail(p, tail, sizeof tail);
	while (!tail[0] && clock_mono_ms() < until) {
		pane_wait_log(p, 10);
		pane_tail(p, tail, sizeof tail);
	}
	return err_set(e, ERR_FAILED, 0, "the program ended while it started%s%s",
		       tail[0] ? "; it said: " : "", tail);
}

static int not_ready(const struct pane *p, const char *why, struct err *e)
{
	char tail[200];

	pane_tail(p, tail, sizeof tail);
	return err_set(e, ERR_TIMEOUT, 0, "%s%s%s", why, tail[0] ? "; the screen shows: " : "",
		       tail);
}

/* One look at a TUI: *out_ready, or one key pressed towards it. */
static int tui_step(struct pane *p, bool *out_ready, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	AUTO(strv_done) struct strv keys = STRV_INIT;
	struct screen_facts f;

	if (tmux_look(&p->tmux, false, clock_mono_ms() + LOOK_MS, &look, e) < 0)
		return -1;
	struct screen s = {.text = buf_cstr(&look.screen),
			   .len = look.screen.len,
			   .cursor_x = look.cursor_x,
			   .cursor_y = look.cursor_y};
	screen_read(p->manifest, &s, &f);
	*out_ready = f.state == SCREEN_READY || f.state == SCREEN_BUSY;
	if (f.state != SCREEN_DIALOG)
		return 0;
	if (!f.key || (f.dialog->trust && !p->trust)) {
		err_set(e, ERR_QUEUED, 0,
			"blocked by the question \"%s\": only a person can answer it",
			f.dialog->name);
		return err_hint(
		    e, "%s",
		    f.dialog->trust
			? "say yes for it with `iapeer create ... --trust`, or attach and answer"
		    : f.dialog->advice[0] ? f.dialog->advice
					  : "attach and answer");
	}
	strv_add(&keys, f.key);
	return tmux_keys(&p->tmux, &keys, clock_mono_ms() + LOOK_MS, e);
}

/* It shows something that we do not know, and nothing moves: a question, most likely. Who waits is
 * told what is there, and neither the peer's lock nor a place among those that boot is held
 * meanwhile. */
static int stuck(const struct pane *p, struct err *e)
{
	char tail[200];

	pane_tail(p, tail, sizeof tail);
	if (!tail[0])
		return 0;
	err_set(e, ERR_QUEUED, 0, "blocked; the screen shows: %s", tail);
	return err_hint(e, "attach and look");
}

static int tui_wait(struct pane *p, int64_t deadline_ms, struct err *e)
{
	int64_t size = pane_log_size(p), still_since = clock_mono_ms();
	bool ready = false;

	for (;;) {
		int64_t now, next;

		if (tui_step(p, &ready, e) < 0)
			return pane_ended(p) ? ended(p, e) : -1;
		if (ready)
			return 0;
		now = clock_mono_ms();
		next = pane_log_size(p);
		if (next != size)
			still_since = now;
		size = next;
		if (now - still_since >= STUCK_MS && size > p->session->log_start &&
		    stuck(p, e) < 0)
			return -1;
		if (now >= deadline_ms)
			return not_ready(p, "not ready in time", e);
		/* Output wakes us; a look at least every 250 ms in case a screen came without any.
		 */
		if (!pane_wait(p, 250) && pane_ended(p))
			return ended(p, e);
	}
}

/* What its prompt looks like while nothing is typed at it. */
static int learn_prompt(struct pane *p, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8192);
	AUTO(buf_done) struct buf row = BUF_INIT(4096);
	struct shell_memory memory = {.empty_log_size = pane_log_size(p)};
	struct shell_facts f;

	shell_look(p, &f);
	memory.raw = f.known && !f.canonical;
	str_cut(memory.program, sizeof memory.program, f.program);
	if (fs_read_at(p->layout->root_fd, p->log, -4096, 4096, &b, e) < 0)
		return -1;
	screen_last_row(buf_cstr(&b), b.len, &row);
	str_cut(memory.prompt, sizeof memory.prompt, buf_cstr(&row));
	shell_memory_save(p, &memory);
	return 0;
}

int pane_wait_ready(struct pane *p, int64_t deadline_ms, struct err *e)
{
	if (p->manifest->kind == KIND_TUI)
		return tui_wait(p, deadline_ms, e);
	if (p->manifest->kind == KIND_SERVICE)
		return 0;
	if (shell_wait_prompt(p, p->session->log_start, true, deadline_ms, e) < 0)
		return e->code == ERR_FAILED ? ended(p, e) : not_ready(p, "no prompt in time", e);
	return learn_prompt(p, e);
}
