#include "iapeer/delivery/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/topics.h"

#include "iapeer/base/banned.h"

/* ---- what is pasted ---- */

static bool woke_by(const struct deliver_in *in, const struct queue_item *m)
{
	return in->session->woke_for[0] && strcmp(in->session->woke_for, m->id) == 0;
}

static void add_envelope(const struct queue_item *m, struct buf *out)
{
	struct envelope v = {.from = m->from, .from_nature = m->from_nature};

	clock_iso(m->accepted_at_ms, v.ts);
	str_cut(v.id, sizeof v.id, m->id);
	str_cut(v.topic, sizeof v.topic, m->topic ? m->topic : "");
	for (size_t i = 0; i < m->attachments.n; i++)
		strv_add(&v.attachments, m->attachments.v[i]);
	v.message = xstrdup(m->body ? m->body : "");
	envelope_encode(&v, out);
	envelope_done(&v);
}

/* The message as the program gets it: a fresh start's first one begins with the profile's initial
 * prompt. */
static void compose(const struct deliver_in *in, const struct queue_item *m, struct buf *out)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(CAP_QUEUE_ITEM);
	bool seed = woke_by(in, m) && strcmp(in->session->mode, "fresh") == 0 && in->profile &&
		    !str_empty(in->profile->initial_prompt);

	if (seed)
		buf_str(&raw, in->profile->initial_prompt);
	if (seed && m->kind == ITEM_MESSAGE)
		buf_str(&raw, "\n\n");
	if (m->kind == ITEM_MESSAGE && in->manifest->envelope == ENVELOPE_IAP)
		add_envelope(m, &raw);
	else if (m->kind == ITEM_MESSAGE)
		buf_str(&raw, m->body ? m->body : "");
	envelope_filter(buf_cstr(&raw), raw.len, out);
	/* Enter is ours to press: newlines at the end would be lines of their own. */
	while (out->len > 0 && out->p[out->len - 1] == '\n')
		buf_cut(out, out->len - 1);
}

/* ---- the intent ---- */

static int sending_save(const struct deliver_in *in, const struct queue_item *m,
			const struct buf *text, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = json_object();
	char path[LAYOUT_PATH], hash[24];

	layout_state(&in->session->id, "sending", path);
	snprintf(hash, sizeof hash, "%016llx",
		 (unsigned long long)str_hash(buf_cstr(text), text->len));
	json_set_i64(j, "format", 1);
	json_set_str(j, "id", m->id);
	json_set_str(j, "file", m->file);
	json_set_i64(j, "length", (int64_t)text->len);
	json_set_str(j, "hash", hash);
	json_set_str(j, "pane", in->session->pane_id);
	json_set_i64(j, "server", in->session->server.pid);
	json_print(j, false, &b);
	return fs_write_atomic(in->layout->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

static int sending_drop(const struct layout *l, const struct peer_id *id, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_state(id, "sending", path);
	return fs_unlink(l->root_fd, path, e);
}

struct sending {
	char id[MESSAGE_ID_MAX + 1];
	char file[64];
	char hash[24];
	char pane[32];
	int64_t server;
};

static int sending_load(const struct layout *l, const struct peer_id *id, struct sending *out,
			struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];

	layout_state(id, "sending", path);
	*out = (struct sending){.server = 0};
	if (fs_read(l->root_fd, path, &b, e) < 0 ||
	    json_parse(buf_cstr(&b), b.len, path, &j, e) < 0 ||
	    json_req_str(j, path, "id", out->id, sizeof out->id, e) < 0 ||
	    json_opt_str(j, path, "file", out->file, sizeof out->file, e) < 0 ||
	    json_opt_str(j, path, "hash", out->hash, sizeof out->hash, e) < 0 ||
	    json_opt_str(j, path, "pane", out->pane, sizeof out->pane, e) < 0 ||
	    json_opt_i64(j, path, "server", 0, INT32_MAX, &out->server, e) < 0)
		return -1;
	return 0;
}

/* ---- the receipt ---- */

static void note(const struct layout *l, const struct peer_id *to, const struct queue_item *m,
		 const struct receipt *r)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct err e;

	peer_identity(to, identity);
	if (receipt_journal(l, m, r, identity, &e) < 0)
		log_warn("delivery", "delivery.log: %s", e.msg);
}

