/* supervise, and what is called by the keeper and by tmux, never by hand: _apply, _screen,
 * _panelog, _hook. */
#include "iapeer/cli/verb_runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/witness.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/live.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/service_files.h"
#include "iapeer/delivery/screen_report.h"
#include "iapeer/launch/panelog.h"
#include "iapeer/lifecycle/hook.h"
#include "iapeer/supervise/client.h"
#include "iapeer/supervise/supervise.h"

#include "iapeer/base/banned.h"

#define STOP_WAIT_MS   15000
#define DESCRIPTOR_MAX 1024

static int stop(struct ctx *c, struct err *e)
{
	bool was = false;

	if (supervise_stop(&c->layout, clock_mono_ms() + STOP_WAIT_MS, &was, e) < 0)
		return -1;
	c->reply = json_object();
	json_set_str(c->reply, "action", was ? "stopped" : "none");
	buf_str(&c->out, was ? "the keeper has left; sessions stay\n" : "no keeper runs\n");
	return 0;
}

/* One tick by the running keeper; where none runs, one is started for it and leaves again by
 * itself. */
static int once(struct ctx *c, struct err *e)
{
	AUTO(keeper_close) struct keeper_link link = KEEPER_LINK_INIT;
	int64_t deadline = clock_mono_ms() + STOP_WAIT_MS;
	auto_json struct json *ask = json_object();
	const struct json *rows;

	json_set_str(ask, "op", "tick");
	if (keeper_connect(&c->layout, true, deadline, &link, e) < 0 ||
	    keeper_ask(&link, ask, deadline, &c->reply, e) < 0)
		return -1;
	json_unset(c->reply, "ok");
	rows = json_get(c->reply, "outcomes");
	for (size_t i = 0; i < json_len(rows); i++) {
		const struct json *o = json_at(rows, i);
		const char *rule = json_text(json_get(o, "rule"));

		buf_fmt(&c->out, "%-24s %-18s %s\n", json_text(json_get(o, "identity")),
			json_text(json_get(o, "action")), rule ? rule : "");
	}
	return 0;
}

/* What is done once, and what only goes with a keeper that stays. */
static const char *const single[] = {"print", "install", "uninstall", "stop", "once"};
static const char *const staying[] = {"interval", "replace"};

static int check_together(const struct parsed *p, struct err *e)
{
	const char *asked = NULL;

	for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
		if (!opt_given(p, single[i]))
			continue;
		if (asked)
			return err_set(e, ERR_USAGE, 0, "--%s, --%s: which?", asked, single[i]);
		asked = single[i];
	}
	for (size_t i = 0; asked && i < sizeof staying / sizeof staying[0]; i++)
		if (opt_given(p, staying[i]))
			return err_set(e, ERR_USAGE, 0, "--%s means nothing to --%s", staying[i],
				       asked);
	return 0;
}

static int keep(struct ctx *c, const struct parsed *p, struct err *e)
{
	struct supervise_opts o = {.on_demand = opt_given(p, "on-demand"),
				   .replace = opt_given(p, "replace")};
	int64_t fd = -1, seconds = 60;

	if (opt_i64(p, "ready-fd", 3, DESCRIPTOR_MAX, &fd, e) < 0 ||
	    opt_i64(p, "interval", 1, 86400, &seconds, e) < 0)
		return -1;
	/* The keeper leaves the folder that a relative one starts from; its workers find it by
	 * this. */
	if (setenv("IAPEER_ROOT", c->layout.root, 1) < 0)
		return err_set(e, ERR_FAILED, errno, "IAPEER_ROOT");
	o.ready_fd = (int)fd;
	o.interval_ms = seconds * 1000;
	return supervise_run(&c->layout, &o, e);
}

