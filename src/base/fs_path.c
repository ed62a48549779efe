#include "iapeer/base/fs_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fault.h"
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

void fs_place_done(struct fs_place *at)
{
	if (at->owned >= 0)
		close(at->owned);
	*at = (struct fs_place)FS_PLACE_INIT;
}

static int failed(const char *path, const char *part, struct err *e)
{
	if (errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, errno, "open %s", path);
	if (errno == ELOOP || errno == ENOTDIR)
		return err_set(e, ERR_REFUSED, 0, "open %s: %s is a link, or no folder", path,
			       part);
	return err_set(e, ERR_FAILED, errno, "open %s", path);
}

/* A user's own folder: the way there may hold links, it is the user's business. */
static int place_outside(int dirfd, const char *path, struct fs_place *out, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	size_t n;
	int fd;

	if (!slash) {
		*out = (struct fs_place){.fd = dirfd, .owned = -1, .name = path};
		return 0;
	}
	n = slash == path ? 1 : (size_t)(slash - path);
	if (n >= sizeof dir)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "open %s", path);
	memcpy(dir, path, n);
	dir[n] = '\0';
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failed(path, dir, e);
	*out = (struct fs_place){.fd = fd, .owned = fd, .name = slash + 1};
	return 0;
}

int fs_open_below(int dirfd, const char *path, int flags, mode_t mode)
{
	static bool cannot; /* an old kernel, or a sandbox that does not know the call */
	int fd;

	errno = ENOSYS;
	if (dirfd == AT_FDCWD || path[0] == '/')
		return openat(dirfd, path, flags, mode);
	if (cannot || strstr(path, "..") || strstr(path, "//"))
		return -1;
	fd = plat_open_below(dirfd, path, flags, mode);
	cannot = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL);
	return fd;
}

/* The folder of a path, below dirfd. -1: folder by folder, then. */
static int open_parent(int dirfd, const char *path, const char *last)
{
	char parent[1024];
	size_t n = last > path ? (size_t)(last - path) - 1 : 0;

	if (n == 0 || n >= sizeof parent || !memchr(path, '/', n))
		return -1; /* one folder is opened as fast by its name */
	memcpy(parent, path, n);
	parent[n] = '\0';
	return fs_open_below(dirfd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

int fs_place(int dirfd, const char *path, struct fs_place *out, struct err *e)
{
	auto_fd int at = -1;
	const char *rest = path, *slash; /* messages name the whole path */
	char part[256];

	if (dirfd == AT_FDCWD || path[0] == '/')
		return place_outside(dirfd, path, out, e);
	slash = strrchr(path, '/');
	at = open_parent(dirfd, path, slash ? slash + 1 : path);
	if (at >= 0)
		rest = slash + 1;
	while ((slash = strchr(rest, '/')) != NULL) {
		size_t n = (size_t)(slash - rest);
		int next;

		if (n == 0 || n >= sizeof part || strncmp(rest, "..", n) == 0)
			return err_set(e, ERR_REFUSED, 0, "open %s: not a path of ours", path);
		memcpy(part, rest, n);
		part[n] = '\0';
		next = openat(at >= 0 ? at : dirfd, part,
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return failed(path, part, e);
		if (at >= 0)
			close(at);
		at = next;
		rest = slash + 1;
	}
	if (strcmp(rest, "..") == 0)
		return err_set(e, ERR_REFUSED, 0, "open %s: not a path of ours", path);
	*out = (struct fs_place){.fd = at >= 0 ? at : dirfd, .owned = at, .name = rest};
	take_fd(&at);
	return 0;
}

int fs_sync_dir(int fd)
{
	int fault = fault_point("fs.dirsync");

	if (fault)
		return fault;
	/* AT_FDCWD: a path without a slash; its folder is ours to open. Some file systems refuse to
	 * sync a folder. */
	auto_fd int own = fd == AT_FDCWD ? open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fsync(own >= 0 ? own : fd) < 0 && errno != EINVAL && errno != EBADF)
		return errno;
	return 0;
}
