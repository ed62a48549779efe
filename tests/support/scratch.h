/* scratch.h - processes of a test's own: ended by their pid, by whoever made them. */
#pragma once
#include <sys/types.h>

#include "world.h"

#include "iapeer/base/plat.h"

/* A child that waits until it is killed. */
struct proc_ref scratch_process(void);
/* Kill it and reap it; the wait status. */
int scratch_end(struct proc_ref ref, int sig);
/* Run n children that each do work(i, arg) and then leave; wait for all. How many did not exit 0.
 */
int scratch_swarm(int n, int (*work)(int i, void *arg), void *arg);

/* A terminal with a client of the peer's session attached to it. */
struct scratch_client {
	pid_t pid;
	int fd;
};
struct scratch_client scratch_attach(const struct world *w);
void scratch_detach(struct scratch_client *c);
