/* Servers that were seen dead: what is known of each end is put on record. */
#include <stdlib.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define STATUS_TRIES 15 /* a non-child's status appears when its own parent has reaped it */
#define STATUS_MS    20
#define BATCH        256
#define OWED_MS      1000 /* between two looks whether an owed record can be written */

/* Is its armed record gone, or damaged, without an end that somebody has begun? What we know of it
 * is enough. */
static bool unmarked(const struct watched *w)
{
	enum canary_state state;
	struct canary now;
	struct err e;

	if (canary_load(w->k->layout, w->canary.identity, &state, &now, &e) == 0 &&
	    state != CANARY_NONE)
		return false;
	return died_unmarked(w->k->layout, w->canary.identity, w->canary.server);
}

/* Its exact status, from us as its reaper or from the kernel; false: not yet, or never. */
static bool know_status(struct keeper *k, struct watched *w, struct death *d)
{
	d->observed = keeper_reaped(k, w->canary.server, &d->status) ||
		      plat_exit_status(w->canary.server, w->fd, &d->status);
	return d->observed || w->late || ++w->tries > STATUS_TRIES;
}

/* `owed` ones too: those that could not be written down the last time. */
static size_t collect(struct keeper *k, bool owed, struct death *deaths, bool *out_more)
{
	size_t n = 0;

	*out_more = false;
	for (struct watched *w = k->watched; w && n < BATCH; w = w->next) {
		if (!w->dying || w->unarmed || (w->owed && !owed))
			continue;
		deaths[n] =
		    (struct death){.canary = w->canary, .late = w->late, .unmarked = unmarked(w)};
		if (know_status(k, w, &deaths[n]))
			n++;
		else
			*out_more = true;
	}
	return n;
}

/* What is on record (or was ended on purpose) needs no watching; the rest is tried again. */
static void after(struct keeper *k, const struct death *d)
{
	const char *identity = d->canary.identity;
	struct watched *w = keeper_find(k, identity);

	if (!w || w->canary.server.pid != d->canary.server.pid)
		return;
	if (!d->settled) {
		w->late = w->owed = true;
		return;
	}
	keeper_unwatch(w);
	keeper_look(k, identity, 0);
	keeper_watch(k, identity); /* a new server may be armed already */
}

/* Nothing is recorded of them; a worker forgets the session. */
static void settle_unarmed(struct keeper *k)
{
	for (struct watched *w = k->watched, *next; w; w = next) {
		char identity[sizeof w->canary.identity];

		next = w->next;
		if (!w->dying || !w->unarmed)
			continue;
		str_cut(identity, sizeof identity, w->canary.identity);
		keeper_unwatch(w);
		keeper_look(k, identity, 0);
	}
}

static bool any_owed(const struct keeper *k)
{
	for (const struct watched *w = k->watched; w; w = w->next)
		if (w->owed)
			return true;
	return false;
}

static void soon(struct keeper *k, uint64_t after_ms);

static void settle_deaths(struct keeper *k, bool owed)
{
	struct death *deaths = xcalloc(BATCH, sizeof *deaths);
	bool more;
	size_t n;
	struct err e = ERR_INIT;

	keeper_reap(k);
	settle_unarmed(k);
	n = collect(k, owed, deaths, &more);
	if (n > 0)
		keeper_owe(k, canary_record(k->layout, deaths, n, &e) < 0 ? &e : NULL);
	for (size_t i = 0; i < n; i++) {
		if (deaths[i].recorded)
			log_info("watch", "death identity=%s cause=%s", deaths[i].canary.identity,
				 deaths[i].cause);
		after(k, &deaths[i]);
	}
	if (more || n == BATCH)
		soon(k, n == BATCH ? 0 : STATUS_MS);
	else if (any_owed(k))
		soon(k, OWED_MS);
	free(deaths);
	keeper_consider_leaving(k);
}

static void on_deaths(uv_timer_t *t)
{
	struct keeper *k = t->data;

	settle_deaths(k, keeper_may_pay(k));
}

static void soon(struct keeper *k, uint64_t after_ms)
{
	uv_timer_start(&k->death_timer, on_deaths, after_ms, 0);
}

void keeper_deaths_soon(struct keeper *k)
{
	soon(k, 0);
}

bool keeper_check_server(struct keeper *k, const char *identity, bool now)
{
	struct watched *w = keeper_find(k, identity);

	if (!w || !canary_server_gone(&w->canary))
		return true;
	if (w->fd >= 0 && !w->dying)
		uv_poll_stop(&w->poll);
	w->dying = true;
	settle_deaths(k, now || keeper_may_pay(k));
	w = keeper_find(k, identity);
	return !w || !w->dying || !w->late;
}
