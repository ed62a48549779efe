/* list --watch: the table again and again. The terminal's modes are left alone, so that however it
 * ends there is nothing to put back: the table is drawn over itself, and stays when Ctrl-C comes.
 */
#include "iapeer/cli/list.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define GAP_MS  200  /* between two looks, however much happens */
#define SIZE_MS 1000 /* between two looks at the terminal's size, of which no descriptor tells */

struct watcher {
	struct ctx *c;
	const struct filter *filter;
	int fd;          /* tells that something changed */
	struct buf last; /* what was printed, without colours and ages */
	bool printed;
	size_t below;    /* lines that the cursor is below the table's first one */
	int columns;     /* of the terminal, when it was drawn */
	int64_t next_ms; /* until an age reads otherwise */
};

static void watcher_done(struct watcher *w)
{
	buf_done(&w->last);
	if (w->fd >= 0)
		close(w->fd);
}

/* What is not there yet is told of by its folder, and found at the next look. */
static void watch(struct watcher *w, const char *path)
{
	struct err e;
	int rc = w->fd < 0 ? plat_watch(path, &w->fd, &e) : plat_watch_add(w->fd, path, &e);

	if (rc < 0)
		log_debug("list", "%s", e.msg);
}

static void watch_below(struct watcher *w, const char *rel)
{
	char path[LAYOUT_PATH];
	struct err e;

	if (layout_abs(&w->c->layout, rel, path, &e) == 0)
		watch(w, path);
}

static void watch_session(struct watcher *w, struct fleet *f, const struct peer_id *id)
{
	const struct manifest *m = fleet_manifest(w->c, f, id->runtime);
	AUTO(strv_done) struct strv files = STRV_INIT;
	char path[LAYOUT_PATH];

	layout_pane_log(id, path);
	watch_below(w, path);
	layout_state(id, "reports", path);
	watch_below(w, path);
	layout_state(id, "queue", path);
	watch_below(w, path);
	if (m)
		status_files(&w->c->layout, m, id, &files);
	for (size_t i = 0; i < files.n; i++)
		watch(w, files.v[i]);
}

/* The folders tell who comes and goes; what is written into the files of the live ones, only these
 * themselves. */
static void watch_all(struct watcher *w)
{
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	const struct registry *r = &w->c->registry;
	struct peer_id id;
	struct err e;

	watch(w, w->c->layout.root);
	watch_below(w, LAYOUT_LIFECYCLE);
	watch_below(w, LAYOUT_PANE_LOGS);
	if (fleet_scan(&w->c->layout, &f, &e) < 0)
		return;
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->peers[i].runtimes.n; k++)
			if (peer_make(r->peers[i].runtimes.v[k], r->peers[i].name, &id, &e) == 0 &&
			    fleet_has(&f, &id, "session"))
				watch_session(w, &f, &id);
}

/* Over what stands there. Each line is cleared behind its end, and what is below the last one. */
static void draw(struct watcher *w, const struct list *l)
{
	AUTO(buf_done) struct buf table = BUF_INIT(CAP_OUTPUT);
	const struct term *t = &w->c->term;
	struct buf *out = &w->c->out;
	const char *p;

	list_print(t, l, t->lines > 1 ? (size_t)t->lines - 1 : 0, &table);
	if (l->n == 0)
		buf_str(&table, "no peer matches\n");
	if (w->printed && t->columns != w->columns)
		buf_str(out, "\033[H"); /* its lines may have been broken: where it began is lost */
	else if (w->below > 0)
		buf_fmt(out, "\033[%zuA", w->below);
	buf_str(out, w->printed ? "\r" : "");
	w->below = 0;
	for (p = buf_cstr(&table); *p; w->below++) {
		size_t len = strcspn(p, "\n");

		buf_add(out, p, len);
		buf_str(out, "\033[K\n");
		p += len + (p[len] == '\n');
	}
	buf_str(out, "\033[J");
	w->columns = t->columns;
}

