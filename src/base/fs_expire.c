/* The part of fs.h that forgets: old files of a folder that would only grow. */
#include "iapeer/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fault.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

struct old {
	const char *name; /* of the list */
	int64_t mtime_ms;
};

static int newest_first(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	if (x->mtime_ms != y->mtime_ms)
		return x->mtime_ms < y->mtime_ms ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Regular files alone, with the time of their last change. */
static size_t look(int fd, const struct strv *names, bool temps, struct old *out)
{
	struct stat st;
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++)
		if ((!temps || fs_is_temp(names->v[i])) &&
		    fstatat(fd, names->v[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			out[n++] = (struct old){names->v[i], plat_mtime_ms(&st)};
	return n;
}

static int delete_one(int fd, const char *folder, const char *name, struct err *e)
{
	int fault = fault_point("fs.unlink");

	if (!fault && unlinkat(fd, name, 0) < 0 && errno != ENOENT)
		fault = errno;
	return fault ? err_set(e, ERR_FAILED, fault, "delete %s/%s", folder, name) : 0;
}

static int expire(int dirfd, const char *path, bool temps, int64_t before_utc_ms, size_t keep,
		  struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	auto_fd int fd = -1;
	struct old *files;
	int result = 0;
	size_t n;

	if (fs_list(dirfd, path, &names, e) < 0)
		return -1;
	if (names.n <= keep)
		return 0; /* without a look at each of them */
	if (fs_open_dir(dirfd, path, &fd, e) < 0)
		return -1;
	files = xcalloc(names.n, sizeof *files);
	n = look(fd, &names, temps, files);
	if (keep)
		qsort(files, n, sizeof *files, newest_first);
	for (size_t i = keep; i < n && result == 0; i++)
		if (files[i].mtime_ms < before_utc_ms)
			result = delete_one(fd, path, files[i].name, e);
	free(files);
	return result;
}

int fs_expire(int dirfd, const char *path, int64_t before_utc_ms, size_t keep, struct err *e)
{
	return expire(dirfd, path, false, before_utc_ms, keep, e);
}

bool fs_is_temp(const char *name)
{
	return name[0] == '.' && str_ends(name, ".tmp");
}

int fs_expire_temps(int dirfd, const char *path, int64_t before_utc_ms, struct err *e)
{
	return expire(dirfd, path, true, before_utc_ms, 0, e);
}
