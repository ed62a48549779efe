/* The steps that put in order what has ended, and that end. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/lifecycle/converse.h"
#include "iapeer/lifecycle/hook.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/step.h"

#include "iapeer/base/banned.h"

#define END_MS 10000 /* for a whole end, all signals included */
#define KEEPER_MS                                                                                  \
	300 /* the keeper records a death within a few milliseconds; it has the exact status */

static const struct layout *layout_of(const struct step *s)
{
	return s->in->layout;
}

/* The socket of a server that is gone. If somebody listens there again, it is not ours to delete.
 */
static int drop_socket(const char *socket, struct err *e)
{
	struct proc_ref server;
	struct err none;

	if (!socket[0] || tmux_server_of(socket, &server, &none) == 0 || none.code != ERR_NOT_FOUND)
		return 0;
	return fs_unlink(AT_FDCWD, socket, e);
}

/* The session, and the marks that are of it alone. */
static int forget_session(const struct step *s, struct err *e)
{
	const struct layout *l = layout_of(s);
	struct err soft;

	/* Its program's last word on what it was in is worth a line, but holds nothing up. */
	if (converse_note(l, &s->in->id, &soft) < 0)
		log_warn("apply", "%s", soft.msg);
	if (mark_clear(l, &s->in->id, MARK_TASK_GIVEN, e) < 0 ||
	    mark_clear(l, &s->in->id, MARK_TASK_DONE, e) < 0)
		return -1;
	return session_drop(l, &s->in->id, e);
}

int step_finish_ending(struct step *s, struct err *e)
{
	const struct canary *c = &s->seen.canary;

	if (drop_socket(c->socket[0] ? c->socket : s->seen.session.socket, e) < 0)
		return -1;
	/* By the program's own end the session is a death of its own, noted when it is reaped; else
	 * it was parked or ended. */
	if (strcmp(c->who, "hook") != 0) {
		if (strcmp(c->why, "park") == 0 &&
		    mark_set(layout_of(s), &s->in->id, MARK_IDLE_REAPED, e) < 0)
			return -1;
		if (forget_session(s, e) < 0)
			return -1;
	}
	return canary_finish_ending(layout_of(s), s->identity, e);
}

int step_undo_ending(struct step *s, struct err *e)
{
	return canary_undo_ending(layout_of(s), s->identity, e);
}

static bool keeper_lives(const struct layout *l)
{
	struct err e;
	pid_t pid;

	return lock_holder(l->root_fd, LAYOUT_KEEPER_LOCK, &pid, NULL, 0, &e) == 0 && pid > 0;
}

/* A keeper that lives has the exact status and is about to record it: give it the moment that it
 * needs. */
static bool recorded_by_keeper(const struct step *s)
{
	int64_t until = clock_mono_ms() + KEEPER_MS;
	enum canary_state state;
	struct canary c;
	struct err e;

	while (keeper_lives(layout_of(s)) && clock_mono_ms() < until) {
		if (canary_load(layout_of(s), s->identity, &state, &c, &e) == 0 &&
		    (state != CANARY_ARMED || c.server.pid != s->seen.canary.server.pid))
			return true;
		poll(NULL, 0, 5);
	}
	return false;
}

int step_record_death(struct step *s, struct err *e)
{
	struct death d = {.canary = s->seen.canary, .late = true};

	if (recorded_by_keeper(s))
		return 0;
	d.observed = plat_exit_status(d.canary.server, -1, &d.status);
	return canary_record(layout_of(s), &d, 1, e);
}

/* A death without a mark (marks.h): the session says which server it was. A keeper that lives knows
 * more of it, and has it on record in a moment. */
static int record_unmarked(const struct step *s, struct err *e)
{
	const struct session *session = &s->seen.session;
	struct death d = {.canary = {.server = session->server}, .late = true, .unmarked = true};
	int64_t until = clock_mono_ms() + KEEPER_MS;
	char cause[32];

	if (!s->in->settings->canary || !died_unmarked(layout_of(s), s->identity, session->server))
		return 0;
	str_cut(d.canary.identity, sizeof d.canary.identity, s->identity);
	str_cut(d.canary.boot_id, sizeof d.canary.boot_id, session->boot_id);
	str_cut(d.canary.socket, sizeof d.canary.socket, session->socket);
	for (;;) {
		canary_recorded_cause(layout_of(s), &d.canary, cause);
		if (cause[0])
			return 0;
		if (!keeper_lives(layout_of(s)) || clock_mono_ms() >= until)
			break;
		poll(NULL, 0, 5);
	}
	d.observed = plat_exit_status(d.canary.server, -1, &d.status);
	return canary_record(layout_of(s), &d, 1, e);
}

