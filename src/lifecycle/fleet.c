#include "iapeer/lifecycle/fleet.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

int fleet_scan(const struct layout *l, struct fleet *out, struct err *e)
{
	*out = (struct fleet){.state = STRV_INIT, .socks = STRV_INIT};
	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &out->state, e) < 0 ||
	    fs_list(AT_FDCWD, l->socks, &out->socks, e) < 0) {
		fleet_done(out);
		return -1;
	}
	return 0;
}

void fleet_done(struct fleet *f)
{
	strv_done(&f->state);
	strv_done(&f->socks);
	for (size_t i = 0; i < f->n_manifests; i++)
		manifest_done(&f->manifests[i]);
	free(f->manifests);
	f->manifests = NULL;
	f->n_manifests = 0;
}

/* The first name that is not before `key`; NULL: all are. */
static const char *at_or_behind(const struct strv *names, const char *key)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(names->v[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < names->n ? names->v[low] : NULL;
}

static bool any_begins(const struct strv *names, const char *prefix)
{
	const char *name = at_or_behind(names, prefix);

	return name && str_starts(name, prefix);
}

bool fleet_has(const struct fleet *f, const struct peer_id *id, const char *what)
{
	char key[LAYOUT_PATH];
	const char *name;

	snprintf(key, sizeof key, "%s-%s.%s", id->runtime, id->name, what);
	name = at_or_behind(&f->state, key);
	return name && strcmp(name, key) == 0;
}

bool fleet_nothing(const struct layout *l, const struct fleet *f, const struct peer_id *id)
{
	char identity[PEER_IDENTITY_MAX + 1], prefix[PEER_IDENTITY_MAX + 2], socket[LAYOUT_PATH];
	struct err e;
	const char *name;

	peer_identity(id, identity);
	snprintf(prefix, sizeof prefix, "%s.", identity);
	if (any_begins(&f->state, prefix) || layout_socket(l, id, socket, &e) < 0)
		return false;
	name = strrchr(socket, '/');
	return !any_begins(&f->socks, name ? name + 1 : socket);
}
