#include <stdlib.h>
#include <string.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/turn.h"
#include "iapeer/supervise/keeper.h"
#include "iapeer/supervise/request.h"

#include "iapeer/base/banned.h"

static void release(uv_handle_t *h)
{
	struct conn *c = h->data;

	if (--c->open_handles > 0)
		return;
	buf_done(&c->in);
	free(c);
}

static void hang_up(struct conn *c)
{
	struct keeper *k = c->k;

	if (c->closing)
		return;
	c->closing = true;
	for (struct conn **p = &k->conns; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	uv_close((uv_handle_t *)&c->pipe, release);
	uv_close((uv_handle_t *)&c->timer, release);
	file_watch_free(&c->receipts);
	keeper_consider_leaving(k);
}

/* ---- answers ---- */

struct reply {
	uv_write_t req;
	struct buf b;
};

static void written(uv_write_t *req, int status)
{
	struct reply *r = req->data;

	(void)status; /* he is gone: his request is on disk */
	buf_done(&r->b);
	free(r);
}

static void answer(struct conn *c, const struct json *j)
{
	struct reply *r = xcalloc(1, sizeof *r);
	uv_buf_t out;

	c->waits = CONN_IDLE;
	uv_timer_stop(&c->timer);
	file_watch_free(&c->receipts);
	r->b = (struct buf)BUF_INIT(CAP_LINE);
	json_print(j, false, &r->b);
	if (!str_ends(buf_cstr(&r->b), "\n"))
		buf_chr(&r->b, '\n');
	out = uv_buf_init(r->b.p, (unsigned)r->b.len);
	r->req.data = r;
	if (c->closing || uv_write(&r->req, (uv_stream_t *)&c->pipe, &out, 1, written) < 0) {
		buf_done(&r->b);
		free(r);
	}
}

static void refuse(struct conn *c, enum err_code code, const char *message)
{
	auto_json struct json *j = json_object();
	struct json *error = json_set(j, "error", json_object());

	json_set_bool(j, "ok", false);
	json_set_str(error, "code", err_word(code));
	json_set_str(error, "message", message);
	answer(c, j);
}

static void answer_deliver(struct conn *c, bool done, const char *reason)
{
	auto_json struct json *j = json_object();

	json_set_bool(j, "ok", true);
	json_set_bool(j, "done", done);
	json_set_str_opt(j, "reason", reason);
	answer(c, j);
}

/* Has what this connection waits for happened? The files on disk decide, not what we were told. */
enum outlook { WAITS, DELIVERED, REACHED, NEVER /* delivered, and nobody watches its turn */ };

static enum outlook outlook(struct conn *c)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct peer_id id;
	bool watched;
	struct err e;

	if (peer_parse(c->identity, &id, &e) < 0)
		return WAITS;
	/* First: it goes when its end stands in the receipt. */
	watched = c->turn && turn_waits(c->k->layout, &id, c->message_id);
	if (receipt_load(c->k->layout, &id, c->message_id, &r, &e) < 0)
		return WAITS;
	if (!c->turn || r.turn_ended || r.status != DELIVERY_DELIVERED)
		return REACHED;
	return watched ? DELIVERED : NEVER;
}

/* True: he has his answer. */
static bool tell(struct conn *c)
{
	enum outlook o = outlook(c);

	if (o == REACHED || o == NEVER)
		answer_deliver(c, o == REACHED,
			       o == REACHED ? "" : "the end of its turn was not watched");
	return o == REACHED || o == NEVER;
}

void keeper_receipt(struct keeper *k, const char *identity, const char *message_id)
{
	for (struct conn *c = k->conns, *next; c; c = next) {
		next = c->next;
		if (c->waits == CONN_DELIVER && strcmp(c->identity, identity) == 0 &&
		    strcmp(c->message_id, message_id) == 0)
			tell(c);
	}
}

static void on_receipt(void *arg)
{
	struct conn *c = arg;
	struct work *w = workq_find(&c->k->work, c->identity);

	/* Our own says so itself, when it is through with it. */
	if (!(w && w->running) && c->waits == CONN_DELIVER)
		tell(c);
}

/* Our worker has nothing to do with it: then one that outlived an earlier keeper has, and what it
 * writes is all that we hear of it. True: it has written it by now. */
static bool left_to_others(struct conn *c)
{
	char path[LAYOUT_PATH], dir[LAYOUT_PATH];
	struct peer_id id;
	struct err e;

	if (c->receipts)
		return false;
	if (peer_parse(c->identity, &id, &e) < 0)
		return false;
	layout_state(&id, "receipts", path);
	if (fs_mkdirs(c->k->layout->root_fd, path, &e) < 0 ||
	    layout_abs(c->k->layout, path, dir, &e) < 0)
		return false;
	c->receipts = file_watch_new(&c->k->loop, dir, on_receipt, c);
	if (!c->receipts)
		log_warn("server", "%s cannot be watched", dir);
	return tell(c);
}

static void answer_apply(struct conn *c, const struct json *reply)
{
	auto_json struct json *j = reply ? json_copy(reply) : NULL;

	if (!j) {
		refuse(c, ERR_FAILED, "its worker died; it is tried again");
		return;
	}
	json_set_bool(j, "ok", json_get(j, "error") == NULL);
	answer(c, j);
}

