/* plat.h on macOS: descriptors, signals, watching. What asks about processes and the machine is in
 * plat_darwin_proc.c. Compiled and linked on Linux by tests/macos-link; tests/base/test_plat.c is
 * what shows on a Mac that it keeps the contract. */
#include "iapeer/base/plat.h"

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/proc_info.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* Our own event in an exit descriptor. It is set once the exit is known, stays set (no EV_CLEAR),
 * and its flags carry the wait status: the kernel's own event is given out only once, so a second
 * look would find nothing. */
#define EXIT_IDENT        1
#define EXIT_STATUS_KNOWN 0x10000U

static int cloexec(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* Change one event of a kqueue; 0, or -1 with errno. */
static int change(int kq, uintptr_t ident, int16_t filter, uint16_t flags, uint32_t fflags)
{
	struct kevent ev;

	EV_SET(&ev, ident, filter, flags, fflags, 0, NULL);
	return kevent(kq, &ev, 1, NULL, 0, NULL) < 0 ? -1 : 0;
}

/* One pending event, without waiting. */
static bool next_event(int kq, struct kevent *out)
{
	const struct timespec now = {.tv_sec = 0};

	return kevent(kq, NULL, 0, out, 1, &now) == 1;
}

/* Leave our event in the descriptor: it stays readable from now on. */
static int mark_exit(int kq, uint32_t fflags)
{
	if (change(kq, EXIT_IDENT, EVFILT_USER, EV_ADD, 0) < 0)
		return -1;
	return change(kq, EXIT_IDENT, EVFILT_USER, 0, NOTE_TRIGGER | NOTE_FFCOPY | fflags);
}

/* Ask for the exit of whoever has the pid. False with errno: ESRCH for a zombie too. */
static bool ask_exit(int kq, pid_t pid)
{
	/* Whether the status comes along is the kernel's choice: not for a process that we may not
	 * signal. */
	if (change(kq, (uintptr_t)pid, EVFILT_PROC, EV_ADD | EV_ONESHOT,
		   NOTE_EXIT | NOTE_EXITSTATUS) == 0)
		return true;
	return (errno == EACCES || errno == EPERM) &&
	       change(kq, (uintptr_t)pid, EVFILT_PROC, EV_ADD | EV_ONESHOT, NOTE_EXIT) == 0;
}

int plat_exit_fd(struct proc_ref ref, int *out_fd, struct err *e)
{
	auto_fd int kq = -1;
	struct proc_info info;
	bool asked;
	int why;

	if (ref.pid <= 0)
		return err_set(e, ERR_NOT_FOUND, 0, "process %ld is gone", (long)ref.pid);
	kq = cloexec(kqueue());
	if (kq < 0)
		return err_set(e, ERR_FAILED, errno, "watch process %ld", (long)ref.pid);
	asked = ask_exit(kq, ref.pid);
	why = asked ? 0 : errno;
	if (why && why != ESRCH)
		return err_set(e, ERR_FAILED, why, "watch process %ld", (long)ref.pid);
	/* Looked at after asking: what is there now is what the event is about, or it has exited
	 * meanwhile. */
	if (plat_proc_info(ref.pid, &info, e) < 0)
		return -1;
	if (info.state == PROC_GONE ? !asked : (ref.birth && info.birth != ref.birth))
		return err_set(e, ERR_NOT_FOUND, 0, "process %ld is gone", (long)ref.pid);
	if (!asked && mark_exit(kq, 0) < 0)
		return err_set(e, ERR_FAILED, errno, "watch process %ld", (long)ref.pid);
	*out_fd = take_fd(&kq);
	return 0;
}

/* Without a descriptor (none left, say): look now and then. */
static bool wait_by_looking(struct proc_ref ref, int64_t deadline_ms)
{
	while (plat_proc_state(ref) != PROC_GONE) {
		if (plat_mono_ns() / 1000000 >= deadline_ms)
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}

bool plat_exit_wait(struct proc_ref ref, int64_t deadline_ms)
{
	auto_fd int fd = -1;
	struct err e;

	if (plat_exit_fd(ref, &fd, &e) < 0)
		return e.code == ERR_NOT_FOUND || wait_by_looking(ref, deadline_ms);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline_ms - plat_mono_ns() / 1000000;

		if (left > INT_MAX)
			left = INT_MAX;
		if (poll(&p, 1, left > 0 ? (int)left : 0) > 0)
			return true;
		if (left <= 0)
			return false;
	}
}

bool plat_exit_status(struct proc_ref ref, int exit_fd, int *out_status)
{
	struct proc_info info;
	struct kevent ev;
	struct err e;

	if (plat_proc_info(ref.pid, &info, &e) == 0 && info.state == PROC_ZOMBIE &&
	    (!ref.birth || info.birth == ref.birth) && info.exit_status >= 0) {
		*out_status = info.exit_status;
		return true;
	}
	if (exit_fd < 0 || !next_event(exit_fd, &ev))
		return false;
	if (ev.filter == EVFILT_PROC) {
		bool known = (ev.fflags & NOTE_EXITSTATUS) != 0;
		uint32_t status = (uint32_t)ev.data & 0xffff;

		(void)mark_exit(exit_fd, known ? EXIT_STATUS_KNOWN | status : 0);
		if (known)
			*out_status = (int)status;
		return known;
	}
	if (ev.filter != EVFILT_USER || !(ev.fflags & EXIT_STATUS_KNOWN))
		return false;
	*out_status = (int)(ev.fflags & 0xffff);
	return true;
}

int plat_signal(struct proc_ref ref, int sig, struct err *e)
{
	struct proc_info info;

	if (ref.pid <= 0)
		return err_set(e, ERR_NOT_FOUND, 0, "process %ld is gone", (long)ref.pid);
	if (plat_proc_info(ref.pid, &info, e) < 0)
		return -1;
	/* There is no descriptor of a process to signal here. Between this look and the signal the
	 * process would have to end, be reaped, and its pid come round again; the system gives pids
	 * out in order. */
	if (info.state == PROC_GONE || (ref.birth && info.birth != ref.birth))
		return err_set(e, ERR_NOT_FOUND, 0, "process %ld is gone", (long)ref.pid);
	if (kill(ref.pid, sig) < 0)
		return err_set(e, errno == ESRCH ? ERR_NOT_FOUND : ERR_FAILED, errno,
			       "signal process %ld", (long)ref.pid);
	return 0;
}

int plat_become_reaper(bool *out_works, struct err *e)
{
	(void)e;
	*out_works = false;
	return 0;
}

int plat_self_exe(char *out, size_t size, struct err *e)
{
	char given[PATH_MAX * 2];
	uint32_t room = sizeof(given);
	auto_free char *path = NULL;

	if (_NSGetExecutablePath(given, &room) != 0)
		return err_set(e, ERR_FAILED, ENAMETOOLONG, "find my own program file");
	path = realpath(given, NULL); /* it may be relative, or a link, as on Linux it never is */
	if (!path)
		return err_set(e, ERR_FAILED, errno, "find my own program file: %s", given);
	if (!str_put(out, size, path))
		return err_set(e, ERR_FAILED, ENAMETOOLONG, "find my own program file: %s", path);
	return 0;
}

const char *plat_self_again(void)
{
	static char path[PATH_MAX]; /* looked up once: later the current folder may be another */
	struct err e;

	if (!path[0] && plat_self_exe(path, sizeof(path), &e) < 0)
		return "";
	return path;
}

extern char **environ; /* Apple declares it nowhere */

char **plat_environ(void)
{
	return environ;
}

void plat_close_others(void)
{
	int bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, NULL, 0);
	size_t n = bytes > 0 ? (size_t)bytes / sizeof(struct proc_fdinfo) + 16 : 0;
	struct proc_fdinfo *fds = n ? xcalloc(n, sizeof(*fds)) : NULL;

	bytes = n ? proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, fds, (int)(n * sizeof(*fds))) : 0;
	for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof(*fds); i++) {
		if (fds[i].proc_fd > 2)
			cloexec(fds[i].proc_fd);
	}
	for (int fd = 3; bytes <= 0 && fd < 1024; fd++)
		cloexec(fd);
	free(fds);
}

