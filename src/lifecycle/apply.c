#include "iapeer/lifecycle/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/activity.h"
#include "iapeer/lifecycle/identities.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/step.h"
#include "iapeer/registry/service.h"

#include "iapeer/base/banned.h"

#define STEPS_MAX                                                                                  \
	32 /* a peer is put in order in a handful; more means that something undoes what we do */

#define RELOCK_MS                                                                                  \
	10000 /* the lock again, after something was waited for without it                         \
	       */

typedef int step_fn(struct step *, struct err *);

static int step_none(struct step *s, struct err *e)
{
	(void)s;
	(void)e;
	return 1;
}

static int refuse_foreign(struct step *s, struct err *e)
{
	return service_guard(s->in->id.name, NULL, e); /* it knows the file and says it */
}

static int refuse_undeclared(struct step *s, struct err *e)
{
	return err_set(e, ERR_REFUSED, 0, "%s does not have the runtime %s", s->in->id.name,
		       s->in->id.runtime);
}

static int refuse_program(struct step *s, struct err *e)
{
	step_look_program(s, e);
	return s->seen.snap.program_found ? 0 : -1;
}

static int refuse_stopped(struct step *s, struct err *e)
{
	err_set(e, ERR_STOPPED, 0, "%s is stopped", s->in->id.name);
	return err_hint(e, "`iapeer start %s` lets it wake again", s->in->id.name);
}

static int refuse_crash_loop(struct step *s, struct err *e)
{
	const struct death_ring *d = &s->seen.deaths;

	err_set(e, ERR_REFUSED, 0,
		"%s is in a crash loop: it ended by itself %d times within %lld s, last by %s",
		s->in->id.name,
		death_ring_own(d, clock_utc_ms(), s->in->settings->crashloop_window_ms),
		(long long)(s->in->settings->crashloop_window_ms / 1000),
		d->n ? d->v[d->n - 1].cause : "?");
	return err_hint(e, "`iapeer start %s` clears it", s->in->id.name);
}

static int refuse_unknown(struct step *s, struct err *e)
{
	err_set(e, ERR_TIMEOUT, 0,
		"%s: its tmux server does not answer (it is stopped by a signal)", s->in->id.name);
	return err_hint(
	    e, "let it go on: kill -CONT %ld",
	    (long)(s->seen.has_session ? s->seen.session.server.pid : s->seen.leftover.pid));
}

static step_fn *const steps[] = {
    [ACT_NONE] = step_none,
    [ACT_REFUSE_FOREIGN] = refuse_foreign,
    [ACT_REFUSE_UNDECLARED] = refuse_undeclared,
    [ACT_REFUSE_PROGRAM] = refuse_program,
    [ACT_REFUSE_STOPPED] = refuse_stopped,
    [ACT_REFUSE_CRASH_LOOP] = refuse_crash_loop,
    [ACT_REFUSE_UNKNOWN] = refuse_unknown,
    [ACT_FINISH_ENDING] = step_finish_ending,
    [ACT_UNDO_ENDING] = step_undo_ending,
    [ACT_RECORD_DEATH] = step_record_death,
    [ACT_REAP_GONE] = step_reap_gone,
    [ACT_FINISH_PANE] = step_finish_pane,
    [ACT_ADOPT] = step_adopt,
    [ACT_END_LEFTOVER] = step_end_leftover,
    [ACT_ARM] = step_arm,
    [ACT_TAKE_TURN] = step_take_turn,
    [ACT_SETTLE] = step_settle,
    [ACT_START] = step_start,
    [ACT_READY] = step_ready,
    [ACT_DELIVER] = step_deliver,
    [ACT_END] = step_end,
    [ACT_PARK] = step_park,
};
_Static_assert(sizeof steps / sizeof steps[0] == ACTION_COUNT, "one function an action");

void step_journal(struct step *s, const char *ev, const char *action, const char *rule,
		  const char *reason)
{
	struct journal j = {.dirfd = s->in->layout->root_fd,
			    .path = LAYOUT_LIFECYCLE_LOG,
			    .max_bytes = s->in->settings->lifecycle_log_max_bytes,
			    .keep = s->in->settings->lifecycle_log_keep};
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};
	struct err e;

	logfmt_init(&line, clock_utc_ms());
	logfmt_raw(&line, "ev", ev);
	logfmt_raw(&line, "identity", s->identity);
	logfmt_raw(&line, "action", action);
	logfmt_str(&line, "rule", rule);
	logfmt_str(&line, "reason", reason);
	if (journal_write(&j, &line, false, &e) < 0)
		log_warn("apply", "lifecycle.log: %s", e.msg);
}

