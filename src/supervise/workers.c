#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fault.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define UNSETTLED_MS 2000
#define WORDLESS_MS  100    /* a first one is tried again after */
#define GRACE_MS     900000 /* beyond the boot: a worker may wait for the end of a turn */

static void release(struct worker *w)
{
	if (--w->open_handles > 0)
		return;
	buf_done(&w->line);
	free(w);
}

static void closed(uv_handle_t *h)
{
	release(h->data);
}

static void arm_deadline(struct worker *w);

/* ---- what a worker says: a JSON line an event ---- */

static enum err_code error_of(const struct json *reply, char *out_reason, size_t size)
{
	const struct json *error = json_get(reply, "error");
	const char *message = json_text(json_get(error, "message"));

	out_reason[0] = '\0';
	if (!error)
		return ERR_NONE;
	str_cut(out_reason, size, message ? message : "failed");
	return err_from_word(json_text(json_get(error, "code")));
}

/* Its last line. What is refused stays refused until somebody changes something; what failed is
 * tried again, later each time. */
static void finished(struct worker *w, const struct json *reply)
{
	struct keeper *k = w->k;
	const char *waiting = json_text(json_get(reply, "waiting"));
	char reason[256];
	enum err_code code = error_of(reply, reason, sizeof reason);
	bool final =
	    code == ERR_REFUSED || code == ERR_STOPPED || code == ERR_USAGE || code == ERR_CORRUPT;
	struct waiting *wait;

	w->done = true;
	if (code == ERR_NONE && waiting)
		str_cut(reason, sizeof reason, waiting);
	keeper_set_waiting(k, w->identity, reason);
	keeper_outcome(k, w->identity, w->trigger, reply, final);
	wait = keeper_waiting(k, w->identity);
	/* What nobody asked for nobody asks for again: it is tried again by its own clock. */
	if (wait && code != ERR_NONE && w->trigger == TRIG_LOOK)
		keeper_want(k, w->identity, TRIG_LOOK, true, clock_mono_ms() + wait->backoff_ms);
	if (wait && !final && (w->trigger == TRIG_MESSAGE || code == ERR_NONE))
		keeper_want(k, w->identity, TRIG_MESSAGE, code != ERR_NONE,
			    clock_mono_ms() + wait->backoff_ms);
}

static void hear(struct worker *w, const char *line, size_t len)
{
	auto_json struct json *j = NULL;
	struct work *work = workq_find(&w->k->work, w->identity);
	const char *event;
	struct err e;

	if (json_parse(line, len, "worker", &j, &e) < 0) {
		log_warn("workers", "identity=%s said: %.*s", w->identity,
			 (int)(len < 200 ? len : 200), line);
		return;
	}
	arm_deadline(w);
	event = json_text(json_get(j, "event"));
	if (event && strcmp(event, "ready") == 0 && work) {
		workq_ready(work);
		keeper_watch(w->k, w->identity);
		keeper_run_work(w->k);
	} else if (event && strcmp(event, "receipt") == 0) {
		const char *id = json_text(json_get(j, "id"));

		keeper_receipt(w->k, w->identity, id ? id : "");
	} else if (event && strcmp(event, "done") == 0) {
		finished(w, j);
	}
}

static void take_lines(struct worker *w)
{
	char *nl;

	while (w->line.len > 0 && (nl = memchr(w->line.p, '\n', w->line.len)) != NULL) {
		hear(w, w->line.p, (size_t)(nl - w->line.p));
		buf_drop(&w->line, (size_t)(nl - w->line.p) + 1);
	}
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	(void)h;
	(void)hint;
	b->base = xmalloc(4096);
	b->len = 4096;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct worker *w = s->data;

	if (n > 0)
		buf_add(&w->line, b->base, (size_t)n);
	free(b->base);
	if (n > 0)
		take_lines(w);
	if ((n < 0 || w->line.failed) && !uv_is_closing((uv_handle_t *)s))
		uv_close((uv_handle_t *)s, closed);
}

