/* Runs a fuzz target without libFuzzer: over every file of a folder, so that the corpus is a plain
 * test; over one file; or over standard input, as AFL gives it (docs/TESTING.md). */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly that size: what reads on past the end is seen by a sanitizer. */
static void run_bytes(const struct buf *b)
{
	uint8_t *exact = xmalloc(b->len ? b->len : 1);

	memcpy(exact, buf_cstr(b), b->len);
	LLVMFuzzerTestOneInput(exact, b->len);
	free(exact);
}

static int run_file(int dir, const char *name, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_REGISTRY);

	if (fs_read(dir, name, &b, e) < 0)
		return -1;
	printf("%s (%zu bytes)\n", name, b.len);
	fflush(stdout); /* the name must be out before the target aborts */
	run_bytes(&b);
	return 0;
}

static int run_input(struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_REGISTRY);
	char chunk[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
		buf_add(&b, chunk, (size_t)n);
	if (n < 0 || b.failed)
		return err_set(e, ERR_FAILED, n < 0 ? errno : 0, "read standard input");
	run_bytes(&b);
	return 0;
}

static int run_folder(const char *path, size_t *out_count, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	auto_fd int dir = -1;

	if (fs_open_dir(AT_FDCWD, path, &dir, e) < 0 || fs_list(AT_FDCWD, path, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (run_file(dir, names.v[i], e) < 0)
			return -1;
	}
	if (names.n == 0)
		return err_set(e, ERR_NOT_FOUND, 0, "%s: no corpus there", path);
	*out_count = names.n;
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct stat st;
	size_t count = 1;
	int rc;

	if (argc > 2) {
		fprintf(stderr, "usage: %s [folder | file]\n", argv[0]);
		return 2;
	}
	if (argc < 2)
		rc = run_input(&e);
	else if (stat(argv[1], &st) == 0 && S_ISREG(st.st_mode))
		rc = run_file(AT_FDCWD, argv[1], &e);
	else
		rc = run_folder(argv[1], &count, &e);
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], e.msg);
		return 1;
	}
	printf("%zu inputs\n", count);
	return 0;
}
