/* supervise.h - the keeper: one process per root, the only one that starts tmux servers, and their
 * reaper. */
#pragma once
#include "iapeer/registry/layout.h"

struct supervise_opts {
	bool on_demand;      /* leave when nothing is live, armed or queued */
	bool replace;        /* ask the running keeper to hand over */
	int64_t interval_ms; /* of the tick; 0: a minute */
	int ready_fd;        /* who started it waits there (start.h); -1: nobody */
};
/* Run until told to leave. ERR_REFUSED: another keeper runs (its pid is named). */
int supervise_run(const struct layout *l, const struct supervise_opts *o, struct err *e) NODISCARD;
/* Ask the running keeper to leave; sessions stay. *out_was: there was one. */
int supervise_stop(const struct layout *l, int64_t deadline_ms, bool *out_was,
		   struct err *e) NODISCARD;
/* The version of libuv, "1.44.2". */
const char *supervise_libuv(void);
/* The worker's side: `iapeer _apply <identity> --trigger=<t> --build=<id> [--activity=<stamp>]
 * [--files=<n>]`: prints events as JSON lines. */
struct worker_args {
	const char *identity, *trigger, *build;
	int64_t activity_stamp; /* trigger tick: see request.h */
	int64_t files; /* soft limit of descriptors for us and all that we start; 0: as it is */
};
int supervise_worker(const struct layout *l, const struct worker_args *a, struct err *e) NODISCARD;