/* ---- life and end of a worker ---- */

static void on_deadline(uv_timer_t *t)
{
	struct worker *w = t->data;

	log_warn("workers", "identity=%s killed past its deadline", w->identity);
	if (kill(-w->process.pid, SIGKILL) < 0 && errno != ESRCH)
		log_warn("workers", "kill: %s", strerror(errno));
}

static void arm_deadline(struct worker *w)
{
	if (!uv_is_closing((uv_handle_t *)&w->deadline))
		uv_timer_start(&w->deadline, on_deadline,
			       (uint64_t)(w->k->settings.boot_deadline_ms + GRACE_MS), 0);
}

/* Read what it wrote before it ended: its pipe may still hold lines. */
static void drain(struct worker *w)
{
	char chunk[4096];
	uv_os_fd_t fd;
	ssize_t n;

	if (uv_is_closing((uv_handle_t *)&w->out) || uv_fileno((uv_handle_t *)&w->out, &fd) < 0)
		return;
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		buf_add(&w->line, chunk, (size_t)n);
	take_lines(w);
}

/* It was killed, or it crashed. Once is chance, and it is tried again at once; whatever ends them
 * all does so still a moment later: then it waits, longer each time, and who asks is told why. */
static void wordless(struct worker *w, int in_a_row, int64_t status, int sig)
{
	struct keeper *k = w->k;
	struct waiting *wait;
	struct work *work;
	char reason[128];

	if (sig != 0)
		snprintf(reason, sizeof reason, "its worker ended without a word (signal %d)", sig);
	else
		snprintf(reason, sizeof reason, "its worker ended without a word (status %lld)",
			 (long long)status);
	log_warn("workers", "identity=%s %s", w->identity, reason);
	if (in_a_row > 1)
		keeper_set_waiting(k, w->identity, reason);
	keeper_outcome(k, w->identity, w->trigger, NULL, false);
	wait = in_a_row > 1 ? keeper_waiting(k, w->identity) : NULL;
	keeper_want(k, w->identity, w->trigger, true,
		    clock_mono_ms() + (wait ? wait->backoff_ms : WORDLESS_MS));
	work = workq_find(&k->work, w->identity);
	if (work)
		work->wordless = in_a_row;
}

static void on_exit_worker(uv_process_t *p, int64_t status, int sig)
{
	struct worker *w = p->data;
	struct keeper *k = w->k;
	struct work *work;
	int in_a_row;

	drain(w);
	for (struct worker **q = &k->workers; *q; q = &(*q)->next)
		if (*q == w) {
			*q = w->next;
			break;
		}
	/* It was killed: so is what it had started and left in its group (a tmux client; servers
	 * have left it). */
	if (sig != 0 && kill(-p->pid, SIGKILL) < 0 && errno != ESRCH)
		log_warn("workers", "kill: %s", strerror(errno));
	work = workq_find(&k->work, w->identity);
	in_a_row = work ? work->wordless + 1 : 1;
	if (work) {
		work->wordless = 0;
		workq_ended(&k->work, work);
	}
	if (w->done)
		keeper_look(k, w->identity, clock_mono_ms() + 1);
	else
		wordless(w, in_a_row, status, sig);
	uv_close((uv_handle_t *)&w->process, closed);
	uv_close((uv_handle_t *)&w->deadline, closed);
	if (!uv_is_closing((uv_handle_t *)&w->out))
		uv_close((uv_handle_t *)&w->out, closed);
	keeper_reap(k);
	keeper_run_work(k);
	keeper_consider_leaving(k);
}

static struct worker *worker_new(struct keeper *k, const struct work *work, enum trigger trigger)
{
	struct worker *w = xcalloc(1, sizeof *w);

	w->k = k;
	w->trigger = trigger;
	w->line = (struct buf)BUF_INIT(CAP_LINE);
	str_cut(w->identity, sizeof w->identity, work->identity);
	uv_pipe_init(&k->loop, &w->out, 0);
	uv_timer_init(&k->loop, &w->deadline);
	w->process.data = w->out.data = w->deadline.data = w;
	w->open_handles = 3;
	return w;
}

