/* doctor.h - inside of `doctor`: what the checks write to. Each check looks, says what it found,
 * and with --fix puts right what is ours to put right. Everything is read from files and
 * descriptors; the only programs started are tmux -V and a runtime's --version. */
#pragma once
#include "iapeer/cli/ctx.h"
#include "iapeer/registry/service.h"

enum finding { FOUND_OK, FOUND_WARN, FOUND_BAD, FINDING_COUNT };

struct doctor {
	struct ctx *c; /* its layout, registry and settings are open as far as they could be */
	bool fix;
	bool registry_ok; /* it was read; else nobody counts as unregistered */
	struct services services;
	struct json *list; /* the findings; borrowed from the reply */
	size_t n[FINDING_COUNT];
	size_t n_fixed;
};

/* One finding about `what`; advice: what to do, NULL when there is nothing. */
void doctor_say(struct doctor *d, enum finding f, const char *what, const char *advice,
		const char *fmt, ...) PRINTF(5, 6);
/* The same, for what --fix has put right just now. */
void doctor_fixed(struct doctor *d, const char *what, const char *fmt, ...) PRINTF(3, 4);
/* "a, b, c and 4 more" */
void doctor_names(struct buf *out, const struct strv *names, size_t max);

/* doctor_host.c */
void doctor_tmux(struct doctor *d);
void doctor_runtimes(struct doctor *d);
void doctor_environment(struct doctor *d);
void doctor_disk(struct doctor *d);

/* doctor_login.c */
struct manifest;
void doctor_login(struct doctor *d, const struct manifest *m, const struct strv *env);

/* doctor_files.c */
void doctor_modes(struct doctor *d);
void doctor_binary(struct doctor *d);
void doctor_sockets(struct doctor *d);
void doctor_litter(struct doctor *d); /* temporary files, messages that could not be read */

/* doctor_keeper.c */
void doctor_keeper(struct doctor *d);
void doctor_fate(struct doctor *d);

/* doctor_peers.c */
void doctor_services(struct doctor *d);
void doctor_leftovers(struct doctor *d);
void doctor_deaths(struct doctor *d);
void doctor_memory(struct doctor *d); /* would a death by memory be told from a kill -9? */
/* doctor_drill.c: a verb of its own, behind --drill. ERR_FAILED when a record is wrong. */
int doctor_drill(struct ctx *c, struct err *e) NODISCARD;
/* doctor_drift.c */
void doctor_drift(struct doctor *d);
