/* The flight recorder's samples (canary/flight.h). With each tick a peer that printed or reported
 * since its last sample gets another; a quiet one with every fifth, so that a team that does
 * nothing costs two looks at files a peer and writes nothing. When memory is short everybody gets
 * one, and all processes of the machine are looked at: only then is it of interest who took it.
 * Starts nothing, waits for nothing. */
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc_tree.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/flight.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define QUIET_TICKS 5
#define STATS_KEPT  64
#define TOGETHER    64  /* quiet ones that one tick weighs: while it does, a death waits */
#define SHORT_PART  8   /* memory is short when less than this part of it is available */
#define PRESSED     500 /* or when somebody waited for it in so much of the last 10 s (5 %) */

struct weighed {
	pid_t pid;
	uint64_t birth;
	int64_t rss;
};

/* Some processes and what they held when they were looked at, by pid. */
struct census {
	size_t n, room;
	struct weighed v[];
};

static int by_pid(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int64_t rss_before(const struct census *before, const struct weighed *now)
{
	const struct weighed *old = bsearch(now, before->v, before->n, sizeof *now, by_pid);

	return old && old->birth == now->birth ? old->rss : 0;
}

static struct census *census_new(size_t room)
{
	struct census *c = xcalloc(1, sizeof *c + room * sizeof *c->v);

	c->room = room;
	return c;
}

/* Weigh one more, and note it if nobody has grown by as much since the census before (NULL: there
 * is none). */
static void weigh(struct census *c, pid_t pid, const struct proc_info *info,
		  const struct census *before, char grew[static 24], int64_t *by)
{
	struct weighed *w = &c->v[c->n];
	int64_t more;

	if (c->n == c->room)
		return;
	*w = (struct weighed){.pid = pid, .birth = info->birth, .rss = info->rss_bytes};
	c->n++;
	more = before ? w->rss - rss_before(before, w) : 0;
	if (more > *by) {
		*by = more;
		str_cut(grew, 24, info->name);
	}
}

static bool is_there(pid_t pid, struct proc_info *out)
{
	struct err e;

	return plat_proc_info(pid, out, &e) == 0 && out->state != PROC_GONE;
}

/* Of the first ones the file in /proc stays open, which makes a look half as long; for many it
 * would be a burden on the kernel. */
static bool server_is_there(struct watched *w, struct proc_info *out)
{
	bool kept = w->stat_fd >= 0, there;
	struct err e;

	if (!kept && w->k->stats_kept >= STATS_KEPT)
		return is_there(w->canary.server.pid, out);
	there = plat_proc_info_again(w->canary.server.pid, &w->stat_fd, out, &e) == 0 &&
		out->state != PROC_GONE;
	w->k->stats_kept += (w->stat_fd >= 0) - kept;
	return there;
}

/* Take the place of the census before. */
static void settle(struct census *c, struct census **place)
{
	qsort(c->v, c->n, sizeof *c->v, by_pid);
	free(*place);
	*place = c;
}

/* A server and all that came from it; *out_program is what it runs, as it was weighed, or gone.
 * False: the server has gone, its death is about to be told. */
static bool weigh_tree(struct watched *w, struct flight_sample *s, struct proc_info *out_program)
{
	struct proc_ref server = w->canary.server;
	pid_t pids[PROC_TREE_MAX];
	size_t n = proc_tree(server.pid, pids);
	struct census *c = census_new(n);
	struct proc_info info;

	*out_program = (struct proc_info){.state = PROC_GONE};
	for (size_t i = 0; i < n; i++) {
		if (!(i ? is_there(pids[i], &info) : server_is_there(w, &info)))
			continue;
		weigh(c, pids[i], &info, w->flight.tree, s->grew, &s->grew_bytes);
		s->rss_bytes += info.rss_bytes;
		if (pids[i] == w->session.pane.pid)
			*out_program = info;
	}
	if (c->n == 0 || c->v[0].pid != server.pid || c->v[0].birth != server.birth) {
		free(c);
		return false;
	}
	s->processes = (int64_t)c->n;
	settle(c, &w->flight.tree);
	return true;
}

/* Everybody, while memory is short. */
static void weigh_all(struct keeper *k, struct flight_sample *s)
{
	struct proc_info info;
	struct census *c;
	pid_t *pids = NULL;
	size_t n = 0;
	struct err e;

	if (plat_pids(&pids, &n, &e) < 0)
		return;
	c = census_new(n);
	for (size_t i = 0; i < n; i++)
		if (is_there(pids[i], &info))
			weigh(c, pids[i], &info, k->census, s->most, &s->most_bytes);
	free(pids);
	settle(c, &k->census);
}

/* What all samples of one tick have in common. */
struct machine {
	struct flight_sample s;
	bool looked, is_short;
};

static void look_at_machine(struct keeper *k, struct machine *m)
{
	struct mem_info mem = {.total = -1, .available = -1};
	struct flight_sample *s = &m->s;
	struct err e;

	if (m->looked)
		return;
	m->looked = true;
	if (plat_mem_info(&mem, &e) < 0)
		mem.available = -1;
	s->available_bytes = mem.available;
	s->pressure = plat_memory_pressure();
	m->is_short = s->pressure >= PRESSED ||
		      (mem.available >= 0 && mem.available < mem.total / SHORT_PART);
	if (m->is_short)
		weigh_all(k, s);
	else
		keeper_recorder_done(k);
}

void keeper_recorder_done(struct keeper *k)
{
	free(k->census);
	k->census = NULL;
}

/* By its name in a folder that is open. */
static int64_t touched(int dirfd, const char *path)
{
	struct fs_info info;
	struct err e;

	return fs_stat(dirfd, strrchr(path, '/') + 1, &info, &e) == 0 && info.exists ? info.mtime_ms
										     : 0;
}

/* What it does: a shell (`p`) by who is in the foreground, others by the last word of their
 * program, which is read again only when there is a new one. */
static const char *state_of(struct watched *w, const struct session *s, const struct proc_info *p,
			    const struct flight_sample *now)
{
	struct report r = {.ids = STRV_INIT};

	if (w->session.kind == KIND_SHELL)
		return p->state == PROC_GONE || p->tty_pgid <= 0
			   ? ""
			   : status_word(p->tty_pgid != p->pgid ? STATUS_WORKING : STATUS_IDLE);
	if (now->reported_at_ms != w->flight.reported_at_ms) {
		w->flight.told = status_last_report(w->k->layout, s, &r);
		w->flight.status = status_of_report(r.kind, r.detail);
		report_done(&r);
	}
	return w->flight.told ? status_word(w->flight.status) : "";
}

static void record_one(struct watched *w, const struct session *s, struct flight_sample *now)
{
	bool first = !w->flight.last;
	struct proc_info program;
	struct err e;

	if (!weigh_tree(w, now, &program))
		return;
	/* Not everywhere is told who came from whom. */
	if (program.state == PROC_GONE && plat_proc_info(w->session.pane.pid, &program, &e) < 0)
		program.state = PROC_GONE;
	now->server = w->canary.server.pid;
	now->attached = session_attached(s);
	if (w->session.known)
		str_cut(now->state, sizeof now->state, state_of(w, s, &program, now));
	w->flight.printed_at_ms = now->printed_at_ms;
	w->flight.reported_at_ms = now->reported_at_ms;
	w->flight.quiet_ticks = first ? (int)(w->k->first_samples++ / TOGETHER % QUIET_TICKS) : 0;
	if (flight_add(w->k->layout, &s->id, now, &w->flight.last, &e) < 0)
		log_warn("recorder", "identity=%s %s", w->canary.identity, e.msg);
}

/* The folders of the tick, for each peer's files are looked at in them. */
struct folders {
	int logs, state;
};

static void look_at_one(struct watched *w, const struct folders *in, struct machine *m)
{
	struct flight_sample now;
	struct session s = {.woke_at_ms = w->session.woke_at_ms};
	int64_t printed, reported;
	char path[LAYOUT_PATH];
	struct err e;

	if (w->dying || peer_parse(w->canary.identity, &s.id, &e) < 0)
		return;
	str_cut(s.socket, sizeof s.socket, w->canary.socket);
	layout_pane_log(&s.id, path);
	printed = touched(in->logs, path);
	layout_state(&s.id, "reports", path);
	reported = w->session.hooks ? touched(in->state, path) : 0;
	if (!m->is_short && w->flight.last && printed == w->flight.printed_at_ms &&
	    reported == w->flight.reported_at_ms && ++w->flight.quiet_ticks < QUIET_TICKS)
		return;
	look_at_machine(w->k, m);
	now = m->s;
	now.printed_at_ms = printed;
	now.reported_at_ms = reported;
	record_one(w, &s, &now);
}

/* While much is free nobody asks for what is free, and who waits, but a sample: waiting is then for
 * the limit of some group. Once memory is short every tick looks. */
void keeper_record_flight(struct keeper *k)
{
	struct machine m = {.s.at_ms = clock_utc_ms()};
	auto_fd int logs = -1;
	struct err e;

	if (!k->watched || k->leaving || !k->fleet.state.open)
		return;
	if (fs_open_dir(k->layout->root_fd, LAYOUT_PANE_LOGS, &logs, &e) < 0) {
		log_warn("recorder", "%s", e.msg);
		return;
	}
	if (k->census || !plat_memory_ample())
		look_at_machine(k, &m);
	for (struct watched *w = k->watched; w; w = w->next)
		look_at_one(w, &(struct folders){logs, k->fleet.state.fd}, &m);
}
