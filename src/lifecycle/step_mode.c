/* The step before a start: fresh or resume. */
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/topics.h"
#include "iapeer/lifecycle/converse.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/step.h"

#include "iapeer/base/banned.h"

#define HOLDER_MS 3000 /* for a program that ends to let go of its conversation */

/* The message that wakes it: the head of its queue. -1: it is one that we cannot deliver. */
static int head_of(const struct step *s, struct queue_item *out, struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	struct err why;

	if (queue_files(s->in->layout, &s->in->id, &files, &why) < 0 || files.n == 0)
		return 0;
	if (queue_read(s->in->layout, &s->in->id, files.v[0], out, &why) == 0)
		return 0;
	if (why.code == ERR_REFUSED && s->in->trigger == TRIG_MESSAGE) {
		*e = why;
		return -1;
	}
	log_warn("apply", "%s", why.msg);
	return 0;
}

static enum wake_by wake_by_of(const struct step *s)
{
	if (s->in->trigger == TRIG_RUN)
		return WAKE_BY_RUN;
	if (s->in->trigger == TRIG_NEW || s->seen.snap.new_eager)
		return WAKE_BY_NEW;
	return s->in->trigger == TRIG_ATTACH ? WAKE_BY_ATTACH : WAKE_BY_MESSAGE;
}

/* Is there a conversation to go on with, and may it be? What speaks against it is told. */
static bool resumable(struct step *s, enum wake_by by, struct conversation *out, struct err *why)
{
	struct launch_in in = step_launch(s);

	if (!s->manifest.has_conversations) {
		err_set(why, ERR_NOT_FOUND, 0, "%s keeps none", s->in->id.runtime);
		return false;
	}
	if (converse_load(s->in->layout, &s->in->id, out, why) < 0) {
		if (why->code == ERR_NOT_FOUND)
			err_set(why, ERR_NOT_FOUND, 0, "there is none");
		return false;
	}
	/* A person may try again. */
	if (out->failed && by != WAKE_BY_ATTACH) {
		err_set(why, ERR_NOT_FOUND, 0, "its program ended when it was resumed");
		return false;
	}
	return conversation_check(&in, out, clock_mono_ms() + HOLDER_MS, why) == 0;
}

/* The conversation is looked at only where it matters. */
int step_mode(struct step *s, struct queue_item *head, struct wake_mode *out,
	      struct conversation *out_conversation, struct err *e)
{
	AUTO(strv_done) struct strv topics = STRV_INIT;
	const struct death_ring *d = &s->seen.deaths;
	struct wake_facts f = {.by = wake_by_of(s), .end = END_NEVER, .end_cause = ""};
	struct err why, none;

	if (head_of(s, head, e) < 0)
		return -1;
	f.fresh_next = mark_is_set(s->in->layout, &s->in->id, MARK_FRESH_NEXT);
	f.ephemeral = s->profile.wake_policy == WAKE_EPHEMERAL;
	f.resume_policy = s->profile.resume_policy;
	f.telegram = s->profile.telegram || s->record->telegram;
	wake_last_end(&f, d, mark_is_set(s->in->layout, &s->in->id, MARK_IDLE_REAPED));
	f.ever_conversation = d->n > 0 || f.end == END_PARKED;
	f.topic_given = !str_empty(head->topic);
	if (topics_load(s->in->layout, &s->in->id, &topics, &none) == 0)
		f.topic_known = f.topic_given && strv_has(&topics, head->topic);
	f.resumable = true;
	wake_decide(&f, out);
	s->no_resume[0] = '\0';
	if (!out->resume || resumable(s, f.by, out_conversation, &why))
		return 0;
	f.resumable = false;
	wake_decide(&f, out);
	str_cut(s->no_resume, sizeof s->no_resume, why.msg);
	if (out->allowed)
		return 0;
	err_set(e, why.code == ERR_REFUSED ? ERR_REFUSED : ERR_FAILED, 0,
		"there is no conversation to attach to: %s", why.msg);
	return err_hint(e, "`iapeer start --now %s` wakes it, with a fresh one if need be",
			s->in->id.name);
}
