/* environment.h - what every peer's program gets: <root>/environment, KEY=VALUE lines.
 *
 * Written once, at the first create, from that caller's HOME, USER, LOGNAME, SHELL, PATH, LANG,
 * LC_*, TZ, SSH_AUTH_SOCK and XDG_RUNTIME_DIR; the user may add lines. Never the caller's own
 * environment afterwards.
 */
#pragma once
#include "iapeer/registry/layout.h"

int environment_ensure(const struct layout *l, struct err *e) NODISCARD; /* write it if missing */
/* Set one variable in the file, in its place; every other line stays as it is. ERR_NOT_FOUND: no
 * file; ERR_CORRUPT: it holds what cannot be read, and stays as it is. */
int environment_put(const struct layout *l, const char *key, const char *value,
		    struct err *e) NODISCARD;
/* KEY=VALUE strings, in the file's order; a missing file yields HOME, PATH and SHELL from the
 * password file. */
int environment_load(const struct layout *l, struct strv *out, struct err *e) NODISCARD;
/* Value of key in a vector of KEY=VALUE; NULL. Borrowed. */
const char *environment_get(const struct strv *env, const char *key);
/* Set or replace. */
void environment_set(struct strv *env, const char *key, const char *value);
/* Parse launch.env text: KEY=VALUE lines, # comments, optional quotes. PEER_START_ARGS goes to
 * *args split as a shell splits words; the rest is set in *env. `what` names the file in errors
 * (ERR_CORRUPT with the line's number). */
int environment_parse(const char *text, size_t len, const char *what, struct strv *env,
		      struct strv *args, struct err *e) NODISCARD;
