#include "iapeer/canary/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define TOP_PROCESSES 25
#define PANE_TAIL     2048
#define KEPT          1000
#define DAY_MS        (INT64_C(24) * 3600 * 1000)

struct row {
	pid_t pid;
	int64_t rss;
};

/* Keep the largest, the largest first; a table of 25 needs no heap. */
static void offer(struct row *top, size_t *n, struct row r)
{
	size_t i = *n < TOP_PROCESSES ? (*n)++ : TOP_PROCESSES - 1;

	if (*n == TOP_PROCESSES && i == TOP_PROCESSES - 1 && top[i].pid && top[i].rss >= r.rss)
		return;
	for (; i > 0 && top[i - 1].rss < r.rss; i--)
		top[i] = top[i - 1];
	top[i] = r;
}

static void add_processes(struct buf *out)
{
	struct row top[TOP_PROCESSES] = {{.pid = 0}};
	size_t n_pids = 0, n = 0;
	pid_t *pids = NULL;
	struct err e;

	if (plat_pids(&pids, &n_pids, &e) < 0) {
		buf_fmt(out, "processes: missing (%s)\n", e.msg);
		return;
	}
	for (size_t i = 0; i < n_pids; i++) {
		struct row r = {.pid = pids[i], .rss = plat_proc_rss(pids[i])};

		if (r.rss > 0)
			offer(top, &n, r);
	}
	free(pids);
	buf_fmt(out, "processes: %zu, the largest:\n", n_pids);
	for (size_t i = 0; i < n; i++) {
		struct proc_info info;

		if (plat_proc_info(top[i].pid, &info, &e) < 0)
			continue;
		buf_fmt(out, "  %9lld KiB  pid %-8ld ", (long long)(top[i].rss / 1024),
			(long)top[i].pid);
		str_shown(out, info.name, strnlen(info.name, sizeof info.name), false);
		buf_chr(out, '\n');
	}
}

void evidence_machine(struct buf *out)
{
	struct mem_info m;
	struct err e;

	if (plat_mem_info(&m, &e) < 0)
		buf_fmt(out, "memory: missing (%s)\n", e.msg);
	else
		buf_fmt(out, "memory: total=%lld available=%lld swap_total=%lld swap_free=%lld\n",
			(long long)m.total, (long long)m.available, (long long)m.swap_total,
			(long long)m.swap_free);
	plat_evidence(getpid(), out);
	add_processes(out);
}

void evidence_pane(const struct layout *l, const char *identity, struct buf *out)
{
	AUTO(buf_done) struct buf tail = BUF_INIT(PANE_TAIL + 1);
	char path[LAYOUT_PATH];
	struct peer_id id;
	struct err e;

	if (peer_parse(identity, &id, &e) < 0) {
		buf_str(out, "pane: missing (not a peer of ours)\n");
		return;
	}
	layout_pane_log(&id, path);
	if (fs_read_at(l->root_fd, path, -PANE_TAIL, PANE_TAIL, &tail, &e) < 0) {
		buf_fmt(out, "pane: missing (%s)\n", e.msg);
		return;
	}
	buf_fmt(out, "pane: last %zu bytes:\n", tail.len);
	str_shown(out, buf_cstr(&tail), tail.len, true);
	buf_chr(out, '\n');
}

static void take_line(const char *line, size_t len, void *arg)
{
	oom_log_add(arg, line, len);
}

void evidence_oom_log(struct oom_log *out)
{
	bool our_pids = false;
	struct err e;

	*out = (struct oom_log){.n = 0};
	out->readable = plat_kernel_log(take_line, out, &our_pids, &e) == 0 && our_pids;
}

bool evidence_oom_names(pid_t pid, int64_t since_mono_ms)
{
	struct oom_log log;

	evidence_oom_log(&log);
	return oom_log_names(&log, pid, since_mono_ms, false);
}

int evidence_expire(const struct layout *l, int64_t now_utc_ms, struct err *e)
{
	return fs_expire(l->root_fd, LAYOUT_DEATHS_DIR, now_utc_ms - DAY_MS, KEPT, e);
}
