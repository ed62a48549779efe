/* What a worker reports of a program that it looks at. */
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/status.h"
#include "iapeer/lifecycle/step.h"

#include "iapeer/base/banned.h"

static void add(struct step *s, enum report_kind kind, const char *detail)
{
	struct report r = {
	    .kind = kind, .source = REPORT_BY_SCREEN, .at_ms = clock_utc_ms(), .ids = STRV_INIT};
	struct err e;

	str_cut(r.detail, sizeof r.detail, detail);
	if (report_add(s->in->layout, &s->in->id, &r, &e) < 0)
		log_warn("apply", "%s", e.msg);
}

static bool last(struct step *s, const struct session *session, struct report *out)
{
	return s->has_manifest && s->manifest.kind == KIND_TUI &&
	       status_last_report(s->in->layout, session, out);
}

static bool is_tui(const struct step *s)
{
	return s->has_manifest && s->manifest.kind == KIND_TUI;
}

/* Its hooks may have told more already. */
void step_saw_ready(struct step *s, const struct session *session)
{
	AUTO(report_done) struct report r = {.ids = STRV_INIT};

	if (is_tui(s) && (!last(s, session, &r) || r.kind == REPORT_BLOCKED ||
			  (r.kind == REPORT_ASKS && r.source == REPORT_BY_SCREEN)))
		add(s, REPORT_READY, "");
}

/* "blocked by the question "trust": only ..." -> "the question "trust": only ..." */
static const char *what_blocks(const char *why)
{
	static const char *const fronts[] = {"blocked by ", "blocked; "};

	for (size_t i = 0; i < sizeof fronts / sizeof fronts[0]; i++)
		if (str_starts(why, fronts[i]))
			return why + strlen(fronts[i]);
	return why;
}

static void add_once(struct step *s, const struct session *session, enum report_kind kind,
		     const char *detail)
{
	AUTO(report_done) struct report r = {.ids = STRV_INIT};
	char cut[sizeof r.detail];

	str_cut(cut, sizeof cut, detail);
	if (is_tui(s) && !(last(s, session, &r) && r.kind == kind && strcmp(r.detail, cut) == 0))
		add(s, kind, cut);
}

void step_saw_blocked(struct step *s, const struct session *session, const char *why)
{
	add_once(s, session, REPORT_BLOCKED, what_blocks(why));
}

void step_saw_delivery(struct step *s, const struct deliver_out *out)
{
	AUTO(report_done) struct report r = {.ids = STRV_INIT};

	if (str_starts(out->waiting, PASTE_ASKS)) {
		/* Its hooks tell of the same question in their own words. */
		if (!last(s, &s->seen.session, &r) || r.kind != REPORT_ASKS)
			add_once(s, &s->seen.session, REPORT_ASKS, out->waiting);
		return;
	}
	if (out->submitted > 0 && is_tui(s) && !s->seen.session.hooks)
		add(s, REPORT_TAKEN, "");
	else
		step_saw_ready(s, &s->seen.session);
}

void step_saw_turn_end(struct step *s)
{
	if (is_tui(s) && !s->seen.session.hooks)
		add(s, REPORT_TURN, "");
}
