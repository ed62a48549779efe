#include "iapeer/lifecycle/observe.h"

#include <fcntl.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

/* What was asked, and of the files of that identity those that the fleet has: looked up once. */
struct look {
	const struct observe_in *in;
	struct fleet_files files;
};

static bool there(const struct look *k, const char *what)
{
	char path[LAYOUT_PATH];

	if (k->in->fleet)
		return fleet_files_have(&k->files, what);
	layout_state(&k->in->id, what, path);
	return fs_exists(k->in->layout->root_fd, path);
}

/* Where nobody has listed them, the attempt to read it tells. */
static bool may_be(const struct look *k, const char *what)
{
	return !k->in->fleet || fleet_files_have(&k->files, what);
}

static enum session_state recorded(const struct observe_in *in, const struct session *s)
{
	static const enum session_state states[] = {[LIVE_NO] = SESSION_GONE,
						    [LIVE_YES] = SESSION_LIVE,
						    [LIVE_PANE_DEAD] = SESSION_PANE_DEAD,
						    [LIVE_UNKNOWN] = SESSION_UNKNOWN};

	if (!in->session || !in->program_watched)
		return states[session_liveness(s)];
	return states[in->server ? session_liveness_by(s, *in->server)
				 : session_server_liveness(s)];
}

/* No record, but does a server answer on our socket? Its socket file is looked at first: a sleeping
 * peer has none. */
