/* hook.h - what tmux's pane-died hook runs: takes no lock, starts no process, and ends within
 * a second. */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/registry/layout.h"

struct hook_facts {
	const char *pane; /* the pane that the hook speaks of: "%0" */
	pid_t pane_pid;   /* 0: not known */
	pid_t server_pid; /* the tmux server that runs the hook */
	int status;       /* exit status; -1: none */
	int signal;       /* -1 or 0: none */
};
/* Write <identity>.exit and ev=session-exit, and note for the canary that the tmux server ends by
 * the program's own end. Another pane than the program's: nothing is done. */
int hook_pane_died(const struct layout *l, const struct peer_id *id, const struct hook_facts *h,
		   struct err *e) NODISCARD;
/* The same when the hook was lost, for that server. */
int hook_record(const struct layout *l, const struct peer_id *id, const struct hook_facts *h,
		struct proc_ref server, struct err *e) NODISCARD;
