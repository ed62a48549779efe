#include "iapeer/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "iapeer/base/fault.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

#define ROOM_LEAST (16 << 20)
#define ROOM_PART  20
#define ROOM_FILES 64
#define TO_READ    (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static void fill_info(const struct stat *st, struct fs_info *out)
{
	*out = (struct fs_info){
	    .exists = true,
	    .is_dir = S_ISDIR(st->st_mode),
	    .is_file = S_ISREG(st->st_mode),
	    .is_link = S_ISLNK(st->st_mode),
	    .is_sock = S_ISSOCK(st->st_mode),
	    .mode = st->st_mode & 07777,
	    .uid = st->st_uid,
	    .size = st->st_size,
	    .mtime_ms = plat_mtime_ms(st),
	    .inode = st->st_ino,
	};
}

int fs_stat(int dirfd, const char *path, struct fs_info *out, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	struct stat st;

	*out = (struct fs_info){.exists = false};
	if (dirfd == AT_FDCWD || path[0] == '/')
		at = (struct fs_place){.fd = dirfd, .owned = -1, .name = path};
	else if (fs_place(dirfd, path, &at, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (fstatat(at.fd, at.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		fill_info(&st, out);
		return 0;
	}
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return err_set(e, ERR_FAILED, errno, "look at %s", path);
}

bool fs_exists(int dirfd, const char *path)
{
	struct fs_info info;
	struct err e;

	return fs_stat(dirfd, path, &info, &e) == 0 && info.exists;
}

int fs_room(int dirfd, struct fs_room *out, struct err *e)
{
	struct statvfs v;
	int64_t unit, least;

	if (fstatvfs(dirfd, &v) < 0)
		return err_set(e, ERR_FAILED, errno, "ask for the room on the disk");
	unit = (int64_t)(v.f_frsize ? v.f_frsize : v.f_bsize);
	/* What is set aside for root is root's. */
	out->free_bytes = unit * (int64_t)(geteuid() == 0 ? v.f_bfree : v.f_bavail);
	out->all_bytes = unit * (int64_t)v.f_blocks;
	out->read_only = v.f_flag & ST_RDONLY;
	out->free_files = v.f_files ? (int64_t)v.f_ffree : -1;
	least = out->all_bytes / ROOM_PART < ROOM_LEAST ? out->all_bytes / ROOM_PART : ROOM_LEAST;
	out->low =
	    out->free_bytes < least || (out->free_files >= 0 && out->free_files < ROOM_FILES);
	return 0;
}

bool fs_is_full(const struct err *e)
{
	return e->sys == ENOSPC || e->sys == EDQUOT;
}

/* Open for reading: a regular file, not through a link; a FIFO must not hang us. */
static int open_file(int dirfd, const char *path, int *out_fd, int64_t *out_size, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	struct stat st;

	auto_fd int fd = fs_open_below(dirfd, path, TO_READ, 0);

	if (fd < 0 && errno != ENOENT) {
		if (fs_place(dirfd, path, &at, e) < 0)
			return -1;
		fd = openat(at.fd, at.name, TO_READ);
	}
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOT_FOUND, errno, "open %s", path);
	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_REFUSED, 0, "open %s: is a link", path);
	if (fd < 0)
		return err_set(e, ERR_FAILED, errno, "open %s", path);
	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_FAILED, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED, 0, "open %s: not a regular file", path);
	*out_size = st.st_size;
	*out_fd = take_fd(&fd);
	return 0;
}

static int read_some(int fd, const char *path, size_t max, struct buf *b, struct err *e)
{
	char chunk[8192];

	while (max) {
		ssize_t n = read(fd, chunk, max < sizeof chunk ? max : sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_FAILED, errno, "read %s", path);
		if (n == 0)
			return 0;
		buf_add(b, chunk, (size_t)n);
		if (buf_check(b, path, e) < 0)
			return -1;
		max -= (size_t)n;
	}
	return 0;
}

int fs_read(int dirfd, const char *path, struct buf *b, struct err *e)
{
	auto_fd int fd = -1;
	int64_t size = 0;

	if (open_file(dirfd, path, &fd, &size, e) < 0)
		return -1;
	/* What it held when it was opened; files of the kernel do not say how much that is. */
	return read_some(fd, path, size > 0 ? (size_t)size : SIZE_MAX, b, e);
}

int fs_read_at(int dirfd, const char *path, int64_t offset, size_t max, struct buf *b,
	       struct err *e)
{
	auto_fd int fd = -1;
	int64_t size = 0;

	if (open_file(dirfd, path, &fd, &size, e) < 0)
		return -1;
	if (offset < 0)
		offset = size + offset > 0 ? size + offset : 0;
	if (offset > size)
		return 0;
	if (lseek(fd, offset, SEEK_SET) < 0)
		return err_set(e, ERR_FAILED, errno, "read %s", path);
	return read_some(fd, path, max, b, e);
}