static int unrecorded(const struct observe_in *in, struct observation *out, struct err *e)
{
	char socket[LAYOUT_PATH];

	out->snap.session = SESSION_ABSENT;
	if (layout_socket(in->layout, &in->id, socket, e) < 0)
		return -1;
	if (in->fleet ? !fleet_has_socket(in->fleet, socket) : !fs_exists(AT_FDCWD, socket))
		return 0;
	if (tmux_server_of(socket, &out->leftover, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	out->snap.session =
	    plat_proc_state(out->leftover) == PROC_STOPPED ? SESSION_UNKNOWN : SESSION_LEFTOVER;
	return 0;
}

static int look_session(const struct look *k, struct observation *out, struct err *e)
{
	const struct observe_in *in = k->in;

	if (!may_be(k, "session"))
		return unrecorded(in, out, e);
	if (in->session)
		out->session = *in->session;
	if (in->session || session_load(in->layout, &in->id, &out->session, e) == 0) {
		out->has_session = true;
		out->snap.session = recorded(in, &out->session);
		out->snap.ready = out->session.ready;
		return 0;
	}
	return e->code == ERR_NOT_FOUND ? unrecorded(in, out, e) : -1;
}

/* No session on record and nobody on our socket, but the server that was armed there lives: its
 * socket was deleted. A server of somebody else's (`iapeer canary ensure`) has another socket. */
static void look_lost(const struct observe_in *in, struct observation *out)
{
	char socket[LAYOUT_PATH];
	struct err e;

	if (out->snap.session != SESSION_ABSENT ||
	    layout_socket(in->layout, &in->id, socket, &e) < 0 ||
	    strcmp(socket, out->canary.socket) != 0)
		return;
	out->leftover = out->canary.server;
	out->snap.session =
	    plat_proc_state(out->leftover) == PROC_STOPPED ? SESSION_UNKNOWN : SESSION_LEFTOVER;
}

static int load_canary(const struct look *k, struct observation *out, struct err *e)
{
	const struct observe_in *in = k->in;
	char identity[PEER_IDENTITY_MAX + 1];

	if (!may_be(k, "ending")) {
		if (!may_be(k, "canary"))
			return 0;
		if (in->armed) {
			out->canary_state = CANARY_ARMED;
			out->canary = *in->armed;
			return 0;
		}
	}
	peer_identity(&in->id, identity);
	return canary_load(in->layout, identity, &out->canary_state, &out->canary, e);
}

/* The same server was looked at a moment ago, most likely. */
static bool canary_is_dead(const struct observation *out)
{
	const struct session *s = &out->session;

	if (out->has_session && s->server.pid == out->canary.server.pid &&
	    s->server.birth == out->canary.server.birth && out->snap.session == SESSION_LIVE)
		return false;
	return canary_server_gone(&out->canary);
}

static int look_canary(const struct look *k, struct observation *out, struct err *e)
{
	bool dead;

	if (k->in->brief && out->snap.session == SESSION_LIVE)
		return 0;
	if (load_canary(k, out, e) < 0)
		return -1;
	if (out->canary_state == CANARY_NONE)
		return 0;
	dead = canary_is_dead(out);
	if (out->canary_state == CANARY_ARMED) {
		out->snap.canary = dead ? MARK_DEAD : MARK_ARMED;
		if (!dead)
			look_lost(k->in, out);
		return 0;
	}
	if (dead)
		out->snap.ending = ENDING_DONE;
	else
		out->snap.ending =
		    clock_utc_ms() > out->canary.deadline_utc_ms ? ENDING_OVERDUE : ENDING_OPEN;
	return 0;
}

static const char *const shows[] = {"session", "canary", "ending", "queue", MARK_STOPPED, NULL};
static const char *const counts[] = {"session",    "canary",       "ending",        "queue",
				     MARK_STOPPED, "deaths",       MARK_NEW_EAGER,  "sending",
				     "turn",       MARK_TASK_DONE, MARK_TASK_GIVEN, NULL};

bool observe_nothing(const struct layout *l, const struct fleet *f, const struct peer_id *id,
		     bool shown)
{
	return !fleet_any(l, f, id, shown ? shows : counts);
}

int observe(const struct observe_in *in, struct observation *out, struct err *e)
{
	struct look k = {.in = in};

	if (in->fleet)
		k.files = fleet_files(in->fleet, &in->id);
	*out = (struct observation){.snap = {.program_found = true}};
	/* Order matters: whatever is gone now was gone before the canary's record is read
	 * (ledger.h). */
	if (look_session(&k, out, e) < 0 || look_canary(&k, out, e) < 0 ||
	    (!in->brief && may_be(&k, "deaths") &&
	     deaths_load(in->layout, &in->id, &out->deaths, e) < 0))
		return e->code == ERR_CORRUPT
			   ? err_hint(e, "`iapeer doctor --fix` puts that file aside")
			   : -1;
	out->queued = may_be(&k, "queue") ? queue_depth(in->layout, &in->id) : 0;
	out->snap.declared = in->record && record_has_runtime(in->record, in->id.runtime);
	out->snap.stopped = there(&k, MARK_STOPPED);
	out->snap.new_eager = there(&k, MARK_NEW_EAGER);
	out->snap.sending = there(&k, "sending");
	out->snap.turn = there(&k, "turn");
	out->snap.queued = out->queued > 0;
	if (out->snap.session == SESSION_LIVE && there(&k, MARK_TASK_DONE))
		out->snap.duty = DUTY_DONE;
	else if (out->snap.session == SESSION_LIVE && there(&k, MARK_TASK_GIVEN))
		out->snap.duty = DUTY_TASK;
	out->snap.canary_wanted = in->settings->canary;
	out->snap.crash_loop =
	    death_ring_own(&out->deaths, clock_utc_ms(), in->settings->crashloop_window_ms) >=
	    in->settings->crashloop_max;
	return 0;
}

const char *observe_corrupt(const struct layout *l, const struct peer_id *id)
{
	char identity[PEER_IDENTITY_MAX + 1], ending[LAYOUT_PATH];
	enum canary_state state;
	struct death_ring deaths;
	struct session session;
	struct canary canary;
	struct err e;

	peer_identity(id, identity);
	layout_state(id, "ending", ending);
	if (session_load(l, id, &session, &e) < 0 && e.code == ERR_CORRUPT)
		return "session";
	if (canary_load(l, identity, &state, &canary, &e) < 0 && e.code == ERR_CORRUPT)
		return fs_exists(l->root_fd, ending) ? "ending" : "canary";
	if (deaths_load(l, id, &deaths, &e) < 0 && e.code == ERR_CORRUPT)
		return "deaths";
	return NULL;
}

/* Kept up on its default runtime alone. */
static void look_up(const struct observe_in *in, struct observation *o)
{
	int64_t now = clock_utc_ms();
	struct peer_id id;
	struct err e;

	if (!in->record || record_identity(in->record, NULL, &id, &e) < 0 ||
	    !peer_id_eq(&id, &in->id))
		return;
	o->rested_utc_ms = death_ring_rested_ms(&o->deaths, now, in->settings->crashloop_window_ms);
	o->snap.duty = o->rested_utc_ms > now ? DUTY_REST : DUTY_UP;
}

void observe_duty(const struct observe_in *in, enum wake_policy policy, struct observation *o)
{
	if (o->snap.duty != DUTY_NONE)
		return;
	if (policy == WAKE_EPHEMERAL)
		o->snap.duty = DUTY_WAITS;
	else if (policy == WAKE_ALWAYS)
		look_up(in, o);
}

enum shown_state observe_shown(const struct observation *o)
{
	switch (o->snap.session) {
	case SESSION_LIVE:
		return SHOWN_LIVE;
	case SESSION_UNKNOWN:
		return SHOWN_UNKNOWN;
	case SESSION_ABSENT:
	case SESSION_GONE:
	case SESSION_PANE_DEAD:
	case SESSION_LEFTOVER:
	case SESSION_STATE_COUNT:
		break;
	}
	return o->snap.stopped ? SHOWN_STOPPED : SHOWN_ASLEEP;
}

const char *shown_state_word(enum shown_state s)
{
	static const char *const words[] = {[SHOWN_LIVE] = "live",
					    [SHOWN_ASLEEP] = "asleep",
					    [SHOWN_STOPPED] = "stopped",
					    [SHOWN_UNKNOWN] = "unknown"};

	_Static_assert(sizeof words / sizeof words[0] == SHOWN_STATE_COUNT, "one word a state");
	return words[s];
}
