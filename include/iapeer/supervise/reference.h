/* reference.h - the daemon of @agfpd/iapeer, which has the same files in the same places: only one
 * may serve a root. */
#pragma once
#include "iapeer/registry/layout.h"

/* The pid that state/iapeer/router.json names, if that process lives; 0: none. A file that cannot
 * be understood names nobody. Reads that file only. */
pid_t reference_daemon(const struct layout *l);
/* ERR_REFUSED with its pid and the way out when it lives. */
int reference_refuse(const struct layout *l, struct err *e) NODISCARD;
