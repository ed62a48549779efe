/* wait: until a peer is idle, needs a person, or is gone. Sleeps on what would change that. */
#include "iapeer/cli/verb_runs.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/live.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/delivery/screen_report.h"

#include "iapeer/base/banned.h"

#define MAX_SECS (10L * 365 * 24 * 3600)
/* A shell takes its terminal back without a word when its prompt is empty: no descriptor tells. */
#define SHELL_LOOK_MS 1000
#define QUIET_MS      300 /* nothing printed for so long: its screen is worth a look */
#define BURST_MS      20  /* events that come together are looked at once */

enum wanted { FOR_IDLE, FOR_ATTENTION, FOR_GONE, FOR_COUNT };

struct waiter {
	const struct ctx *c;
	const struct peer_record *record;
	struct peer_id id;
	enum wanted wanted;
	struct fleet fleet; /* for its manifests */
	struct sight sight;
	int watch_fd, exit_fd;
	struct proc_ref server; /* whose end exit_fd tells */
	bool was_live;
	bool seen; /* its screen was looked at since its last output */
};

static void waiter_done(struct waiter *w)
{
	fleet_done(&w->fleet);
	if (w->watch_fd >= 0)
		close(w->watch_fd);
	if (w->exit_fd >= 0)
		close(w->exit_fd);
}

/* ---- what would change it ---- */

static void watch(struct waiter *w, const char *path)
{
	struct err e;

	if (w->watch_fd < 0 ? plat_watch(path, &w->watch_fd, &e) < 0
			    : plat_watch_add(w->watch_fd, path, &e) < 0)
		return; /* not there yet: its folder tells when it comes */
}

static void watch_state(struct waiter *w, const char *what)
{
	char rel[LAYOUT_PATH], path[LAYOUT_PATH];
	struct err e;

	layout_state(&w->id, what, rel);
	if (layout_abs(&w->c->layout, rel, path, &e) == 0)
		watch(w, path);
}

static void watch_server(struct waiter *w)
{
	struct proc_ref server = w->sight.o.session.server;
	struct err e;

	if (w->exit_fd >= 0 && w->server.pid == server.pid && w->server.birth == server.birth)
		return;
	if (w->exit_fd >= 0)
		close(w->exit_fd);
	w->exit_fd = -1;
	w->server = server;
	if (plat_exit_fd(server, &w->exit_fd, &e) < 0)
		w->exit_fd = -1; /* gone: the look that follows sees it */
}

/* A program with a composer that tells us nothing: only its screen shows that it is done. */
static bool is_blind(const struct waiter *w)
{
	const struct session *s = &w->sight.o.session;

	return w->sight.does && s->ready && !s->hooks &&
	       strcmp(w->sight.status.source, "process") != 0 &&
	       (w->sight.status.status == STATUS_WORKING ||
		w->sight.status.status == STATUS_UNKNOWN);
}

/* Watched before it is looked at, so that nothing happens in between. Again for each look: files
 * come and are replaced. */
static int watch_all(struct waiter *w, struct err *e)
{
	const struct layout *l = &w->c->layout;
	AUTO(strv_done) struct strv files = STRV_INIT;
	const struct manifest *m;
	char path[LAYOUT_PATH], rel[LAYOUT_PATH];

	if (fs_mkdirs(l->root_fd, LAYOUT_LIFECYCLE, e) < 0 ||
	    layout_abs(l, LAYOUT_LIFECYCLE, path, e) < 0)
		return -1;
	watch(w, path);
	watch_state(w, "reports");
	watch_state(w, "session");
	watch_state(w, "queue");
	m = fleet_manifest(w->c, &w->fleet, w->id.runtime);
	if (m && (m->kind == KIND_SHELL || is_blind(w))) {
		layout_pane_log(&w->id, rel);
		if (layout_abs(l, rel, path, e) < 0)
			return -1;
		watch(w, path);
	}
	if (m)
		status_files(l, m, &w->id, &files);
	for (size_t i = 0; i < files.n; i++)
		watch(w, files.v[i]);
	return w->watch_fd < 0 ? err_set(e, ERR_FAILED, 0, "%s cannot be watched", path) : 0;
}

/* ---- looking ---- */

static bool has_sending(const struct waiter *w)
{
	char path[LAYOUT_PATH];

	layout_state(&w->id, "sending", path);
	return fs_exists(w->c->layout.root_fd, path);
}

static bool is_so(const struct waiter *w)
{
	bool live = w->sight.shown == SHOWN_LIVE;

	switch (w->wanted) {
	case FOR_IDLE:
		return live && w->sight.does && w->sight.status.status == STATUS_IDLE &&
		       w->sight.queued == 0 && !has_sending(w);
	case FOR_ATTENTION:
		return live && w->sight.does && status_needs_person(w->sight.status.status);
	case FOR_GONE:
	case FOR_COUNT:
		break;
	}
	return w->sight.shown == SHOWN_ASLEEP || w->sight.shown == SHOWN_STOPPED;
}

static int look(struct waiter *w, struct err *e)
{
	if (watch_all(w, e) < 0 || sight_of(w->c, NULL, w->record, &w->id, &w->sight, e) < 0)
		return -1;
	sight_status(w->c, &w->fleet, &w->sight);
	if (w->sight.shown != SHOWN_LIVE)
		return 0;
	w->was_live = true;
	watch_server(w);
	return 0;
}

