#include "iapeer/agent/mcp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/agent/mcp_proto.h"
#include "iapeer/agent/mcp_tool.h"
#include "iapeer/agent/mcp_words.h"
#include "iapeer/agent/send.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/move.h"

#include "iapeer/base/banned.h"

#define CALLS_MAX 16
/* Shorter than the minute after which clients give up a call that says nothing. */
#define DELIVERY_SECS 50
#define LINE_KEPT     (64U << 10)

/* A call that waits. The registry and the settings are those of the moment of the call: this
 * process lives as long as its agent, they change. */
struct call {
	struct json *id;
	struct layout layout;
	struct registry registry;
	struct settings settings;
	struct send *s;
	struct await a;
	struct tool_call args;
};

struct server {
	int in, out;
	struct mcp protocol;
	struct buf line;
	bool skipping;                 /* the rest of a line that was too long */
	bool ended;                    /* nobody writes to us, or nobody reads us */
	struct call *calls[CALLS_MAX]; /* NULL: free */
};

/* ---- writing ---- */

static void say(struct server *m, struct json *take_reply)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);
	struct err e = ERR_INIT;

	json_print(take_reply, false, &b);
	json_free(take_reply);
	if (!str_ends(buf_cstr(&b), "\n"))
		buf_chr(&b, '\n');
	if (fs_write_all(m->out, buf_cstr(&b), b.len, &e) < 0)
		m->ended = true;
}

/* ---- calls ---- */

static void call_free(struct call *c)
{
	send_free(&c->s);
	await_done(&c->a);
	registry_done(&c->registry);
	layout_done(&c->layout);
	tool_call_done(&c->args);
	json_free(c->id);
	free(c);
}

static struct call *call_new(struct json *take_id)
{
	struct call *c = xcalloc(1, sizeof *c);

	c->id = take_id;
	c->layout = (struct layout)LAYOUT_INIT;
	c->a = (struct await)AWAIT_INIT;
	return c;
}

/* No message came of it. */
static void say_unsent(struct server *m, const struct call *c, const struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_LINE);

	mcp_words_unsent(e, &text);
	say(m, mcp_reply(c->id, tool_result(NULL, buf_cstr(&text), true)));
}

static struct json *structure(const struct call *c, int rc, const struct err *e)
{
	AUTO(buf_done) struct buf summary = BUF_INIT(CAP_LINE);
	struct json *j = send_json(c->s, rc, e);

	mcp_words(c->s, rc, e, false, &summary);
	if (rc < 0)
		json_set_err(j, e);
	json_set_str(j, "summary", buf_cstr(&summary));
	return j;
}

static void say_outcome(struct server *m, const struct call *c, int rc, const struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
	bool failed = mcp_words(c->s, rc, e, true, &text);
	struct json *j = mcp_structured(&m->protocol) ? structure(c, rc, e) : NULL;

	say(m, mcp_reply(c->id, tool_result(j, buf_cstr(&text), failed)));
}

static int open_world(struct call *c, struct err *e)
{
	struct send_world w = {
	    .layout = &c->layout, .registry = &c->registry, .settings = &c->settings};

	if (layout_open(&c->layout, false, e) < 0)
		return -1;
	move_catch_up(&c->layout);
	if (settings_load(&c->layout, &c->settings, e) < 0 ||
	    registry_load(&c->layout, &c->registry, e) < 0)
		return -1;
	c->s = send_new(&w);
	return 0;
}

/* The strings of the arguments stay with the call; the sending borrows or takes them. */
static void fill(struct call *c)
{
	struct send *s = c->s;

	s->typed = c->args.personality;
	s->runtime = str_empty(c->args.runtime) ? NULL : c->args.runtime;
	s->by_program = true;
	s->item.body = c->args.message;
	c->args.message = NULL;
	s->item.topic = str_empty(c->args.topic) ? NULL : xstrdup(c->args.topic);
	s->item.attachments = c->args.attachments;
	c->args.attachments = (struct strv)STRV_INIT;
	s->item.wait = c->args.wait_secs ? WAIT_TURN : WAIT_DELIVERED;
	s->timeout_ms = (c->args.wait_secs ? c->args.wait_secs : DELIVERY_SECS) * 1000;
}

/* 1: it waits now. Else it was answered. */
static int begin(struct server *m, struct call *c, const struct json *arguments)
{
	struct err e = ERR_INIT;
	int rc;

	if (tool_arguments(arguments, &c->args, &e) < 0 || open_world(c, &e) < 0) {
		say_unsent(m, c, &e);
		return 0;
	}
	fill(c);
	if (send_check(c->s, &e) < 0 || send_accept(c->s, &e) < 0) {
		say_outcome(m, c, -1, &e);
		return 0;
	}
	if (send_begin(c->s, &c->a, &e) == 0)
		return 1;
	rc = send_finish(c->s, -1, &e);
	say_outcome(m, c, rc, &e);
	return 0;
}

static void finish(struct server *m, size_t i, int rc, struct err *e)
{
	struct call *c = m->calls[i];

	rc = send_finish(c->s, rc, e);
	say_outcome(m, c, rc, e);
	call_free(c);
	m->calls[i] = NULL;
}

