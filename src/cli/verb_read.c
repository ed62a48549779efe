#include "iapeer/cli/verb_runs.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/live.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/delivery/report.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define TMUX_WAIT_MS 5000
#define LAST_DEFAULT 20
#define LAST_MAX     100000
#define LOG_READ_MAX (4U << 20)

/* Blank lines at the end say nothing. */
static void drop_blank_end(struct buf *b)
{
	while (b->len && strchr(" \t\n", b->p[b->len - 1]))
		buf_cut(b, b->len - 1);
	if (b->len)
		buf_chr(b, '\n');
}

static void keep_last_lines(struct buf *b, int64_t n)
{
	size_t at;

	drop_blank_end(b);
	at = b->len;
	while (at > 0) {
		if (b->p[at - 1] == '\n' && at < b->len && --n == 0)
			break;
		at--;
	}
	buf_drop(b, at);
}

static int read_screen(const struct ctx *c, const struct session *s, struct buf *out, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	struct tmux t;

	if (live_tmux(c, s, &t, e) < 0 ||
	    tmux_look(&t, false, clock_mono_ms() + TMUX_WAIT_MS, &look, e) < 0)
		return -1;
	screen_plain(buf_cstr(&look.screen), look.screen.len, out);
	drop_blank_end(out);
	return 0;
}

static int read_log(const struct ctx *c, const struct peer_id *id, int64_t lines, struct buf *out,
		    struct err *e)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(LOG_READ_MAX + 1);
	char path[LAYOUT_PATH];

	layout_pane_log(id, path);
	if (fs_read_at(c->layout.root_fd, path, -(int64_t)LOG_READ_MAX, LOG_READ_MAX, &raw, e) <
	    0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		return err_set(e, ERR_FAILED, 0, "%s has shown nothing yet", id->name);
	}
	screen_rows(buf_cstr(&raw), raw.len, out);
	keep_last_lines(out, lines);
	return 0;
}

/* ---- answers ---- */

struct answers {
	struct json *list; /* of the last ones */
	int64_t most;
};

static void answers_done(struct answers *a)
{
	json_free(a->list);
}

static bool keep_answer(const struct report *r, void *arg)
{
	struct answers *a = arg;
	struct json *o;

	if (r->kind != REPORT_TURN || str_empty(r->text))
		return true;
	if ((int64_t)json_len(a->list) == a->most)
		json_remove_at(a->list, 0);
	o = json_push(a->list, json_object());
	json_set_time(o, "at", r->at_ms);
	json_set_str(o, "text", r->text);
	if (r->cut)
		json_set_bool(o, "cut", true);
	return true;
}

/* The last n answers that the program has reported; there may be none. */
static int read_answers(const struct ctx *c, const struct peer_id *id, int64_t n,
			struct answers *out, struct err *e)
{
	*out = (struct answers){.list = json_array(), .most = n};
	return report_history(&c->layout, id, keep_answer, out, e);
}

static void show_answers(const struct answers *a, struct buf *out)
{
	for (const struct json *o = json_first(a->list); o; o = json_next(o)) {
		const char *text = json_text(json_get(o, "text"));

		buf_fmt(out, "%s--- %s\n%s%s", o == json_first(a->list) ? "" : "\n",
			json_text(json_get(o, "at")), text, str_ends(text, "\n") ? "" : "\n");
		if (json_true(json_get(o, "cut")))
			buf_str(out, "[cut here: the answer is longer]\n");
	}
}

static int read_it(const struct ctx *c, const struct parsed *p, const struct sight *s,
		   const char **out_source, struct buf *out, struct err *e)
{
	bool live = s->shown == SHOWN_LIVE && s->o.has_session;
	int64_t lines = LAST_DEFAULT;

	if (opt_i64(p, "last", 1, LAST_MAX, &lines, e) < 0)
		return -1;
	if (opt_given(p, "last") && opt_given(p, "screen"))
		return err_set(e, ERR_USAGE, 0, "--last or --screen, not both");
	*out_source = "screen";
	if (live && !opt_given(p, "last"))
		return read_screen(c, &s->o.session, out, e);
	if (opt_given(p, "screen"))
		return err_set(e, ERR_FAILED, 0, "%s is not live", s->id.name);
	*out_source = "log";
	return read_log(c, &s->id, lines, out, e);
}

int verb_read(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
	AUTO(answers_done) struct answers answers = {.list = NULL};
	const struct peer_record *r;
	const char *source = "answers";
	struct peer_id id;
	struct sight s;
	int64_t n = 1;

	if (peer_meant(c, p->args[0], opt_value(p, "runtime"), &r, &id, e) < 0 ||
	    opt_i64(p, "last", 1, LAST_MAX, &n, e) < 0 || sight_of(c, NULL, r, &id, &s, e) < 0)
		return -1;
	if (!opt_given(p, "screen") && read_answers(c, &id, n, &answers, e) < 0)
		return -1;
	if (answers.list && json_len(answers.list) > 0)
		show_answers(&answers, &text);
	else if (read_it(c, p, &s, &source, &text, e) < 0)
		return -1;
	if (c->json) {
		c->reply = json_object();
		json_set_str(c->reply, "peer", s.id.name);
		json_set_str(c->reply, "runtime", s.id.runtime);
		json_set_str(c->reply, "source", source);
		json_set_str(c->reply, "text", buf_cstr(&text));
		if (answers.list && json_len(answers.list) > 0)
			json_set(c->reply, "answers", json_copy(answers.list));
		return 0;
	}
	if (c->term.out_tty)
		str_shown(&c->out, buf_cstr(&text), text.len, true);
	else
		buf_add(&c->out, buf_cstr(&text), text.len);
	return 0;
}
