/* The worker's side: one peer, one trigger, events as JSON lines on standard output. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/apply.h"
#include "iapeer/lifecycle/move.h"
#include "iapeer/supervise/supervise.h"

#include "iapeer/base/banned.h"

#define LOCK_MS 20000

static void say(const struct json *j)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	struct err ignored;

	json_print(j, false, &b);
	if (!str_ends(buf_cstr(&b), "\n"))
		buf_chr(&b, '\n');
	/* The keeper is gone: what is done is on disk, and its successor looks there. */
	if (fs_write_all(STDOUT_FILENO, buf_cstr(&b), b.len, &ignored) < 0)
		log_debug("worker", "%s", ignored.msg);
}

static void on_ready(void *arg)
{
	auto_json struct json *j = json_object();

	(void)arg;
	json_set_str(j, "event", "ready");
	say(j);
}

static void on_receipt(const char *message_id, void *arg)
{
	auto_json struct json *j = json_object();

	(void)arg;
	json_set_str(j, "event", "receipt");
	json_set_str(j, "id", message_id);
	say(j);
}

static void say_done(const struct apply_outcome *o, const struct err *e)
{
	auto_json struct json *j = json_object();

	json_set_str(j, "event", "done");
	json_set_bool(j, "started", o->started);
	json_set_bool(j, "ended", o->ended);
	json_set_str_opt(j, "mode", o->mode);
	json_set_str_opt(j, "cause", o->cause);
	json_set_str_opt(j, "waiting", o->waiting);
	json_set_str_opt(j, "rule", o->rule);
	if (e)
		json_set_err(j, e);
	say(j);
}

/* The keeper has raised its own; peers live with what its starter gave. */
static void limit_files(int64_t files)
{
	struct rlimit r;

	if (files <= 0 || getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = (rlim_t)files;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		log_warn("worker", "the limit of descriptors stays raised");
}

int supervise_worker(const struct layout *l, const struct worker_args *a, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct apply_outcome out = {.started = false};
	struct settings settings;
	struct apply_in in = {.layout = l,
			      .settings = &settings,
			      .registry = &r,
			      .keep_parked = true,
			      .activity_stamp = a->activity_stamp,
			      .lock_deadline_ms = clock_mono_ms() + LOCK_MS,
			      .events = {.ready = on_ready, .receipt = on_receipt}};

	limit_files(a->files);
	if (strcmp(a->build, build_id) != 0)
		return err_set(e, ERR_REFUSED, 0, "I am build %s, the keeper is %s", build_id,
			       a->build);
	if (peer_parse(a->identity, &in.id, e) < 0)
		return -1;
	if (!trigger_parse(a->trigger, &in.trigger))
		return err_set(e, ERR_USAGE, 0, "no trigger %s", a->trigger);
	move_catch_up(l);
	if (settings_load(l, &settings, e) < 0 || registry_load(l, &r, e) < 0 ||
	    apply_peer(&in, &out, e) < 0) {
		say_done(&out, e);
		return 0; /* said where it is heard; the exit status is for workers that could not
			     even say it */
	}
	say_done(&out, NULL);
	return 0;
}