int fs_unlink(int dirfd, const char *path, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	int fault = fault_point("fs.unlink");

	if (fault)
		return err_set(e, ERR_FAILED, fault, "delete %s", path);
	if (fs_place(dirfd, path, &at, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (unlinkat(at.fd, at.name, 0) == 0 || errno == ENOENT)
		return 0;
	return err_set(e, ERR_FAILED, errno, "delete %s", path);
}

/* Durable where it is made, for nobody syncs it later: what is written into it is only as safe as
 * its own name. Else as it was. 0, or an errno. */
static int make_dir(const struct fs_place *at)
{
	int sys;

	if (mkdirat(at->fd, at->name, 0700) < 0)
		return errno == EEXIST ? 0 : errno;
	sys = fs_sync_dir(at->fd);
	if (sys)
		unlinkat(at->fd, at->name, AT_REMOVEDIR);
	return sys;
}

int fs_mkdirs(int dirfd, const char *path, struct err *e)
{
	char part[4096];
	size_t len = strlen(path);
	int sys;

	if (len >= sizeof part)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "make %s", path);
	for (size_t i = 1; i <= len; i++) {
		AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;

		if (i < len && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (part[i - 1] == '/')
			continue;
		if (fs_place(dirfd, part, &at, e) < 0)
			return -1;
		sys = make_dir(&at);
		if (sys)
			return err_set(e, ERR_FAILED, sys, "make folder %s", part);
	}
	return 0;
}

int fs_open_dir(int dirfd, const char *path, int *out_fd, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = fs_open_below(dirfd, path, flags, 0);

	if (fd < 0 && errno != ENOENT) {
		if (fs_place(dirfd, path, &at, e) < 0)
			return -1;
		fd = openat(at.fd, at.name, flags);
	}
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, errno, "open folder %s", path);
	/* Linux answers ENOTDIR for a link under O_DIRECTORY|O_NOFOLLOW, macOS ELOOP. */
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(e, ERR_REFUSED, 0, "open folder %s: is a link, or no folder", path);
	if (fd < 0)
		return err_set(e, ERR_FAILED, errno, "open folder %s", path);
	*out_fd = fd;
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* NULL with errno 0: there are no more. */
static struct dirent *next_entry(DIR *d)
{
	errno = 0;
	return readdir(d);
}

int fs_list(int dirfd, const char *path, struct strv *out, struct err *e)
{
	AUTO(close_dir) DIR *d = NULL;
	struct dirent *entry;
	int fd = -1;

	if (fs_open_dir(dirfd, path, &fd, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return err_set(e, ERR_FAILED, errno, "list %s", path);
	}
	while ((entry = next_entry(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strv_add(out, entry->d_name);
	if (errno)
		return err_set(e, ERR_FAILED, errno, "list %s", path);
	strv_sort(out);
	return 0;
}

/* Depth is bounded: a tree of ours is two levels deep, a hostile one must not exhaust the stack. */
static int remove_at(int dirfd, const char *path, unsigned depth, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	auto_fd int fd = -1;
	struct fs_info info;

	if (fs_stat(dirfd, path, &info, e) < 0)
		return -1;
	if (!info.exists)
		return 0;
	if (!info.is_dir)
		return fs_unlink(dirfd, path, e);
	if (depth == 0)
		return err_set(e, ERR_REFUSED, 0, "delete %s: too deep", path);
	if (fs_list(dirfd, path, &names, e) < 0 || fs_open_dir(dirfd, path, &fd, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (remove_at(fd, names.v[i], depth - 1, e) < 0)
			return -1;
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	int fault = fault_point("fs.rmdir");
	if (fault)
		return err_set(e, ERR_FAILED, fault, "delete folder %s", path);
	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	if (unlinkat(at.fd, at.name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_set(e, ERR_FAILED, errno, "delete folder %s", path);
	return 0;
}

int fs_remove_tree(int dirfd, const char *path, struct err *e)
{
	return remove_at(dirfd, path, 16, e);
}

int fs_readlink(int dirfd, const char *path, char *out, size_t size, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	char target[4096];
	ssize_t n;

	if (fs_place(dirfd, path, &at, e) < 0)
		return -1;
	n = readlinkat(at.fd, at.name, target, sizeof target);
	if (n < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_FAILED, errno,
			       "read link %s", path);
	if ((size_t)n >= size || (size_t)n >= sizeof target)
		return err_set(e, ERR_FAILED, ENAMETOOLONG, "read link %s", path);
	memcpy(out, target, (size_t)n);
	out[n] = '\0';
	return 0;
}

int fs_write_all(int fd, const void *bytes, size_t len, struct err *e)
{
	const char *p = bytes;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_FAILED, errno, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
