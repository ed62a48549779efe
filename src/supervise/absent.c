/* State whose identity left the registry by other hands (an edit, a restore, a sync): moved to the
 * trash, but only after it has been absent for a minute of awake time, seen by this keeper, from a
 * registry that is there, parses and is not newer. A file that is about to be replaced, or that
 * somebody has just broken, moves nothing. */
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/remove.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define RETRY_MS 60000 /* one that lives, or is at work */

static struct absent **find(struct keeper *k, const char *identity)
{
	struct absent **p = &k->absent;

	while (*p && strcmp((*p)->identity, identity) != 0)
		p = &(*p)->next;
	return p;
}

static void see(struct keeper *k, const char *identity, int64_t now)
{
	struct absent **p = find(k, identity);

	if (!*p) {
		*p = xcalloc(1, sizeof **p);
		str_cut((*p)->identity, sizeof(*p)->identity, identity);
		(*p)->since_mono_ms = now;
	}
	(*p)->seen = true;
}

/* Forget who is there again, or has no state any more; `all`: everybody. */
static void forget(struct keeper *k, bool all)
{
	for (struct absent **p = &k->absent; *p;) {
		struct absent *a = *p;

		if (!all && a->seen) {
			a->seen = false;
			p = &a->next;
			continue;
		}
		*p = a->next;
		free(a);
	}
}

static int look(struct keeper *k, int64_t now, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(strv_done) struct strv names = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1];
	const struct peer_record *p;
	struct peer_id id;
	const char *what;

	if (trash_registry(k->layout, &r, e) < 0 ||
	    fs_list(k->layout->root_fd, LAYOUT_LIFECYCLE, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!layout_parse_state(names.v[i], &id, &what))
			continue;
		p = registry_find(&r, id.name);
		if (p && record_has_runtime(p, id.runtime))
			continue;
		peer_identity(&id, identity);
		see(k, identity, now);
	}
	return 0;
}

/* Its time has come. What lives is reported once and left alone. */
static void move(struct keeper *k, struct absent *a, int64_t now)
{
	struct peer_id id;
	struct err e;
	int n;

	if (peer_parse(a->identity, &id, &e) == 0 &&
	    trash_identity(k->layout, &k->settings, &id, &n, &e) == 0) {
		a->since_mono_ms = now; /* what comes after it is another's */
		a->told = false;
		return;
	}
	if (!a->told)
		log_warn("absent", "identity=%s is not registered, and not moved: %s", a->identity,
			 e.msg);
	a->told = true;
}

static void on_absent(uv_timer_t *t)
{
	keeper_absent(t->data);
}

void keeper_absent(struct keeper *k)
{
	int64_t now = clock_mono_ms(), after = k->settings.trash_ms, next = 0;
	struct err e;

	if (k->leaving)
		return;
	if (look(k, now, &e) < 0) {
		log_debug("absent", "%s", e.msg);
		forget(k, true);
		return;
	}
	forget(k, false);
	for (struct absent *a = k->absent; a; a = a->next) {
		int64_t left = a->since_mono_ms + after - now;

		if (left <= 0) {
			move(k, a, now);
			left = RETRY_MS;
		}
		if (!next || left < next)
			next = left;
	}
	if (next)
		uv_timer_start(&k->absent_timer, on_absent, (uint64_t)next, 0);
}

void keeper_absent_done(struct keeper *k)
{
	forget(k, true);
}
