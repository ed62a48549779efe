/* Runs a fuzz target over every file of a folder, so that the corpus is a plain test without
 * libFuzzer. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "iapeer/base/fs.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(int dir, const char *name, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_REGISTRY);

	if (fs_read(dir, name, &b, e) < 0)
		return -1;
	printf("%s (%zu bytes)\n", name, b.len);
	fflush(stdout); /* the name must be out before the target aborts */
	LLVMFuzzerTestOneInput((const uint8_t *)buf_cstr(&b), b.len);
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
	size_t count = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s <folder>\n", argv[0]);
		return 2;
	}
	if (run_folder(argv[1], &count, &e) < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], e.msg);
		return 1;
	}
	printf("%zu inputs\n", count);
	return 0;
}
