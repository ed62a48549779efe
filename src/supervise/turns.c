/* Turns that go wrong without a word of a hook. Some programs say it in their conversation's file
 * alone (failed_line), some only on their screen while they try again (retry_any). While a turn of
 * such a program runs, that file and its pane's log are watched: nobody has to wait for the turn
 * for it to be seen. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/failed_line.h"
#include "iapeer/delivery/reported.h"
#include "iapeer/runtime/screen_text.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define TURN_BYTES (256 << 10) /* of reports, in which a turn has begun */
#define LOG_BYTES  (16 << 10)  /* of a pane's log: one look at what is new in it */
#define OVERLAP    128         /* what was painted between two looks */
#define LOG_MS     250         /* a program that works paints all the time */
#define SCREEN_MS  2000        /* between two looks at its screen, while it tries again */

/* Freed when its timer is closed. */
struct turn_watch {
	struct keeper *k;
	struct peer_id id;
	char identity[PEER_IDENTITY_MAX + 1];
	struct manifest *manifest;
	char transcript[LAYOUT_PATH]; /* its conversation's file, read up to `at` */
	int64_t at;
	char log[LAYOUT_PATH]; /* below the root; read up to `log_at` */
	int64_t log_at;
	bool hint;    /* its log says that its screen is worth a look */
	bool retries; /* it said so when last looked at */
	int64_t looked_ms;
	struct file_watch *file, *output; /* NULL: not watched now */
	uv_timer_t timer;
};

static void closed(uv_handle_t *h)
{
	struct turn_watch *t = h->data;

	manifest_done(t->manifest);
	free(t->manifest);
	free(t);
}

void keeper_forget_turn(struct watched *w)
{
	struct turn_watch *t = w->turn;

	if (!t)
		return;
	w->turn = NULL;
	file_watch_free(&t->file);
	file_watch_free(&t->output);
	uv_close((uv_handle_t *)&t->timer, closed);
}

/* ---- what its conversation's file says ---- */

static void report_failure(struct turn_watch *t, const char *reason)
{
	AUTO(report_done)
	struct report r = {
	    .kind = REPORT_FAILED, .source = REPORT_BY_FILE, .at_ms = clock_utc_ms()};
	struct err e;

	r.text = xstrdup(reason);
	str_cut(r.detail, sizeof r.detail, failed_line_word(reason));
	str_cut(r.transcript, sizeof r.transcript, t->transcript);
	if (report_add(t->k->layout, &t->id, &r, &e) < 0 ||
	    reported_demote(t->k->layout, &t->id, &r, &e) < 0)
		log_warn("turns", "identity=%s %s", t->identity, e.msg);
}

static void look_at_file(struct turn_watch *t)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);
	char reason[256];
	struct fs_info info;
	struct err e;

	if (fs_stat(AT_FDCWD, t->transcript, &info, &e) < 0 || !info.is_file || info.size <= t->at)
		return;
	if (info.size - t->at > CAP_SCREEN)
		t->at = info.size - CAP_SCREEN;
	if (fs_read_at(AT_FDCWD, t->transcript, t->at, CAP_SCREEN, &b, &e) < 0)
		return;
	if (failed_line_find(&t->manifest->failed_line, buf_cstr(&b), b.len, "", reason,
			     sizeof reason))
		report_failure(t, reason);
	while (b.len > 0 && b.p[b.len - 1] != '\n')
		buf_cut(&b, b.len - 1); /* a line that is still being written */
	t->at += (int64_t)b.len;
}

static void on_file(void *arg)
{
	look_at_file(arg);
}

/* ---- what its pane shows ---- */

static bool log_hints(struct turn_watch *t)
{
	AUTO(buf_done) struct buf b = BUF_INIT(LOG_BYTES);
	AUTO(buf_done) struct buf plain = BUF_INIT((size_t)4 * LOG_BYTES);
	AUTO(buf_done) struct buf text = BUF_INIT((size_t)4 * LOG_BYTES);
	int64_t from = t->log_at > OVERLAP ? t->log_at - OVERLAP : 0;
	const struct strv *wanted = &t->manifest->retry_any;
	struct fs_info info;
	struct err e;

	if (fs_stat(t->k->layout->root_fd, t->log, &info, &e) < 0 || !info.exists)
		return false;
	if (info.size < t->log_at || info.size - from > LOG_BYTES)
		from = info.size > LOG_BYTES ? info.size - LOG_BYTES : 0;
	t->log_at = info.size;
	if (fs_read_at(t->k->layout->root_fd, t->log, from, LOG_BYTES, &b, &e) < 0)
		return false;
	/* Programs move the cursor over blanks. */
	text_plain(buf_cstr(&b), b.len, &plain);
	text_squeeze(buf_cstr(&plain), plain.len, false, &text);
	for (size_t i = 0; i < wanted->n; i++) {
		AUTO(buf_done) struct buf one = BUF_INIT(CAP_LINE);

		text_squeeze(wanted->v[i], strlen(wanted->v[i]), false, &one);
		if (strstr(buf_cstr(&text), buf_cstr(&one)))
			return true;
	}
	return false;
}