#ifndef O_NOFOLLOW_ANY /* macOS 11 */
#define O_NOFOLLOW_ANY 0
#endif

/* What leads out of the folder without a link has "..", which is not asked for here. */
int plat_open_below(int dirfd, const char *path, int flags, mode_t mode)
{
	if (!O_NOFOLLOW_ANY || strstr(path, "..") || path[0] == '/') {
		errno = ENOSYS;
		return -1;
	}
	/* The two flags exclude each other. */
	return openat(dirfd, path, (flags & ~O_NOFOLLOW) | O_NOFOLLOW_ANY, mode);
}

int plat_pipe(int out_fds[static 2], struct err *e)
{
	if (pipe(out_fds) < 0)
		return err_set(e, ERR_FAILED, errno, "make a pipe");
	/* No pipe2 here. Nothing starts a process in between: there are no threads. */
	cloexec(out_fds[0]);
	cloexec(out_fds[1]);
	return 0;
}

int plat_fsync(int fd)
{
	/* fsync alone leaves the bytes in the disk's cache here. Many file systems do not know the
	 * stronger call, and say so in many ways; a disk that fails fails the weaker one too. */
	return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}

int64_t plat_mtime_ms(const struct stat *st)
{
	return (int64_t)st->st_mtimespec.tv_sec * 1000 + st->st_mtimespec.tv_nsec / 1000000;
}

