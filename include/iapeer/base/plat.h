/* plat.h - what the kernel tells and does, behind one door: plat_linux.c, plat_darwin.c.
 *
 * There is no #ifdef on the system anywhere else. tests/base/test_plat.c holds both files to this
 * contract. A process is (pid, birth): a bare pid may be recycled. birth is opaque; who was born
 * later in the same boot has no smaller one.
 */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_ref {
	pid_t pid;      /* 0: none */
	uint64_t birth; /* start time in the kernel's own units; 0: not known */
};

enum proc_state { PROC_GONE, PROC_RUNNING, PROC_STOPPED, PROC_ZOMBIE, PROC_UNKNOWN };

struct proc_info {
	enum proc_state state;
	uint64_t birth;
	pid_t ppid;
	pid_t pgid;
	pid_t tty_pgid; /* foreground group of its terminal; 0 or -1: none */
	int64_t rss_bytes;
	bool sleeping;   /* waits for something (Linux S) */
	int exit_status; /* of a zombie, where the system tells (wait status); -1: not known */
	char name[64];
};

/* The text of Linux's /proc/PID/stat; its memory is in pages of that size. Pure. False: not
 * understood, *out is undefined. */
bool plat_stat_parse(const char *text, int64_t page_bytes, struct proc_info *out);
/* PROC_GONE is an answer, not a failure: *out is filled whenever 0 is returned. */
int plat_proc_info(pid_t pid, struct proc_info *out, struct err *e) NODISCARD;
/* The same for one who asks again and again: *fd is -1 at first, then what the call before left
 * there, which makes it cheaper (Linux: half the time, for 5 KiB in the kernel). Close it. */
int plat_proc_info_again(pid_t pid, int *fd, struct proc_info *out, struct err *e) NODISCARD;
/* Its resident memory, cheaper than plat_proc_info() for a look at all of them; -1: gone, or not
 * told. */
int64_t plat_proc_rss(pid_t pid);
/* Is that very process there and not a zombie? PROC_UNKNOWN where the system will not say. */
enum proc_state plat_proc_state(struct proc_ref ref);
int plat_proc_ref(pid_t pid, struct proc_ref *out,
		  struct err *e) NODISCARD; /* ERR_NOT_FOUND when gone */
/* The words that a process of our own user was started with, and its environment, each ended by a
 * NUL. False: gone, or not told. For finding out who somebody is; never to be written down. */
bool plat_proc_words(pid_t pid, struct buf *args, struct buf *env);
/* All pids of the machine that we may see. Owned: free(). */
int plat_pids(pid_t **out, size_t *out_n, struct err *e) NODISCARD;

/* Its children, at most `room` of them; returns how many. A kernel that does not tell (Linux
 * without CONFIG_PROC_CHILDREN): 0. */
size_t plat_children(pid_t pid, pid_t *out, size_t room);

/* A descriptor that becomes readable once that process, child or not, has exited. Works with poll
 * and libuv. ERR_NOT_FOUND: it is gone already (or another has its pid). */
int plat_exit_fd(struct proc_ref ref, int *out_fd, struct err *e) NODISCARD;
/* Wait until it has exited or the monotonic deadline. True: it has. */
bool plat_exit_wait(struct proc_ref ref, int64_t deadline_ms);
/* The wait status of an exited process that is not our child, if the system tells: true. exit_fd
 * may be -1. */
bool plat_exit_status(struct proc_ref ref, int exit_fd, int *out_status);
/* Signal that very process; ERR_NOT_FOUND when it is gone. */
int plat_signal(struct proc_ref ref, int sig, struct err *e) NODISCARD;
/* From now on orphans below us become our children (Linux; elsewhere nothing happens, *out_works
 * false). */
int plat_become_reaper(bool *out_works, struct err *e) NODISCARD;

int plat_boot_id(char out[static 64], struct err *e) NODISCARD;
int plat_self_exe(char *out, size_t size,
		  struct err *e) NODISCARD; /* absolute path of this build's file */
/* What starts this very build again even if its file was replaced (/proc/self/exe); else
 * plat_self_exe. */
const char *plat_self_again(void);
char **plat_environ(void); /* our environment, as execve takes it */
/* openat(), but no part of the path may be a link or lead out of the folder: in one call, where the
 * system has that. -1 with errno; ENOSYS: it has not. */
