/* What the panel shows, out of files and /proc: no process is started. */
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc_tree.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/top_look.h"
#include "iapeer/lifecycle/activity.h"

#include "iapeer/base/banned.h"

/* Of the server and all that came from it. */
static int64_t memory_of(pid_t server)
{
	pid_t pids[PROC_TREE_MAX];
	size_t n = proc_tree(server, pids);
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t rss = plat_proc_rss(pids[i]);

		if (rss > 0)
			sum += rss;
	}
	return sum;
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
	row->memory_bytes = memory_of(row->session.server.pid);
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
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
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
	top_take(t, rows, n);
	return 0;
}
