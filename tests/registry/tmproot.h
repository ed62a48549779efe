/* A private root for one test: $IAPEER_ROOT points into a new folder, which goes with
 * tmproot_done(). */
#pragma once
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/registry/layout.h"

struct tmproot {
	char dir[LAYOUT_PATH]; /* the folder; the root is <dir>/root */
	struct layout l;
	int log[2]; /* what is logged can be read from log[0] */
};

/* <dir>/<rel>; good until the next call but three. */
static inline const char *tmproot_path(const struct tmproot *t, const char *rel)
{
	static char paths[4][4 * LAYOUT_PATH];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", t->dir, rel);
	return path;
}

static inline int tmproot_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct tmproot *t = calloc(1, sizeof *t);
	struct err e = ERR_INIT;
	char template[LAYOUT_PATH];

	if (!t || plat_pipe(t->log, &e) < 0 || fcntl(t->log[0], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	log_open(t->log[1], LOG_WARN);
	snprintf(template, sizeof template, "%s/iapeer-test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	char *real = mkdtemp(template) ? realpath(template, NULL) : NULL;
	if (!real)
		return -1;
	snprintf(t->dir, sizeof t->dir, "%s", real);
	free(real);
	unsetenv("IAPEER_SOCK_DIR");
	setenv("IAPEER_TEST_SANDBOX", "1", 1);
	setenv("IAPEER_ROOT", tmproot_path(t, "root"), 1);
	t->l = (struct layout)LAYOUT_INIT;
	*state = t;
	if (layout_open(&t->l, true, &e) == 0)
		return 0;
	fprintf(stderr, "%s\n", e.msg);
	return -1;
}

static inline int tmproot_teardown(void **state)
{
	struct tmproot *t = *state;
	struct err e;

	layout_done(&t->l);
	log_open(STDERR_FILENO, LOG_WARN);
	close(t->log[0]);
	close(t->log[1]);
	if (fs_remove_tree(AT_FDCWD, t->dir, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
	free(t);
	return 0;
}

/* What was logged since the last call. */
static inline const char *tmproot_logged(struct tmproot *t)
{
	static char text[8192];
	ssize_t n = read(t->log[0], text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline int tmproot_write(const struct tmproot *t, const char *rel, const char *text)
{
	struct err e;

	return fs_write_soft(AT_FDCWD, tmproot_path(t, rel), text, strlen(text), 0600, &e);
}

/* The text of a file, "" when there is none; good until the next call. */
static inline const char *tmproot_read(const struct tmproot *t, const char *rel)
{
	static char text[1 << 20];
	struct buf b = BUF_INIT(sizeof text - 1);
	struct err e;

	text[0] = '\0';
	if (fs_read(AT_FDCWD, tmproot_path(t, rel), &b, &e) == 0)
		memcpy(text, buf_cstr(&b), b.len + 1);
	buf_done(&b);
	return text;
}