int deliver_accept(const struct layout *l, const struct peer_id *id, struct queue_item *m,
		   struct err *e)
{
	struct receipt r = {.status = DELIVERY_QUEUED, .rung = RUNG_ACCEPTED};

	if (queue_put(l, id, m, e) < 0)
		return -1;
	r.accepted_at_ms = m->accepted_at_ms;
	note(l, id, m, &r);
	return 0;
}

/* Receipt, then out of the queue, then the intent: in this order a crash is only tidied up after.
 */
static int conclude(const struct layout *l, const struct peer_id *id, const struct queue_item *m,
		    const struct receipt *r, struct err *e)
{
	if (receipt_save(l, id, r, e) < 0)
		return -1;
	note(l, id, m, r);
	if (queue_remove(l, id, m->file, e) < 0)
		return -1;
	return sending_drop(l, id, e);
}

static void begin_receipt(const struct deliver_in *in, const struct queue_item *m,
			  struct receipt *r)
{
	*r = (struct receipt){
	    .status = DELIVERY_FAILED, .rung = RUNG_ACCEPTED, .accepted_at_ms = m->accepted_at_ms};
	str_cut(r->id, sizeof r->id, m->id);
	if (!in->session || !woke_by(in, m))
		return;
	r->woke = true;
	str_cut(r->mode, sizeof r->mode, in->session->mode);
	str_cut(r->cause, sizeof r->cause, in->session->cause);
}

static void take_result(const struct paste *p, struct receipt *r)
{
	static const enum delivery_status status[] = {[PASTE_OK] = DELIVERY_DELIVERED,
						      [PASTE_WAIT] = DELIVERY_QUEUED,
						      [PASTE_REFUSED] = DELIVERY_REFUSED,
						      [PASTE_FAILED] = DELIVERY_FAILED,
						      [PASTE_AMBIGUOUS] = DELIVERY_AMBIGUOUS};

	r->status = status[p->end];
	r->pasted_at_ms = p->pasted_at_ms;
	r->submitted_at_ms = p->submitted_at_ms;
	r->rung = p->submitted_at_ms ? RUNG_SUBMITTED
		  : p->pasted_at_ms  ? RUNG_PASTED
				     : RUNG_ACCEPTED;
	str_cut(r->reason, sizeof r->reason, p->reason);
}

/* ---- one message ---- */

static bool has_receipt(const struct layout *l, const struct peer_id *id, const char *message_id)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct err e;

	return receipt_load(l, id, message_id, &r, &e) == 0;
}

static int paste_item(const struct deliver_in *in, const struct queue_item *m,
		      const struct buf *text, struct paste *p, struct err *e)
{
	struct receipt seen;

	if (paste_check(in->pane, buf_cstr(text), text->len, m->force, p, e) < 0)
		return -1;
	if (p->end != PASTE_OK)
		return 0;
	if (sending_save(in, m, text, e) < 0 ||
	    paste_send(in->pane, buf_cstr(text), text->len, p, e) < 0)
		return -1;
	if (p->end == PASTE_WAIT)
		return sending_drop(in->layout, &in->session->id,
				    e); /* provably nothing was sent */
	if (p->pasted_at_ms) {
		begin_receipt(in, m, &seen);
		seen.status = DELIVERY_QUEUED; /* on its way; the last line tells the end */
		seen.rung = RUNG_PASTED;
		seen.pasted_at_ms = p->pasted_at_ms;
		note(in->layout, &in->session->id, m, &seen);
	}
	return 0;
}

/* *out_end: what to do next. PASTE_WAIT: the head must wait. */
static int deliver_one(const struct deliver_in *in, struct queue_item *m, struct paste *p,
		       struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_QUEUE_ITEM);
	const struct peer_id *id = &in->session->id;
	struct receipt r;

	*p = (struct paste){.end = PASTE_OK};
	compose(in, m, &text);
	if (buf_check(&text, "the message", e) < 0)
		return -1;
	if (text.len > 0 && paste_item(in, m, &text, p, e) < 0)
		return -1;
	if (p->end == PASTE_WAIT)
		return 0;
	begin_receipt(in, m, &r);
	take_result(p, &r);
	if (text.len == 0)
		r.status =
		    DELIVERY_DELIVERED; /* a wake without words: the session lives, that was all */
	if (conclude(in->layout, id, m, &r, e) < 0)
		return -1;
	if (r.status == DELIVERY_DELIVERED && !str_empty(m->topic) &&
	    topics_add(in->layout, id, m->topic, e) < 0)
		log_warn("delivery", "topic: %s", e->msg);
	return 0;
}