static void start(struct keeper *k, struct work *work, enum trigger trigger)
{
	struct worker *w = worker_new(k, work, trigger);
	char name[] = "iapeer", verb[] = "_apply", by[48], build[64], activity[48], files[48];
	char *argv[] = {name, verb, w->identity, by, build, activity, files, NULL};
	uv_stdio_container_t io[3] = {{.flags = UV_IGNORE},
				      {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE),
				       .data.stream = (uv_stream_t *)&w->out},
				      {.flags = UV_INHERIT_FD, .data.fd = 2}};
	uv_process_options_t o = {.exit_cb = on_exit_worker,
				  .file = plat_self_again(),
				  .args = argv,
				  .flags = UV_PROCESS_DETACHED,
				  .stdio_count = 3,
				  .stdio = io};
	int rc = fault_point("keeper.spawn") ? UV_EIO : 0;

	snprintf(by, sizeof by, "--trigger=%s", trigger_word(trigger));
	snprintf(build, sizeof build, "--build=%s", build_id);
	snprintf(activity, sizeof activity, "--activity=%lld",
		 (long long)keeper_idle_stamp(k, w->identity));
	snprintf(files, sizeof files, "--files=%lld", (long long)k->files_given);
	if (rc == 0)
		rc = uv_spawn(&k->loop, &w->process, &o);
	if (rc < 0) {
		log_error("workers", "identity=%s start: %s", w->identity, uv_strerror(rc));
		work->not_before_ms = clock_mono_ms() + 1000;
		if (!w->process.loop) /* never initialised: only two handles to close */
			w->open_handles--;
		else
			uv_close((uv_handle_t *)&w->process, closed);
		uv_close((uv_handle_t *)&w->out, closed);
		uv_close((uv_handle_t *)&w->deadline, closed);
		return;
	}
	workq_started(work, trigger);
	w->next = k->workers;
	k->workers = w;
	arm_deadline(w);
	uv_read_start((uv_stream_t *)&w->out, on_alloc, on_read);
	log_debug("workers", "identity=%s trigger=%s pid=%d", w->identity, trigger_word(trigger),
		  w->process.pid);
}

static void on_work(uv_timer_t *t)
{
	keeper_reap(t->data);
	keeper_run_work(t->data);
}

void keeper_run_work(struct keeper *k)
{
	int64_t now = clock_mono_ms(), due;
	enum trigger trigger;
	struct work *w;
	bool settled;

	while (!k->leaving && (w = workq_next(&k->work, now, &trigger)) != NULL) {
		char identity[PEER_IDENTITY_MAX + 1];

		str_cut(identity, sizeof identity, w->identity);
		/* May ask for more work, which moves the records. */
		settled = keeper_check_server(k, identity, trigger != TRIG_LOOK);
		w = workq_find(&k->work, identity);
		if (!w || w->running)
			continue;
		/* On a full disk: a worker who is quicker when there is room knows no status. One
		 * with a message goes, and says what is wrong. */
		if (!settled && trigger == TRIG_LOOK)
			w->not_before_ms = now + UNSETTLED_MS;
		else
			start(k, w, trigger);
	}
	due = workq_due_ms(&k->work, now);
	if (due >= 0)
		uv_timer_start(&k->work_timer, on_work, (uint64_t)(due > now ? due - now : 0), 0);
}

void keeper_want(struct keeper *k, const char *identity, enum trigger t, bool boots,
		 int64_t not_before_ms)
{
	if (k->leaving)
		return;
	workq_ask(&k->work, identity, t, boots, not_before_ms);
	uv_timer_start(&k->work_timer, on_work, 0, 0);
}

void keeper_end_workers(struct keeper *k)
{
	for (struct worker *w = k->workers; w; w = w->next)
		if (kill(-w->process.pid, SIGKILL) < 0 && errno != ESRCH)
			log_warn("workers", "kill: %s", strerror(errno));
}
