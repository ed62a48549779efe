#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/list.h"
#include "iapeer/cli/live.h"
#include "iapeer/cli/top_look.h"
#include "iapeer/cli/top_screen.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define REFRESH_MS 1000
#define PREVIEW_MS 500
#define COMMAND_MS 60000
#define LOG_TAIL   16384
#define SEND_WAIT  "2"

struct panel {
	struct ctx *c;
	struct top top;
	struct buf preview;
	struct peer_id shown; /* whose preview that is */
	char self[LAYOUT_PATH];
};

/* ---- looking ---- */

static bool is_preview_of(const struct panel *p, const struct top_row *r)
{
	return strcmp(p->shown.name, r->id.name) == 0 &&
	       strcmp(p->shown.runtime, r->id.runtime) == 0;
}

/* The one process of a refresh: tmux, asked for the selected pane. A sleeping one's log is read. */
static void look_at_selected(struct panel *p)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	AUTO(buf_done) struct buf raw = BUF_INIT(LOG_TAIL + 1);
	const struct top_row *r = top_selected(&p->top);
	char path[LAYOUT_PATH];
	struct tmux t;
	struct err e;

	if (!r || !p->top.preview)
		return;
	if (!is_preview_of(p, r))
		buf_cut(&p->preview, 0);
	p->shown = r->id;
	if (r->has_session && live_tmux(p->c, &r->session, &t, &e) == 0 &&
	    tmux_look(&t, false, clock_mono_ms() + PREVIEW_MS, &look, &e) == 0) {
		buf_cut(&p->preview, 0);
		screen_plain(buf_cstr(&look.screen), look.screen.len, &p->preview);
	} else if (!r->has_session) {
		layout_pane_log(&r->id, path);
		buf_cut(&p->preview, 0);
		if (fs_read_at(p->c->layout.root_fd, path, -(int64_t)LOG_TAIL, LOG_TAIL, &raw,
			       &e) == 0)
			screen_rows(buf_cstr(&raw), raw.len, &p->preview);
	}
	while (p->preview.len && strchr(" \t\n", p->preview.p[p->preview.len - 1]))
		buf_cut(&p->preview, p->preview.len - 1);
}

static void look(struct panel *p)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct err e;

	if (registry_load(&p->c->layout, &r, &e) < 0 ||
	    top_look(p->c, &r, p->top.filter[0] == '@', &p->top, &e) < 0)
		str_cut(p->top.message, sizeof p->top.message, e.msg);
	look_at_selected(p);
}

/* ---- commands: our own binary, as a person would type it ---- */

static void say(struct panel *p, const char *text, size_t len)
{
	AUTO(buf_done) struct buf line = BUF_INIT(CAP_LINE);

	buf_add(&line, text, strnlen(text, len));
	if (line.len)
		buf_cut(&line, strcspn(buf_cstr(&line), "\n"));
	str_cut(p->top.message, sizeof p->top.message, buf_cstr(&line));
}

/* Quietly: its first line is shown at the bottom. */
static void quietly(struct panel *p, const char *const *words)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	struct proc_opts o = {.file = p->self, .deadline_ms = clock_mono_ms() + COMMAND_MS};
	struct err e;

	strv_add(&argv, "iapeer");
	for (; *words; words++)
		strv_add(&argv, *words);
	o.argv = strv_argv(&argv);
	str_cut(p->top.message, sizeof p->top.message, "...");
	top_screen_draw(&p->c->term, &p->top, buf_cstr(&p->preview));
	if (proc_run(&o, &r, &e) < 0)
		str_cut(p->top.message, sizeof p->top.message, e.msg);
	else if (r.status == 0)
		say(p, buf_cstr(&r.out), r.out.len);
	else
		say(p, buf_cstr(&r.err), r.err.len);
}

static void until_read(void)
{
	printf("\n-- q, Esc or Enter goes back to the panel --");
	fflush(stdout);
	top_screen_wait_read();
}

/* With the terminal; `stay`: until it was read. */
static void in_front(struct panel *p, const char *const *words, bool stay)
{
	AUTO(strv_done) struct strv argv = STRV_INIT;
	int status = 0;
	struct err e;

	strv_add(&argv, "iapeer");
	for (; *words; words++)
		strv_add(&argv, *words);
	top_screen_close();
	if (proc_foreground(p->self, strv_argv(&argv), &status, &e) < 0) {
		str_cut(p->top.message, sizeof p->top.message, e.msg);
	} else if (stay || status != 0) {
		until_read();
	}
}

#define QUIETLY(p, ...)        quietly(p, (const char *const[]){__VA_ARGS__, NULL})
#define IN_FRONT(p, stay, ...) in_front(p, (const char *const[]){__VA_ARGS__, NULL}, stay)

