/* The flight recorder's samples (canary/flight.h): one of each watched peer with each tick, out of
 * one look at all processes. Starts nothing, waits for nothing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/flight.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define GENERATIONS 64 /* of ancestors; nobody nests deeper, and a table that is torn may loop */

struct seen_proc {
	pid_t pid, ppid;
	uint64_t birth;
	pid_t pgid, tty_pgid;
	int64_t rss, grew;
	struct watched *is; /* this is the server of that one */
	char name[24];
};

struct census {
	struct seen_proc *v; /* sorted by pid */
	size_t n;
};

void keeper_recorder_done(struct keeper *k)
{
	if (k->census)
		free(k->census->v);
	free(k->census);
	k->census = NULL;
}

static int by_pid(const void *a, const void *b)
{
	const struct seen_proc *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct seen_proc *find(const struct census *c, pid_t pid)
{
	struct seen_proc key = {.pid = pid};

	return c && c->n ? bsearch(&key, c->v, c->n, sizeof key, by_pid) : NULL;
}

/* All processes, each with what it grew by since the last tick (one that is new: all of it). */
static struct census *count_all(const struct census *before)
{
	struct census *c = xcalloc(1, sizeof *c);
	struct seen_proc *old;
	pid_t *pids = NULL;
	size_t n = 0;
	struct err e;

	if (plat_pids(&pids, &n, &e) < 0)
		return c;
	c->v = xcalloc(n + 1, sizeof *c->v);
	for (size_t i = 0; i < n; i++) {
		struct seen_proc *p = &c->v[c->n];
		struct proc_info info;

		if (plat_proc_info(pids[i], &info, &e) < 0 || info.state == PROC_GONE)
			continue;
		p->pid = pids[i];
		p->ppid = info.ppid;
		p->birth = info.birth;
		p->pgid = info.pgid;
		p->tty_pgid = info.tty_pgid;
		p->rss = info.rss_bytes;
		str_cut(p->name, sizeof p->name, info.name);
		old = find(before, p->pid);
		p->grew = before ? p->rss - (old && old->birth == p->birth ? old->rss : 0) : 0;
		c->n++;
	}
	free(pids);
	if (c->n > 1)
		qsort(c->v, c->n, sizeof *c->v, by_pid);
	return c;
}

/* Which process is whose server; a server that died meanwhile is nobody's. */
static void mark_servers(const struct keeper *k, const struct census *c)
{
	for (struct watched *w = k->watched; w; w = w->next) {
		struct seen_proc *p = w->dying ? NULL : find(c, w->canary.server.pid);

		w->flight.now = (struct flight_sample){.server = w->canary.server.pid};
		if (p && p->birth == w->canary.server.birth)
			p->is = w;
	}
}

/* Whose server does it come from? NULL: none that is watched. */
static struct watched *owner_of(const struct census *c, const struct seen_proc *p)
{
	for (int i = 0; p && p->pid > 1 && i < GENERATIONS; i++, p = find(c, p->ppid))
		if (p->is)
			return p->is;
	return NULL;
}

static void grown(const struct seen_proc *p, char name[static 24], int64_t *bytes)
{
	if (p->grew <= *bytes)
		return;
	*bytes = p->grew;
	memcpy(name, p->name, sizeof p->name);
}

static int64_t touched(const struct layout *l, const struct peer_id *id, const char *what)
{
	char path[LAYOUT_PATH];
	struct fs_info info;
	struct err e;

	if (what)
		layout_state(id, what, path);
	else
		layout_pane_log(id, path);
	return fs_stat(l->root_fd, path, &info, &e) == 0 && info.exists ? info.mtime_ms : 0;
}

/* What it does: a shell by who is in the foreground, others by the last word of their program,
 * which is read again only when there is a new one. */
static const char *state_of(struct watched *w, const struct session *s, const struct census *c)
{
	const struct seen_proc *p = find(c, w->session.pane.pid);
	struct report r = {.ids = STRV_INIT};
	struct flight_sample *now = &w->flight.now;

	if (w->session.kind == KIND_SHELL)
		return !p || p->tty_pgid <= 0
			   ? ""
			   : status_word(p->tty_pgid != p->pgid ? STATUS_WORKING : STATUS_IDLE);
	if (now->reported_at_ms != w->flight.reported_at_ms) {
		w->flight.reported_at_ms = now->reported_at_ms;
		w->flight.told = status_last_report(w->k->layout, s, &r);
		w->flight.status = status_of_report(r.kind, r.detail);
		report_done(&r);
	}
	return w->flight.told ? status_word(w->flight.status) : "";
}

static void record_one(struct watched *w, const struct census *c, const struct flight_sample *all)
{
	struct flight_sample *now = &w->flight.now;
	struct session s = {.woke_at_ms = w->session.woke_at_ms};
	struct err e;

	if (w->dying || now->processes == 0 || peer_parse(w->canary.identity, &s.id, &e) < 0)
		return;
	str_cut(s.socket, sizeof s.socket, w->canary.socket);
	now->at_ms = all->at_ms;
	now->available_bytes = all->available_bytes;
	now->pressure = all->pressure;
	now->most_bytes = all->most_bytes;
	memcpy(now->most, all->most, sizeof now->most);
	now->printed_at_ms = touched(w->k->layout, &s.id, NULL);
	now->reported_at_ms = w->session.hooks ? touched(w->k->layout, &s.id, "reports") : 0;
	now->attached = session_attached(&s);
	if (w->session.known)
		str_cut(now->state, sizeof now->state, state_of(w, &s, c));
	if (flight_add(w->k->layout, &s.id, now, &w->flight.last, &e) < 0)
		log_warn("recorder", "identity=%s %s", w->canary.identity, e.msg);
}

void keeper_record_flight(struct keeper *k)
{
	struct flight_sample all = {.at_ms = clock_utc_ms(), .pressure = plat_memory_pressure()};
	struct mem_info m;
	struct census *c;
	struct err e;

	if (!k->watched || k->leaving)
		return;
	c = count_all(k->census);
	assert(c); /* gcc 12's analyzer does not know that xcalloc() never fails */
	mark_servers(k, c);
	for (size_t i = 0; i < c->n; i++) {
		const struct seen_proc *p = &c->v[i];
		struct watched *w = owner_of(c, p);

		grown(p, all.most, &all.most_bytes);
		if (!w)
			continue;
		w->flight.now.processes++;
		w->flight.now.rss_bytes += p->rss;
		grown(p, w->flight.now.grew, &w->flight.now.grew_bytes);
	}
	if (plat_mem_info(&m, &e) == 0)
		all.available_bytes = m.available;
	else
		all.available_bytes = -1;
	for (struct watched *w = k->watched; w; w = w->next)
		record_one(w, c, &all);
	keeper_recorder_done(k);
	k->census = c;
}