/* What there is to say about a decision: doing nothing, and the messages (delivery.log), are not
 * worth a line. */
static void journal_decision(struct step *s, const struct decision *d, const struct err *e)
{
	bool quiet = d->action == ACT_DELIVER || d->action == ACT_SETTLE ||
		     d->action == ACT_TAKE_TURN ||
		     (d->action == ACT_NONE && strcmp(d->word, DECIDE_LEFT_ASLEEP) != 0);

	str_cut(s->out->rule, sizeof s->out->rule, d->rule);
	if (quiet && !e)
		return;
	step_journal(s,
		     s->in->trigger == TRIG_LOOK || s->in->trigger == TRIG_TICK ? "tick" : "apply",
		     d->word, d->rule, e ? e->msg : trigger_word(s->in->trigger));
}

/* Only what may start something has to know whether its program is there, and only a tick whether
 * it is idle. */
static void look_further(struct step *s)
{
	bool wakes = s->in->trigger != TRIG_STOP && s->in->trigger != TRIG_REMOVE;
	struct activity a;
	struct err why;

	s->seen.snap.foreign = service_guard(s->in->id.name, NULL, &why) < 0;
	if (s->in->trigger == TRIG_TICK && s->in->activity_stamp &&
	    s->seen.snap.session == SESSION_LIVE) {
		/* The keeper has counted, in awake time; here it is only seen that nothing has
		 * happened since. */
		activity_look(s->in->layout, &s->seen.session, s->manifest.kind, &a);
		s->seen.snap.idle = a.stamp == s->in->activity_stamp && !a.attached && !a.in_turn;
	}
	if (s->seen.snap.session == SESSION_ABSENT && wakes && s->seen.snap.declared &&
	    (s->seen.snap.queued || s->seen.snap.new_eager || s->in->trigger == TRIG_ATTACH))
		step_look_program(s, &why);
}

/* One round: observe, decide, act. 0: once more; 1: at rest; -1: failed, and *out_final: nothing
 * more can be done. */
static int one_round(struct step *s, enum trigger trigger, bool *out_final, struct err *e)
{
	struct observe_in look = {.layout = s->in->layout,
				  .settings = s->in->settings,
				  .record = s->record,
				  .id = s->in->id};
	struct decision d;
	int rc;

	*out_final = true;
	if (observe(&look, &s->seen, e) < 0)
		return -1;
	observe_duty(&look, s->failed ? WAKE_ON_DEMAND : s->profile.wake_policy, &s->seen);
	look_further(s);
	d = decide(trigger, &s->seen.snap);
	rc = steps[d.action](s, e);
	journal_decision(s, &d, rc < 0 ? e : NULL);
	*out_final = d.action <= ACT_REFUSE_UNKNOWN;
	return rc;
}

/* "A new session" that failed was tried: whoever asked is told, and it is not tried again behind
 * his back. */
static void forget_eager(const struct step *s)
{
	struct err e;

	if (s->seen.snap.new_eager && mark_clear(s->in->layout, &s->in->id, MARK_NEW_EAGER, &e) < 0)
		log_warn("apply", "%s", e.msg);
}

/* Round after round, until there is nothing left to do. Under the peer's lock. After a failure one
 * more thing is done: what has ended is put in order (a look starts and delivers nothing); the
 * first failure is what is reported. */
static int settle_peer(struct step *s, struct err *e)
{
	enum trigger trigger = s->in->trigger;
	struct err first = ERR_INIT, now;
	bool final = false;
	int rc = 0;

	for (int i = 0; i < STEPS_MAX && rc == 0; i++) {
		rc = one_round(s, trigger, &final, &now);
		if (rc < 0 && !first.code) {
			first = now;
			s->failed = true;
			forget_eager(s);
			rc = final ? -1 : 0;
			trigger = TRIG_LOOK;
		}
	}
	if (first.code) {
		*e = first;
		return -1;
	}
	if (rc == 0)
		return err_set(e, ERR_FAILED, 0,
			       "%s does not come to rest; the last rule was \"%s\"", s->identity,
			       s->out->rule);
	return 0;
}

