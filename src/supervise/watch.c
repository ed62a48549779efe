#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/session.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define SPARE_FDS    64
#define NUDGE_MS     20 /* then 40, 80 ...: tmux loses a signal while it waits for a helper */
#define NUDGE_MAX_MS 1000
#define REARM_MS     50
#define FINISH_MS    1000 /* from a program's end: what tmux has not done by then a worker does */

static void watched_free(struct watched *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->stat_fd >= 0) {
		close(w->stat_fd);
		w->k->stats_kept--;
	}
	free(w->flight.tree);
	free(w);
}

static void freed(uv_handle_t *h)
{
	watched_free(h->data);
}

/* ---- the program in it ---- */

static void pane_freed(uv_handle_t *h)
{
	struct pane_watch *p = h->data;

	if (--p->open_handles > 0)
		return;
	close(p->fd);
	free(p);
}

static void pane_forget(struct pane_watch *p)
{
	uv_close((uv_handle_t *)&p->poll, pane_freed);
	uv_close((uv_handle_t *)&p->nudge, pane_freed);
}

/* A tmux that already knows takes no harm; one that lost the signal again is told again, until its
 * server has ended and nobody watches it any more. */
static void on_nudge(uv_timer_t *t)
{
	struct pane_watch *p = t->data;
	struct err e;

	if (plat_signal(p->server, SIGCHLD, &e) < 0)
		log_debug("watch", "%s", e.msg);
	if (p->nudge_ms < NUDGE_MAX_MS)
		uv_timer_start(t, on_nudge, (uint64_t)p->nudge_ms, 0);
	p->nudge_ms *= 2;
}

/* Its hook tells tmux, and tmux ends the server, within milliseconds. With libutempter tmux may
 * have lost the SIGCHLD (step_end.c): one from us makes it look. If the hook is lost all the same,
 * a worker finishes what it should have done. */
static void on_pane_exit(uv_poll_t *poll, int status, int events)
{
	struct pane_watch *p = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	p->nudge_ms = NUDGE_MS;
	on_nudge(&p->nudge);
	keeper_want(p->k, p->identity, TRIG_LOOK, false, clock_mono_ms() + FINISH_MS);
}

static enum runtime_kind kind_of(const struct layout *l, const char *runtime)
{
	struct manifest *m = xcalloc(1, sizeof *m);
	enum runtime_kind kind = KIND_TUI;
	struct err e;

	if (manifest_load(l, runtime, m, &e) == 0)
		kind = m->kind;
	manifest_done(m);
	free(m);
	return kind;
}

/* Its record: read when it was written, kept for the ticks. */
static void learn_session(struct watched *w)
{
	struct session s;
	struct peer_id id;
	struct err e;

	w->session.known = false;
	w->left_alone = 0;
	if (w->dying || peer_parse(w->canary.identity, &id, &e) < 0 ||
	    session_load(w->k->layout, &id, &s, &e) < 0 || s.server.pid != w->canary.server.pid ||
	    s.server.birth != w->canary.server.birth)
		return;
	w->session.known = true;
	w->session.ready = s.ready;
	w->session.hooks = s.hooks;
	w->session.pane = s.pane;
	w->session.woke_at_ms = s.woke_at_ms;
	w->session.woke_mono_ms = s.woke_mono_ms;
	if (!w->looked_mono_ms) {
		w->session.kind = kind_of(w->k->layout, id.runtime);
		keeper_first_look(w);
		keeper_due_policy(w, &id);
	}
}

/* Descriptors are left over for workers, connections and files, however many servers there are. */
static int exit_fd(struct proc_ref ref, int *out_fd, struct err *e)
{
	long max = sysconf(_SC_OPEN_MAX);
	auto_fd int fd = -1;

	if (plat_exit_fd(ref, &fd, e) < 0)
		return -1;
	if (max > 0 && fd >= max - (max > 4L * SPARE_FDS ? SPARE_FDS : max / 2))
		return err_set(e, ERR_FAILED, EMFILE, "watch process %ld", (long)ref.pid);
	*out_fd = take_fd(&fd);
	return 0;
}

static void watch_pane(struct watched *w)
{
	struct pane_watch *p;
	int fd = -1;
	struct err e;

	learn_session(w);
	if (!w->session.known || w->pane || exit_fd(w->session.pane, &fd, &e) < 0)
		return;
	p = xcalloc(1, sizeof *p);
	p->k = w->k;
	p->server = w->canary.server;
	p->fd = fd;
	str_cut(p->identity, sizeof p->identity, w->canary.identity);
	uv_poll_init(&w->k->loop, &p->poll, fd);
	uv_timer_init(&w->k->loop, &p->nudge);
	p->open_handles = 2;
	p->poll.data = p->nudge.data = p;
	uv_poll_start(&p->poll, UV_READABLE, on_pane_exit);
	w->pane = p;
}

/* ---- the server ---- */

