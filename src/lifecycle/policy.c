#include "iapeer/lifecycle/policy.h"

#include <stdio.h>

#include "iapeer/base/banned.h"

static void set(struct wake_mode *m, bool resume, const char *cause)
{
	m->resume = resume;
	snprintf(m->cause, sizeof m->cause, "%s", cause);
}

static void parked(const struct wake_facts *f, struct wake_mode *m)
{
	if (f->telegram)
		set(m, true, "idle-reaped-human");
	else if (f->resume_policy == RESUME_ALWAYS)
		set(m, true, "idle-reaped-always");
	else if (f->topic_given)
		set(m, f->topic_known,
		    f->topic_known ? "idle-reaped-resume" : "idle-reaped-new-topic");
	else if (f->resume_policy == RESUME_CONTINUE)
		set(m, true, "idle-reaped-resume");
	else
		set(m, false, "idle-reaped-no-topic");
}

static void by_message(const struct wake_facts *f, struct wake_mode *m)
{
	char cause[64];

	if (f->fresh_next) {
		set(m, false, "soft-reload");
		m->consumes_fresh_next = true;
	} else if (f->ephemeral) {
		set(m, false, "ephemeral-policy");
	} else if (f->resume_policy == RESUME_NEVER) {
		set(m, false, "never-policy");
	} else if (f->end == END_PARKED) {
		parked(f, m);
	} else if (f->end == END_OUTSIDE) {
		snprintf(cause, sizeof cause, "resume-after-%s",
			 f->end_cause && f->end_cause[0] ? f->end_cause : "unknown");
		set(m, true, cause);
	} else {
		set(m, false, f->ever_conversation ? "crash-or-self-close" : "first-wake");
	}
}

void wake_last_end(struct wake_facts *f, const struct death_ring *deaths, bool parked)
{
	const struct death_entry *last = deaths->n > 0 ? &deaths->v[deaths->n - 1] : NULL;

	f->end = END_NEVER;
	f->end_cause = "";
	if (last) {
		f->end = death_is_own(last) ? END_OWN : END_OUTSIDE;
		f->end_cause = last->cause;
	}
	if (parked)
		f->end = END_PARKED;
}

void wake_decide(const struct wake_facts *f, struct wake_mode *out)
{
	char cause[64];

	*out = (struct wake_mode){.allowed = true, .consumes_idle_reaped = true};
	switch (f->by) {
	case WAKE_BY_RUN:
	case WAKE_BY_NEW:
		set(out, false, f->by == WAKE_BY_RUN ? "folder-launch" : "new");
		out->consumes_fresh_next = true;
		return;
	case WAKE_BY_ATTACH:
		set(out, true, "attach");
		out->allowed = f->resumable; /* never a silent fresh start */
		return;
	case WAKE_BY_MESSAGE:
	case WAKE_BY_COUNT:
		by_message(f, out);
		break;
	}
	if (out->resume && !f->resumable) {
		snprintf(cause, sizeof cause, "%.50s-no-resume", out->cause);
		set(out, false, cause);
	}
}
