/* proc.h - run a program and wait for it: posix_spawn, an argument vector, a full environment, a
 * deadline.
 *
 * The only way from blocking code to a foreign program (the keeper's own workers use uv_spawn).
 * Output is captured up to a cap and the rest read and dropped, so the child never blocks on us; it
 * ends with the child even if a grandchild keeps the pipe open. The child is killed and reaped on
 * every way out.
 */
#pragma once
#include "iapeer/base/buf.h"
#include "iapeer/base/plat.h"
#include <stdbool.h>
#include <stdint.h>

struct proc_opts {
	const char *file; /* its path; PATH is not searched */
	char *const *argv;
	char *const *envp; /* complete; NULL: ours */
	const void *input; /* bytes for standard input; NULL: /dev/null */
	size_t input_len;
	size_t out_max_bytes; /* per stream; 0: CAP_LINE */
	int64_t deadline_ms;  /* monotonic; past it the child is killed and ERR_TIMEOUT returned */
};

struct proc_result {
	bool started;   /* also after a failure: it may have done something */
	int status;     /* wait status */
	struct buf out; /* standard output */
	struct buf err; /* standard error */
};

void proc_result_done(struct proc_result *r);
#define PROC_RESULT_INIT                                                                           \
	{                                                                                          \
		.status = 0                                                                        \
	}
/* 0 when it ran to its end, whatever its status. ERR_TIMEOUT, ERR_FAILED (could not be started). */
int proc_run(const struct proc_opts *opts, struct proc_result *out, struct err *e) NODISCARD;
/* "exit 3", "killed by signal 9 (SIGKILL)" */
void proc_status_text(int status, char *out, size_t size);
const char *proc_signal_name(int sig); /* "SIGKILL"; "signal 40" is not here: NULL */

/* Start a program of ours that outlives us: own session, descriptors 0-2 on /dev/null, `ready_fd`
 * as its descriptor 3 (-1: none). */
int proc_detach(const char *file, char *const *argv, int ready_fd, pid_t *out_pid,
		struct err *e) NODISCARD;
/* Run it with our own terminal and wait for its end, however long: the keys that interrupt are its
 * own meanwhile. */
int proc_foreground(const char *file, char *const *argv, int *out_status, struct err *e) NODISCARD;
/* The absolute path of a program: as given if it has a slash, else along `path` (a PATH);
 * ERR_NOT_FOUND. */
int proc_find(const char *name, const char *path, char *out, size_t size, struct err *e) NODISCARD;
/* Split as a shell splits words: quotes and backslashes, no expansion. ERR_CORRUPT on an open
 * quote. */
int proc_split(const char *text, struct strv *out, struct err *e) NODISCARD;