/* Class and cause of an end that nobody asked for. */
static void classify(const struct step *s, struct death_entry *d)
{
	const struct session *session = &s->seen.session;
	struct canary c = {.server = session->server};
	struct pane_exit x;
	char boot[64];
	struct err e;

	d->woke_at_ms = session->woke_at_ms;
	d->at_ms = clock_utc_ms();
	if (pane_exit_load(layout_of(s), &s->in->id, &x, &e) == 0 &&
	    x.server_pid == session->server.pid) {
		d->class = DEATH_SESSION_GONE;
		d->at_ms = x.at_ms;
		death_session_cause(x.status, x.signal, x.oom != OOM_NOT_PROVEN, d->cause);
		return;
	}
	d->class = DEATH_SERVER_DEAD;
	str_cut(c.identity, sizeof c.identity, s->identity);
	str_cut(c.boot_id, sizeof c.boot_id, session->boot_id);
	canary_recorded_cause(layout_of(s), &c, d->cause);
	if (!d->cause[0])
		snprintf(d->cause, sizeof d->cause, "%s",
			 plat_boot_id(boot, &e) == 0 && strcmp(boot, session->boot_id) != 0
			     ? "host-restart"
			     : "unknown");
}

/* It was resumed and ended by itself before it took input: the conversation is at fault, not the
 * program, and the fresh start that follows is what counts. */
static bool resume_failed(const struct step *s, const struct death_entry *d)
{
	return strcmp(s->seen.session.mode, "resume") == 0 && !s->seen.session.ready &&
	       death_is_own(d);
}

int step_reap_gone(struct step *s, struct err *e)
{
	struct death_entry d = {.at_ms = 0};

	if (record_unmarked(s, e) < 0)
		return -1;
	classify(s, &d);
	if (!s->seen.snap.stopped && resume_failed(s, &d)) {
		step_journal(s, "death", death_class_word(d.class),
			     "a resume that fails steps down", d.cause);
		if (converse_failed(layout_of(s), &s->in->id, e) < 0 ||
		    drop_socket(s->seen.session.socket, e) < 0)
			return -1;
		return forget_session(s, e);
	}
	if (s->seen.snap.stopped) {
		/* It was to end anyway: tidied up and parked, no death. */
		if (mark_set(layout_of(s), &s->in->id, MARK_IDLE_REAPED, e) < 0)
			return -1;
	} else {
		if (deaths_add(layout_of(s), &s->in->id, &d, e) < 0)
			return -1;
		step_journal(s, "death", death_class_word(d.class), NULL, d.cause);
	}
	if (drop_socket(s->seen.session.socket, e) < 0)
		return -1;
	return forget_session(s, e);
}

/* Nothing is armed, so somebody deleted the mark: without an ending this would look like a death.
 * On a full disk it ends all the same. */
static int begin_unmarked(const struct step *s, const char *why, struct err *e)
{
	const struct session *session = &s->seen.session;
	struct canary c = {.server = session->server, .deadline_utc_ms = clock_utc_ms() + END_MS};

	if (!s->in->settings->canary || !s->seen.has_session)
		return 0;
	str_cut(c.identity, sizeof c.identity, s->identity);
	str_cut(c.socket, sizeof c.socket, session->socket);
	str_cut(c.who, sizeof c.who, trigger_word(s->in->trigger));
	str_cut(c.why, sizeof c.why, why);
	return canary_note_ending(layout_of(s), &c, e) < 0 && !fs_is_full(e) ? -1 : 0;
}

/* Begin (or go on with) a deliberate end: from here on the server's end is no death. */
static int begin(struct step *s, const char *why, struct err *e)
{
	if (s->seen.canary_state == CANARY_ENDING)
		return 0;
	if (s->seen.canary_state == CANARY_NONE)
		return begin_unmarked(s, why, e);
	return canary_begin_ending(layout_of(s), s->identity, trigger_word(s->in->trigger), why,
				   clock_utc_ms() + END_MS, e);
}

/* tmux 3.3 misses the signal of a child's end now and then: it sits on a zombie, and neither hook
 * nor status come. Told once more it looks, and does all that it should have done; one that knows
 * already takes no harm. */
static void nudge(struct proc_ref server)
{
	struct err e;

	if (plat_signal(server, SIGCHLD, &e) < 0)
		log_debug("apply", "nudge: %s", e.msg);
}

/* What tmux cannot tell the kernel may: the program is a zombie of its server still. */
static void status_of_zombie(struct proc_ref pane, struct hook_facts *h)
{
	int status;

	if (h->status >= 0 || h->signal > 0 || !plat_exit_status(pane, -1, &status))
		return;
	if (WIFSIGNALED(status))
		h->signal = WTERMSIG(status);
	else
		h->status = WEXITSTATUS(status);
}

