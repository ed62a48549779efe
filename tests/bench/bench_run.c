/* bench_run [-i FILE] COUNT PROGRAM [ARGUMENT...] - run a program COUNT times, with FILE as its
 * input; print how long each run took, in microseconds, from before it is started until it has
 * ended. Its output is dropped; a run that fails ends us. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define RUN_MS 60000

static int one(const char *file, char **argv, const struct buf *input, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	struct proc_opts o = {.file = file,
			      .argv = argv,
			      .input = input->len ? input->p : NULL,
			      .input_len = input->len,
			      .deadline_ms = clock_mono_ms() + RUN_MS};
	int64_t from = clock_mono_us();

	if (proc_run(&o, &r, e) < 0)
		return -1;
	if (r.status != 0)
		return err_set(e, ERR_FAILED, 0, "status %d: %s%s", r.status, buf_cstr(&r.out),
			       buf_cstr(&r.err));
	printf("%lld\n", (long long)(clock_mono_us() - from));
	return 0;
}

int main(int argc, char **argv)
{
	AUTO(buf_done) struct buf input = BUF_INIT(CAP_STATE);
	char file[4096];
	struct err e = ERR_INIT;
	int64_t n;

	if (argc > 2 && strcmp(argv[1], "-i") == 0) {
		if (fs_read(AT_FDCWD, argv[2], &input, &e) < 0) {
			fprintf(stderr, "bench_run: %s\n", e.msg);
			return 1;
		}
		argc -= 2;
		argv += 2;
	}
	if (argc < 3 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_run [-i FILE] COUNT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (proc_find(argv[2], getenv("PATH"), file, sizeof file, &e) < 0) {
		fprintf(stderr, "bench_run: %s\n", e.msg);
		return 1;
	}
	while (n-- > 0)
		if (one(file, argv + 2, &input, &e) < 0) {
			fprintf(stderr, "bench_run: %s: %s\n", argv[2], e.msg);
			return 1;
		}
	return 0;
}
