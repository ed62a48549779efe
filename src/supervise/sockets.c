/* Servers that answer on our sockets and that nobody watches: started by hand, or by a build that
 * did not know how. Once a tick; a folder whose sockets are all watched costs one look at its
 * names. */
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Sockets of the folder that no watched server has; both lists are sorted. */
static void unwatched(const struct keeper *k, const struct strv *names, struct strv *out)
{
	AUTO(strv_done) struct strv known = STRV_INIT;
	size_t at = 0;

	for (const struct watched *w = k->watched; w; w = w->next)
		strv_add(&known, base_name(w->canary.socket));
	strv_add(&known, base_name(k->socket));
	strv_sort(&known);
	for (size_t i = 0; i < names->n; i++) {
		while (at < known.n && strcmp(known.v[at], names->v[i]) < 0)
			at++;
		if (str_ends(names->v[i], ".sock") &&
		    (at == known.n || strcmp(known.v[at], names->v[i]) != 0))
			strv_add(out, names->v[i]);
	}
}

static void look_if_there(struct keeper *k, const struct strv *names, const struct peer_id *id)
{
	char socket[LAYOUT_PATH], identity[PEER_IDENTITY_MAX + 1];
	struct err e;

	if (layout_socket(k->layout, id, socket, &e) < 0 || !strv_has(names, base_name(socket)))
		return;
	peer_identity(id, identity);
	keeper_look(k, identity, 0);
}

void keeper_look_sockets(struct keeper *k, const struct strv *names)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(strv_done) struct strv strange = STRV_INIT;
	struct peer_id id;
	struct err e;

	if (k->leaving || !k->settings.canary)
		return;
	unwatched(k, names, &strange);
	if (strange.n == 0 || registry_load(k->layout, &r, &e) < 0)
		return;
	for (size_t i = 0; i < r.n; i++)
		for (size_t j = 0; j < r.peers[i].runtimes.n; j++)
			if (peer_make(r.peers[i].runtimes.v[j], r.peers[i].name, &id, &e) == 0)
				look_if_there(k, &strange, &id);
}
