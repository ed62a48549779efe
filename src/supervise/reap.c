#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "iapeer/base/log.h"
#include "iapeer/delivery/origin.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

void keeper_adopt(struct keeper *k)
{
	bool works = false;
	struct err e;

	if (plat_become_reaper(&works, &e) < 0)
		log_warn("supervise", "%s: causes of death will be inferred more often", e.msg);
	origin_keeper_begins(k->layout, works);
}

void keeper_disown(struct keeper *k)
{
	siginfo_t info;
	bool childless =
	    waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;

	origin_keeper_ends(k->layout, childless);
}

static bool is_worker(const struct keeper *k, pid_t pid)
{
	for (const struct worker *w = k->workers; w; w = w->next)
		if (w->process.pid == pid)
			return true;
	return false;
}

/* libuv waits for its own children one by one and leaves others alone; whatever else died below us
 * (adopted tmux servers, and the programs of a killed one) is ours to collect. Looked at first
 * without reaping, so that its birth can be read. */
void keeper_reap(struct keeper *k)
{
	siginfo_t info;

	for (;;) {
		struct proc_info proc;
		struct err e;
		int status;

		memset(&info, 0, sizeof info);
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return;
		if (is_worker(k, info.si_pid) || keeper_is_aside(k, info.si_pid)) {
			/* libuv's turn has not come yet: once more after it. */
			uv_timer_start(&k->work_timer, k->work_timer.timer_cb, 1, 0);
			return;
		}
		if (plat_proc_info(info.si_pid, &proc, &e) < 0)
			proc.birth = 0;
		if (waitpid(info.si_pid, &status, WNOHANG) != info.si_pid)
			return;
		k->ring[k->n_reaped++ % REAPED_RING] = (struct reaped){
		    .ref = {.pid = info.si_pid, .birth = proc.birth}, .status = status};
	}
}

bool keeper_reaped(const struct keeper *k, struct proc_ref ref, int *out_status)
{
	size_t n = k->n_reaped < REAPED_RING ? k->n_reaped : REAPED_RING;

	for (size_t i = 0; i < n; i++)
		if (k->ring[i].ref.pid == ref.pid && k->ring[i].ref.birth == ref.birth) {
			*out_status = k->ring[i].status;
			return true;
		}
	return false;
}
