/* A folder of a test's own, and short words for what is put there and found there. */
#pragma once
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"

static struct {
	char path[64];
	int fd;
} root;

static inline int enter(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	snprintf(root.path, sizeof(root.path), "%s/iapeer-fs.XXXXXX", P_tmpdir);
	return mkdtemp(root.path) ? fs_open_dir(AT_FDCWD, root.path, &root.fd, &e) : -1;
}

static inline int leave(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	close(root.fd);
	return fs_remove_tree(AT_FDCWD, root.path, &e);
}

static inline void put(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	if (fs_write_atomic(root.fd, path, text, strlen(text), 0600, &e) < 0)
		fail_msg("%s", e.msg);
}

static inline void folder(const char *path)
{
	struct err e = ERR_INIT;

	if (fs_mkdirs(root.fd, path, &e) < 0)
		fail_msg("%s", e.msg);
}

static inline void link_to(const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, root.fd, path), 0);
}

static inline void holds(const char *path, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	struct err e = ERR_INIT;

	if (fs_read(root.fd, path, &b, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_cstr(&b), text);
}

/* The names in a folder, with blanks between them. */
static inline void lists(const char *path, const char *names)
{
	AUTO(strv_done) struct strv v = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	struct err e = ERR_INIT;

	assert_int_equal(fs_list(root.fd, path, &v, &e), 0);
	for (size_t i = 0; i < v.n; i++)
		buf_fmt(&b, "%s%s", i ? " " : "", v.v[i]);
	assert_string_equal(buf_cstr(&b), names);
}
