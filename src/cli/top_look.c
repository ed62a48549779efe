/* What the panel shows, out of files and /proc: no process is started. */
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/top_look.h"
#include "iapeer/lifecycle/activity.h"

#include "iapeer/base/banned.h"

/* ---- memory of process trees ---- */

struct proc_row {
	pid_t pid;
	pid_t ppid;
	int64_t rss;
};

static int by_pid(const void *a, const void *b)
{
	const struct proc_row *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static const struct proc_row *find(const struct proc_row *v, size_t n, pid_t pid)
{
	struct proc_row key = {.pid = pid};

	return n ? bsearch(&key, v, n, sizeof *v, by_pid) : NULL;
}

static struct proc_row *processes(size_t *out_n)
{
	struct proc_row *v;
	pid_t *pids = NULL;
	struct err e;
	size_t n = 0;

	*out_n = 0;
	if (plat_pids(&pids, &n, &e) < 0)
		return NULL;
	v = xcalloc(n + 1, sizeof *v);
	for (size_t i = 0; i < n; i++) {
		struct proc_info info;

		if (plat_proc_info(pids[i], &info, &e) == 0 && info.state != PROC_GONE)
			v[(*out_n)++] = (struct proc_row){
			    .pid = pids[i], .ppid = info.ppid, .rss = info.rss_bytes};
	}
	free(pids);
	if (*out_n > 1)
		qsort(v, *out_n, sizeof *v, by_pid);
	return v;
}

#define DEPTH_MAX 64

/* The tmux server that it is, or is below of. `servers`: sorted, `ppid` is the number of the row.
 */
static const struct proc_row *owner_of(const struct proc_row *v, size_t n, const struct proc_row *p,
				       const struct proc_row *servers, size_t n_servers)
{
	for (int i = 0; p && i < DEPTH_MAX; i++) {
		const struct proc_row *owner = find(servers, n_servers, p->pid);

		if (owner)
			return owner;
		p = find(v, n, p->ppid);
	}
	return NULL;
}

static void weigh(struct top_row *rows, size_t n)
{
	struct proc_row *servers = xcalloc(n + 1, sizeof *servers), *v = NULL;
	size_t n_procs = 0, live = 0;

	for (size_t i = 0; i < n; i++) {
		if (!rows[i].has_session)
			continue;
		rows[i].memory_bytes = 0;
		servers[live++] =
		    (struct proc_row){.pid = rows[i].session.server.pid, .ppid = (pid_t)i};
	}
	if (live)
		v = processes(&n_procs);
	qsort(servers, live, sizeof *servers, by_pid);
	for (size_t i = 0; i < n_procs; i++) {
		const struct proc_row *owner = owner_of(v, n_procs, &v[i], servers, live);

		if (owner)
			rows[owner->ppid].memory_bytes += v[i].rss;
	}
	free(servers);
	free(v);
}

/* ---- one row ---- */

static void fill_live(const struct ctx *c, struct fleet *f, struct sight *sight,
		      struct top_row *row)
{
	const struct manifest *m = fleet_manifest(c, f, sight->id.runtime);
	struct activity a;
	int64_t age;

	row->has_session = true;
	row->session = sight->o.session;
	activity_look(&c->layout, &row->session, m ? m->kind : KIND_TUI, &a);
	age = clock_utc_ms() - a.newest_utc_ms;
	row->quiet_ms = age > 0 ? age : 0;
	row->attached = a.attached;
	sight_status(c, f, sight);
	if (!sight->does)
		return;
	str_cut(row->status, sizeof row->status, status_word(sight->status.status));
	row->needs_person = status_needs_person(sight->status.status);
	if (row->needs_person && sight->status.detail[0])
		str_cut(row->note, sizeof row->note, sight->status.detail);
}

static void fill_tags(const struct peer_record *r, struct top_row *row)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err e;

	if (peer_profile(r, &p, &e) < 0)
		return;
	for (size_t i = 0; i < p.tags.n; i++)
		buf_fmt(&b, " @%s ", p.tags.v[i]);
	str_cut(row->tags, sizeof row->tags, buf_cstr(&b));
}

static int fill(const struct ctx *c, struct fleet *f, const struct peer_record *r,
		struct top_row *rows, struct err *e)
{
	struct sight *sights;

	if (sights_of(c, f, r, &sights, e) < 0)
		return -1;
	for (size_t i = 0; i < r->runtimes.n; i++) {
		struct top_row *row = &rows[i];

		*row = (struct top_row){.id = sights[i].id,
					.state = sights[i].shown,
					.queued = sights[i].queued,
					.quiet_ms = -1,
					.memory_bytes = -1};
		str_cut(row->note, sizeof row->note, r->description);
		if (sights[i].shown == SHOWN_LIVE && sights[i].o.has_session)
			fill_live(c, f, &sights[i], row);
	}
	free(sights);
	return 0;
}

int top_look(const struct ctx *c, const struct registry *r, bool tags, struct top *t, struct err *e)
{
	AUTO(fleet_done) struct fleet f = {.state = STRV_INIT};
	struct top_row *rows;
	size_t n = 0, room = 0;

	for (size_t i = 0; i < r->n; i++)
		room += r->peers[i].runtimes.n;
	if (fleet_scan(&c->layout, &f, e) < 0)
		return -1;
	rows = xcalloc(room + 1, sizeof *rows);
	for (size_t i = 0; i < r->n; i++) {
		if (fill(c, &f, &r->peers[i], rows + n, e) < 0) {
			free(rows);
			return -1;
		}
		if (tags)
			for (size_t j = 0; j < r->peers[i].runtimes.n; j++)
				fill_tags(&r->peers[i], rows + n + j);
		n += r->peers[i].runtimes.n;
	}
	weigh(rows, n);
	top_take(t, rows, n);
	return 0;
}
