/* fs_path.h - inside of fs: the folder that holds a path's last component, reached without
 * following a link. */
#pragma once
#include "iapeer/base/err.h"
#include <sys/types.h>

struct fs_place {
	int fd;           /* the folder; AT_FDCWD or the caller's own when there is none to open */
	int owned;        /* -1, or the descriptor to close */
	const char *name; /* the last component; borrowed from the path */
};
#define FS_PLACE_INIT                                                                              \
	{                                                                                          \
		.fd = -1, .owned = -1                                                              \
	}

/* ERR_NOT_FOUND: a folder on the way is missing. ERR_REFUSED: a link on the way below dirfd. */
int fs_place(int dirfd, const char *path, struct fs_place *out, struct err *e) NODISCARD;
/* Open the whole path at once, with O_NOFOLLOW, to the same effect as fs_place() and openat(). -1
 * with errno: do it by these, for whatever is wrong they say exactly; only ENOENT can be believed.
 */
int fs_open_below(int dirfd, const char *path, int flags, mode_t mode);
void fs_place_done(struct fs_place *at);
/* What was made, renamed or linked in the folder survives a power cut. 0, or an errno. */
int fs_sync_dir(int fd) NODISCARD;
