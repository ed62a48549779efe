#include "iapeer/launch/panelog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/log.h"

#include "iapeer/base/banned.h"

#define ASK_BYTES 65536

static int open_log(const struct layout *l, const char *path, int *out_fd, int64_t *out_size,
		    struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	struct stat st;
	int fd;

	if (fs_place(l->root_fd, path, &at, e) < 0)
		return -1;
	fd = openat(at.fd, at.name,
		    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_FAILED, errno, "open %s", path);
	*out_size = st.st_size;
	*out_fd = fd;
	return 0;
}

static int rotate(const struct layout *l, const char *path, int keep, struct err *e)
{
	char from[LAYOUT_PATH + 16], to[LAYOUT_PATH + 16];

	if (keep < 1)
		return fs_unlink(l->root_fd, path, e);
	for (int n = keep - 1; n >= 0; n--) {
		snprintf(to, sizeof to, "%s.%d", path, n + 1);
		if (n == 0)
			snprintf(from, sizeof from, "%s", path);
		else
			snprintf(from, sizeof from, "%s.%d", path, n);
		if (fs_exists(l->root_fd, from) && fs_rename(l->root_fd, from, to, e) < 0)
			return -1;
	}
	return 0;
}

/* Asked anew after each few blocks: budget is what may be written until then. */
static bool room_is_low(const struct layout *l, int64_t n, int64_t *budget)
{
	struct fs_room room;
	struct err e;

	*budget -= n;
	if (*budget >= 0)
		return false;
	*budget = ASK_BYTES;
	if (fs_room(l->root_fd, &room, &e) < 0 || !room.low)
		return false;
	*budget = 0;
	return true;
}

int panelog_add(const struct layout *l, const struct peer_id *id, const char *text, size_t len,
		struct err *e)
{
	char path[LAYOUT_PATH];
	int64_t size = 0;
	auto_fd int fd = -1;

	layout_pane_log(id, path);
	if (fs_mkdirs(l->root_fd, LAYOUT_PANE_LOGS, e) < 0 || open_log(l, path, &fd, &size, e) < 0)
		return -1;
	return fs_write_all(fd, text, len, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

int panelog_run(const struct layout *l, const struct peer_id *id, int64_t max_bytes, int keep,
		struct err *e)
{
	char path[LAYOUT_PATH], chunk[8192];
	int64_t size = 0, budget = 0;
	auto_fd int fd = -1;
	ssize_t n;

	layout_pane_log(id, path);
	if (fs_mkdirs(l->root_fd, LAYOUT_PANE_LOGS, e) < 0 || open_log(l, path, &fd, &size, e) < 0)
		return -1;
	while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) != 0) {
		struct err ignored;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (max_bytes > 0 && size > 0 && size + n > max_bytes) {
			close(take_fd(&fd));
			if (rotate(l, path, keep, e) < 0 || open_log(l, path, &fd, &size, e) < 0)
				return -1;
		}
		/* A full disk loses log, never the pane: keep reading. And the log stops first, so
		 * that there is room for what must be on record. */
		if (!room_is_low(l, n, &budget) &&
		    fs_write_all(fd, chunk, (size_t)n, &ignored) == 0)
			size += n;
	}
	return 0;
}
