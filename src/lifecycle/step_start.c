/* The steps that start and wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/report.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/pane.h"
#include "iapeer/launch/panelog.h"
#include "iapeer/launch/ready.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/lifecycle/converse.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/step.h"

#include "iapeer/base/banned.h"

#define ADOPTED    "adopted" /* the cause of a session that somebody else has started */
#define ADOPTED_MS 2000      /* it has been there for a while: it shows at once, or only later */

static const struct layout *layout_of(const struct step *s)
{
	return s->in->layout;
}

struct launch_in step_launch(const struct step *s)
{
	return (struct launch_in){.layout = s->in->layout,
				  .settings = s->in->settings,
				  .registry = s->in->registry,
				  .record = s->record,
				  .profile = &s->profile,
				  .manifest = &s->manifest,
				  .id = s->in->id};
}

void step_look_program(struct step *s, struct err *why)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	struct launch_in in = step_launch(s);
	char program[LAYOUT_PATH];

	s->seen.snap.program_found =
	    s->has_manifest && s->record && launch_environment(&in, &env, &args, why) == 0 &&
	    manifest_program(&s->manifest, layout_of(s), &env, program, why) == 0;
}

/* ---- start ---- */

static int arm(const struct step *s, const struct session *session, struct err *e)
{
	struct canary c = {.server = session->server};

	if (!s->in->settings->canary)
		return 0;
	str_cut(c.identity, sizeof c.identity, s->identity);
	str_cut(c.boot_id, sizeof c.boot_id, session->boot_id);
	str_cut(c.socket, sizeof c.socket, session->socket);
	return canary_arm(layout_of(s), &c, e);
}

/* Who made it may not have known of hook, witness and pane log. Without them it is watched all the
 * same: the kernel tells of its end. */
static void retrofit(const struct step *s, const struct session *session, bool *out_lost)
{
	const struct settings *st = s->in->settings;
	struct tmux t = {.pane = ""};
	int64_t until = clock_mono_ms() + 5000;
	struct err e;

	*out_lost = false;
	str_cut(t.socket, sizeof t.socket, session->socket);
	str_cut(t.pane, sizeof t.pane, session->pane_id);
	if (launch_tmux_bin(layout_of(s), st, t.bin, &e) < 0 ||
	    tmux_retrofit(&t, layout_of(s)->root, s->identity, until, &e) < 0 ||
	    tmux_heal_pipe(&t, st->panelog_max_bytes, st->panelog_keep, until, out_lost, &e) < 0)
		log_warn("apply", "identity=%s %s", s->identity, e.msg);
}

int step_arm(struct step *s, struct err *e)
{
	bool lost;

	if (arm(s, &s->seen.session, e) < 0)
		return -1;
	retrofit(s, &s->seen.session, &lost);
	return 0;
}

void step_line_begin(const struct step *s, const char *ev, struct logfmt *line)
{
	logfmt_init(line, clock_utc_ms());
	logfmt_raw(line, "ev", ev);
	logfmt_raw(line, "identity", s->identity);
}

void step_line_write(const struct step *s, struct logfmt *line)
{
	struct journal j = {.dirfd = layout_of(s)->root_fd,
			    .path = LAYOUT_LIFECYCLE_LOG,
			    .max_bytes = s->in->settings->lifecycle_log_max_bytes,
			    .keep = s->in->settings->lifecycle_log_keep};
	struct err e;

	if (journal_write(&j, line, false, &e) < 0)
		log_warn("apply", "lifecycle.log: %s", e.msg);
}

static void journal_wake(const struct step *s, const struct session *session)
{
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};

	step_line_begin(s, "wake", &line);
	logfmt_raw(&line, "mode", session->mode);
	logfmt_raw(&line, "cause", session->cause);
	logfmt_i64(&line, "server_pid", session->server.pid);
	if (s->no_resume[0])
		logfmt_str(&line, "reason", s->no_resume);
	step_line_write(s, &line);
}

