#include "iapeer/lifecycle/fleet.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

int fleet_scan(const struct layout *l, struct fleet *f, struct err *e)
{
	if (fs_names_look(&f->state, l->root_fd, LAYOUT_LIFECYCLE, e) == 0 &&
	    fs_names_look(&f->socks, AT_FDCWD, l->socks, e) == 0)
		return 0;
	fs_names_done(&f->state);
	fs_names_done(&f->socks);
	return -1;
}

void fleet_done(struct fleet *f)
{
	fs_names_done(&f->state);
	fs_names_done(&f->socks);
	for (size_t i = 0; i < f->n_manifests; i++)
		manifest_done(&f->manifests[i]);
	free(f->manifests);
	f->manifests = NULL;
	f->n_manifests = 0;
}

/* Where the names begin that are not before `key`. */
static size_t at_or_behind(const struct strv *names, const char *key)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(names->v[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct fleet_files fleet_files(const struct fleet *f, const struct peer_id *id)
{
	const struct strv *names = &f->state.v;
	char prefix[PEER_IDENTITY_MAX + 2];
	struct fleet_files out = {.n = 0};
	size_t at;

	peer_identity(id, prefix);
	out.skip = strlen(prefix) + 1;
	prefix[out.skip - 1] = '.';
	prefix[out.skip] = '\0';
	if (names->n == 0)
		return out;
	at = at_or_behind(names, prefix);
	out.v = names->v + at;
	for (; at + out.n < names->n && str_starts(out.v[out.n], prefix); out.n++)
		;
	return out;
}

bool fleet_files_have(const struct fleet_files *files, const char *what)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->v[i] + files->skip, what) == 0)
			return true;
	return false;
}

bool fleet_has(const struct fleet *f, const struct peer_id *id, const char *what)
{
	struct fleet_files files = fleet_files(f, id);

	return fleet_files_have(&files, what);
}

bool fleet_has_socket(const struct fleet *f, const char *socket)
{
	const char *slash = strrchr(socket, '/'), *name = slash ? slash + 1 : socket;
	size_t at = at_or_behind(&f->socks.v, name);

	return at < f->socks.v.n && strcmp(f->socks.v.v[at], name) == 0;
}

bool fleet_any(const struct layout *l, const struct fleet *f, const struct peer_id *id,
	       const char *const *what)
{
	struct fleet_files files = fleet_files(f, id);
	char socket[LAYOUT_PATH];
	struct err e;

	for (; files.n && *what; what++)
		if (fleet_files_have(&files, *what))
			return true;
	return layout_socket(l, id, socket, &e) == 0 && fleet_has_socket(f, socket);
}