/* What its screen shows is reported, so that others see it too. */
static void look_at_screen(struct waiter *w)
{
	const struct manifest *m = fleet_manifest(w->c, &w->fleet, w->id.runtime);
	struct tmux t;
	struct err e;

	w->seen = true;
	if (m && (live_tmux(w->c, &w->sight.o.session, &t, &e) < 0 ||
		  screen_report(&w->c->layout, &w->sight.o.session, m, &t, &e) < 0))
		log_debug("wait", "%s", e.msg);
}

/* False: the time is over. */
static bool sleep_on_it(struct waiter *w, int64_t deadline_ms)
{
	struct pollfd fds[] = {{.fd = w->watch_fd, .events = POLLIN},
			       {.fd = w->exit_fd, .events = POLLIN}};
	bool shell = w->sight.does && strcmp(w->sight.status.source, "process") == 0;
	int64_t now = clock_mono_ms(), left = deadline_ms < 0 ? INT32_MAX : deadline_ms - now;

	if (left <= 0)
		return false;
	if (left > INT32_MAX)
		left = INT32_MAX;
	if (shell && left > SHELL_LOOK_MS)
		left = SHELL_LOOK_MS;
	if (is_blind(w) && !w->seen && left > QUIET_MS)
		left = QUIET_MS;
	if (poll(fds, 2, (int)left) == 0) {
		if (is_blind(w) && !w->seen)
			look_at_screen(w);
		return true;
	}
	w->seen = false;
	if (!fds[1].revents && poll(fds + 1, 1, BURST_MS) >= 0)
		plat_watch_drain(w->watch_fd);
	return true;
}

/* ---- the verb ---- */

static int wanted_of(const struct parsed *p, enum wanted *out, struct err *e)
{
	static const char *const words[] = {
	    [FOR_IDLE] = "idle", [FOR_ATTENTION] = "attention", [FOR_GONE] = "gone"};
	const char *typed = opt_value(p, "for");

	_Static_assert(sizeof words / sizeof words[0] == FOR_COUNT, "one word each");
	for (int i = 0; typed && i < FOR_COUNT; i++)
		if (strcmp(typed, words[i]) == 0) {
			*out = (enum wanted)i;
			return 0;
		}
	return err_set(e, ERR_USAGE, 0, "--for needs idle, attention or gone%s%.40s",
		       typed ? ", not " : "", typed ? typed : "");
}

static void say(struct ctx *c, const struct parsed *p, const struct waiter *w, int64_t waited_ms,
		bool so)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);

	c->reply = json_object();
	json_set_str(c->reply, "peer", w->id.name);
	json_set_str(c->reply, "runtime", w->id.runtime);
	json_set_str(c->reply, "for", opt_value(p, "for"));
	json_set_bool(c->reply, "reached", so);
	json_set_str(c->reply, "state", shown_state_word(w->sight.shown));
	if (w->sight.does)
		json_set(c->reply, "status", status_json(&w->sight.status));
	json_set_i64(c->reply, "queue", (int64_t)w->sight.queued);
	json_set_i64(c->reply, "waited_ms", waited_ms);
	if (!so)
		return;
	buf_fmt(&c->out, "%s (%s): ", w->id.name, w->id.runtime);
	if (w->sight.does)
		status_text(&w->sight.status, &text);
	else
		buf_str(&text, shown_state_word(w->sight.shown));
	buf_fmt(&c->out, "%s\n", buf_cstr(&text));
}

static int over(const struct waiter *w, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);

	if (w->sight.does)
		status_text(&w->sight.status, &text);
	else
		buf_str(&text, shown_state_word(w->sight.shown));
	if (w->sight.queued)
		buf_fmt(&text, ", %zu queued", w->sight.queued);
	return err_set(e, ERR_TIMEOUT, 0, "not in time; it is %s", buf_cstr(&text));
}

int verb_wait(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(waiter_done)
	struct waiter w = {.c = c, .watch_fd = -1, .exit_fd = -1};
	int64_t secs = -1, start = clock_mono_ms(), deadline;

	if (peer_meant(c, p->args[0], parsed_arg(p, 1), &w.record, &w.id, e) < 0 ||
	    wanted_of(p, &w.wanted, e) < 0 || opt_i64(p, "timeout", 0, MAX_SECS, &secs, e) < 0)
		return -1;
	deadline = secs < 0 ? -1 : start + secs * 1000;
	for (;;) {
		if (look(&w, e) < 0)
			return -1;
		if (is_so(&w)) {
			say(c, p, &w, clock_mono_ms() - start, true);
			return 0;
		}
		if (w.was_live && w.sight.shown != SHOWN_LIVE && w.sight.shown != SHOWN_UNKNOWN) {
			say(c, p, &w, clock_mono_ms() - start, false);
			return err_set(e, ERR_FAILED, 0, "its session ended meanwhile; it is %s",
				       shown_state_word(w.sight.shown));
		}
		if (!sleep_on_it(&w, deadline)) {
			say(c, p, &w, clock_mono_ms() - start, false);
			return over(&w, e);
		}
	}
}