int verb_supervise(struct ctx *c, const struct parsed *p, struct err *e)
{
	if (check_together(p, e) < 0)
		return -1;
	if (opt_given(p, "print"))
		return service_print(c, opt_value(p, "print"), e);
	if (opt_given(p, "install"))
		return service_install(c, e);
	if (opt_given(p, "uninstall"))
		return service_uninstall(c, e);
	if (opt_given(p, "stop"))
		return stop(c, e);
	if (opt_given(p, "once"))
		return once(c, e);
	return keep(c, p, e);
}

int verb_apply(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *trigger = opt_value(p, "trigger"), *build = opt_value(p, "build");

	int64_t activity = 0, files = 0;

	if (!trigger || !build)
		return err_set(e, ERR_USAGE, 0, "--trigger and --build are needed");
	if (opt_i64(p, "activity", 0, INT64_MAX, &activity, e) < 0 ||
	    opt_i64(p, "files", 0, INT64_MAX, &files, e) < 0)
		return -1;
	return supervise_worker(&c->layout,
				&(struct worker_args){.identity = p->args[0],
						      .trigger = trigger,
						      .build = build,
						      .activity_stamp = activity,
						      .files = files},
				e);
}

/* Of a session that has ended meanwhile nothing has to be said. */
int verb_screen(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};
	struct session s;
	struct peer_id id;
	struct tmux t;

	if (peer_parse(p->args[0], &id, e) < 0 || manifest_load(&c->layout, id.runtime, &m, e) < 0)
		return -1;
	if (session_load(&c->layout, &id, &s, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (session_liveness(&s) != LIVE_YES)
		return 0;
	return live_tmux(c, &s, &t, e) < 0 ? -1 : screen_report(&c->layout, &s, &m, &t, e);
}

int verb_panelog(struct ctx *c, const struct parsed *p, struct err *e)
{
	int64_t max_bytes = c->settings.panelog_max_bytes, keep = c->settings.panelog_keep;
	struct peer_id id;

	if (peer_parse(p->args[0], &id, e) < 0 ||
	    opt_i64(p, "max-bytes", 0, INT64_MAX, &max_bytes, e) < 0 ||
	    opt_i64(p, "keep", 0, 1000, &keep, e) < 0)
		return -1;
	return panelog_run(&c->layout, &id, max_bytes, (int)keep, e);
}

/* tmux leaves a format empty where it knows nothing. */
static int known(const struct parsed *p, const char *name)
{
	const char *value = opt_value(p, name);
	int64_t n = -1;

	return value && str_i64(value, 0, INT32_MAX, &n) ? (int)n : -1;
}

/* tmux waits for the answer, and the one who asked waits for tmux: past this we are killed. */
#define WITNESS_SECONDS 1

static int witness(struct ctx *c, const struct parsed *p, const struct peer_id *id, struct err *e)
{
	const char *command = opt_value(p, "command");
	char identity[PEER_IDENTITY_MAX + 1];
	struct proc_ref server;

	alarm(WITNESS_SECONDS);
	peer_identity(id, identity);
	if (plat_proc_ref(known(p, "server"), &server, e) < 0)
		return -1;
	if (strcmp(p->args[1], "kill-over") == 0)
		return witness_over(&c->layout, identity, server, e);
	return witness_note(&c->layout, identity, server, command ? command : "kill-server", e);
}

int verb_hook(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *pane = opt_value(p, "pane");
	struct hook_facts h = {.pane = pane ? pane : "",
			       .pane_pid = known(p, "pid") > 0 ? known(p, "pid") : 0,
			       .status = known(p, "status"),
			       .server_pid = known(p, "server"),
			       .signal = known(p, "signal")};
	struct peer_id id;

	if (peer_parse(p->args[0], &id, e) < 0)
		return -1;
	if (str_starts(p->args[1], "kill-"))
		return witness(c, p, &id, e);
	if (strcmp(p->args[1], "pane-died") != 0)
		return err_set(e, ERR_USAGE, 0, "no hook \"%.40s\"", p->args[1]);
	return hook_pane_died(&c->layout, &id, &h, e);
}
