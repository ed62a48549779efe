/* proc_tree.h - a process and all that came from it. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#define PROC_TREE_MAX 1024

/* Puts `root` and its descendants into pids, parents before their children; returns how many. Looks
 * at them alone, however many others run. Who started and ended in between may be missing; who has
 * more than PROC_TREE_MAX is counted up to there. */
size_t proc_tree(pid_t root, pid_t pids[static PROC_TREE_MAX]);