void keeper_outcome(struct keeper *k, const char *identity, enum trigger t,
		    const struct json *reply, bool final)
{
	for (struct conn *c = k->conns, *next; c; c = next) {
		next = c->next;
		if (strcmp(c->identity, identity) != 0)
			continue;
		if (c->waits == CONN_DELIVER && (tell(c) || (!final && left_to_others(c))))
			continue;
		if (reply && ((c->waits == CONN_DELIVER &&
			       (final || (c->once && json_get(reply, "error")))) ||
			      (c->waits == CONN_APPLY && c->trigger == t)))
			answer_apply(c, reply); /* an error with its code, hint and all */
	}
}

/* ---- requests ---- */

static void on_wait_over(uv_timer_t *t)
{
	struct conn *c = t->data;
	struct waiting *w = keeper_waiting(c->k, c->identity);

	if (c->waits == CONN_DELIVER && !tell(c))
		answer_deliver(c, false,
			       outlook(c) == DELIVERED ? "its turn has not ended in time"
			       : w                     ? w->reason
						       : "it is not ready yet");
	else if (c->waits == CONN_APPLY)
		refuse(c, ERR_TIMEOUT, w ? w->reason : "not ready in time");
}

static void wait_for(struct conn *c, const struct request *r)
{
	str_cut(c->identity, sizeof c->identity, r->identity);
	str_cut(c->message_id, sizeof c->message_id, r->message_id);
	c->turn = r->turn;
	c->once = r->once;
	c->trigger = r->trigger;
	uv_timer_start(&c->timer, on_wait_over, (uint64_t)r->wait_ms, 0);
}

static void op_deliver(struct conn *c, const struct request *r)
{
	wait_for(c, r);
	c->waits = CONN_DELIVER;
	if (!tell(c))
		keeper_want(c->k, c->identity, TRIG_MESSAGE, true, 0);
}

static void op_apply(struct conn *c, const struct request *r)
{
	wait_for(c, r);
	c->waits = CONN_APPLY;
	keeper_want(c->k, c->identity, c->trigger, true, 0);
}

static void op_hello(struct conn *c, const struct request *r)
{
	auto_json struct json *j = json_object();
	char text[512];

	(void)r;
	settings_text(&c->k->settings, text, sizeof text);
	json_set_bool(j, "ok", true);
	json_set_str(j, "build", build_id);
	json_set_str(j, "version", build_version);
	json_set_i64(j, "pid", getpid());
	json_set_str(j, "settings", text);
	answer(c, j);
}

static void op_tick(struct conn *c, const struct request *r)
{
	auto_json struct json *j = json_object();
	struct json *outcomes = json_set(j, "outcomes", json_array());
	int64_t start = clock_mono_us();

	(void)r;
	keeper_tick(c->k, outcomes);
	json_set_bool(j, "ok", true);
	json_set_i64(j, "micros", clock_mono_us() - start);
	answer(c, j);
}

static void op_leave(struct conn *c, const struct request *r)
{
	auto_json struct json *ok = json_object();

	(void)r;
	json_set_bool(ok, "ok", true);
	answer(c, ok);
	log_info("server", "asked to leave");
	keeper_leave(c->k);
}

static void obey(struct conn *c, const char *line, size_t len)
{
	static void (*const ops[])(struct conn *, const struct request *) = {
	    [REQUEST_HELLO] = op_hello, [REQUEST_DELIVER] = op_deliver, [REQUEST_APPLY] = op_apply,
	    [REQUEST_TICK] = op_tick,   [REQUEST_LEAVE] = op_leave,
	};
	struct request r;
	struct err e = ERR_INIT;

	if (request_parse(line, len, &r, &e) < 0) {
		refuse(c, e.code, e.msg);
		return;
	}
	c->asked = c->asked || r.op != REQUEST_HELLO;
	ops[r.op](c, &r);
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
	struct conn *c = s->data;
	char *nl;

	if (n > 0)
		buf_add(&c->in, b->base, (size_t)n);
	free(b->base);
	if (n < 0 || c->in.failed) {
		/* Perhaps he was killed between his writing to disk and his asking: look for what
		 * he left, a little later. */
		if (!c->asked)
			uv_timer_start(&c->k->rescan_timer, c->k->rescan_timer.timer_cb, 200, 0);
		hang_up(c);
		return;
	}
	while (!c->closing && c->in.len > 0 && (nl = memchr(c->in.p, '\n', c->in.len)) != NULL) {
		size_t len = (size_t)(nl - c->in.p);

		obey(c, c->in.p, len);
		buf_drop(&c->in, len + 1);
	}
}

void keeper_on_connect(uv_stream_t *server, int status)
{
	struct keeper *k = server->data;
	struct conn *c;
	uv_os_fd_t fd;
	struct err e;
	uid_t uid = 0;
	pid_t pid;

	if (status < 0 || k->leaving)
		return;
	c = xcalloc(1, sizeof *c);
	c->k = k;
	c->in = (struct buf)BUF_INIT(CAP_LINE);
	c->open_handles = 2;
	uv_pipe_init(&k->loop, &c->pipe, 0);
	uv_timer_init(&k->loop, &c->timer);
	c->pipe.data = c->timer.data = c;
	c->next = k->conns;
	k->conns = c;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) < 0 ||
	    uv_fileno((uv_handle_t *)&c->pipe, &fd) < 0 || plat_peer(fd, &uid, &pid, &e) < 0 ||
	    uid != geteuid()) {
		log_warn("server", "connection of user %ld refused", (long)uid);
		hang_up(c);
		return;
	}
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

void keeper_hear_no_more(struct keeper *k)
{
	keeper_listen_no_more(k);
	for (struct conn *c = k->conns, *next; c; c = next) {
		next = c->next;
		hang_up(c);
	}
}