/* One look, printed where there is something new. 1: nobody reads. */
static int look(struct watcher *w, struct err *e)
{
	AUTO(list_done) struct list l = LIST_INIT;
	AUTO(buf_done) struct buf now = BUF_INIT(CAP_OUTPUT);
	struct ctx *c = w->c;
	auto_json struct json *reply = c->json ? json_object() : NULL;
	struct json *peers = reply ? json_set(reply, "peers", json_array()) : NULL;

	registry_done(&c->registry);
	if (registry_load(&c->layout, &c->registry, e) < 0)
		return -1;
	watch_all(w);
	if (list_look(c, w->filter, &l, peers, e) < 0)
		return -1;
	term_read(&c->term);
	w->next_ms = l.next_ms;
	for (size_t i = 0; i < l.n; i++)
		buf_fmt(&now, "%s%s %zu %s\n", l.v[i].record->name, buf_cstr(&l.v[i].plain),
			l.v[i].queued, l.v[i].record->description);
	if (c->term.cursor && !c->json) {
		draw(w, &l);
	} else if (!w->printed || strcmp(buf_cstr(&now), buf_cstr(&w->last)) != 0) {
		if (reply)
			json_print(reply, false, &c->out);
		else
			list_print(&c->term, &l, 0, &c->out);
		buf_chr(&c->out, '\n');
	}
	w->printed = true;
	buf_cut(&w->last, 0);
	buf_add(&w->last, buf_cstr(&now), now.len);
	return ctx_flush(c, e);
}

/* False: q, or the end of what is typed. Each Enter has moved the cursor down. */
static bool take_typed(struct watcher *w)
{
	char typed[256];
	ssize_t n = read(STDIN_FILENO, typed, sizeof typed);

	for (ssize_t i = 0; i < n; i++)
		w->below += typed[i] == '\n';
	return n > 0 && typed[0] != 'q';
}

enum next { NEXT_LOOK, NEXT_LEAVE };

static bool resized(const struct term *t)
{
	struct term now = *t;

	term_read(&now);
	return t->cursor && (now.lines != t->lines || now.columns != t->columns);
}

/* How long nothing has to be looked at: what has just changed may change again. */
static int64_t pause_of(const struct watcher *w, bool changed)
{
	if (changed)
		return GAP_MS;
	return w->c->term.cursor ? w->next_ms : INT32_MAX;
}

static enum next wait_for_change(struct watcher *w)
{
	const struct term *t = &w->c->term;
	int64_t from = clock_mono_ms(), left;
	bool changed = false;

	for (;;) {
		left = pause_of(w, changed) - (clock_mono_ms() - from);
		if (left <= 0 || resized(t))
			return NEXT_LOOK;
		/* A pipe whose reader has gone reports an error that nobody asked for. */
		struct pollfd fds[] = {
		    {.fd = STDOUT_FILENO},
		    {.fd = t->cursor && t->in_tty ? STDIN_FILENO : -1, .events = POLLIN},
		    {.fd = changed ? -1 : w->fd, .events = POLLIN}};

		poll(fds, 3, (int)(t->cursor && left > SIZE_MS ? SIZE_MS : left));
		if (fds[0].revents & (POLLERR | POLLNVAL) || (fds[1].revents && !take_typed(w)))
			return NEXT_LEAVE;
		if (fds[2].revents) {
			plat_watch_drain(w->fd);
			changed = true;
		}
	}
}

int list_watch(struct ctx *c, const struct filter *f, struct err *e)
{
	AUTO(watcher_done)
	struct watcher w = {.c = c, .filter = f, .fd = -1, .last = BUF_INIT(CAP_OUTPUT)};
	int rc;

	if (!c->rooted) {
		err_set(e, ERR_NOT_FOUND, 0, "no peers registered");
		return err_hint(e, "iapeer create <name>");
	}
	do
		rc = look(&w, e);
	while (rc == 0 && wait_for_change(&w) == NEXT_LOOK);
	return rc < 0 ? -1 : 0;
}
