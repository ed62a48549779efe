#include "iapeer/base/fs_names.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

void fs_names_done(struct fs_names *n)
{
	if (n->open)
		close(n->fd);
	strv_done(&n->v);
	*n = (struct fs_names){.listings = n->listings};
}

/* By a path that may lead elsewhere by now, over links too: what it leads to is only compared with
 * the folder that we hold. */
static bool is_the_same(const struct fs_names *n, int dirfd, const char *path)
{
	struct stat st;

	return n->open && n->settled && fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == n->device && st.st_ino == n->inode && plat_mtime_ms(&st) == n->mtime_ms;
}

/* Its time is read before the names: what changes in between is seen now, and looked at again. */
static int list(struct fs_names *n, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(n->fd, &st) < 0)
		return err_set(e, ERR_FAILED, errno, "look at %s", path);
	n->device = st.st_dev;
	n->inode = st.st_ino;
	n->mtime_ms = plat_mtime_ms(&st);
	n->settled = clock_utc_ms() - n->mtime_ms >= FS_GRAIN_MS;
	return fs_list(n->fd, ".", &n->v, e);
}

int fs_names_look(struct fs_names *n, int dirfd, const char *path, struct err *e)
{
	if (is_the_same(n, dirfd, path))
		return 0;
	fs_names_done(n);
	n->listings++;
	if (fs_open_dir(dirfd, path, &n->fd, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	n->open = true;
	if (list(n, path, e) == 0)
		return 0;
	fs_names_done(n);
	return -1;
}