/* On the heap: it holds a manifest, a profile and an observation, more than a frame should. */
static struct step *step_new(const struct apply_in *in, struct apply_outcome *out)
{
	struct step *s = xcalloc(1, sizeof *s);

	s->in = in;
	s->out = out;
	return s;
}

static void step_free(struct step **p)
{
	manifest_done(&(*p)->manifest);
	profile_done(&(*p)->profile);
	free(*p);
}

static int prepare(struct step *s, struct err *e)
{
	struct err soft;

	peer_identity(&s->in->id, s->identity);
	s->record = registry_find(s->in->registry, s->in->id.name);
	profile_init(&s->profile);
	if (s->record && profile_load(s->record->cwd, &s->profile, e) < 0 &&
	    e->code != ERR_NOT_FOUND)
		return -1;
	/* What has to be ended or put in order can be so without knowing how its program is driven.
	 */
	s->has_manifest = manifest_load(s->in->layout, s->in->id.runtime, &s->manifest, &soft) == 0;
	if (!s->has_manifest && s->in->trigger != TRIG_STOP && s->in->trigger != TRIG_REMOVE &&
	    s->in->trigger != TRIG_LOOK) {
		*e = soft;
		return -1;
	}
	return 0;
}

/* Renamed or removed between our reading of the registry and our lock: a session, a mark or a
 * record under the old name would be nobody's. What only ends or looks is right for whatever is
 * left. */
static int still_here(const struct step *s, struct err *e)
{
	AUTO(registry_done) struct registry now = {.n = 0};

	if (!s->record || s->in->trigger == TRIG_REMOVE || s->in->trigger == TRIG_LOOK)
		return 0;
	if (registry_load(s->in->layout, &now, e) < 0)
		return -1;
	if (registry_find(&now, s->in->id.name))
		return 0;
	return err_set(e, ERR_NOT_FOUND, 0, "%s was renamed or removed meanwhile", s->in->id.name);
}

/* Cut short between our start and our lock, a move or a removal comes first: a server started under
 * the old name would be moved or removed with it, alive. Whoever starts next finishes it
 * (move_catch_up). What only ends or looks may go on. */
static int nothing_pends(const struct step *s, struct err *e)
{
	enum trigger t = s->in->trigger;

	if (t == TRIG_STOP || t == TRIG_REMOVE || t == TRIG_LOOK ||
	    !identities_cut_short(s->in->layout, s->in->id.name))
		return 0;
	return err_set(e, ERR_TIMEOUT, 0, "the move or removal of %s is not finished",
		       s->in->id.name);
}

static int settle_locked(struct step *s, int64_t deadline_ms, struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	const struct apply_in *in = s->in;
	char path[LAYOUT_PATH];

	layout_lock(&in->id, path);
	if (lock_take(&lock, in->layout->root_fd, path, trigger_word(in->trigger), deadline_ms, e) <
	    0)
		return e->code == ERR_TIMEOUT ? err_wrap(e, "%s is busy", in->id.name) : -1;
	if (nothing_pends(s, e) < 0 || still_here(s, e) < 0)
		return -1;
	if (in->trigger == TRIG_STOP && mark_set(in->layout, &in->id, MARK_STOPPED, e) < 0)
		return -1;
	return settle_peer(s, e);
}

/* A proof that takes long and the end of a turn are waited for without the lock: `stop` must not
 * wait for a long thought. */
static int wait_unlocked(struct step *s, struct err *e)
{
	if (s->proof_id[0] && step_proof(s, e) < 0)
		return -1;
	return s->turn.id[0] ? step_turn(s, e) : 0;
}

int apply_peer(const struct apply_in *in, struct apply_outcome *out, struct err *e)
{
	AUTO(step_free) struct step *s = step_new(in, out);
	int64_t deadline_ms = in->lock_deadline_ms;

	*out = (struct apply_outcome){.started = false};
	if (prepare(s, e) < 0 || fs_mkdirs(in->layout->root_fd, LAYOUT_LOCKS, e) < 0)
		return -1;
	for (;;) {
		if (settle_locked(s, deadline_ms, e) < 0)
			return -1;
		if (!s->turn.id[0] && !s->proof_id[0])
			return 0;
		if (wait_unlocked(s, e) < 0)
			return -1;
		if (deadline_ms < clock_mono_ms() + RELOCK_MS)
			deadline_ms = clock_mono_ms() + RELOCK_MS;
	}
}
