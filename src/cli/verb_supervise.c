/* supervise, and what is called by the keeper and by tmux, never by hand: _apply, _panelog, _hook.
 */
#include "iapeer/cli/verb_runs.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/launch/panelog.h"
#include "iapeer/lifecycle/hook.h"
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

int verb_supervise(struct ctx *c, const struct parsed *p, struct err *e)
{
	struct supervise_opts o = {.on_demand = opt_given(p, "on-demand"),
				   .replace = opt_given(p, "replace"),
				   .ready_fd = -1};
	int64_t fd = -1;

	if (opt_i64(p, "ready-fd", 3, DESCRIPTOR_MAX, &fd, e) < 0)
		return -1;
	o.ready_fd = (int)fd;
	if (opt_given(p, "stop"))
		return stop(c, e);
	return supervise_run(&c->layout, &o, e);
}

int verb_apply(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *trigger = opt_value(p, "trigger"), *build = opt_value(p, "build");

	if (!trigger || !build)
		return err_set(e, ERR_USAGE, 0, "--trigger and --build are needed");
	return supervise_worker(&c->layout, p->args[0], trigger, build, e);
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
	if (strcmp(p->args[1], "pane-died") != 0)
		return err_set(e, ERR_USAGE, 0, "no hook \"%.40s\"", p->args[1]);
	return hook_pane_died(&c->layout, &id, &h, e);
}
