/* oom.h - did the kernel kill a server because memory had run out? By proof, never by a guess.
 * Pure.
 *
 * SIGKILL alone says nothing. Two things prove it. The kernel's own line in its log, which names
 * every process that it kills for memory: that very pid, after it was armed. Or the counter of the
 * server's own memory cgroup, where that group dies as a whole (memory.oom.group): a server that
 * was still there after such a kill cannot be, so a counter that moved since it was armed moved at
 * its death. Elsewhere a counter tells that somebody was killed, at some time: a hint, no proof.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OOM_VICTIMS 64

struct oom_victim {
	int pid;
	int64_t at_ms; /* on the kernel's clock, which is awake time up to a drift of seconds */
	char name[16];
};

/* What the kernel's log says of kills for memory. */
struct oom_log {
	bool readable;                    /* and its pids are those that we see */
	bool any;                         /* a line was read */
	int64_t since_ms;                 /* of the oldest line that it still holds, on its clock */
	struct oom_victim v[OOM_VICTIMS]; /* a ring of the newest */
	size_t n;                         /* so many were seen */
};
/* A line as /dev/kmsg gives it. Only what the kernel itself said counts: names of processes and
 * groups, and lines that a user wrote there, may say anything. */
void oom_log_add(struct oom_log *log, const char *line, size_t len);
/* Is that pid named after it was armed? A death that is found late must also be a tmux's, for the
 * pid may have been somebody else's since. armed_ms 0: not known, so no. */
bool oom_log_names(const struct oom_log *log, int pid, int64_t armed_ms, bool late);
bool oom_log_covers(const struct oom_log *log, int64_t armed_ms); /* nothing lost since */

enum oom_end { OOM_END_SIGKILL, OOM_END_OTHER, OOM_END_UNKNOWN, OOM_END_COUNT };
struct oom_facts {
	enum oom_end end;               /* as the kernel told it */
	bool named;                     /* by the kernel's log, after it was armed */
	bool covered;                   /* that log would name it */
	bool whole;                     /* its memory cgroup dies as a whole, then and now */
	int64_t kills_armed, kills_now; /* that group's counter; -1: not known */
};
enum oom_proof { OOM_NOT_PROVEN, OOM_KERNEL_LOG, OOM_CGROUP_COUNTER, OOM_PROOF_COUNT };
enum oom_proof oom_judge(const struct oom_facts *f);
const char *oom_proof_word(enum oom_proof p);  /* "kernel-log", "cgroup-counter"; "": none */
enum oom_proof oom_proof_of(const char *word); /* of what is no such word: not proven */
