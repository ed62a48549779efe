#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define DEAF_MS 1000

/* A file of the state folder came, went or changed. Whoever wrote it usually asks by the socket a
 * moment later; if he was killed in between, this is how it is carried out all the same. */
static void on_state(uv_fs_event_t *h, const char *name, int events, int status)
{
	struct keeper *k = h->data;
	char identity[PEER_IDENTITY_MAX + 1];
	struct watched *w;
	struct peer_id id;
	const char *what;

	(void)events;
	if (status < 0 || !name) {
		keeper_scan(k);
		return;
	}
	if (str_ends(name, ".canary") && strlen(name) < 128) {
		char any[128];

		snprintf(any, sizeof any, "%.*s", (int)(strlen(name) - strlen(".canary")), name);
		keeper_watch(k, any);
		return;
	}
	if (!layout_parse_state(name, &id, &what))
		return;
	peer_identity(&id, identity);
	if (strcmp(what, "session") == 0)
		keeper_watch(k, identity);
	if (strcmp(what, MARK_TASK_GIVEN) == 0 && (w = keeper_find(k, identity)) != NULL)
		keeper_due(w, clock_mono_ms());
	if (strcmp(what, "reports") == 0) {
		keeper_attention(k, identity);
		keeper_turn(k, identity);
	}
	if (strcmp(what, "queue") == 0 || strcmp(what, "new-eager") == 0 ||
	    strcmp(what, MARK_STOPPED) == 0 || strcmp(what, MARK_TASK_DONE) == 0)
		keeper_look(k, identity, clock_mono_ms() + 50);
}

bool keeper_in_place(struct keeper *k)
{
	if (layout_in_place(k->layout))
		return true;
	if (!k->leaving)
		log_warn("supervise", "%s was removed or moved: leaving", k->layout->root);
	keeper_leave(k);
	return false;
}

/* The registry was replaced: who came is looked at with everybody, who went is noted. Soon, for a
 * restore may be several steps; so is the removal of the root itself, whose end nothing tells us
 * while we hold it open. */
static void on_root(uv_fs_event_t *h, const char *name, int events, int status)
{
	struct keeper *k = h->data;

	if (!keeper_in_place(k))
		return;
	if (status >= 0 && name && strcmp(name, LAYOUT_REGISTRY) == 0)
		keeper_absent(k);
	else if (!(events & UV_RENAME))
		return;
	uv_timer_start(&k->rescan_timer, k->rescan_timer.timer_cb, 50, 0);
}

int keeper_watch_files(struct keeper *k, struct err *e)
{
	char dir[LAYOUT_PATH];
	int rc;

	if (layout_abs(k->layout, LAYOUT_LIFECYCLE, dir, e) < 0)
		return -1;
	uv_fs_event_init(&k->loop, &k->state_events);
	uv_fs_event_init(&k->loop, &k->root_events);
	k->state_events.data = k->root_events.data = k;
	rc = uv_fs_event_start(&k->state_events, on_state, dir, 0);
	if (rc < 0)
		return err_set(e, ERR_FAILED, -rc, "watch %s", dir);
	rc = uv_fs_event_start(&k->root_events, on_root, k->layout->root, 0);
	if (rc < 0)
		return err_set(e, ERR_FAILED, -rc, "watch %s", k->layout->root);
	/* On macOS a folder is heard of only a while after that call: one more look. */
	uv_timer_start(&k->rescan_timer, k->rescan_timer.timer_cb, DEAF_MS, 0);
	return 0;
}

struct waiting *keeper_waiting(struct keeper *k, const char *identity)
{
	for (struct waiting *w = k->waiting; w; w = w->next)
		if (strcmp(w->identity, identity) == 0)
			return w;
	return NULL;
}

static int64_t log_size(const struct keeper *k, const char *identity, char path[static LAYOUT_PATH])
{
	char rel[LAYOUT_PATH];
	struct fs_info info;
	struct peer_id id;
	struct err e;

	if (peer_parse(identity, &id, &e) < 0)
		return -1;
	layout_pane_log(&id, rel);
	if (layout_abs(k->layout, rel, path, &e) < 0 ||
	    fs_stat(k->layout->root_fd, rel, &info, &e) < 0 || !info.exists)
		return -1;
	return info.size;
}

/* Output in a pane whose message waits: perhaps the draft was sent, the question answered. */
static void on_log(void *arg)
{
	struct keeper *k = arg;
	char path[LAYOUT_PATH];

	for (struct waiting *w = k->waiting; w; w = w->next) {
		int64_t size = log_size(k, w->identity, path);

		if (size == w->log_size)
			continue;
		w->log_size = size;
		if (size >= 0)
			file_watch_add(k->logs, path); /* another may have taken its place */
		keeper_want(k, w->identity, TRIG_MESSAGE, false, clock_mono_ms() + 200);
	}
}

/* Without it the back-off timer looks again anyway. */
static void watch_log(struct keeper *k, struct waiting *w)
{
	char path[LAYOUT_PATH];

	w->log_size = log_size(k, w->identity, path);
	if (w->log_size < 0)
		return;
	if (k->logs)
		file_watch_add(k->logs, path);
	else
		k->logs = file_watch_new(&k->loop, path, on_log, k);
}

void keeper_set_waiting(struct keeper *k, const char *identity, const char *reason)
{
	struct waiting **p = &k->waiting, *w;

	while (*p && strcmp((*p)->identity, identity) != 0)
		p = &(*p)->next;
	w = *p;
	if (!reason[0] && w) {
		*p = w->next;
		free(w);
	} else if (reason[0] && !w) {
		w = xcalloc(1, sizeof *w);
		str_cut(w->identity, sizeof w->identity, identity);
		w->backoff_ms = 250;
		w->next = k->waiting;
		k->waiting = w;
	}
	if (reason[0]) {
		str_cut(w->reason, sizeof w->reason, reason);
		w->backoff_ms = w->backoff_ms * 2 > 30000 ? 30000 : w->backoff_ms * 2;
		watch_log(k, w);
	}
	if (!k->waiting)
		file_watch_free(&k->logs);
}
