/* fs.h - files, below a directory descriptor, never through a link.
 *
 * `dirfd` and a relative path: every component is opened with O_NOFOLLOW, so nothing below dirfd
 * may be a link (a link fails with ERR_REFUSED and its name). With AT_FDCWD or an absolute path the
 * folders on the way may be links, the last component may not (a user's own folder is the user's
 * business). Everything is close-on-exec. Messages name the path as given. Each effect is a fault
 * point (fault.h) called fs.<what>.
 */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fs_info {
	bool exists;
	bool is_dir, is_file, is_link, is_sock;
	mode_t mode;
	uid_t uid;
	int64_t size;
	int64_t mtime_ms;
	uint64_t inode;
};

/* Never fails on "does not exist": info->exists is false then. */
int fs_stat(int dirfd, const char *path, struct fs_info *out, struct err *e) NODISCARD;
bool fs_exists(int dirfd, const char *path); /* false also when it cannot be told */

/* Room on the file system of a folder. */
struct fs_room {
	int64_t free_bytes, all_bytes;
	int64_t free_files; /* -1: it has no such limit */
	bool read_only;
	bool low; /* so little that only what must be written should be: under 16 MiB, or a
		     twentieth where that is less, or under 64 files */
};
int fs_room(int dirfd, struct fs_room *out, struct err *e) NODISCARD;
bool fs_is_full(const struct err *e); /* did it fail for want of room? */

/* Append the whole file to b (its cap is the limit). ERR_NOT_FOUND when there is none. Regular
 * files only. */
int fs_read(int dirfd, const char *path, struct buf *b, struct err *e) NODISCARD;
/* Read at most `max` bytes from `offset` (negative: from the end). For logs that grow meanwhile. */
int fs_read_at(int dirfd, const char *path, int64_t offset, size_t max, struct buf *b,
	       struct err *e) NODISCARD;

/* All or nothing, and durable: temporary file in the same folder, write, fsync, rename, fsync of
 * the folder. */
int fs_write_atomic(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		    struct err *e) NODISCARD;
/* The same, but the file must not exist yet: published by link(2). *out_created says whether this
 * call did it; false: somebody else had, and their file stands. What fails behind the link takes it
 * away again, as well as it can: the file remains where that fails too, or we are killed before it,
 * and somebody may have read it in between. */
int fs_publish(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
	       bool *out_created, struct err *e) NODISCARD;
/* The same without fsync: the caller syncs once for many. */
int fs_publish_soft(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		    bool *out_created, struct err *e) NODISCARD;
/* Atomic but not durable (no fsync): for what may be lost with the machine. */
int fs_write_soft(int dirfd, const char *path, const void *bytes, size_t len, mode_t mode,
		  struct err *e) NODISCARD;

/* Overwrite bytes in place (the file is made if need be, mode 0600). Neither atomic nor durable. */
int fs_write_at(int dirfd, const char *path, int64_t offset, const void *bytes, size_t len,
		struct err *e) NODISCARD;

/* Open for lines that are appended (the file is made if need be, mode 0600); it can be read, too.
 */
int fs_open_append(int dirfd, const char *path, int *out_fd, struct err *e) NODISCARD;
/* Does it end inside of a line? Its writer was killed, or its disk was full: the next line needs a
 * newline before it. */
bool fs_is_torn(int fd);

int fs_unlink(int dirfd, const char *path, struct err *e) NODISCARD; /* missing: done */
int fs_rename(int dirfd, const char *from, const char *to,
	      struct err *e) NODISCARD; /* and fsync of to's folder */
int fs_remove_tree(int dirfd, const char *path,
		   struct err *e) NODISCARD; /* missing: done; follows no link */
/* Make all missing folders, mode 0700, and durably: the parent of each one that is made is synced.
 * Who is killed between the two leaves a folder that only the system's next write-back keeps. */
int fs_mkdirs(int dirfd, const char *path, struct err *e) NODISCARD;
/* Delete the regular files of a folder (not below it) that were last changed before that time, but
 * never the `keep` newest. A missing folder is empty. */
int fs_expire(int dirfd, const char *path, int64_t before_utc_ms, size_t keep,
	      struct err *e) NODISCARD;
/* Is this the name of a temporary file of ours? Older than an hour it was left by a process that
 * was killed. */
bool fs_is_temp(const char *name);
#define FS_TEMP_OLD_MS (INT64_C(3600) * 1000)
int fs_expire_temps(int dirfd, const char *path, int64_t before_utc_ms, struct err *e) NODISCARD;
int fs_open_dir(int dirfd, const char *path, int *out_fd, struct err *e) NODISCARD;
/* Names in a folder, sorted, without "." and ".."; a missing folder is empty. */
int fs_list(int dirfd, const char *path, struct strv *out, struct err *e) NODISCARD;
/* The target of a symbolic link; ERR_NOT_FOUND. */
int fs_readlink(int dirfd, const char *path, char *out, size_t size, struct err *e) NODISCARD;
int fs_symlink(const char *target, int dirfd, const char *path,
	       struct err *e) NODISCARD; /* replaces atomically */

int fs_write_all(int fd, const void *bytes, size_t len, struct err *e) NODISCARD;