/* Wait for the program; what the marks asked for is done once it takes input, and not before. */
static int make_ready(struct step *s, struct session *session, struct err *e)
{
	AUTO(pane_done) struct pane pane = PANE_INIT;
	const struct settings *st = s->in->settings;
	int64_t gate =
	    st->boot_deadline_ms < st->ready_gate_ms ? st->boot_deadline_ms : st->ready_gate_ms;
	bool adopted = strcmp(session->cause, ADOPTED) == 0;
	const struct layout *l = layout_of(s);

	if (pane_open(&pane, l, st, &s->manifest, session, e) < 0)
		return -1;
	pane.trust = s->profile.trust;
	if (pane_wait_ready(&pane, clock_mono_ms() + (adopted ? ADOPTED_MS : gate), e) < 0) {
		if (e->code != ERR_QUEUED)
			return -1;
		snprintf(s->out->waiting, sizeof s->out->waiting, "%.200s", e->msg);
		step_saw_blocked(s, session, e->msg);
		return 1;
	}
	if (s->manifest.has_conversations && converse_ready(l, session, e) < 0)
		return -1;
	session->ready = true;
	if (session_save(l, session, e) < 0)
		return -1;
	step_saw_ready(s, session);
	/* The topics belong to the conversation, and this one has just begun. */
	if (strcmp(session->mode, "fresh") == 0 && topics_clear(l, &s->in->id, e) < 0)
		return -1;
	if (mark_clear(l, &s->in->id, MARK_IDLE_REAPED, e) < 0 ||
	    mark_clear(l, &s->in->id, MARK_NEW_EAGER, e) < 0)
		return -1;
	if ((str_starts(session->cause, "soft-reload") || str_starts(session->cause, "new") ||
	     str_starts(session->cause, "folder")) &&
	    mark_clear(l, &s->in->id, MARK_FRESH_NEXT, e) < 0)
		return -1;
	journal_wake(s, session);
	str_cut(s->out->mode, sizeof s->out->mode, session->mode);
	str_cut(s->out->cause, sizeof s->out->cause, session->cause);
	if (s->in->events.ready)
		s->in->events.ready(s->in->events.arg);
	return 0;
}

/* It did not come up: no half-started server is left, and what is gone is put in order by the next
 * looks. */
static int give_up(struct step *s, const struct session *session, struct err *e)
{
	struct err soft;

	if (plat_proc_state(session->pane) == PROC_GONE)
		return -1;
	if (canary_begin_ending(layout_of(s), s->identity, "start", "end", clock_utc_ms() + 10000,
				&soft) < 0 ||
	    launch_end(layout_of(s), s->in->settings, session, clock_mono_ms() + 10000, &soft) <
		0 ||
	    session_drop(layout_of(s), &s->in->id, &soft) < 0 ||
	    canary_finish_ending(layout_of(s), s->identity, &soft) < 0)
		log_warn("apply", "%s", soft.msg);
	(void)e;
	return -1;
}

/* A conversation that cannot be resumed ends its program at once. The next looks put that in order
 * (step_reap_gone), and find nothing to resume: it is woken once more, fresh. Who attaches wanted
 * the conversation and gets an error. */
static bool step_down(const struct step *s, const struct session *session, const struct err *e)
{
	enum proc_state pane = plat_proc_state(session->pane);

	if (s->in->trigger == TRIG_ATTACH || strcmp(session->mode, "resume") != 0 ||
	    (pane != PROC_GONE && pane != PROC_ZOMBIE))
		return false;
	log_info("apply", "%s: resuming %s failed: %s", s->identity, session->conversation, e->msg);
	return true;
}

int step_start(struct step *s, struct err *e)
{
	AUTO(queue_item_done) struct queue_item head = {.kind = ITEM_MESSAGE};
	struct launch_in in = step_launch(s);
	struct conversation conversation = {.id = ""};
	struct wake_mode mode;
	struct session session;
	struct err none;
	int64_t reports_from;
	int rc;

	if (step_mode(s, &head, &mode, &conversation, e) < 0)
		return -1;
	/* An earlier session's, left by somebody who was killed: this one has no task yet. */
	if (mark_clear(layout_of(s), &s->in->id, MARK_TASK_GIVEN, e) < 0 ||
	    mark_clear(layout_of(s), &s->in->id, MARK_TASK_DONE, e) < 0)
		return -1;
	in.resume = mode.resume;
	in.conversation = conversation.id;
	in.cause = mode.cause;
	/* An unsettled delivery may be proved by what is in it. */
	if (!s->seen.snap.sending && report_begin(layout_of(s), &s->in->id, e) < 0)
		log_warn("apply", "%s", e->msg);
	/* With it goes what we start: one peer, one group, where that is ours to make. */
	if (plat_cgroup_enter(s->identity, &none) < 0)
		log_debug("apply", "identity=%s %s", s->identity, none.msg);
	reports_from = report_size(layout_of(s), &s->in->id);
	if (launch_start(&in, clock_mono_ms() + 15000, &session, e) < 0)
		return -1;
	session.reports_from = reports_from;
	str_cut(session.woke_for, sizeof session.woke_for, head.id);
	s->out->started = true;
	/* Armed first: from here on no death goes unrecorded, even if we are killed before the
	 * session is on record. */
	if (arm(s, &session, e) < 0 || session_save(layout_of(s), &session, e) < 0)
		return give_up(s, &session, e);
	rc = make_ready(s, &session, e);
	if (rc >= 0)
		return rc;
	return step_down(s, &session, e) ? 0 : give_up(s, &session, e);
}