int plat_open_below(int dirfd, const char *path, int flags, mode_t mode);
void plat_close_others(void); /* mark every descriptor above 2 close-on-exec */
int plat_pipe(int out_fds[static 2], struct err *e) NODISCARD; /* close-on-exec */
struct stat;
int64_t plat_mtime_ms(const struct stat *st); /* UTC */
int plat_fsync(int fd);                       /* to the platter; -1 with errno */
int plat_peer(int sock, uid_t *out_uid, pid_t *out_pid, struct err *e)
    NODISCARD; /* who is on the other end; pid of the listener's process for a client */
int64_t plat_mono_ns(void);   /* awake time */
size_t plat_socket_max(void); /* bytes of a socket path without its NUL: 107 or 103 */
int plat_canonical_max(void); /* bytes of a line that a canonical terminal takes: 4095, 1023 */

/* A descriptor that becomes readable when the file changes; of a folder when its list of names
 * does, and not for what is written into its files. Drain it with plat_watch_drain. The file may be
 * replaced: watch again after that. */
int plat_watch(const char *path, int *out_fd, struct err *e) NODISCARD;
/* Let the same descriptor tell of another file or folder too. Once more for what it watches already
 * changes nothing; a file that was replaced is another. ERR_NOT_FOUND: there is none. */
int plat_watch_add(int fd, const char *path, struct err *e) NODISCARD;
void plat_watch_drain(int fd);
/* A descriptor that becomes readable when somebody lets go of this open file or of a lock on it: a
 * moment to ask for the lock again. A hint: it may come a little before the lock is free. */
int plat_watch_unlock(int file, int *out_fd, struct err *e) NODISCARD;

/* The control group of a process, where it was delegated to us (Linux, cgroup v2: systemd's mark,
 * or the unit that we wrote ourselves): its folder, in which we may make groups. False: no such
 * thing here. */
bool plat_cgroup(pid_t pid, char *out, size_t size);
/* The path of the control group of a process, delegated or not; false also for the root of all. */
bool plat_cgroup_path(pid_t pid, char *out, size_t size);
/* Make the group `name` below ours and go there, and with us whom we start. ERR_NOT_FOUND: nothing
 * is delegated to us. */
int plat_cgroup_enter(const char *name, struct err *e) NODISCARD;
/* Remove the groups below ours in which nobody is. */
void plat_cgroup_tidy(void);

/* Give memory that was freed back to the system, where the C library keeps it otherwise. */
void plat_trim(void);

struct mem_info {
	int64_t total, available, swap_total, swap_free; /* bytes; -1: not known */
};
int plat_mem_info(struct mem_info *out, struct err *e) NODISCARD;
/* Is more than a quarter of the memory entirely free? Far cheaper than plat_mem_info(), which was
 * to be called before; false: perhaps not. */
bool plat_memory_ample(void);
#define PLAT_MEMORY_GROUP 512
/* The memory cgroup of a process (Linux, version 1 and 2). */
struct memory_group {
	char path[PLAT_MEMORY_GROUP]; /* its folder; "": none, or not told */
	int64_t kills; /* so many of it has the kernel killed for memory; -1: not told */
	bool whole;    /* such a kill ends everybody in it, this process too */
};
void plat_memory_group(pid_t pid, struct memory_group *out);
int64_t plat_memory_kills(const char *group); /* of a folder that was told before; -1 */
bool plat_memory_whole(const char *group);
/* Each line that the kernel's log still holds, oldest first, as /dev/kmsg gives it. *out_our_pids:
 * the pids that it names are those that we see (in a container they are not). ERR_FAILED: we may
 * not read it, or there is none. */
typedef void plat_line_fn(const char *line, size_t len, void *arg);
int plat_kernel_log(plat_line_fn *fn, void *arg, bool *out_our_pids, struct err *e) NODISCARD;
/* Stalls for want of memory: hundredths of a percent of the last 10 s in which somebody waited
 * (Linux PSI); -1: not told. */
int64_t plat_memory_pressure(void);
/* Append lines of the kernel's own account of the moment (pressure, cgroup counters of `pid`,
 * kernel messages on memory) for an evidence file; each source that is not there is named as
 * missing. Never fails. */
void plat_evidence(pid_t pid, struct buf *out);