int plat_peer(int sock, uid_t *out_uid, pid_t *out_pid, struct err *e)
{
	uid_t uid;
	gid_t gid;
	pid_t pid;
	socklen_t len = sizeof(pid);

	if (getpeereid(sock, &uid, &gid) < 0)
		return err_set(e, ERR_FAILED, errno, "ask who is on the other end");
	if (getsockopt(sock, SOL_LOCAL, LOCAL_PEERPID, &pid, &len) < 0)
		return err_set(e, ERR_FAILED, errno, "ask which process is on the other end");
	*out_uid = uid;
	*out_pid = pid;
	return 0;
}

int64_t plat_mono_ns(void)
{
	return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

size_t plat_socket_max(void)
{
	struct sockaddr_un a;

	return sizeof(a.sun_path) - 1;
}

int plat_canonical_max(void)
{
	return 1023;
}

/* ---- watching a file ---- */

#define WATCH_MAX 1024

/* A vnode event lives as long as the descriptor of its file, so each watch needs that one too, and
 * the caller closes only the kqueue. Whose kqueue is gone, or whose file, is found and closed when
 * the next watch begins, or no place is left. */
static struct watch {
	int kq, file; /* kq 0: a free place */
	dev_t dev;
	ino_t ino; /* nobody else gets it while `file` is open */
} watches[WATCH_MAX];

/* Is that number still the kqueue that watches this file? Only there can our event be enabled once
 * more. */
static bool still_watches(const struct watch *w)
{
	struct stat st;

	return change(w->kq, (uintptr_t)w->file, EVFILT_VNODE, EV_ENABLE, 0) == 0 &&
	       fstat(w->file, &st) == 0 && st.st_nlink > 0;
}

static void close_ended(void)
{
	for (int i = 0; i < WATCH_MAX; i++)
		if (watches[i].kq > 0 && !still_watches(&watches[i])) {
			close(watches[i].file);
			watches[i].kq = 0;
		}
}

static struct watch *free_place(void)
{
	for (int i = 0; i < WATCH_MAX; i++)
		if (watches[i].kq == 0)
			return &watches[i];
	return NULL;
}

static bool watches_it(int kq, const struct stat *st)
{
	for (int i = 0; i < WATCH_MAX; i++)
		if (watches[i].kq == kq && watches[i].dev == st->st_dev &&
		    watches[i].ino == st->st_ino)
			return true;
	return false;
}

int plat_watch_add(int fd, const char *path, struct err *e)
{
	const uint32_t all =
	    NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE;
	auto_fd int file = open(path, O_EVTONLY | O_CLOEXEC);
	struct watch *place;
	struct stat st;

	if (file < 0 || fstat(file, &st) < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_FAILED, errno, "watch %s",
			       path);
	if (watches_it(fd, &st))
		return 0;
	place = free_place();
	if (!place) {
		close_ended();
		place = free_place();
	}
	if (!place)
		return err_set(e, ERR_FAILED, EMFILE, "watch %s", path);
	if (change(fd, (uintptr_t)file, EVFILT_VNODE, EV_ADD | EV_CLEAR, all) < 0)
		return err_set(e, ERR_FAILED, errno, "watch %s", path);
	*place =
	    (struct watch){.kq = fd, .file = take_fd(&file), .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

int plat_watch(const char *path, int *out_fd, struct err *e)
{
	auto_fd int kq = cloexec(kqueue());

	if (kq < 0)
		return err_set(e, ERR_FAILED, errno, "watch %s", path);
	close_ended(); /* its number may have been that of another one */
	if (plat_watch_add(kq, path, e) < 0)
		return -1;
	*out_fd = take_fd(&kq);
	return 0;
}

int plat_watch_unlock(int file, int *out_fd, struct err *e)
{
	auto_fd int kq = cloexec(kqueue());

	if (kq < 0 ||
	    change(kq, (uintptr_t)file, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_FUNLOCK) < 0)
		return err_set(e, ERR_FAILED, errno, "watch a lock");
	*out_fd = take_fd(&kq);
	return 0;
}

void plat_watch_drain(int fd)
{
	struct kevent ev;

	while (next_event(fd, &ev))
		;
}
