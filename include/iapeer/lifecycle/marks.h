/* marks.h - the boolean marks and small state files of an identity. Boolean marks hold an
 * ISO time. */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/canary/oom.h"
#include "iapeer/delivery/topics.h"
#include "iapeer/lifecycle/death.h"
#include "iapeer/registry/layout.h"

#define MARK_STOPPED     "stopped"
#define MARK_IDLE_REAPED "idle-reaped"
#define MARK_NEW_EAGER   "new-eager"
#define MARK_FRESH_NEXT  "fresh-next"
/* Of one session of an ephemeral worker; gone with it. */
#define MARK_TASK_GIVEN "ephemeral-armed" /* it was given its task */
#define MARK_TASK_DONE  "ephemeral-done"  /* its task says that it is done */

int mark_set(const struct layout *l, const struct peer_id *id, const char *mark,
	     struct err *e) NODISCARD;
int mark_clear(const struct layout *l, const struct peer_id *id, const char *mark,
	       struct err *e) NODISCARD;
bool mark_is_set(const struct layout *l, const struct peer_id *id, const char *mark);
int deaths_load(const struct layout *l, const struct peer_id *id, struct death_ring *out,
		struct err *e) NODISCARD; /* missing: empty */
int deaths_add(const struct layout *l, const struct peer_id *id, const struct death_entry *d,
	       struct err *e) NODISCARD;
/* They stay on record, for they say how the next wake begins, and make no crash loop any more.
 * What cannot be read goes. */
int deaths_forgive(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;

/* <identity>.exit, the hook's: how the pane's program ended. ERR_NOT_FOUND. */
struct pane_exit {
	pid_t pane_pid;
	int status;       /* exit status; -1: killed */
	int signal;       /* 0: none */
	pid_t server_pid; /* the tmux server that told us */
	int64_t at_ms;
	enum oom_proof oom; /* what proves that it was killed for memory */
};
int pane_exit_load(const struct layout *l, const struct peer_id *id, struct pane_exit *out,
		   struct err *e) NODISCARD;
int pane_exit_save(const struct layout *l, const char *identity, const struct pane_exit *x,
		   struct err *e) NODISCARD;

/* Of a server that is gone, and whose armed record is too, or cannot be read: was it not ended on
 * purpose? Who ends one drops the session while the ending stands, and a program's own end is noted
 * in `exit`; so a session that still names it, without either, says that the record was deleted or
 * damaged. */
bool died_unmarked(const struct layout *l, const char *identity, struct proc_ref server);
