/* What there is to do for each peer, found by looking at files. */
#include <stdlib.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/lifecycle/fleet.h"
#include "iapeer/lifecycle/move.h"
#include "iapeer/lifecycle/observe.h"
#include "iapeer/lifecycle/remove.h"
#include "iapeer/registry/service.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

/* To be up again in a moment: that moment is the work's own time. */
static bool rests(const struct decision *d, const struct observation *o)
{
	return d->action == ACT_NONE && o->snap.duty == DUTY_REST && !o->snap.stopped &&
	       !o->snap.crash_loop && !o->snap.foreign && o->snap.declared;
}

/* One peer, by files only. A look that finds work asks for a worker, who looks again under the
 * lock. */
static void look(struct keeper *k, const struct registry *r, const struct fleet *f,
		 const struct peer_id *id, int64_t not_before_ms)
{
	struct observe_in in = {
	    .layout = k->layout, .settings = &k->settings, .id = *id, .fleet = f};
	struct observation *o;
	char identity[PEER_IDENTITY_MAX + 1];
	const struct work *at_it;
	struct decision d;
	bool work;
	struct err e;

	in.record = registry_find(r, id->name);
	if (!in.record)
		return; /* live sessions of unregistered names are left alone */
	peer_identity(id, identity);
	/* Its worker looks at it under its lock, and we do when that has ended: what is seen in
	 * between is that worker's work, half done. */
	at_it = workq_find(&k->work, identity);
	if (at_it && at_it->running)
		return;
	o = xcalloc(1, sizeof *o);
	if (observe(&in, o, &e) < 0) {
		log_warn("supervise", "identity=%s %s", identity, e.msg);
		free(o);
		return;
	}
	keeper_due_unknown(k, identity, o->snap.session == SESSION_UNKNOWN);
	work = o->snap.queued || o->snap.sending || o->snap.turn;
	if (!k->settings.canary && o->has_session && o->canary_state == CANARY_NONE)
		keeper_watch(k, identity);
	if (o->snap.session == SESSION_ABSENT)
		observe_duty(&in, keeper_policy(k, in.record), o);
	d = decide(work ? TRIG_MESSAGE : TRIG_LOOK, &o->snap);
	if (d.action > ACT_REFUSE_UNKNOWN || rests(&d, o)) { /* only then does it matter */
		o->snap.foreign = service_guard(id->name, NULL, &e) < 0;
		d = decide(work ? TRIG_MESSAGE : TRIG_LOOK, &o->snap);
	}
	/* A head that waits is tried again by its own clock (events.c). */
	if (d.action > ACT_REFUSE_UNKNOWN &&
	    !(d.action >= ACT_SETTLE && keeper_waiting(k, identity)))
		keeper_want(k, identity, work ? TRIG_MESSAGE : TRIG_LOOK,
			    o->snap.session != SESSION_LIVE, not_before_ms);
	else if (rests(&d, o))
		keeper_want(k, identity, TRIG_LOOK, true,
			    clock_mono_ms() + o->rested_utc_ms - clock_utc_ms());
	free(o);
}

/* It is only ever replaced whole, so another file is another inode; one that somebody edited in
 * place has another time. */
static bool same_file(const struct fs_info *a, const struct fs_info *b)
{
	return a->exists && b->exists && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ms == b->mtime_ms;
}

const struct registry *keeper_registry(struct keeper *k, struct err *e)
{
	struct registry now;
	struct fs_info file;

	if (fs_stat(k->layout->root_fd, LAYOUT_REGISTRY, &file, e) < 0)
		return NULL;
	if (same_file(&file, &k->registry_file))
		return &k->registry;
	if (registry_load(k->layout, &now, e) < 0)
		return NULL;
	registry_done(&k->registry);
	k->registry = now;
	k->registry_reads++;
	/* One that was written a moment ago may be written again within its clock's grain. */
	if (clock_utc_ms() - file.mtime_ms < FS_GRAIN_MS)
		file.exists = false;
	k->registry_file = file;
	return &k->registry;
}

void keeper_look(struct keeper *k, const char *identity, int64_t not_before_ms)
{
	const struct registry *r;
	struct peer_id id;
	struct err e;

	if (k->leaving || peer_parse(identity, &id, &e) < 0)
		return;
	r = keeper_registry(k, &e);
	if (r)
		look(k, r, NULL, &id, not_before_ms);
	else
		log_warn("supervise", "%s", e.msg);
}

static void look_all(struct keeper *k)
{
	const struct registry *r;
	struct peer_id id;
	struct err e;

	if (k->leaving)
		return;
	r = keeper_registry(k, &e);
	if (!r || fleet_scan(k->layout, &k->fleet, &e) < 0) {
		log_warn("supervise", "%s", e.msg);
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->peers[i].runtimes.n; j++)
			if (peer_make(r->peers[i].runtimes.v[j], r->peers[i].name, &id, &e) == 0 &&
			    (!observe_nothing(k->layout, &k->fleet, &id, false) ||
			     keeper_policy(k, &r->peers[i]) == WAKE_ALWAYS))
				look(k, r, &k->fleet, &id, 0);
}

/* Everything that is to be done stands on disk: start, restart and recovery are this one path. */
void keeper_scan(struct keeper *k)
{
	struct err e;
	int n;

	/* Whoever is at it holds its locks, and needs no help. */
	if (remove_finish(k->layout, 0, &n, &e) < 0 && e.code != ERR_TIMEOUT)
		log_warn("supervise", "%s", e.msg);
	if (move_finish(k->layout, 0, &e) < 0 && e.code != ERR_TIMEOUT)
		log_warn("supervise", "%s", e.msg);
	keeper_watch_all(k);
	look_all(k);
	keeper_run_work(k);
}
