#include "iapeer/registry/binary_link.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

int binary_link_look(const struct layout *l, enum binary_link *out,
		     char out_target[static LAYOUT_PATH], struct err *e)
{
	char self[PATH_MAX];
	struct stat there, mine;
	struct fs_info info;

	out_target[0] = '\0';
	*out = LINK_MISSING;
	if (fs_stat(l->root_fd, LAYOUT_BINARY, &info, e) < 0 ||
	    plat_self_exe(self, sizeof self, e) < 0)
		return -1;
	if (!info.exists)
		return 0;
	*out = LINK_NO_LINK;
	if (!info.is_link)
		return 0;
	if (fs_readlink(l->root_fd, LAYOUT_BINARY, out_target, LAYOUT_PATH, e) < 0)
		return -1;
	*out = LINK_DANGLING;
	if (faccessat(l->root_fd, LAYOUT_BINARY, X_OK, 0) < 0 ||
	    fstatat(l->root_fd, LAYOUT_BINARY, &there, 0) < 0)
		return 0;
	*out = stat(self, &mine) == 0 && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino
		   ? LINK_FINE
		   : LINK_OTHER;
	return 0;
}

int binary_link_set(const struct layout *l, struct err *e)
{
	char self[PATH_MAX];

	if (plat_self_exe(self, sizeof self, e) < 0 || fs_mkdirs(l->root_fd, "bin", e) < 0)
		return -1;
	return fs_symlink(self, l->root_fd, LAYOUT_BINARY, e);
}

int binary_link_ensure(const struct layout *l, struct err *e)
{
	return faccessat(l->root_fd, LAYOUT_BINARY, X_OK, 0) == 0 ? 0 : binary_link_set(l, e);
}
