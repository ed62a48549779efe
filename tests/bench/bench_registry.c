/* bench_registry COUNT - make COUNT peers p0, p1 ... in the root, as `create` does but without a
 * process each; print how long each change of the registry took, in microseconds. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/registry.h"

#include "iapeer/base/banned.h"

static int make(const struct layout *l, int64_t i, struct err *e)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct peer_record r = {.intelligence = NATURE_ABSENT, .default_runtime = "shell"};
	struct registry_change change = {.record = &r};
	char description[64], cwd[LAYOUT_PATH];
	bool created;
	int64_t from;
	int rc;

	profile_init(&p);
	snprintf(r.name, sizeof r.name, "p%lld", (long long)i);
	snprintf(description, sizeof description, "peer number %lld of a benchmark", (long long)i);
	layout_peer_home(l, r.name, cwd);
	r.description = description;
	r.cwd = cwd;
	strv_add(&r.runtimes, "shell");
	strv_add(&p.runtimes, "shell");
	str_cut(p.name, sizeof p.name, r.name);
	str_cut(p.default_runtime, sizeof p.default_runtime, "shell");
	str_cut(p.description, sizeof p.description, r.description);
	rc = fs_mkdirs(AT_FDCWD, r.cwd, e) < 0 ? -1 : profile_save(r.cwd, &p, e);
	from = clock_mono_us();
	if (rc == 0)
		rc = registry_upsert(l, &change, &created, e);
	if (rc == 0)
		printf("%lld\n", (long long)(clock_mono_us() - from));
	strv_done(&r.runtimes);
	return rc;
}

int main(int argc, char **argv)
{
	AUTO(layout_done) struct layout l = LAYOUT_INIT;
	struct err e = ERR_INIT;
	int64_t n;

	if (argc != 2 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_registry COUNT\n");
		return 2;
	}
	if (layout_open(&l, true, &e) == 0)
		for (int64_t i = 0; i < n && make(&l, i, &e) == 0; i++)
			;
	if (e.code != ERR_NONE)
		fprintf(stderr, "bench_registry: %s\n", e.msg);
	return e.code == ERR_NONE ? 0 : 1;
}
