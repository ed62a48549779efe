/* The writing half of fs.h: nothing here leaves half a file under its final name. */
#include "iapeer/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fault.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

#define TEMP_NAME 300

/* Unique among processes and within one; begins with a dot and ends in .tmp, so that nobody takes
 * it for a file. */
static void temp_name(const char *name, char out[static TEMP_NAME])
{
	static unsigned serial;

	snprintf(out, TEMP_NAME, ".%.200s.%ld.%u.tmp", name, (long)getpid(), serial++);
}

/* Make the temporary file. One of a dead process that had our pid may be in the way: the next
 * number then. */
static int open_temp(const struct fs_place *at, char temp[static TEMP_NAME], mode_t mode)
{
	int fd;

	do {
		temp_name(at->name, temp);
		fd = openat(at->fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    mode);
	} while (fd < 0 && errno == EEXIST);
	return fd;
}

static int write_temp(const struct fs_place *at, char temp[static TEMP_NAME], const void *bytes,
		      size_t len, mode_t mode, bool durable)
{
	auto_fd int fd = -1;
	struct err ignored;
	int fault = fault_point("fs.open");

	if (fault)
		return fault;
	fd = open_temp(at, temp, mode);
	if (fd < 0)
		return errno;
	fault = fault_point("fs.write");
	if (fault)
		return fault;
	if (fs_write_all(fd, bytes, len, &ignored) < 0)
		return ignored.sys;
	fault = durable ? fault_point("fs.fsync") : 0;
	if (fault)
		return fault;
	if (durable && plat_fsync(fd) < 0)
		return errno;
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): fs_write_atomic() and whether to sync */
static int put(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
	       bool durable, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	char temp[TEMP_NAME] = "";
	int sys;

	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	sys = write_temp(&at, temp, bytes, len, mode, durable);
	if (!sys)
		sys = fault_point("fs.rename");
	if (!sys && renameat(at.fd, temp, at.fd, at.name) < 0)
		sys = errno;
	if (sys) {
		if (temp[0])
			unlinkat(at.fd, temp, 0);
		return err_set(e, ERR_FAILED, sys, "write %s", path);
	}
	sys = durable ? fs_sync_dir(at.fd) : 0;
	if (sys)
		return err_set(e, ERR_FAILED, sys, "write %s", path);
	return 0;
}

int fs_write_atomic(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		    struct err *e)
{
	return put(dirfd, path, bytes, len, mode, true, e);
}

int fs_write_soft(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		  struct err *e)
{
	return put(dirfd, path, bytes, len, mode, false, e);
}

int fs_open_append(int dirfd, const char *path, int *out_fd, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	auto_fd int fd = -1;
	struct stat st;

	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	fd = openat(at.fd, at.name,
		    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_FAILED, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED, 0, "open %s: not a regular file", path);
	*out_fd = take_fd(&fd);
	return 0;
}

bool fs_is_torn(int fd)
{
	struct stat st;
	char last = '\n';

	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	       last != '\n';
}

/* NOLINTNEXTLINE(readability-function-size): where, what and how much */
int fs_write_at(int dirfd, const char *path, int64_t offset, const void *bytes, size_t len,
		struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int fault = fault_point("fs.write");
	auto_fd int fd = -1;
	ssize_t n;

	if (fault)
		return err_set(e, ERR_FAILED, fault, "write %s", path);
	fd = fs_open_below(dirfd, path, flags, 0600);
	if (fd < 0) {
		if (fs_place(dirfd, path, &at, e) < 0)
			return -1;
		fd = openat(at.fd, at.name, flags, 0600);
	}
	n = fd < 0 ? -1 : pwrite(fd, bytes, len, offset);
	if (n < 0 || (size_t)n < len)
		return err_set(e, ERR_FAILED, n < 0 ? errno : ENOSPC, "write %s", path);
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): as fs_publish() */
static int publish(int dirfd, const char *path, const struct buf *body, mode_t mode, bool durable,
		   bool *out_created, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	char temp[TEMP_NAME] = "";
	bool created = false;
	int sys;

	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	sys = write_temp(&at, temp, body->p, body->len, mode, durable);
	if (!sys)
		sys = fault_point("fs.link");
	if (!sys && linkat(at.fd, temp, at.fd, at.name, 0) == 0)
		created = true;
	else if (!sys && errno != EEXIST)
		sys = errno;
	if (temp[0] && unlinkat(at.fd, temp, 0) < 0 && !sys && errno != ENOENT)
		sys = errno;
	if (!sys && durable)
		sys = fs_sync_dir(at.fd);
	/* Who is told that it failed should not find it done. */
	if (sys && created)
		unlinkat(at.fd, at.name, 0);
	if (sys)
		return err_set(e, ERR_FAILED, sys, "write %s", path);
	*out_created = created;
	return 0;
}

/* The bytes as a buf that owns nothing: six parameters are enough for anybody. */
static struct buf borrowed(const void *bytes, size_t len)
{
	struct buf b = BUF_INIT(len);

	memcpy(&b.p, &bytes, sizeof bytes);
	b.len = len;
	return b;
}

/* NOLINTNEXTLINE(readability-function-size): the shape of fs_write_atomic() and what came of it */
int fs_publish(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
	       bool *out_created, struct err *e)
{
	struct buf b = borrowed(bytes, len);

	return publish(dirfd, path, &b, mode, true, out_created, e);
}

/* NOLINTNEXTLINE(readability-function-size): as fs_publish() */
int fs_publish_soft(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		    bool *out_created, struct err *e)
{
	struct buf b = borrowed(bytes, len);

	return publish(dirfd, path, &b, mode, false, out_created, e);
}

int fs_rename(int dirfd, const char *from, const char *to, struct err *e)
{
	AUTO(fs_place_done) struct fs_place a = FS_PLACE_INIT;
	AUTO(fs_place_done) struct fs_place b = FS_PLACE_INIT;
	int sys = fault_point("fs.rename");

	if (fs_place(dirfd, from, &a, e) < 0 || fs_place(dirfd, to, &b, e) < 0)
		return -1;
	if (!sys && renameat(a.fd, a.name, b.fd, b.name) < 0)
		sys = errno;
	if (!sys)
		sys = fs_sync_dir(b.fd);
	if (sys)
		return err_set(e, sys == ENOENT ? ERR_NOT_FOUND : ERR_FAILED, sys, "move %s to %s",
			       from, to);
	return 0;
}

int fs_symlink(const char *target, int dirfd, const char *path, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	char temp[TEMP_NAME];

	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	temp_name(at.name, temp);
	if (symlinkat(target, at.fd, temp) < 0)
		return err_set(e, ERR_FAILED, errno, "link %s", path);
	if (renameat(at.fd, temp, at.fd, at.name) < 0) {
		int sys = errno;

		unlinkat(at.fd, temp, 0);
		return err_set(e, ERR_FAILED, sys, "link %s", path);
	}
	return 0;
}
