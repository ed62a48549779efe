/* root.h - one private root for the whole run of a fuzzer whose target reads files. */
#pragma once
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "iapeer/base/fs.h"
#include "iapeer/registry/layout.h"

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
	snprintf(l.root, sizeof l.root, "%.200s/iap-fuzz.XXXXXX", tmp && *tmp ? tmp : P_tmpdir);
	if (!mkdtemp(l.root) || fs_open_dir(AT_FDCWD, l.root, &l.root_fd, &e) < 0 ||
	    fs_mkdirs(l.root_fd, folder, &e) < 0)
		abort();
	atexit(leave);
}
