/* witness.h - who asked tmux to kill, noted by an alias before the command goes on.
 *
 * A hint beside the cause, never a cause by itself: short forms and signals go round it. It says
 * something of one server only (pid, birth, boot), and tmux takes it back a second later if that
 * server still lives: a kill that was refused, or that ended something else, explains no later
 * death. So what is still on disk when a server is found dead was asked within its last second,
 * however late it is found and whatever the clock says.
 */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/registry/layout.h"
#include <stdbool.h>

#define WITNESS_DEPTH 8

struct witness {
	struct proc_ref server;
	char command[32]; /* "kill-session" */
	char asker[160];  /* "shell-alice: tmux < bash < python3", "tmux < bash < sshd"; "": nobody
			     seen */
	char pids[120];   /* of the same processes: "4711 4690 4688" */
	int64_t at_ms;    /* UTC */
};

/* Look who asks for that command, and write it down, if that server is armed. Called by the alias,
 * so the client that asked is waiting: starts nothing, takes no lock, looks at processes only. */
int witness_note(const struct layout *l, const char *identity, struct proc_ref server,
		 const char *command, struct err *e) NODISCARD;
/* The server lives on: forget what was noted of it. */
int witness_over(const struct layout *l, const char *identity, struct proc_ref server,
		 struct err *e) NODISCARD;
/* What was noted of that very server; false: nothing. */
bool witness_load(const struct layout *l, const char *identity, struct proc_ref server,
		  struct witness *out);
