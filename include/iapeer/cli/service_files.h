/* service_files.h - `supervise --print`, `--install`, `--uninstall`: the keeper as a service.
 *
 * The file is written for the manager of this system, then the manager is told. One that cannot be
 * reached (no session, a container, IAPEER_TEST_SANDBOX=1) is no failure: the file is there, and
 * what to type is said. A file of that name that is not ours, or that keeps another root, is never
 * touched (ERR_REFUSED).
 */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/verb.h"

int service_print(struct ctx *c, const char *manager,
		  struct err *e) NODISCARD; /* ERR_USAGE: no such manager */
int service_install(struct ctx *c, struct err *e) NODISCARD;
int service_uninstall(struct ctx *c, struct err *e) NODISCARD;
