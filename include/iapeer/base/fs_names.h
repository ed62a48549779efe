/* fs_names.h - the names in a folder, for one who looks again and again: listed anew only when the
 * folder's time says that they may have changed.
 *
 * All zero is a valid start. The folder stays open meanwhile, so its inode cannot come again as
 * another's; it is found by its path each time, for somebody may have put another in its place.
 */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FS_GRAIN_MS                                                                                \
	2000 /* of a file system's clock, at most: who changes twice in it shows once              \
	      */

struct fs_names {
	struct strv v; /* sorted, without "." and ".."; of a missing folder none */
	bool open;
	int fd; /* when open: the folder itself, for files in it by their name */
	dev_t device;
	ino_t inode;
	int64_t mtime_ms;  /* when they were listed */
	bool settled;      /* that was FS_GRAIN_MS ago by then: a change since shows */
	uint64_t listings; /* how often they were looked up: as long as it stays, so did they */
};

/* As it is now. dirfd and path as for fs_open_dir(). On failure there are none. */
int fs_names_look(struct fs_names *n, int dirfd, const char *path, struct err *e) NODISCARD;
void fs_names_done(struct fs_names *n);
