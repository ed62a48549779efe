#include "iapeer/supervise/supervise.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/supervise/client.h"
#include "iapeer/supervise/keeper.h"
#include "iapeer/supervise/reference.h"
#include "iapeer/supervise/start.h"

#include "iapeer/base/banned.h"

#define LINGER_MS    2000
#define WORKERS_MAX  16
#define LEAVE_MS     500 /* for workers to finish; who waits for an answer asks the next keeper */
#define ANSWER_MS    20  /* for the last answer to be written */
#define TAKE_LOCK_MS 15000

static void on_rescan(uv_timer_t *t)
{
	if (!keeper_in_place(t->data))
		return;
	keeper_scan(t->data);
	keeper_consider_leaving(t->data);
}

/* ---- leaving ---- */

static void on_idle(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (k->conns || k->watched || k->workers || !workq_idle(&k->work))
		return;
	keeper_scan(k);
	if (k->watched || !workq_idle(&k->work))
		return;
	log_info("supervise", "nothing is live, armed or queued: leaving");
	keeper_leave(k);
}

void keeper_consider_leaving(struct keeper *k)
{
	if (k->leaving || !k->on_demand)
		return;
	if (k->conns || k->watched || k->workers || !workq_idle(&k->work))
		uv_timer_stop(&k->idle_timer);
	else if (!uv_is_active((uv_handle_t *)&k->idle_timer))
		uv_timer_start(&k->idle_timer, on_idle, LINGER_MS, 0);
}

static void close_one(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* The last answers are out, or had their time. Objects with owners close themselves; the rest are
 * ours. */
static void on_leave(uv_timer_t *t)
{
	struct keeper *k = t->data;
	uv_handle_t *own[] = {(uv_handle_t *)&k->sigchld,         (uv_handle_t *)&k->sigterm,
			      (uv_handle_t *)&k->sigint,          (uv_handle_t *)&k->sighup,
			      (uv_handle_t *)&k->work_timer,      (uv_handle_t *)&k->death_timer,
			      (uv_handle_t *)&k->idle_timer,      (uv_handle_t *)&k->rescan_timer,
			      (uv_handle_t *)&k->leave_timer,     (uv_handle_t *)&k->tick_timer,
			      (uv_handle_t *)&k->due_timer,       (uv_handle_t *)&k->absent_timer,
			      (uv_handle_t *)&k->attention_timer, (uv_handle_t *)&k->root_events,
			      (uv_handle_t *)&k->state_events};

	if (k->workers) { /* killed, and about to be reaped */
		keeper_end_workers(k);
		uv_timer_start(&k->leave_timer, on_leave, 10, 0);
		return;
	}
	keeper_hear_no_more(k);
	keeper_unwatch_all(k);
	keeper_leave_asides(k);
	file_watch_free(&k->logs);
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		close_one(own[i], NULL);
}

void keeper_leave(struct keeper *k)
{
	if (k->leaving)
		return;
	k->leaving = true;
	uv_timer_start(&k->leave_timer, on_leave, k->workers ? LEAVE_MS : ANSWER_MS, 0);
}

static void on_signal(uv_signal_t *h, int sig)
{
	struct keeper *k = h->data;

	if (sig == SIGCHLD) {
		keeper_reap(k);
	} else if (sig == SIGHUP) {
		keeper_scan(k);
		keeper_tick(k, NULL);
	} else {
		log_info("supervise", "signal %d: leaving; sessions stay", sig);
		keeper_leave(k);
	}
}

/* ---- start ---- */

static int init_handles(struct keeper *k, struct err *e)
{
	uv_timer_t *timers[] = {&k->work_timer,   &k->death_timer,  &k->idle_timer,
				&k->rescan_timer, &k->leave_timer,  &k->tick_timer,
				&k->due_timer,    &k->absent_timer, &k->attention_timer};
	struct {
		uv_signal_t *h;
		int sig;
	} signals[] = {{&k->sigchld, SIGCHLD},
		       {&k->sigterm, SIGTERM},
		       {&k->sigint, SIGINT},
		       {&k->sighup, SIGHUP}};
	int rc = uv_loop_init(&k->loop);

	if (rc < 0)
		return err_set(e, ERR_FAILED, -rc, "start the loop");
	for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
		uv_timer_init(&k->loop, timers[i]);
		timers[i]->data = k;
	}
	k->rescan_timer.timer_cb = on_rescan;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		uv_signal_init(&k->loop, signals[i].h);
		signals[i].h->data = k;
		rc = uv_signal_start(signals[i].h, on_signal, signals[i].sig);
		if (rc < 0)
			return err_set(e, ERR_FAILED, -rc, "catch signal %d", signals[i].sig);
	}
	return 0;
}

static int open_log(const struct layout *l, struct err *e)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	struct fs_info info;
	int fd;

	if (fs_stat(l->root_fd, LAYOUT_KEEPER_LOG, &info, e) < 0)
		return -1;
	if (info.exists && info.size > 5 << 20 &&
	    fs_rename(l->root_fd, LAYOUT_KEEPER_LOG, LAYOUT_KEEPER_LOG ".1", e) < 0)
		return -1;
	if (fs_place(l->root_fd, LAYOUT_KEEPER_LOG, &at, e) < 0)
		return -1;
	fd = openat(at.fd, at.name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Workers inherit 2: what they say goes to the same place. */
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return err_set(e, ERR_FAILED, errno, "open %s", LAYOUT_KEEPER_LOG);
	log_open(fd, LOG_INFO);
	return 0;
}

