#include "iapeer/cli/verb_runs.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/render_help.h"
#include "iapeer/cli/render_man.h"
#include "iapeer/cli/top_screen.h"
#include "iapeer/cli/verbs.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/supervise/supervise.h"

#include "iapeer/base/banned.h"

#define TMUX_MS    2000
#define TOOL       "tmux" /* check-layers: not a command */
#define EXIT_CODES "exit-codes"

static int no_such_page(const char *typed, struct err *e)
{
	const char *near = verb_nearest(typed);

	err_set(e, ERR_USAGE, 0, "no such verb");
	if (near)
		return err_hint(e, "did you mean `iapeer help %s`?", near);
	return err_hint(e, "`iapeer help` lists them");
}

int verb_help(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *page = parsed_arg(p, 0);
	const struct verb *v = page ? verb_find(page) : NULL;

	if (opt_given(p, "roff")) {
		man_verbs(&c->out);
		return 0;
	}
	if (page && strcmp(page, EXIT_CODES) == 0) {
		c->reply = help_codes_json();
		help_exit_codes(&c->term, &c->out);
		return 0;
	}
	if (page && !v)
		return no_such_page(page, e);
	c->reply = v ? help_verb_json(v) : help_json();
	if (v)
		help_verb(&c->term, v, &c->out);
	else
		help_all(&c->term, &c->out);
	return 0;
}

/* "3.3a", or NULL where there is none that we could use. */
static const char *tmux_said(char *out, size_t size)
{
	char bin[LAYOUT_PATH];
	struct err e;

	if (tmux_find(getenv("IAPEER_TMUX_BIN"), getenv("PATH"), bin, &e) < 0 ||
	    tmux_version(bin, clock_mono_ms() + TMUX_MS, out, size, &e) < 0)
		return NULL;
	return out + strcspn(out, "0123456789");
}

int verb_version(struct ctx *c, const struct parsed *p, struct err *e)
{
	char version[64] = "";

	(void)p;
	(void)e;
	if (c->json) {
		c->reply = json_object();
		json_set_str(c->reply, "version", build_version);
		json_set_str(c->reply, "build", build_id);
		json_set_str(c->reply, "compiler", build_compiler);
		json_set_str(c->reply, "libuv", supervise_libuv());
		json_set_str(c->reply, "cjson", json_library());
		json_set_str(c->reply, "ncurses", top_screen_library());
		json_set_str_opt(c->reply, TOOL, tmux_said(version, sizeof version));
		return 0;
	}
	buf_fmt(&c->out, "iapeer %s (build %s)\n", build_version, build_id);
	return 0;
}