/* What a screen shows only tmux knows, and we start none: `iapeer _screen` looks and reports. */
static void look_at_screen(struct turn_watch *t)
{
	AUTO(strv_done) struct strv args = STRV_INIT;

	strv_add(&args, plat_self_again());
	strv_add(&args, "_screen");
	strv_add(&args, t->identity);
	t->hint = false;
	t->looked_ms = clock_mono_ms();
	keeper_aside(t->k, t->identity, "_screen", &args, NULL);
}

/* False: it is not there yet; some programs make it for the first prompt. */
static bool watch_file(struct turn_watch *t)
{
	if (t->manifest->failed_line.n == 0 || t->transcript[0] != '/' || t->file)
		return true;
	t->file = file_watch_new(&t->k->loop, t->transcript, on_file, t);
	if (!t->file)
		return false;
	look_at_file(t); /* it may have failed already */
	return true;
}

static void on_output(void *arg);

static void on_timer(uv_timer_t *timer)
{
	struct turn_watch *t = timer->data;
	int64_t now = clock_mono_ms(), due = t->looked_ms + SCREEN_MS;
	char path[LAYOUT_PATH];
	bool watched = watch_file(t);
	struct err e;

	if (watched && t->manifest->retry_any.n == 0)
		return;
	t->hint = log_hints(t) || t->hint || t->retries;
	if (t->hint && now >= due)
		look_at_screen(t);
	else if (t->hint)
		uv_timer_start(timer, on_timer, (uint64_t)(due - now), 0);
	if (!t->output && layout_abs(t->k->layout, t->log, path, &e) == 0)
		t->output = file_watch_new(&t->k->loop, path, on_output, t);
}

/* Not again before that was looked at: it may print at every instant. */
static void on_output(void *arg)
{
	struct turn_watch *t = arg;

	file_watch_free(&t->output);
	if (!uv_is_active((uv_handle_t *)&t->timer))
		uv_timer_start(&t->timer, on_timer, LOG_MS, 0);
}

/* ---- is there a turn to be watched? ---- */

struct running {
	int64_t from_ms; /* what is older is another session's */
	bool turn, retries;
	int64_t at; /* of the conversation's file, when it began */
	char transcript[LAYOUT_PATH];
};

static bool take(const struct report *r, void *arg)
{
	struct running *n = arg;

	if (r->at_ms < n->from_ms)
		return true;
	/* What is queued meanwhile changes nothing. */
	n->retries = r->kind == REPORT_RETRIES || (n->retries && r->kind == REPORT_TAKEN);
	if (r->kind == REPORT_TAKEN && !n->turn) {
		n->turn = true;
		n->at = r->transcript_size;
		str_cut(n->transcript, sizeof n->transcript, r->transcript);
	} else if (r->kind != REPORT_TAKEN && r->kind != REPORT_TOOL && r->kind != REPORT_ASKS &&
		   r->kind != REPORT_RETRIES) {
		n->turn = false;
	}
	return true;
}

static void begin(struct watched *w, const struct peer_id *id, const struct running *n)
{
	struct turn_watch *t = xcalloc(1, sizeof *t);
	struct keeper *k = w->k;

	t->k = k;
	t->id = *id;
	t->manifest = xcalloc(1, sizeof *t->manifest);
	t->at = n->at;
	str_cut(t->identity, sizeof t->identity, w->canary.identity);
	str_cut(t->transcript, sizeof t->transcript, n->transcript);
	layout_pane_log(id, t->log);
	uv_timer_init(&k->loop, &t->timer);
	t->timer.data = t;
	w->turn = t;
}

void keeper_turn(struct keeper *k, const char *identity)
{
	struct watched *w = keeper_find(k, identity);
	struct running n = {.turn = false};
	struct peer_id id;
	int64_t size, at;
	struct err e;

	if (k->leaving || !w || !w->session.known || w->dying || w->session.turns_tell ||
	    peer_parse(identity, &id, &e) < 0)
		return;
	n.from_ms = w->session.woke_at_ms;
	size = report_size(k->layout, &id);
	at = size > TURN_BYTES ? size - TURN_BYTES : 0;
	if (report_each(k->layout, &id, &at, take, &n, &e) < 0)
		return;
	if (!n.turn) {
		keeper_forget_turn(w);
		return;
	}
	if (!w->turn) {
		begin(w, &id, &n);
		if (manifest_load(k->layout, id.runtime, w->turn->manifest, &e) < 0 ||
		    (w->turn->manifest->failed_line.n == 0 &&
		     w->turn->manifest->retry_any.n == 0)) {
			w->session.turns_tell = true; /* its hooks say it all */
			keeper_forget_turn(w);
			return;
		}
		on_timer(&w->turn->timer);
	}
	w->turn->retries = n.retries;
}
