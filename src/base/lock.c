#include "iapeer/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fault.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define PAUSE_MAX_MS 50

bool lock_held(const struct lock *l)
{
	return l->fd >= 0;
}

void lock_done(struct lock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int open_lock(int dirfd, const char *path, int flags, int *out_fd, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	int fd;

	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	fd = openat(at.fd, at.name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_FAILED, errno,
			       "open lock %s", path);
	*out_fd = fd;
	return 0;
}

/* "4711 deliver\n", written by the holder. What is there may be a former holder's: only for
 * messages. */
static void read_holder(int fd, pid_t *out_pid, char *out_what, size_t size)
{
	char text[96] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	char *blank;
	int64_t pid = 0;

	*out_pid = 0;
	if (size)
		out_what[0] = '\0';
	if (n <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	blank = strchr(text, ' ');
	if (blank)
		*blank++ = '\0';
	if (str_i64(text, 1, INT32_MAX, &pid))
		*out_pid = (pid_t)pid;
	if (blank && size)
		str_cut(out_what, size, blank);
}

static int busy(int fd, const char *path, struct err *e)
{
	const char *base = strrchr(path, '/');
	char what[64];
	pid_t pid;

	read_holder(fd, &pid, what, sizeof what);
	return err_set(e, ERR_TIMEOUT, 0, "%s is held by pid %ld (%s)", base ? base + 1 : path,
		       (long)pid, what[0] ? what : "?");
}

/* flock() has no deadline and we use no signals. A watch says when to ask again, so that whoever
 * came first is as quick as whoever came last; the pauses are for what it misses. */
static int wait_for(int fd, const char *path, int64_t deadline_ms, struct err *e)
{
	auto_fd int watch = -1;
	int pause_ms = 0;
	struct err ignored;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		struct pollfd p = {.events = POLLIN};

		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_set(e, ERR_FAILED, errno, "lock %s", path);
		if (clock_mono_ms() >= deadline_ms)
			return busy(fd, path, e);
		if (watch < 0 && plat_watch_unlock(fd, &watch, &ignored) < 0)
			watch = -1; /* the pauses must do */
		p.fd = watch;
		if (poll(&p, 1, pause_ms) > 0) {
			plat_watch_drain(watch);
			pause_ms = 0;
		}
		pause_ms = pause_ms < PAUSE_MAX_MS / 2 ? pause_ms * 2 + 1 : PAUSE_MAX_MS;
	}
	return 0;
}

/* Over what is there, which takes no room; what there is no room for is left out. */
static int write_holder(int fd, const char *holder, int n)
{
	if (pwrite(fd, holder, (size_t)n, 0) == n)
		return ftruncate(fd, n);
	return errno == ENOSPC || errno == EDQUOT ? ftruncate(fd, 0) : -1;
}

int lock_take(struct lock *l, int dirfd, const char *path, const char *what, int64_t deadline_ms,
	      struct err *e)
{
	auto_fd int fd = -1;
	char holder[96];
	int n, fault = fault_point("lock.take");

	if (fault)
		return err_set(e, ERR_FAILED, fault, "lock %s", path);
	if (open_lock(dirfd, path, O_RDWR | O_CREAT, &fd, e) < 0 ||
	    wait_for(fd, path, deadline_ms, e) < 0)
		return -1;
	fault = fault_point("lock.taken");
	if (fault)
		return err_set(e, ERR_FAILED, fault, "lock %s", path);
	n = snprintf(holder, sizeof holder, "%ld %.60s\n", (long)getpid(), what);
	if (write_holder(fd, holder, n) < 0)
		return err_set(e, ERR_FAILED, errno, "write lock %s", path);
	lock_done(l);
	l->fd = take_fd(&fd);
	return 0;
}

bool lock_busy(int dirfd, const char *path)
{
	auto_fd int fd = -1;
	struct err e;

	return open_lock(dirfd, path, O_RDONLY, &fd, &e) == 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 &&
	       errno == EWOULDBLOCK;
}

int lock_holder(int dirfd, const char *path, pid_t *out_pid, char *out_what, size_t size,
		struct err *e)
{
	auto_fd int fd = -1;

	*out_pid = 0;
	if (size)
		out_what[0] = '\0';
	if (open_lock(dirfd, path, O_RDONLY, &fd, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	/* A shared lock that is refused proves that somebody holds it; one that is granted is given
	 * up at once. */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	read_holder(fd, out_pid, out_what, size);
	return 0;
}
