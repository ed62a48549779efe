#include "iapeer/cli/verb_runs.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/live.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/reply.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/runtime/manifest.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define KEEPER_WAIT_MS 10000
#define WAKE_SLACK_MS  15000

/* Keys go to the outer tmux first: with the same prefix in both it has to be pressed twice. */
#define NESTED "inside another tmux: #{prefix} #{prefix} d leaves %s"

/* We become tmux. Without TMUX and TMUX_PANE: whoever attaches from inside another tmux means it.
 */
static int become(const struct ctx *c, const struct peer_id *id, const struct session *s,
		  bool read_only, struct err *e)
{
	AUTO(strv_done) struct strv argv = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1], say[128] = "";
	struct tmux t;

	if (live_tmux(c, s, &t, e) < 0)
		return -1;
	peer_identity(id, identity);
	if (!str_empty(getenv("TMUX")))
		snprintf(say, sizeof say, NESTED, id->name);
	tmux_attach_argv(&t, identity, read_only, say[0] ? say : NULL, &argv);
	unsetenv("TMUX");
	unsetenv("TMUX_PANE");
	signal(SIGPIPE, SIG_DFL); /* an ignored signal would stay ignored in tmux */
	execv(t.bin, strv_argv(&argv));
	return err_set(e, ERR_FAILED, errno, "start %s", t.bin);
}

static int ask_keeper(const struct ctx *c, const struct peer_id *id, enum trigger trigger,
		      char cause[static 64], struct err *e)
{
	auto_json struct json *reply = NULL;
	struct err gone = ERR_INIT;
	int64_t deadline = clock_mono_ms() + c->settings.boot_deadline_ms +
			   c->settings.ready_gate_ms + WAKE_SLACK_MS;
	char mode[16];

	if (keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0)
		return -1;
	if (keeper_apply(&c->layout, id, trigger_word(trigger), deadline, &reply, e) == 0 &&
	    reply_outcome(reply, mode, cause, e) == 0)
		return 0;
	if (registry_still_has(&c->layout, id->name, &gone) < 0)
		*e = gone;
	return -1;
}

/* Attach never starts fresh behind one's back: only what has a conversation is resumed. */
static int wake(const struct ctx *c, const struct peer_id *id, struct err *e)
{
	AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};
	char cause[64];

	if (mark_is_set(&c->layout, id, MARK_STOPPED)) {
		err_set(e, ERR_STOPPED, 0, "%s is stopped", id->name);
		return err_hint(e, "iapeer start %s", id->name);
	}
	if (manifest_need(&c->layout, id->runtime, &m, e) < 0)
		return -1;
	if (!m.has_conversations) {
		err_set(e, ERR_FAILED, 0, "%s is asleep", id->name);
		return err_hint(e, "to wake it: iapeer start --now %s", id->name);
	}
	ctx_note("waking %s ...", id->name);
	return ask_keeper(c, id, TRIG_ATTACH, cause, e);
}

static int need_terminal(const struct ctx *c, struct err *e)
{
	if (c->term.in_tty && c->term.out_tty)
		return 0;
	err_set(e, ERR_USAGE, 0, "there is no terminal to attach");
	return err_hint(e, "`iapeer read <peer>` shows what is on its screen");
}

static int attach_live(const struct ctx *c, const struct peer_record *r, const struct peer_id *id,
		       bool read_only, struct err *e)
{
	struct sight s;

	if (sight_of(c, NULL, r, id, &s, e) < 0)
		return -1;
	if (s.shown != SHOWN_LIVE || !s.o.has_session)
		return err_set(e, ERR_FAILED, 0, "%s is %s", id->name, shown_state_word(s.shown));
	return become(c, id, &s.o.session, read_only, e);
}

int verb_attach(struct ctx *c, const struct parsed *p, struct err *e)
{
	const struct peer_record *r;
	struct peer_id id;
	struct sight s;

	if (peer_meant(c, p->args[0], parsed_arg(p, 1), &r, &id, e) < 0 ||
	    need_terminal(c, e) < 0 || sight_of(c, NULL, r, &id, &s, e) < 0)
		return -1;
	if (s.shown == SHOWN_UNKNOWN)
		return err_set(e, ERR_TIMEOUT, 0, "%s: its tmux server does not answer", id.name);
	if (s.shown != SHOWN_LIVE && wake(c, &id, e) < 0)
		return -1;
	return attach_live(c, r, &id, opt_given(p, "read-only"), e);
}

/* ---- run ---- */

static int peer_of_folder(struct ctx *c, const char *runtime, const struct peer_record **out,
			  struct peer_id *id, struct err *e)
{
	AUTO(profile_done) struct profile f = {.tree = NULL};
	auto_free char *cwd = realpath(".", NULL);

	if (!cwd)
		return err_set(e, ERR_FAILED, errno, "the current folder");
	if (profile_load(cwd, &f, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_set(e, ERR_NOT_FOUND, 0, "this folder is no peer's");
		return err_hint(e, "iapeer init");
	}
	ctx_tried(c, "run %s", f.name);
	if (peer_meant(c, f.name, runtime, out, id, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			err_hint(e, "its profile is here, but it is not registered: iapeer init");
		return -1;
	}
	return 0;
}

int verb_run(struct ctx *c, const struct parsed *p, struct err *e)
{
	const struct peer_record *r = NULL;
	struct err soft = ERR_INIT;
	char cause[64] = "";
	struct peer_id id;

	if (peer_of_folder(c, parsed_arg(p, 0), &r, &id, e) < 0)
		return -1;
	if (keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0 ||
	    mark_clear(&c->layout, &id, MARK_STOPPED, e) < 0 ||
	    mark_set(&c->layout, &id, MARK_NEW_EAGER, e) < 0)
		return -1;
	if (c->term.err_tty && !c->json)
		ctx_note("starting %s ...", id.name);
	if (ask_keeper(c, &id, TRIG_RUN, cause, e) < 0) {
		/* It was tried and did not come up: the wish must not be carried out again and
		 * again. */
		if (e->code != ERR_TIMEOUT &&
		    mark_clear(&c->layout, &id, MARK_NEW_EAGER, &soft) < 0)
			log_warn("run", "%s", soft.msg);
		return -1;
	}
	if (c->term.in_tty && c->term.out_tty && !c->json)
		return attach_live(c, r, &id, false, e);
	c->reply = json_object();
	json_set_str(c->reply, "personality", id.name);
	json_set_str(c->reply, "runtime", id.runtime);
	json_set_str(c->reply, "action", "fresh");
	json_set_str_opt(c->reply, "cause", cause);
	buf_fmt(&c->out, "%s (%s) runs\n", id.name, id.runtime);
	return 0;
}