/* 1: there was one, it is done; 0: the queue is empty, or the head waits. */
static int next(const struct deliver_in *in, struct deliver_out *out, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(strv_done) struct strv files = STRV_INIT;
	const struct peer_id *id = &in->session->id;
	struct paste p;

	if (queue_files(in->layout, id, &files, e) < 0)
		return -1;
	if (files.n == 0)
		return 0;
	if (queue_read(in->layout, id, files.v[0], &m, e) < 0) {
		log_warn("delivery", "put aside: %s", e->msg);
		return e->code == ERR_CORRUPT || e->code == ERR_NOT_FOUND ? 1 : -1;
	}
	if (has_receipt(in->layout, id, m.id))
		return queue_remove(in->layout, id, m.file, e) < 0 ? -1 : 1;
	if (deliver_one(in, &m, &p, e) < 0)
		return -1;
	if (p.end == PASTE_WAIT) {
		str_cut(out->waiting, sizeof out->waiting, p.reason);
		return 0;
	}
	out->delivered++;
	out->tasks += p.pasted_at_ms != 0;
	out->submitted += p.submitted_at_ms != 0;
	if (in->on_receipt)
		in->on_receipt(m.id, in->arg);
	if (m.wait == WAIT_TURN && p.submitted_at_ms) {
		str_cut(out->turn_id, sizeof out->turn_id, m.id);
		out->turn_offset = p.log_offset;
		out->turn_until_ms = m.wait_until_ms ? m.wait_until_ms : clock_utc_ms() + 60000;
		return 0;
	}
	return 1;
}

int deliver_queue(const struct deliver_in *in, struct deliver_out *out, struct err *e)
{
	int more;

	*out = (struct deliver_out){.delivered = 0};
	do
		more = next(in, out, e);
	while (more > 0 && !(in->one_task && out->tasks > 0));
	return more < 0 ? -1 : 0;
}

int deliver_turn_ended(const struct layout *l, const struct peer_id *id, const char *message_id,
		       const char *answer, struct err *e)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};

	if (receipt_load(l, id, message_id, &r, e) < 0)
		return -1;
	r.turn_ended = true;
	r.turn_at_ms = clock_utc_ms();
	free(r.answer);
	r.answer = answer ? xstrdup(answer) : NULL;
	return receipt_save(l, id, &r, e);
}

int deliver_settle(const struct deliver_in *in, const struct peer_id *id, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_QUEUE_ITEM);
	struct paste p = {.end = PASTE_AMBIGUOUS,
			  .reason = "a delivery was cut short, and its session is gone"};
	struct sending s;
	struct receipt r;

	if (sending_load(in->layout, id, &s, e) < 0) {
		log_warn("delivery", "unreadable intent dropped: %s", e->msg);
		return sending_drop(in->layout, id, e);
	}
	if (queue_find(in->layout, id, s.id, m.file, e) < 0 || has_receipt(in->layout, id, s.id)) {
		/* The receipt was written (or the item dropped by a person): only the last steps
		 * are missing. */
		if (m.file[0] && queue_remove(in->layout, id, m.file, e) < 0)
			return -1;
		return sending_drop(in->layout, id, e);
	}
	char file[sizeof m.file];
	str_cut(file, sizeof file, m.file);
	if (queue_read(in->layout, id, file, &m, e) < 0)
		return -1;
	if (in->pane && strcmp(s.pane, in->session->pane_id) == 0 &&
	    s.server == in->session->server.pid) {
		compose(in, &m, &text);
		if (paste_settle(in->pane, buf_cstr(&text), text.len, &p, e) < 0)
			return -1;
	}
	begin_receipt(in, &m, &r);
	take_result(&p, &r);
	if (r.rung == RUNG_ACCEPTED)
		r.rung = RUNG_PASTED; /* at most: the intent to paste is all that is known */
	if (conclude(in->layout, id, &m, &r, e) < 0)
		return -1;
	if (in->on_receipt)
		in->on_receipt(m.id, in->arg);
	return 0;
}