static void help(void)
{
	top_screen_close();
	printf("\niapeer top: peers, and what the selected one shows. It looks once a second.\n\n");
	for (const struct top_binding *b = top_bindings; b->shown; b++)
		if (b->what)
			printf("  %-10s %s\n", b->shown, b->what);
	printf("\n`+` behind a status: somebody is attached. C-b d leaves an attached peer.\n");
	until_read();
}

static void ask_for(struct panel *p, enum top_prompt what)
{
	if (what != TOP_FILTER && !top_selected(&p->top))
		return;
	p->top.prompt = what;
	p->top.typed[0] = '\0';
	if (what == TOP_FILTER)
		str_cut(p->top.typed, sizeof p->top.typed, p->top.filter);
}

static void obey(struct panel *p, enum top_act act)
{
	const struct top_row *r = top_selected(&p->top);
	struct peer_id id = r ? r->id : (struct peer_id){.name = ""};

	p->top.message[0] = '\0';
	if (act >= TOP_UP && act <= TOP_LAST)
		top_move(&p->top, act, top_screen_page(&p->top));
	else if (act == TOP_PREVIEW)
		p->top.preview = !p->top.preview;
	else if (act == TOP_UNFILTER)
		p->top.filter[0] = '\0';
	else if (act >= TOP_DO_FILTER && act <= TOP_DO_REMOVE)
		ask_for(p, (enum top_prompt)(act - TOP_DO_FILTER + TOP_FILTER));
	else if (act == TOP_HELP)
		help();
	else if (!r)
		return;
	else if (act == TOP_ATTACH)
		IN_FRONT(p, false, "attach", id.name, id.runtime);
	else if (act == TOP_WHY)
		IN_FRONT(p, true, "why", id.name);
	else if (act == TOP_START)
		QUIETLY(p, "start", id.name, id.runtime);
	else if (act == TOP_STOP)
		QUIETLY(p, "stop", id.name, id.runtime);
	else if (act == TOP_NEW)
		QUIETLY(p, "new", id.name, id.runtime);
}

static void carry_out(struct panel *p)
{
	const struct top_row *r = top_selected(&p->top);
	struct peer_id id = r ? r->id : (struct peer_id){.name = ""};
	enum top_prompt what = p->top.prompt;

	p->top.prompt = TOP_NO_PROMPT;
	if (what == TOP_FILTER) {
		str_cut(p->top.filter, sizeof p->top.filter, p->top.typed);
		p->top.at = 0;
		return;
	}
	if (!r || !p->top.typed[0])
		return;
	if (what == TOP_SEND)
		QUIETLY(p, "send", id.name, "--runtime", id.runtime, "--timeout", SEND_WAIT, "--",
			p->top.typed);
	else if (what == TOP_ASK)
		IN_FRONT(p, true, "ask", id.name, "--runtime", id.runtime, "--", p->top.typed);
	else if (what == TOP_REMOVE && strcmp(p->top.typed, "yes") == 0)
		QUIETLY(p, "remove", id.name, "--force");
	else
		str_cut(p->top.message, sizeof p->top.message, "not removed");
}

/* False: leave. */
static bool key(struct panel *p, int c)
{
	if (p->top.prompt == TOP_NO_PROMPT) {
		enum top_act act = top_key(c);

		if (act != TOP_QUIT && act != TOP_NOTHING)
			obey(p, act);
		return act != TOP_QUIT;
	}
	if (c >= TOP_KEY_UP || top_type(&p->top, (uint32_t)c))
		return true;
	if (c == TOP_KEY_ESCAPE)
		p->top.prompt = TOP_NO_PROMPT;
	else
		carry_out(p);
	return true;
}

static int loop(struct panel *p, struct err *e)
{
	bool go_on = true;

	look(p);
	if (top_screen_open(&p->c->term, e) < 0)
		return -1;
	while (go_on) {
		int c;

		top_screen_draw(&p->c->term, &p->top, buf_cstr(&p->preview));
		c = top_screen_key(REFRESH_MS);
		if (c >= 0)
			go_on = key(p, c);
		if (p->top.prompt == TOP_NO_PROMPT)
			look(p);
	}
	top_screen_close();
	return 0;
}

int verb_top(struct ctx *c, const struct parsed *parsed, struct err *e)
{
	struct panel p = {.c = c, .preview = BUF_INIT(CAP_OUTPUT)};
	struct filter all = FILTER_INIT;
	int rc;

	(void)parsed;
	if (!c->term.in_tty || !c->term.out_tty || c->json)
		return list_once(c, &all, e);
	if (!c->rooted) {
		err_set(e, ERR_NOT_FOUND, 0, "no peers registered");
		return err_hint(e, "iapeer create <name>");
	}
	if (plat_self_exe(p.self, sizeof p.self, e) < 0)
		return -1;
	top_init(&p.top);
	rc = loop(&p, e);
	top_done(&p.top);
	buf_done(&p.preview);
	return rc;
}
