/* fleet.h - which state files there are, of all peers at once: two folders listed instead of a
 * dozen files looked for a peer. Read before everything else that is looked at; what comes later is
 * another event. */
#pragma once
#include "iapeer/base/fs_names.h"
#include "iapeer/registry/layout.h"
#include "iapeer/runtime/manifest.h"
#include <stdbool.h>

/* Names in the state folder and the socket folder. All zero is a valid start. */
struct fleet {
	struct fs_names state, socks;
	struct manifest *manifests; /* of runtimes that were asked for, each read once */
	size_t n_manifests;
};
/* As it is now; again with the same one, a folder in which nothing came or went is not listed
 * again. On failure there are no names. */
int fleet_scan(const struct layout *l, struct fleet *f, struct err *e) NODISCARD;
void fleet_done(struct fleet *f);

/* The state files of one identity, borrowed until the next scan. */
struct fleet_files {
	char *const *v; /* "shell-bob.session" */
	size_t n, skip; /* so many bytes stand before what they are */
};
struct fleet_files fleet_files(const struct fleet *f, const struct peer_id *id);
/* Is there <identity>.<what>? */
bool fleet_files_have(const struct fleet_files *files, const char *what);
bool fleet_has(const struct fleet *f, const struct peer_id *id, const char *what);
/* Is there one of these files (NULL behind the last), or a socket? */
bool fleet_any(const struct layout *l, const struct fleet *f, const struct peer_id *id,
	       const char *const *what);
/* Is there a file where layout_socket() says that its socket is? */
bool fleet_has_socket(const struct fleet *f, const char *socket);