void keeper_unwatch(struct watched *w)
{
	struct keeper *k = w->k;

	if (w->pane)
		pane_forget(w->pane);
	keeper_forget_turn(w);
	for (struct watched **p = &k->watched; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	if (w->fd >= 0) {
		uv_close((uv_handle_t *)&w->poll, freed);
		return;
	}
	watched_free(w);
}

static void on_exit_fd(uv_poll_t *poll, int status, int events)
{
	struct watched *w = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	w->dying = true;
	keeper_deaths_soon(w->k);
}

void keeper_watch_exit(struct watched *w)
{
	struct keeper *k = w->k;
	struct err e = {.code = ERR_NOT_FOUND};

	if (w->fd >= 0 || w->dying)
		return;
	if (!canary_server_gone(&w->canary) && exit_fd(w->canary.server, &w->fd, &e) == 0) {
		uv_poll_init(&k->loop, &w->poll, w->fd);
		w->poll.data = w;
		uv_poll_start(&w->poll, UV_READABLE, on_exit_fd);
		return;
	}
	if (e.code != ERR_NOT_FOUND) {
		/* Out of descriptors: that is no death. The ticks try again. */
		log_warn("watch", "identity=%s %s", w->canary.identity, e.msg);
		return;
	}
	w->dying = w->late = true;
	keeper_deaths_soon(k);
}

static void begin(struct keeper *k, const struct canary *c, bool unarmed)
{
	struct watched *w = xcalloc(1, sizeof *w);

	w->k = k;
	w->canary = *c;
	w->unarmed = unarmed;
	w->fd = w->stat_fd = -1;
	w->next = k->watched;
	k->watched = w;
	keeper_watch_exit(w);
	watch_pane(w);
	keeper_attention(k, c->identity); /* it may have begun while nobody watched */
	keeper_turn(k, c->identity);
}

/* An ending that nobody finishes: by a peer's worker, or here for a server that is no peer's. */
static void look_at_ending(struct keeper *k, const struct canary *c)
{
	struct peer_id id;
	struct err e;

	if (peer_parse(c->identity, &id, &e) == 0) {
		keeper_look(k, c->identity, clock_mono_ms() + 500);
		return;
	}
	if (!canary_server_gone(c)) {
		/* Whoever wanted to end it was killed, and it lives past its deadline: watched
		 * again. */
		if (clock_utc_ms() > c->deadline_utc_ms &&
		    canary_undo_ending(k->layout, c->identity, &e) < 0)
			log_warn("watch", "identity=%s %s", c->identity, e.msg);
		return;
	}
	if (canary_finish_ending(k->layout, c->identity, &e) < 0)
		log_warn("watch", "identity=%s %s", c->identity, e.msg);
}

/* IAPEER_CANARY=off: the session is watched all the same, to be parked and served. */
static bool live_unarmed(const struct keeper *k, const char *identity, struct canary *out)
{
	struct session s;
	struct peer_id id;
	struct err e;

	if (k->settings.canary || peer_parse(identity, &id, &e) < 0 ||
	    session_load(k->layout, &id, &s, &e) < 0)
		return false;
	*out = (struct canary){.server = s.server};
	str_cut(out->identity, sizeof out->identity, identity);
	str_cut(out->boot_id, sizeof out->boot_id, s.boot_id);
	str_cut(out->socket, sizeof out->socket, s.socket);
	return !canary_server_gone(out);
}

void keeper_watch(struct keeper *k, const char *identity)
{
	struct watched *w = keeper_find(k, identity);
	enum canary_state state;
	bool unarmed;
	struct canary c;
	struct err e;

	if (canary_load(k->layout, identity, &state, &c, &e) < 0) {
		log_warn("watch", "%s", e.msg);
		return;
	}
	if (state == CANARY_ENDING)
		look_at_ending(k, &c);
	unarmed = state == CANARY_NONE && live_unarmed(k, identity, &c);
	if (unarmed)
		state = CANARY_ARMED;
	if (w && (w->dying || (state == CANARY_ARMED && w->canary.server.pid == c.server.pid &&
			       w->canary.server.birth == c.server.birth))) {
		w->unarmed = unarmed || (w->unarmed && w->dying);
		watch_pane(w);
		return;
	}
	/* Recorded, ended, or deleted: then a worker arms what lives, and records what does not. */
	if (state == CANARY_NONE && k->settings.canary)
		keeper_look(k, identity, clock_mono_ms() + REARM_MS);
	if (state != CANARY_ARMED)
		return; /* a watched server that is ended on purpose is forgotten at its end */
	if (w)
		keeper_unwatch(w);
	begin(k, &c, unarmed);
}

void keeper_watch_all(struct keeper *k)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct err e;

	if (canary_list(k->layout, &names, &e) < 0) {
		log_error("watch", "%s", e.msg);
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		keeper_watch(k, names.v[i]);
}

int64_t keeper_idle_stamp(struct keeper *k, const char *identity)
{
	const struct watched *w = keeper_find(k, identity);

	return w && w->idle ? w->activity_stamp : 0;
}

void keeper_unwatch_all(struct keeper *k)
{
	while (k->watched)
		keeper_unwatch(k->watched);
}