int step_finish_pane(struct step *s, struct err *e)
{
	struct hook_facts h = {.pane = s->seen.session.pane_id,
			       .pane_pid = s->seen.session.pane.pid,
			       .status = -1,
			       .signal = -1};
	struct tmux t = {.pane = ""};
	struct err soft;

	/* The hook is at work, most likely: it ends within a second. */
	nudge(s->seen.session.server);
	if (plat_exit_wait(s->seen.session.server, clock_mono_ms() + 1500))
		return 0;
	status_of_zombie(s->seen.session.pane, &h);
	str_cut(t.socket, sizeof t.socket, s->seen.session.socket);
	str_cut(t.pane, sizeof t.pane, s->seen.session.pane_id);
	if (h.status < 0 && h.signal <= 0 &&
	    (launch_tmux_bin(layout_of(s), s->in->settings, t.bin, &soft) < 0 ||
	     tmux_dead_pane(&t, clock_mono_ms() + 2000, &h.status, &h.signal, &soft) < 0))
		log_warn("apply", "%s", soft.msg);
	if (hook_record(layout_of(s), &s->in->id, &h, s->seen.session.server, e) < 0)
		return -1;
	return launch_end(layout_of(s), s->in->settings, &s->seen.session, clock_mono_ms() + END_MS,
			  e);
}

int step_end_leftover(struct step *s, struct err *e)
{
	char socket[LAYOUT_PATH];

	if (begin(s, "end", e) < 0 || layout_socket(layout_of(s), &s->in->id, socket, e) < 0 ||
	    launch_end_server(s->seen.leftover, socket, e) < 0)
		return -1;
	s->out->ended = true;
	return canary_finish_ending(layout_of(s), s->identity, e);
}

/* *what runs: the session on record, else the server that the ending names. */
static int end_it(struct step *s, struct err *e)
{
	if (s->seen.has_session)
		return launch_end(layout_of(s), s->in->settings, &s->seen.session,
				  clock_mono_ms() + END_MS, e);
	if (s->seen.canary_state == CANARY_ENDING)
		return launch_end_server(s->seen.canary.server, s->seen.canary.socket, e);
	return 0;
}

int step_end(struct step *s, struct err *e)
{
	bool by_hook =
	    s->seen.canary_state == CANARY_ENDING && strcmp(s->seen.canary.who, "hook") == 0;
	bool parks =
	    s->seen.canary_state == CANARY_ENDING && strcmp(s->seen.canary.why, "park") == 0;

	if (by_hook && plat_exit_wait(s->seen.canary.server, clock_mono_ms() + 1500))
		return 0; /* tmux did it: the next look tidies up */
	if (begin(s, "end", e) < 0 || end_it(s, e) < 0)
		return -1;
	s->out->ended = true;
	if (by_hook)
		return 0;
	if (parks && mark_set(layout_of(s), &s->in->id, MARK_IDLE_REAPED, e) < 0)
		return -1;
	if (forget_session(s, e) < 0)
		return -1;
	return canary_finish_ending(layout_of(s), s->identity, e);
}

/* A shell's idle clock is its log. If tmux has lost the pipe that feeds it, the silence means
 * nothing: the pipe is set again. */
static int pipe_was_lost(struct step *s, bool *out, struct err *e)
{
	struct tmux t = {.pane = ""};

	*out = false;
	str_cut(t.socket, sizeof t.socket, s->seen.session.socket);
	str_cut(t.pane, sizeof t.pane, s->seen.session.pane_id);
	if (launch_tmux_bin(layout_of(s), s->in->settings, t.bin, e) < 0)
		return -1;
	return tmux_heal_pipe(&t, s->in->settings->panelog_max_bytes, s->in->settings->panelog_keep,
			      clock_mono_ms() + 2000, out, e);
}

int step_park(struct step *s, struct err *e)
{
	bool lost = false;

	/* It is a harmless question as well: who does not answer it is not asked to end. */
	if (s->in->trigger == TRIG_TICK && pipe_was_lost(s, &lost, e) < 0)
		return -1;
	if (lost)
		return 1;
	if (begin(s, s->in->keep_parked || s->in->trigger != TRIG_STOP ? "park" : "end", e) < 0)
		return -1;
	if (mark_set(layout_of(s), &s->in->id, MARK_IDLE_REAPED, e) < 0 || end_it(s, e) < 0 ||
	    forget_session(s, e) < 0)
		return -1;
	s->out->ended = true;
	return canary_finish_ending(layout_of(s), s->identity, e);
}
