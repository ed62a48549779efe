#include "iapeer/cli/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define CHUNK_BYTES (64U << 10)
#define LINE_MAX    (1U << 20)

struct telling {
	const char *path;
	bool (*fn)(const char *path, const char *line, size_t len, void *arg);
	void *arg;
	bool stopped;
};

/* ---- what is followed ---- */

static void watch(struct follow *f, const char *rel)
{
	char path[LAYOUT_PATH];
	struct err e;

	if (layout_abs(f->layout, rel, path, &e) < 0)
		return;
	/* A file that is not there yet is told of by its folder. */
	if (f->watch_fd < 0 ? plat_watch(path, &f->watch_fd, &e) < 0
			    : plat_watch_add(f->watch_fd, path, &e) < 0)
		return;
}

/* Its folder tells of names alone. */
static int watch_with_folder(struct follow *f, const char *rel, struct err *e)
{
	char dir[LAYOUT_PATH];
	char *slash;

	str_cut(dir, sizeof dir, rel);
	slash = strrchr(dir, '/');
	if (slash) {
		*slash = '\0';
		if (fs_mkdirs(f->layout->root_fd, dir, e) < 0)
			return -1;
	}
	watch(f, slash ? dir : ".");
	watch(f, rel);
	return f->watch_fd < 0 ? err_set(e, ERR_FAILED, 0, "%s cannot be watched", dir) : 0;
}

static void predecessor(const char *path, char out[static LAYOUT_PATH])
{
	snprintf(out, LAYOUT_PATH, "%.*s.1", LAYOUT_PATH - 3, path);
}

/* Where reading begins: in the file, or in the one before it. */
static int place(const struct follow *f, struct follow_file *file, int64_t back, struct err *e)
{
	struct fs_info now, before;
	char old[LAYOUT_PATH];

	predecessor(file->path, old);
	if (fs_stat(f->layout->root_fd, file->path, &now, e) < 0 ||
	    fs_stat(f->layout->root_fd, old, &before, e) < 0)
		return -1;
	if (!now.exists)
		now.size = 0;
	if (before.exists && back > now.size) {
		back -= now.size;
		file->inode = before.inode;
		file->at = back < before.size ? before.size - back : 0;
	} else if (now.exists) {
		file->inode = now.inode;
		file->at = back < now.size ? now.size - back : 0;
	}
	file->cut = file->at > 0 && back > 0;
	return 0;
}

int follow_add(struct follow *f, const struct layout *l, const char *path, int64_t back,
	       struct err *e)
{
	struct follow_file file = {.at = 0};

	f->layout = l;
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].path, path) == 0)
			return 0;
	if (!str_put(file.path, sizeof file.path, path))
		return err_set(e, ERR_FAILED, 0, "%s: too long", path);
	/* Watched first: what is written behind our look wakes us. */
	if (watch_with_folder(f, path, e) < 0 || place(f, &file, back, e) < 0)
		return -1;
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 8;
		f->v = xrealloc(f->v, f->room * sizeof *f->v);
	}
	f->v[f->n++] = file;
	return 0;
}

void follow_done(struct follow *f)
{
	free(f->v);
	if (f->watch_fd >= 0)
		close(f->watch_fd);
	*f = (struct follow)FOLLOW_INIT;
}

/* ---- reading ---- */

/* The whole lines at the front of b are told and dropped; *at moves behind them. */
static void tell(struct telling *t, struct follow_file *file, struct buf *b)
{
	size_t done = 0;
	const char *nl;

	while (!t->stopped && done < b->len &&
	       (nl = memchr(b->p + done, '\n', b->len - done)) != NULL) {
		size_t len = (size_t)(nl - b->p) - done;

		if (!file->cut && len > 0 && !t->fn(t->path, b->p + done, len, t->arg)) {
			t->stopped = true;
			break;
		}
		file->cut = false;
		done += len + 1;
	}
	file->at += (int64_t)done;
	buf_drop(b, done);
}

/* -1: there is none, or it cannot be read. */
static int open_it(const struct follow *f, const char *path, struct stat *out)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	auto_fd int fd = -1;
	struct err e;

	if (fs_place(f->layout->root_fd, path, &at, &e) < 0)
		return -1;
	fd = openat(at.fd, at.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, out) < 0 || !S_ISREG(out->st_mode))
		return -1;
	return take_fd(&fd);
}

/* From where we are to its end. */
static int drain(struct follow_file *file, int fd, struct telling *t, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(LINE_MAX + 2 * CHUNK_BYTES);
	auto_free char *chunk = xmalloc(CHUNK_BYTES);

	while (!t->stopped) {
		ssize_t n = pread(fd, chunk, CHUNK_BYTES, file->at + (off_t)b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_FAILED, errno, "read %s", t->path);
		if (n == 0)
			break;
		buf_add(&b, chunk, (size_t)n);
		tell(t, file, &b);
		if (b.len > LINE_MAX) {
			file->at += (int64_t)b.len;
			file->cut = true;
			buf_cut(&b, 0);
		}
	}
	return 0;
}

static bool is_unchanged(const struct follow *f, const struct follow_file *file)
{
	struct fs_info now;
	struct err e;

	return fs_stat(f->layout->root_fd, file->path, &now, &e) == 0 &&
	       (now.exists ? now.inode == file->inode && now.size == file->at : !file->inode);
}

static int read_one(struct follow *f, struct follow_file *file, struct telling *t, struct err *e)
{
	char old[LAYOUT_PATH];
	struct stat now, before;
	auto_fd int fd = -1;
	auto_fd int old_fd = -1;

	if (is_unchanged(f, file))
		return 0;
	fd = open_it(f, file->path, &now);
	if (file->inode && (fd < 0 || now.st_ino != file->inode)) {
		predecessor(file->path, old);
		old_fd = open_it(f, old, &before);
		if (old_fd >= 0 && before.st_ino == file->inode && drain(file, old_fd, t, e) < 0)
			return -1;
	}
	if (fd < 0 || t->stopped)
		return 0;
	if (now.st_ino != file->inode) {
		file->inode = now.st_ino;
		file->at = 0;
		file->cut = false;
		watch(f, file->path);
	} else if (now.st_size < file->at) {
		file->at = 0; /* begun anew in its place */
	}
	return drain(file, fd, t, e);
}

int follow_read(struct follow *f,
		bool (*fn)(const char *path, const char *line, size_t len, void *arg), void *arg,
		struct err *e)
{
	struct telling t = {.fn = fn, .arg = arg};

	if (f->watch_fd >= 0)
		plat_watch_drain(f->watch_fd);
	for (size_t i = 0; i < f->n && !t.stopped; i++) {
		t.path = f->v[i].path;
		if (read_one(f, &f->v[i], &t, e) < 0)
			return -1;
	}
	return 0;
}

enum follow_why follow_wait(struct follow *f, int64_t ms)
{
	/* A pipe whose reader has gone reports an error that nobody asked for. */
	struct pollfd fds[] = {{.fd = f->watch_fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

	if (poll(fds, 2, ms < 0 ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms) <= 0)
		return FOLLOW_TIME;
	return fds[1].revents & (POLLERR | POLLNVAL) ? FOLLOW_NOBODY : FOLLOW_CHANGED;
}