int step_ready(struct step *s, struct err *e)
{
	struct session session = s->seen.session;
	int rc = make_ready(s, &session, e);

	if (rc >= 0)
		return rc;
	/* Not ours to end: somebody else has started it. */
	if (strcmp(session.cause, ADOPTED) == 0)
		return -1;
	return step_down(s, &session, e) ? 0 : give_up(s, &session, e);
}

/* ---- a server that no record tells of ---- */

static int64_t log_size(const struct step *s)
{
	char path[LAYOUT_PATH];
	struct fs_info info;
	struct err e;

	layout_pane_log(&s->in->id, path);
	return fs_stat(layout_of(s)->root_fd, path, &info, &e) == 0 && info.exists ? info.size : 0;
}

/* What its screen shows stands at the front of its log: where its prompt is, what its last words
 * were, follows from there. */
static void begin_log(const struct step *s, const struct session *session)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);
	AUTO(pane_done) struct pane pane = PANE_INIT;
	const char *line;
	struct err e;

	if (pane_open(&pane, layout_of(s), s->in->settings, &s->manifest, session, &e) < 0 ||
	    tmux_look(&pane.tmux, false, clock_mono_ms() + 5000, &look, &e) < 0) {
		log_warn("apply", "identity=%s %s", s->identity, e.msg);
		return;
	}
	line = buf_cstr(&look.screen);
	for (int y = 0; y <= look.cursor_y && *line; y++) {
		size_t n = strcspn(line, "\n");

		buf_fmt(&b, "%s%.*s", y ? "\r\n" : "", (int)n, line);
		line += n + (line[n] == '\n');
	}
	if (panelog_add(layout_of(s), &s->in->id, buf_cstr(&b), b.len, &e) < 0)
		log_warn("apply", "identity=%s %s", s->identity, e.msg);
}

int step_adopt(struct step *s, struct err *e)
{
	struct tmux_started facts = {.pane_id = ""};
	struct session session = {.id = s->in->id,
				  .woke_at_ms = clock_utc_ms(),
				  .woke_mono_ms = clock_mono_ms(),
				  .mode = "fresh",
				  .cause = ADOPTED,
				  .log_start = log_size(s)};
	bool lost;
	struct tmux t = {.pane = ""};
	struct err none;

	if (layout_socket(layout_of(s), &s->in->id, session.socket, e) < 0 ||
	    launch_tmux_bin(layout_of(s), s->in->settings, t.bin, e) < 0)
		return -1;
	str_cut(t.socket, sizeof t.socket, session.socket);
	session.server = s->seen.leftover;
	if (!s->has_manifest || pane_heal_socket(&session, &none) < 0)
		return step_end_leftover(s, e);
	if (tmux_session_facts(&t, s->identity, clock_mono_ms() + 5000, &facts, &none) < 0) {
		/* No answer is no answer: nothing is ended on it. */
		if (none.code == ERR_TIMEOUT)
			return err_set(e, ERR_TIMEOUT, 0, "%s", none.msg);
		/* No session of that name in it: nothing to adopt. */
		return step_end_leftover(s, e);
	}
	session.server = facts.server;
	session.pane = facts.pane;
	str_cut(session.pane_id, sizeof session.pane_id, facts.pane_id);
	str_cut(session.pane_tty, sizeof session.pane_tty, facts.pane_tty);
	if (s->record)
		str_cut(session.cwd, sizeof session.cwd, s->record->cwd);
	if (plat_boot_id(session.boot_id, e) < 0 || arm(s, &session, e) < 0)
		return -1;
	retrofit(s, &session, &lost);
	if (lost)
		begin_log(s, &session);
	else
		session.log_start = 0; /* a start of ours that was killed half way wrote it */
	if (session_save(layout_of(s), &session, e) < 0)
		return -1;
	/* One that is not ready yet is waited for when there is something for it. */
	if (make_ready(s, &session, &none) < 0)
		log_info("apply", "identity=%s adopted, not ready: %s", s->identity, none.msg);
	return 0;
}
