/* What only time tells, sooner than a tick would: an ephemeral worker that has gone quiet, a server
 * that was stopped by a signal. One timer for all of them. */
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define ASK_FIRST_MS 2000
#define ASK_MAX_MS   60000

struct watched *keeper_find(struct keeper *k, const char *identity)
{
	for (struct watched *w = k->watched; w; w = w->next)
		if (strcmp(w->canary.identity, identity) == 0)
			return w;
	return NULL;
}

static void on_due(uv_timer_t *t);

static void arm(struct keeper *k)
{
	int64_t now = clock_mono_ms(), first = 0;

	for (const struct watched *w = k->watched; w; w = w->next)
		if (w->due_mono_ms && (!first || w->due_mono_ms < first))
			first = w->due_mono_ms;
	if (first && !k->leaving)
		uv_timer_start(&k->due_timer, on_due, (uint64_t)(first > now ? first - now : 0), 0);
}

static void on_due(uv_timer_t *t)
{
	struct keeper *k = t->data;
	int64_t now = clock_mono_ms();

	for (struct watched *w = k->watched; w; w = w->next) {
		if (!w->due_mono_ms || w->due_mono_ms > now)
			continue;
		w->due_mono_ms = 0;
		if (w->ask_ms)
			keeper_look(k, w->canary.identity, 0);
		else
			keeper_tick_one(w);
	}
	arm(k);
}

void keeper_due(struct watched *w, int64_t at_mono_ms)
{
	w->due_mono_ms = at_mono_ms;
	arm(w->k);
}

void keeper_due_policy(struct watched *w, const struct peer_id *id)
{
	struct err e;
	const struct registry *r = keeper_registry(w->k, &e);
	const struct peer_record *record;

	if (!r)
		return; /* said where it is needed */
	record = registry_find(r, id->name);
	w->policy = record ? keeper_policy(w->k, record) : WAKE_ON_DEMAND;
	if (w->policy == WAKE_EPHEMERAL)
		keeper_due(w, clock_mono_ms());
}

void keeper_due_unknown(struct keeper *k, const char *identity, bool unknown)
{
	struct watched *w = keeper_find(k, identity);
	int64_t now = clock_mono_ms();

	if (!w || (unknown && w->ask_ms && w->due_mono_ms > now))
		return;
	if (!unknown && !w->ask_ms)
		return;
	if (!unknown) {
		w->ask_ms = 0;
		keeper_due(w, now); /* it answers again: whatever waited for that */
		return;
	}
	w->ask_ms = w->ask_ms ? w->ask_ms * 2 : ASK_FIRST_MS;
	if (w->ask_ms > ASK_MAX_MS)
		w->ask_ms = ASK_MAX_MS;
	keeper_due(w, now + w->ask_ms);
}