static int run(struct keeper *k, const struct supervise_opts *o, struct err *e)
{
	keeper_raise_files(k);
	keeper_adopt(k);
	if (init_handles(k, e) < 0 || keeper_watch_files(k, e) < 0 || keeper_listen(k, e) < 0)
		return -1;
	k->tick_drift_ms = clock_utc_ms() - clock_mono_ms();
	k->work.run_max = WORKERS_MAX;
	k->work.boot_max = k->settings.boot_parallel;
	log_info("supervise", "keeper pid=%ld build=%s %s", (long)getpid(), build_id,
		 o->on_demand ? "on demand" : "for good");
	start_tell_ready(o->ready_fd);
	keeper_scan(k);
	keeper_tidy(k);
	keeper_absent(k);
	keeper_tick_every(k, o->interval_ms ? o->interval_ms : 60000);
	keeper_consider_leaving(k);
	uv_run(&k->loop, UV_RUN_DEFAULT);
	/* Every handle has an owner who closed it; one that is left would be a use after free
	 * waiting to happen. */
	assert(uv_loop_close(&k->loop) == 0);
	keeper_disown(k);
	log_info("supervise", "left");
	return 0;
}

static void keeper_free(struct keeper **p)
{
	workq_done(&(*p)->work);
	policies_done(&(*p)->policies);
	keeper_absent_done(*p);
	keeper_recorder_done(*p);
	strv_done(&(*p)->on_attention);
	registry_done(&(*p)->registry);
	services_done(&(*p)->services);
	fleet_done(&(*p)->fleet);
	for (struct waiting *w = (*p)->waiting, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	free(*p);
}

static int take_over(const struct layout *l, const struct supervise_opts *o, struct lock *lock,
		     struct err *e)
{
	int64_t until = clock_mono_ms() + (o->replace ? TAKE_LOCK_MS : o->on_demand ? 3000 : 200);
	int64_t slice_ms = o->replace ? 1000 : 20;
	struct err busy = ERR_INIT;
	bool was;
	pid_t pid;

	do {
		AUTO(keeper_close) struct keeper_link other = KEEPER_LINK_INIT;

		if (o->replace && supervise_stop(l, until, &was, e) < 0)
			return -1;
		if (lock_take(lock, l->root_fd, LAYOUT_KEEPER_LOCK, "supervise",
			      clock_mono_ms() + slice_ms, &busy) == 0)
			return 0;
		if (busy.code != ERR_TIMEOUT) {
			*e = busy;
			return -1;
		}
		/* Only one on its way out is waited for: whoever started us waits for us, and could
		 * ask one that answers. */
		if (o->on_demand && keeper_connect(l, false, until, &other, &busy) == 0)
			break;
	} while (clock_mono_ms() < until);
	if (keeper_pid(l, &pid, e) < 0)
		return -1;
	err_set(e, ERR_REFUSED, 0, "a keeper runs already (pid %ld)", (long)pid);
	return err_hint(e, "`iapeer supervise --replace` takes over from it, `--stop` ends it");
}

static int take_and_run(const struct layout *l, const struct supervise_opts *o, struct err *e)
{
	AUTO(keeper_free) struct keeper *k = xcalloc(1, sizeof *k);
	AUTO(lock_done) struct lock lock = LOCK_INIT;

	k->layout = l;
	k->on_demand = o->on_demand;
	if (settings_load(l, &k->settings, e) < 0 || fs_mkdirs(l->root_fd, LAYOUT_LOCKS, e) < 0 ||
	    fs_mkdirs(l->root_fd, LAYOUT_LIFECYCLE, e) < 0 ||
	    fs_mkdirs(l->root_fd, LAYOUT_PANE_LOGS, e) < 0 ||
	    fs_mkdirs(l->root_fd, "logs/iapeer", e) < 0)
		return -1;
	if (reference_refuse(l, e) < 0 || take_over(l, o, &lock, e) < 0)
		return -1;
	if (!o->on_demand)
		log_open(STDERR_FILENO, LOG_INFO);
	else if (open_log(l, e) < 0)
		return -1;
	/* Nothing of the folder that we were started in is to be kept busy. */
	if (chdir("/") < 0)
		return err_set(e, ERR_FAILED, errno, "go to /");
	return run(k, o, e);
}

int supervise_run(const struct layout *l, const struct supervise_opts *o, struct err *e)
{
	int rc = take_and_run(l, o, e);

	if (rc < 0)
		start_tell_failed(o->ready_fd, e);
	return rc;
}

int supervise_stop(const struct layout *l, int64_t deadline_ms, bool *out_was, struct err *e)
{
	AUTO(keeper_close) struct keeper_link link = KEEPER_LINK_INIT;
	auto_json struct json *ask = json_object();
	auto_json struct json *reply = NULL;
	struct proc_ref keeper = {.pid = 0};
	pid_t pid;

	*out_was = false;
	if (keeper_pid(l, &pid, e) < 0)
		return -1;
	if (pid == 0 || plat_proc_ref(pid, &keeper, e) < 0)
		return 0;
	*out_was = true;
	json_set_str(ask, "op", "leave");
	/* One that does not listen (yet, or any more) is told by a signal, which one that is
	 * stopped sees when it goes on. */
	if (plat_proc_state(keeper) == PROC_STOPPED ||
	    keeper_connect(l, false, deadline_ms, &link, e) < 0 ||
	    keeper_ask(&link, ask, deadline_ms, &reply, e) < 0)
		if ((plat_signal(keeper, SIGTERM, e) < 0 || plat_signal(keeper, SIGCONT, e) < 0) &&
		    e->code != ERR_NOT_FOUND)
			return -1;
	if (!plat_exit_wait(keeper, deadline_ms))
		return err_set(e, ERR_TIMEOUT, 0, "the keeper (pid %ld) does not leave", (long)pid);
	return 0;
}
