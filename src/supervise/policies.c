/* Wake policies stand in the peers' profiles, one file a peer. They are read again only when the
 * file is another: a look at everybody must not read a thousand files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

/* Where it is, or belongs. */
static size_t place_of(const struct policies *v, const char *name, bool *out_there)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(v->v[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*out_there = low < v->n && strcmp(v->v[low].name, name) == 0;
	return low;
}

static struct known_policy *slot(struct policies *v, const char *name)
{
	bool there;
	size_t at = place_of(v, name, &there);

	if (there)
		return &v->v[at];
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 16;
		v->v = xrealloc(v->v, v->cap * sizeof *v->v);
	}
	memmove(v->v + at + 1, v->v + at, (v->n - at) * sizeof *v->v);
	v->n++;
	v->v[at] = (struct known_policy){.policy = WAKE_ON_DEMAND};
	str_cut(v->v[at].name, sizeof v->v[at].name, name);
	return &v->v[at];
}

/* A profile that cannot be read makes nobody ephemeral or always-on. */
static enum wake_policy read_policy(const struct peer_record *p)
{
	AUTO(profile_done) struct profile profile = {.tree = NULL};
	struct err e;

	if (profile_load(p->cwd, &profile, &e) == 0)
		return profile.wake_policy;
	if (e.code != ERR_NOT_FOUND)
		log_warn("policies", "%s: %s", p->name, e.msg);
	return WAKE_ON_DEMAND;
}

enum wake_policy keeper_policy(struct keeper *k, const struct peer_record *p)
{
	struct known_policy *known = slot(&k->policies, p->name);
	char path[LAYOUT_PATH + sizeof LAYOUT_PROFILE];
	struct fs_info info;
	struct err e;

	snprintf(path, sizeof path, "%s/%s", p->cwd, LAYOUT_PROFILE);
	if (fs_stat(AT_FDCWD, path, &info, &e) < 0 || !info.exists)
		info = (struct fs_info){.exists = false};
	if (info.inode == known->inode && info.mtime_ms == known->mtime_ms &&
	    info.size == known->size)
		return known->policy;
	known->inode = info.inode;
	known->mtime_ms = info.mtime_ms;
	known->size = info.size;
	known->policy = read_policy(p);
	return known->policy;
}

void policies_done(struct policies *v)
{
	free(v->v);
	*v = (struct policies){.v = NULL};
}
