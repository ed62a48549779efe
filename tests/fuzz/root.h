/* root.h - one private root for the whole run of a fuzzer whose target reads files: in memory where
 * the system has a folder for that. */
#pragma once
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/registry/layout.h"

#include "must.h"

static struct layout l = {.root_fd = -1};

static void leave(void)
{
	struct err e;

	if (fs_remove_tree(AT_FDCWD, l.root, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
}

/* With that folder in it; what is there already stays. */
static void enter(const char *folder)
{
	const char *tmp = getenv("TMPDIR");
	struct err e;

	if (l.root_fd >= 0)
		return;
	log_open(STDERR_FILENO, LOG_ERROR); /* of each input there would be a warning */
	if (!tmp || !*tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;
	snprintf(l.root, sizeof l.root, "%.200s/iap-fuzz.XXXXXX", tmp);
	if (!mkdtemp(l.root) || fs_open_dir(AT_FDCWD, l.root, &l.root_fd, &e) < 0 ||
	    fs_mkdirs(l.root_fd, folder, &e) < 0)
		abort();
	atexit(leave);
}

/* A file of the input, written without a sync. */
static inline void put_file(const char *path, const void *data, size_t size)
{
	struct err e;

	must(fs_write_soft(l.root_fd, path, data, size, 0600, &e) == 0);
}

static inline void drop_file(const char *path)
{
	struct err e;

	must(fs_unlink(l.root_fd, path, &e) == 0);
}

/* What is in the file; an empty buf where there is none. */
static inline void get_file(const char *path, struct buf *out)
{
	struct err e;

	buf_cut(out, 0);
	must(fs_read(l.root_fd, path, out, &e) == 0 || e.code == ERR_NOT_FOUND);
}

static inline bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(buf_cstr(a), buf_cstr(b), a->len) == 0;
}

/* Inputs of several files: the next of them goes up to BETWEEN, or to the end. */
#define BETWEEN 0xfe /* in no UTF-8 */

struct part {
	const uint8_t *data;
	size_t size;
};

static inline bool next_part(const uint8_t **at, const uint8_t *end, struct part *out)
{
	const uint8_t *stop;

	if (*at > end)
		return false;
	stop = *at < end ? memchr(*at, BETWEEN, (size_t)(end - *at)) : NULL;
	stop = stop ? stop : end;
	*out = (struct part){.data = *at, .size = (size_t)(stop - *at)};
	*at = stop + 1;
	return true;
}
