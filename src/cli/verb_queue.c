#include "iapeer/cli/verb_runs.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/targets.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/sending.h"
#include "iapeer/supervise/await.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define LOCK_WAIT_MS    10000
#define KEEPER_WAIT_MS  10000
#define DELIVER_WAIT_MS 20000

/* ---- list ---- */

static void item_json(struct json *list, const struct peer_id *id, const struct queue_item *m)
{
	char from[PEER_IDENTITY_MAX + 1];
	struct json *o = json_push(list, json_object());

	peer_identity(&m->from, from);
	json_set_str(o, "id", m->id);
	json_set_str(o, "runtime", id->runtime);
	json_set_str(o, "kind", m->kind == ITEM_WAKE ? "wake" : "message");
	json_set_str(o, "from", from);
	json_set_time(o, "accepted", m->accepted_at_ms);
	json_set_str_opt(o, "topic", m->topic);
	json_set_i64(o, "bytes", m->body ? (int64_t)strlen(m->body) : 0);
	json_set_i64(o, "attachments", (int64_t)m->attachments.n);
	if (m->force)
		json_set_bool(o, "force", true);
}

/* The beginning of the text is for whoever looks at the queue; a log never sees it. */
static void item_line(struct ctx *c, const struct peer_id *id, const struct queue_item *m)
{
	char from[PEER_IDENTITY_MAX + 1], iso[CLOCK_ISO_MAX];

	peer_identity(&m->from, from);
	clock_iso(m->accepted_at_ms, iso);
	buf_fmt(&c->out, "%s  %s  %s from %s", m->id, iso, id->runtime, from);
	if (m->topic) {
		buf_str(&c->out, " on ");
		text_fit(&c->term, &c->out, m->topic, 40);
	}
	buf_str(&c->out, m->kind == ITEM_WAKE ? ": (wake)" : ": ");
	if (m->body)
		text_fit(&c->term, &c->out, m->body, 60);
	buf_chr(&c->out, '\n');
}

static int list_one(struct ctx *c, const struct peer_id *id, struct json *list, struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	struct err why = ERR_INIT;

	if (queue_files(&c->layout, id, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};

		if (queue_read(&c->layout, id, files.v[i], &m, &why) < 0) {
			if (why.code == ERR_REFUSED)
				buf_fmt(&c->out, "%s\n", why.msg);
			else if (why.code != ERR_NOT_FOUND) /* delivered meanwhile */
				log_warn("queue", "%s", why.msg);
			continue;
		}
		item_json(list, id, &m);
		item_line(c, id, &m);
	}
	return 0;
}

static int list_all(struct ctx *c, const struct targets *t, struct err *e)
{
	struct json *list;

	c->reply = json_object();
	json_set_str(c->reply, "peer", t->v[0].id.name);
	list = json_set(c->reply, "queue", json_array());
	for (size_t i = 0; i < t->n; i++)
		if (list_one(c, &t->v[i].id, list, e) < 0)
			return -1;
	if (c->out.len == 0)
		buf_fmt(&c->out, "nothing waits for %s\n", t->v[0].id.name);
	return 0;
}

/* ---- one item ---- */

/* Which of the identities has that message waiting. */
static int locate(const struct ctx *c, const struct targets *t, const char *message_id,
		  struct peer_id *out, char file[static 64], struct err *e)
{
	if (!message_id_valid(message_id))
		return err_set(e, ERR_USAGE, 0, "\"%.80s\" is no message id", message_id);
	for (size_t i = 0; i < t->n; i++) {
		if (queue_find(&c->layout, &t->v[i].id, message_id, file, e) == 0) {
			*out = t->v[i].id;
			return 0;
		}
		if (e->code != ERR_NOT_FOUND)
			return -1;
	}
	err_set(e, ERR_FAILED, 0, "no message %.80s waits", message_id);
	return err_hint(e, "iapeer queue %s", t->v[0].id.name);
}

static void say(struct ctx *c, const struct peer_id *id, const char *message_id, const char *action)
{
	c->reply = json_object();
	json_set_str(c->reply, "peer", id->name);
	json_set_str(c->reply, "runtime", id->runtime);
	json_set_str(c->reply, "id", message_id);
	json_set_str(c->reply, "action", action);
	buf_fmt(&c->out, "%s: %s\n", message_id, action);
}

/* What may be in the session already cannot be said to have been dropped. */
static int refuse_begun(const struct ctx *c, const struct peer_id *id, const char *message_id,
			struct err *e)
{
	struct sending begun;