static void on_call(struct server *m, struct mcp_in *in)
{
	struct call *c = call_new(in->id);
	struct err e = ERR_INIT;
	size_t i = 0;

	in->id = NULL;
	while (i < CALLS_MAX && m->calls[i])
		i++;
	if (i == CALLS_MAX) {
		err_set(&e, ERR_TIMEOUT, 0, "%d calls wait already", CALLS_MAX);
		err_hint(&e, "let one of them end first");
		say_unsent(m, c, &e);
	} else if (begin(m, c, in->arguments) > 0) {
		m->calls[i] = c;
		return;
	}
	call_free(c);
}

/* Nobody wants to know any more; the message itself stays accepted. */
static void on_cancel(struct server *m, const struct json *id)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		if (!m->calls[i] || !mcp_same_id(m->calls[i]->id, id))
			continue;
		call_free(m->calls[i]);
		m->calls[i] = NULL;
	}
}

/* ---- reading ---- */

static void on_line(struct server *m, const char *line, size_t len)
{
	AUTO(mcp_in_done) struct mcp_in in = {.act = MCP_NOTHING};

	if (len && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return;
	mcp_read(&m->protocol, line, len, &in);
	switch (in.act) {
	case MCP_NOTHING:
		return;
	case MCP_REPLY:
		say(m, in.reply);
		in.reply = NULL;
		return;
	case MCP_CALL:
		on_call(m, &in);
		return;
	case MCP_CANCEL:
		on_cancel(m, in.id);
		return;
	}
}

/* A piece of a line. What is longer than any request is not kept: its sender is told once. */
static void on_piece(struct server *m, const char *piece, size_t len)
{
	if (m->skipping)
		return;
	if (m->line.len + len <= MCP_LINE_MAX) {
		buf_add(&m->line, piece, len);
		return;
	}
	m->skipping = true;
	buf_done(&m->line);
	say(m, mcp_error(NULL, MCP_INVALID_REQUEST, "a line longer than 1 MiB"));
}

static void on_newline(struct server *m)
{
	if (!m->skipping)
		on_line(m, buf_cstr(&m->line), m->line.len);
	m->skipping = false;
	if (m->line.cap > LINE_KEPT)
		buf_done(&m->line); /* an idle process need not keep what one long message took */
	else
		buf_cut(&m->line, 0);
}

static void on_input(struct server *m)
{
	char chunk[8192];
	ssize_t n = read(m->in, chunk, sizeof chunk);
	const char *at = chunk, *end = chunk + (n > 0 ? n : 0), *nl;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		if (m->line.len || m->skipping)
			on_newline(m); /* the last line may lack its end */
		m->ended = true;
		return;
	}
	while ((nl = memchr(at, '\n', (size_t)(end - at)))) {
		on_piece(m, at, (size_t)(nl - at));
		on_newline(m);
		at = nl + 1;
	}
	on_piece(m, at, (size_t)(end - at));
}

/* ---- the loop ---- */

static void step(struct server *m, size_t i)
{
	struct call *c = m->calls[i];
	struct err e = ERR_INIT;
	int rc = await_step(&c->a, c->s->reason, sizeof c->s->reason, &e);

	if (rc <= 0)
		finish(m, i, rc, &e);
}

static int watch(const struct server *m, struct pollfd fds[static CALLS_MAX + 2])
{
	int timeout = -1;

	fds[0] = (struct pollfd){.fd = m->in, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = m->out}; /* for POLLERR: nobody reads it any more */
	for (size_t i = 0; i < CALLS_MAX; i++) {
		const struct call *c = m->calls[i];

		fds[i + 2] = (struct pollfd){.fd = c ? await_fd(&c->a) : -1, .events = POLLIN};
		if (c && (timeout < 0 || await_left_ms(&c->a) < timeout))
			timeout = await_left_ms(&c->a);
	}
	return timeout;
}

static int turn(struct server *m, struct err *e)
{
	struct pollfd fds[CALLS_MAX + 2];
	int timeout = watch(m, fds), n = poll(fds, CALLS_MAX + 2, timeout);

	if (n < 0 && errno != EINTR)
		return err_set(e, ERR_FAILED, errno, "wait for a request");
	if (n < 0)
		return 0;
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (m->calls[i] && (fds[i + 2].revents || await_left_ms(&m->calls[i]->a) == 0))
			step(m, i);
	if (fds[1].revents & (POLLERR | POLLNVAL))
		m->ended = true;
	else if (fds[0].revents)
		on_input(m);
	return 0;
}

/* The agent is gone, or will not ask again: each call is answered by what is known now. */
static void give_up(struct server *m)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct err e = ERR_INIT;

		if (m->calls[i])
			finish(m, i, err_set(&e, ERR_TIMEOUT, 0, "nobody waits any more"), &e);
	}
}

int mcp_serve(int in, int out, struct err *e)
{
	struct server m = {.in = in, .out = out, .line = BUF_INIT(MCP_LINE_MAX)};
	int rc = 0;

	while (rc == 0 && !m.ended)
		rc = turn(&m, e);
	give_up(&m);
	buf_done(&m.line);
	return rc;
}
