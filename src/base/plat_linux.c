#include "iapeer/base/plat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#ifndef PIDFD_GET_INFO /* Linux 6.13; the exit part 6.15. Debian 12's headers are older than the   \
			  kernels it meets. */
struct pidfd_info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define PIDFD_GET_INFO  _IOWR(0xFF, 11, struct pidfd_info)
#define PIDFD_INFO_EXIT (UINT64_C(1) << 3)
#endif

#ifndef SYS_openat2 /* Linux 5.6; of one number everywhere */
#define SYS_openat2 437
#endif
#define NO_LINKS 0x04 /* RESOLVE_NO_SYMLINKS */
#define BELOW    0x08 /* RESOLVE_BENEATH */

int plat_open_below(int dirfd, const char *path, int flags, mode_t mode)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = {.flags = (uint64_t)flags | O_LARGEFILE,
		 .mode = flags & O_CREAT ? mode : 0,
		 .resolve = NO_LINKS | BELOW};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

static int pid_fd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0U);
}

int plat_exit_fd(struct proc_ref ref, int *out_fd, struct err *e)
{
	auto_fd int fd = pid_fd(ref.pid);
	struct proc_info info;

	if (fd < 0)
		return err_set(e, errno == ESRCH ? ERR_NOT_FOUND : ERR_FAILED, errno,
			       "watch process %ld", (long)ref.pid);
	/* The descriptor holds the process that has the pid now; look whether it is the one that is
	 * meant. A zombie's descriptor is fine: it is readable at once. */
	if (plat_proc_info(ref.pid, &info, e) < 0)
		return -1;
	if (info.state == PROC_GONE || (ref.birth && info.birth != ref.birth))
		return err_set(e, ERR_NOT_FOUND, 0, "process %ld is gone", (long)ref.pid);
	*out_fd = take_fd(&fd);
	return 0;
}

bool plat_exit_wait(struct proc_ref ref, int64_t deadline_ms)
{
	auto_fd int fd = -1;
	struct err e;

	if (plat_exit_fd(ref, &fd, &e) < 0)
		return e.code == ERR_NOT_FOUND;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline_ms - plat_mono_ns() / 1000000;

		if (poll(&p, 1, left > 0 ? (int)left : 0) > 0)
			return true;
		if (left <= 0)
			return false;
	}
}

bool plat_exit_status(struct proc_ref ref, int exit_fd, int *out_status)
{
	struct pidfd_info info = {.mask = PIDFD_INFO_EXIT};
	struct proc_info proc;
	struct err e;

	/* While it is a zombie, the last field of its stat is its wait status, for the same user.
	 */
	if (plat_proc_info(ref.pid, &proc, &e) == 0 && proc.state == PROC_ZOMBIE &&
	    (!ref.birth || proc.birth == ref.birth) && proc.exit_status >= 0) {
		*out_status = proc.exit_status;
		return true;
	}
	/* Reaped by its parent: only the descriptor knows (Linux >= 6.15). */
	if (exit_fd >= 0 && ioctl(exit_fd, PIDFD_GET_INFO, &info) == 0 &&
	    (info.mask & PIDFD_INFO_EXIT)) {
		*out_status = info.exit_code;
		return true;
	}
	return false;
}

int plat_signal(struct proc_ref ref, int sig, struct err *e)
{
	auto_fd int fd = -1;

	if (plat_exit_fd(ref, &fd, e) < 0)
		return -1;
	if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0U) < 0)
		return err_set(e, errno == ESRCH ? ERR_NOT_FOUND : ERR_FAILED, errno,
			       "signal process %ld", (long)ref.pid);
	return 0;
}

int plat_become_reaper(bool *out_works, struct err *e)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL) < 0)
		return err_set(e, ERR_FAILED, errno, "become the reaper");
	*out_works = true;
	return 0;
}

int plat_self_exe(char *out, size_t size, struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);

	if (n < 0)
		return err_set(e, ERR_FAILED, errno, "find my own program file");
	out[n] = '\0';
	/* The file was replaced since we started: the kernel adds this. What is at the path is the
	 * newer build. */
	if (str_ends(out, " (deleted)"))
		out[(size_t)n - strlen(" (deleted)")] = '\0';
	return 0;
}

const char *plat_self_again(void)
{
	return "/proc/self/exe";
}

char **plat_environ(void)
{
	return environ;
}

void plat_close_others(void)
{
	/* 4: CLOSE_RANGE_CLOEXEC, which Debian 12's libc does not name. */
	if (syscall(SYS_close_range, 3U, ~0U, 4U) == 0)
		return;
	for (int fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int plat_pipe(int out_fds[static 2], struct err *e)
{
	if (pipe2(out_fds, O_CLOEXEC) < 0)
		return err_set(e, ERR_FAILED, errno, "make a pipe");
	return 0;
}

int plat_fsync(int fd)
{
	return fsync(fd);
}

int64_t plat_mtime_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

int plat_peer(int sock, uid_t *out_uid, pid_t *out_pid, struct err *e)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return err_set(e, ERR_FAILED, errno, "ask who is on the other end");
	*out_uid = who.uid;
	*out_pid = who.pid;
	return 0;
}

int64_t plat_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

size_t plat_socket_max(void)
{
	struct sockaddr_un a;

	return sizeof a.sun_path - 1;
}

int plat_canonical_max(void)
{
	return 4095;
}

int plat_watch_add(int fd, const char *path, struct err *e)
{
	const uint32_t self = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
	const uint32_t names = IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVE;

	/* inotify would tell of a folder's files too. No other system does, so nobody here may
	 * count on it; and nobody is woken for what is written into the files of others. */
	if (inotify_add_watch(fd, path, names | IN_DELETE_SELF | IN_MOVE_SELF) >= 0 ||
	    (errno == ENOTDIR && inotify_add_watch(fd, path, IN_MODIFY | self) >= 0))
		return 0;
	return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_FAILED, errno, "watch %s", path);
}

int plat_watch(const char *path, int *out_fd, struct err *e)
{
	auto_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0)
		return err_set(e, ERR_FAILED, errno, "watch %s", path);
	if (plat_watch_add(fd, path, e) < 0)
		return -1;
	*out_fd = take_fd(&fd);
	return 0;
}

int plat_watch_unlock(int file, int *out_fd, struct err *e)
{
	auto_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (fd < 0 || inotify_add_watch(fd, path, IN_CLOSE_WRITE) < 0)
		return err_set(e, ERR_FAILED, errno, "watch a lock");
	*out_fd = take_fd(&fd);
	return 0;
}

void plat_watch_drain(int fd)
{
	char events[4096] __attribute__((aligned(8)));

	while (read(fd, events, sizeof events) > 0)
		;
}