	if (sending_load(&c->layout, id, &begun, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (strcmp(begun.id, message_id) != 0)
		return 0;
	err_set(e, ERR_TIMEOUT, 0, "%s is being delivered", message_id);
	return err_hint(e, "iapeer queue %s", id->name);
}

/* The receipt goes first, as in a delivery: its sender, who may be waiting, learns what became of
 * it. */
static int drop(struct ctx *c, const struct targets *t, const char *message_id, struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	AUTO(receipt_done) struct receipt r = {.status = DELIVERY_FAILED, .rung = RUNG_ACCEPTED};
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	struct peer_id id;
	char file[64];

	if (locate(c, t, message_id, &id, file, e) < 0 ||
	    peer_lock(c, &id, "queue drop", LOCK_WAIT_MS, &lock, e) < 0)
		return -1;
	if (locate(c, t, message_id, &id, file, e) < 0 ||
	    queue_read(&c->layout, &id, file, &m, e) < 0 || refuse_begun(c, &id, message_id, e) < 0)
		return -1;
	r.accepted_at_ms = m.accepted_at_ms;
	if (!str_put(r.id, sizeof r.id, message_id) ||
	    !str_put(r.reason, sizeof r.reason, "dropped from the queue"))
		return err_set(e, ERR_USAGE, 0, "the id is too long");
	if (receipt_save(&c->layout, &id, &r, e) < 0 || queue_remove(&c->layout, &id, file, e) < 0)
		return -1;
	say(c, &id, message_id, "dropped");
	return 0;
}

static int deliver_now(struct ctx *c, const struct peer_id *id, const char *message_id,
		       struct err *e)
{
	char reason[256] = "";
	int64_t deadline = clock_mono_ms() + DELIVER_WAIT_MS;

	if (keeper_deliver(&c->layout, id, message_id, deadline, reason, sizeof reason, e) < 0) {
		if (e->code == ERR_TIMEOUT)
			err_set(e, ERR_QUEUED, 0, "%s still waits%s%s", message_id,
				reason[0] ? ": " : "", reason);
		return -1;
	}
	say(c, id, message_id, "delivered");
	return 0;
}

static int retry(struct ctx *c, const struct targets *t, const char *message_id, struct err *e)
{
	char file[64];
	struct peer_id id;

	if (locate(c, t, message_id, &id, file, e) < 0)
		return -1;
	return deliver_now(c, &id, message_id, e);
}

/* Under the peer's lock: nobody takes it from the queue, and its number to another, before it is
 * written again. 0: the queue is empty. */
static int force_head(const struct ctx *c, const struct peer_id *id, struct queue_item *m,
		      struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	AUTO(strv_done) struct strv files = STRV_INIT;

	if (peer_lock(c, id, "queue --force-next", LOCK_WAIT_MS, &lock, e) < 0 ||
	    queue_files(&c->layout, id, &files, e) < 0)
		return -1;
	if (files.n == 0)
		return 0;
	return queue_read(&c->layout, id, files.v[0], m, e) < 0 ||
		       queue_force(&c->layout, id, files.v[0], e) < 0
		   ? -1
		   : 1;
}

/* A person's way past a draft or a busy program: the head of the queue is pasted all the same. */
static int force_next(struct ctx *c, const struct targets *t, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
		int rc;

		if (queue_depth(&c->layout, &t->v[i].id) == 0)
			continue;
		if (keeper_ensure(&c->layout, clock_mono_ms() + KEEPER_WAIT_MS, e) < 0)
			return -1;
		rc = force_head(c, &t->v[i].id, &m, e);
		if (rc != 0)
			return rc < 0 ? -1 : deliver_now(c, &t->v[i].id, m.id, e);
	}
	return err_set(e, ERR_FAILED, 0, "nothing waits");
}

static int check_words(const char *peer, const char *what, const char *id, bool force,
		       struct err *e)
{
	if (force && what)
		return err_set(e, ERR_USAGE, 0, "--force-next goes alone");
	if (!what)
		return 0;
	if (strcmp(what, "list") == 0)
		return id ? err_set(e, ERR_USAGE, 0, "list takes no id") : 0;
	if (strcmp(what, "drop") != 0 && strcmp(what, "retry") != 0)
		return err_set(e, ERR_USAGE, 0, "\"%.40s\" is none of list, drop, retry", what);
	if (id)
		return 0;
	err_set(e, ERR_USAGE, 0, "%s which message?", what);
	return err_hint(e, "iapeer queue %s lists them with their ids", peer);
}

int verb_queue(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(targets_done) struct targets t = {.v = NULL};
	const char *what = parsed_arg(p, 1), *id = parsed_arg(p, 2);

	if (check_words(p->args[0], what, id, opt_given(p, "force-next"), e) < 0 ||
	    targets_of_peer(c, p->args[0], opt_value(p, "runtime"), true, &t, e) < 0)
		return -1;
	if (opt_given(p, "force-next"))
		return force_next(c, &t, e);
	if (!id)
		return list_all(c, &t, e);
	return strcmp(what, "drop") == 0 ? drop(c, &t, id, e) : retry(c, &t, id, e);
}
