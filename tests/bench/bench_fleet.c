/* bench_fleet COUNT PID... - put live sessions of p0 ... p(COUNT-1) on record (bench_registry made
 * the peers): record, armed canary, pane log. Server and program of each are one of the given
 * processes, in turn. So a keeper watches what it would watch with as many tmux servers, and only
 * the servers are left out. */
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/ledger.h"
#include "iapeer/launch/session.h"

#include "iapeer/base/banned.h"

static int put(const struct layout *l, const char *name, struct proc_ref process, struct err *e)
{
	struct session s = {.server = process,
			    .pane = process,
			    .woke_at_ms = clock_utc_ms(),
			    .woke_mono_ms = clock_mono_ms(),
			    .pane_id = "%0",
			    .mode = "fresh",
			    .cause = "first-wake",
			    .ready = true};
	struct canary c = {.server = process};
	char log[LAYOUT_PATH];

	if (peer_make("shell", name, &s.id, e) < 0 || plat_boot_id(s.boot_id, e) < 0 ||
	    layout_socket(l, &s.id, s.socket, e) < 0)
		return -1;
	layout_peer_home(l, name, s.cwd);
	layout_pane_log(&s.id, log);
	peer_identity(&s.id, c.identity);
	str_cut(c.boot_id, sizeof c.boot_id, s.boot_id);
	str_cut(c.socket, sizeof c.socket, s.socket);
	if (fs_write_atomic(l->root_fd, log, "$ ", 2, 0600, e) < 0 || session_save(l, &s, e) < 0 ||
	    canary_arm(l, &c, e) < 0)
		return -1;
	return 0;
}

static int put_all(int64_t n, char **pids, int64_t n_pids, struct err *e)
{
	AUTO(layout_done) struct layout l = LAYOUT_INIT;
	struct proc_ref process;
	char name[32];
	int64_t pid;

	if (layout_open(&l, false, e) < 0 || fs_mkdirs(l.root_fd, LAYOUT_LIFECYCLE, e) < 0 ||
	    fs_mkdirs(l.root_fd, LAYOUT_PANE_LOGS, e) < 0)
		return -1;
	for (int64_t i = 0; i < n; i++) {
		if (!str_i64(pids[i % n_pids], 2, INT32_MAX, &pid))
			return err_set(e, ERR_USAGE, 0, "no pid: %s", pids[i % n_pids]);
		snprintf(name, sizeof name, "p%lld", (long long)i);
		if (plat_proc_ref((pid_t)pid, &process, e) < 0 || put(&l, name, process, e) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int64_t n;

	if (argc < 3 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_fleet COUNT PID...\n");
		return 2;
	}
	if (put_all(n, argv + 2, argc - 2, &e) < 0) {
		fprintf(stderr, "bench_fleet: %s\n", e.msg);
		return 1;
	}
	return 0;
}
