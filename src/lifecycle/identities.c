#include "iapeer/lifecycle/identities.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"

#include "iapeer/base/banned.h"

int identities_of(const struct layout *l, const struct peer_record *p, const char *name,
		  struct strv *out, struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1];
	struct peer_id id;
	const char *what;

	for (size_t i = 0; p && i < p->runtimes.n; i++) {
		if (peer_make(p->runtimes.v[i], name, &id, e) < 0)
			return -1;
		peer_identity(&id, identity);
		strv_add(out, identity);
	}
	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		if (!layout_parse_state(files.v[i], &id, &what) || strcmp(id.name, name) != 0)
			continue;
		peer_identity(&id, identity);
		if (!strv_has(out, identity))
			strv_add(out, identity);
	}
	strv_sort(out);
	return 0;
}

void peer_locks_done(struct peer_locks *k)
{
	for (size_t i = 0; i < k->n; i++)
		lock_done(&k->v[i]);
	free(k->v);
}

struct claim {
	void (*path)(const struct peer_id *id, char out[static LAYOUT_PATH]);
	const char *what;
	int64_t until_ms;
};

static int take_all(const struct layout *l, const struct strv *identities, struct claim claim,
		    struct peer_locks *out, struct err *e)
{
	char path[LAYOUT_PATH];
	struct peer_id id;

	if (fs_mkdirs(l->root_fd, LAYOUT_LOCKS, e) < 0)
		return -1;
	out->v = xcalloc(identities->n, sizeof *out->v);
	for (size_t i = 0; i < identities->n; i++) {
		struct lock free_lock = LOCK_INIT;

		out->v[out->n++] = free_lock;
		if (peer_parse(identities->v[i], &id, e) < 0)
			return -1;
		claim.path(&id, path);
		if (lock_take(&out->v[i], l->root_fd, path, claim.what, claim.until_ms, e) < 0)
			return -1;
	}
	return 0;
}

int peer_locks_take(const struct layout *l, const struct strv *identities, const char *what,
		    int64_t until_ms, struct peer_locks *out, struct err *e)
{
	return take_all(l, identities, (struct claim){layout_lock, what, until_ms}, out, e);
}

int queue_locks_take(const struct layout *l, const struct strv *identities, const char *what,
		     int64_t until_ms, struct peer_locks *out, struct err *e)
{
	return take_all(l, identities, (struct claim){layout_queue_lock, what, until_ms}, out, e);
}

bool observed_runs(const struct observation *o)
{
	return o->snap.session == SESSION_LIVE || o->snap.session == SESSION_UNKNOWN ||
	       o->snap.session == SESSION_PANE_DEAD || o->snap.session == SESSION_LEFTOVER;
}

bool identities_cut_short(const struct layout *l, const char *name)
{
	char moving[LAYOUT_PATH], removing[LAYOUT_PATH];

	layout_moving(name, moving);
	layout_removing(name, removing);
	return fs_exists(l->root_fd, moving) || fs_exists(l->root_fd, removing);
}
