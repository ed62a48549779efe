#include "iapeer/lifecycle/activity.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/delivery/reported.h"

#include "iapeer/base/banned.h"

#define TURN_MS          (INT64_C(600) * 1000)
#define REPORTED_TURN_MS (INT64_C(7200) * 1000) /* one command may take so long */

static int64_t touched(const struct layout *l, const char *path)
{
	struct fs_info info;
	struct err e;

	return fs_stat(l->root_fd, path, &info, &e) == 0 && info.exists ? info.mtime_ms : 0;
}

/* Any mixture will do in which no change of one is hidden by the others. */
static int64_t stamp_of(int64_t woke, int64_t told, int64_t printed)
{
	uint64_t h = 0;

	h = (h ^ (uint64_t)woke) * UINT64_C(0x9E3779B97F4A7C15);
	h = (h ^ (h >> 29) ^ (uint64_t)told) * UINT64_C(0x9E3779B97F4A7C15);
	h = (h ^ (h >> 29) ^ (uint64_t)printed) * UINT64_C(0x9E3779B97F4A7C15);
	return (int64_t)(h >> 2) + 1;
}

/* What the program says of itself: the end of a turn is life, a turn that has not ended is work. */
static void look_at_reports(const struct layout *l, const struct session *s, struct activity *out)
{
	AUTO(reported_done) struct reported r;
	struct err e;

	reported_begin(&r, "", report_size(l, &s->id), s);
	if (reported_look(l, &s->id, &r, &e) < 0) {
		log_warn("activity", "%s", e.msg);
		return;
	}
	if (r.last_ms > out->newest_utc_ms)
		out->newest_utc_ms = r.last_ms;
	out->stamp = stamp_of(out->stamp, r.last_ms, 0);
	out->in_turn = r.working && clock_utc_ms() - r.last_ms < REPORTED_TURN_MS;
}

void activity_look(const struct layout *l, const struct session *s, enum runtime_kind kind,
		   struct activity *out)
{
	char log[LAYOUT_PATH], receipts[LAYOUT_PATH];
	struct proc_info proc;
	int64_t printed, told;
	struct err e;

	layout_pane_log(&s->id, log);
	layout_state(&s->id, "receipts", receipts);
	printed = touched(l, log);
	told = touched(l, receipts); /* every receipt is a new name in that folder */
	*out = (struct activity){.newest_utc_ms = s->woke_at_ms,
				 .stamp = stamp_of(s->woke_at_ms, told, printed),
				 .attached = session_attached(s)};
	if (told > out->newest_utc_ms)
		out->newest_utc_ms = told;
	if (printed > out->newest_utc_ms)
		out->newest_utc_ms = printed;
	if (s->hooks)
		look_at_reports(l, s, out);
	if (kind == KIND_SHELL && plat_proc_info(s->pane.pid, &proc, &e) == 0 &&
	    proc.state != PROC_GONE)
		out->in_turn = proc.tty_pgid > 0 && proc.tty_pgid != proc.pgid &&
			       clock_utc_ms() - printed < TURN_MS;
}
