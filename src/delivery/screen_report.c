#include "iapeer/delivery/screen_report.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/failed_line.h"
#include "iapeer/delivery/status.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS 5000

/* Filled with what the screen says, if that is worth a report. */
static bool says(const struct screen_facts *f, const struct report *last, struct report *r)
{
	if (f->state == SCREEN_DIALOG) {
		r->kind = REPORT_ASKS;
		str_cut(r->detail, sizeof r->detail, f->dialog->name);
		return true;
	}
	if (f->state == SCREEN_BUSY && f->retries[0]) {
		r->kind = REPORT_RETRIES;
		str_cut(r->detail, sizeof r->detail, failed_line_word(f->retries));
		r->text = xstrdup(f->retries);
		return last->kind != REPORT_RETRIES || strcmp(last->detail, r->detail) != 0;
	}
	r->kind = f->state == SCREEN_BUSY ? REPORT_TOOL : REPORT_READY;
	return f->state == SCREEN_READY ||
	       (f->state == SCREEN_BUSY && last->kind == REPORT_RETRIES);
}

int screen_report(const struct layout *l, const struct session *s, const struct manifest *m,
		  const struct tmux *t, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};
	AUTO(report_done) struct report r = {.source = REPORT_BY_SCREEN, .ids = STRV_INIT};
	AUTO(report_done) struct report last = {.kind = REPORT_READY, .ids = STRV_INIT};
	struct screen_facts f;

	if (m->kind != KIND_TUI)
		return 0;
	if (tmux_look(t, false, clock_mono_ms() + CALL_MS, &k, e) < 0)
		return -1;
	struct screen screen = {.text = buf_cstr(&k.screen),
				.len = k.screen.len,
				.cursor_x = k.cursor_x,
				.cursor_y = k.cursor_y};
	screen_read(m, &screen, &f);
	status_last_report(l, s, &last);
	if (!says(&f, &last, &r))
		return 0;
	r.at_ms = clock_utc_ms();
	return report_add(l, &s->id, &r, e);
}
