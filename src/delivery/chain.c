#include "iapeer/delivery/chain.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/report.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

#define LINKS_MAX    256  /* as many as are kept */
#define LINKS_OLD    16   /* of them, as many as are older than the window */
#define HOPS_ALL     4096 /* of all links: lines of 45 bytes in a state file */
#define REPORTS_TAIL (1 << 20)

/* One message that the peer was sent. */
struct link {
	char id[MESSAGE_ID_MAX + 1];
	struct peer_id from;
	int64_t at_ms;
	struct strv hops;
};
struct chain {
	int64_t person_at_ms; /* the last message of a person; 0: none */
	struct link v[LINKS_MAX];
	size_t n; /* oldest first */
};

static void link_done(struct link *k)
{
	strv_done(&k->hops);
}

static void chain_free(struct chain **c)
{
	for (size_t i = 0; *c && i < (*c)->n; i++)
		link_done(&(*c)->v[i]);
	free(*c);
}

static void drop_first(struct chain *c)
{
	link_done(&c->v[0]);
	memmove(c->v, c->v + 1, --c->n * sizeof c->v[0]);
}

static size_t hops_of(const struct chain *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->v[i].hops.n;
	return n;
}

/* ---- the file ---- */

static int read_link(const struct json *j, const char *where, struct link *out, struct err *e)
{
	char from[PEER_IDENTITY_MAX + 1] = "";

	if (json_req_str(j, where, "id", out->id, sizeof out->id, e) < 0 ||
	    json_req_str(j, where, "from", from, sizeof from, e) < 0 ||
	    json_req_i64(j, where, "atMs", 0, INT64_MAX / 2, &out->at_ms, e) < 0 ||
	    json_opt_strv(j, where, "hops", &out->hops, e) < 0)
		return -1;
	for (size_t i = 0; i < out->hops.n; i++)
		if (!peer_name_valid(out->hops.v[i]))
			return err_set(e, ERR_CORRUPT, 0, "%s: hops[%zu]", where, i);
	return peer_parse(from, &out->from, e);
}

static int read_chain(const struct json *j, const char *where, struct chain *c, struct err *e)
{
	const struct json *list = json_get(j, "messages");
	int64_t format;

	if (json_req_i64(j, where, "format", 1, 1, &format, e) < 0 ||
	    json_opt_i64(j, where, "personAtMs", 0, INT64_MAX / 2, &c->person_at_ms, e) < 0)
		return -1;
	for (const struct json *k = list ? json_first(list) : NULL; k && c->n < LINKS_MAX;
	     k = json_next(k)) {
		struct link *one = &c->v[c->n++];

		*one = (struct link){.hops = STRV_INIT};
		if (!json_is_object(k) || read_link(k, where, one, e) < 0)
			return err_set(e, ERR_CORRUPT, 0, "%s: a message in it", where);
	}
	return 0;
}

/* Never fails: what cannot be read is as good as nothing. */
static struct chain *load(const struct layout *l, const struct peer_id *id)
{
	auto_json struct json *j = NULL;
	struct chain *c = xcalloc(1, sizeof *c);
	char path[LAYOUT_PATH];
	struct err e = ERR_INIT;

	if (state_read(l, id, "chain", path, &j, &e) < 0 || read_chain(j, path, c, &e) < 0) {
		if (e.code != ERR_NOT_FOUND)
			log_warn("chain", "left out: %s", e.msg);
		chain_free(&c);
		c = xcalloc(1, sizeof *c);
	}
	return c;
}

static int save(const struct layout *l, const struct peer_id *id, const struct chain *c,
		struct err *e)
{
	auto_json struct json *j = json_object();
	struct json *list;
	char from[PEER_IDENTITY_MAX + 1];

	json_set_i64(j, "format", 1);
	json_set_i64(j, "personAtMs", c->person_at_ms);
	list = json_set(j, "messages", json_array());
	for (size_t i = 0; i < c->n; i++) {
		struct json *o = json_push(list, json_object());

		peer_identity(&c->v[i].from, from);
		json_set_str(o, "id", c->v[i].id);
		json_set_str(o, "from", from);
		json_set_i64(o, "atMs", c->v[i].at_ms);
		json_set_strv(o, "hops", &c->v[i].hops);
	}
	return state_write_soft(l, id, "chain", j, e);
}

/* ---- what the sender works on ---- */

struct work {
	bool told, busy; /* its program reports; it has a prompt that it has not finished */
	struct strv ids; /* the messages in it */
};

static bool on_report(const struct report *r, void *arg)
{
	struct work *w = arg;

	if (r->kind == REPORT_TAKEN) {
		w->told = w->busy = true;
		strv_done(&w->ids);
		for (size_t i = 0; i < r->ids.n; i++)
			strv_add(&w->ids, r->ids.v[i]);
	} else if (r->kind == REPORT_TURN || r->kind == REPORT_FAILED ||
		   r->kind == REPORT_INTERRUPTED || r->kind == REPORT_LEFT) {
		w->busy = false;
	}
	return true;
}

static void look_at_work(const struct layout *l, const struct peer_id *id, struct work *w)
{
	int64_t size = report_size(l, id);
	int64_t at = size > REPORTS_TAIL ? size - REPORTS_TAIL : 0;
	struct err e = ERR_INIT;

	if (report_each(l, id, &at, on_report, w, &e) < 0)
		log_warn("chain", "reports: %s", e.msg);
}

static bool is_sending(const struct layout *l, const struct peer_id *id, const char *message_id)
{
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];
	const char *text;
	struct err e;

	if (state_read(l, id, "sending", path, &j, &e) < 0)
		return false;
	text = json_text(json_get(j, "id"));
	return text && strcmp(text, message_id) == 0;
}

/* Has its program got it? It may answer before the receipt is written. The queue is looked at last:
 * a worker takes the message out of it first and ends the sending then. */
static bool arrived(const struct layout *l, const struct peer_id *id, const char *message_id)
{
	char file[64];
	struct err e;

	return is_sending(l, id, message_id) || queue_find(l, id, message_id, file, &e) < 0;
}

/* NULL: it works on nothing of ours. */
static const struct link *working_on(const struct layout *l, const struct peer_id *id,
				     const struct chain *c, int64_t since_ms)
{
	struct work w = {.ids = STRV_INIT};
	const struct link *longest = NULL;

	look_at_work(l, id, &w);
	for (size_t i = c->n; i-- > 0 && w.told && w.busy;)
		if (strv_has(&w.ids, c->v[i].id) && (!longest || c->v[i].hops.n > longest->hops.n))
			longest = &c->v[i];
	strv_done(&w.ids);
	for (size_t i = c->n; i-- > 0 && !w.told && c->v[i].at_ms >= since_ms;)
		if (arrived(l, id, c->v[i].id))
			return &c->v[i];
	return longest;
}

/* ---- the limits ---- */

static size_t count_from(const struct chain *c, const struct peer_id *from, int64_t since_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->v[i].at_ms >= since_ms && peer_id_eq(&c->v[i].from, from);
	return n;
}

static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

#define LOOP_HINT "iapeer send %s \"go on\""

static int pair_enough(const struct settings *set, const struct sender *from,
		       const struct peer_id *to, struct err *e)
{
	err_set(e, ERR_REFUSED, 0,
		"is it a loop? %s and %s have sent each other %d messages within %lld s without a "
		"word from a person, whose message lets them go on",
		from->id.name, to->name, set->pair_max, (long long)(set->pair_window_ms / 1000));
	return err_hint(e, LOOP_HINT, to->name);
}

static int chain_enough(const struct settings *set, const struct sender *from,
			const struct strv *hops, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	for (size_t i = 0; i < hops->n; i++)
		buf_fmt(&b, "%s%s", i ? " > " : "", hops->v[i]);
	err_set(e, ERR_REFUSED, 0,
		"is it a loop? more than %d messages came one of the other without a word from a "
		"person, whose message begins anew (%.160s)",
		set->max_hops, buf_cstr(&b));
	return err_hint(e, LOOP_HINT, from->id.name);
}

int chain_check(const struct layout *l, const struct settings *set, const struct sender *from,
		const struct peer_id *to, struct strv *out_hops, struct err *e)
{
	AUTO(chain_free) struct chain *theirs = load(l, to);
	AUTO(chain_free) struct chain *ours = load(l, &from->id);
	int64_t window = clock_utc_ms() - set->pair_window_ms, since;
	const struct link *work;

	if (from->nature == NATURE_NATURAL)
		return 0;
	work = working_on(l, &from->id, ours, window);
	for (size_t i = 0; work && i < work->hops.n; i++)
		strv_add(out_hops, work->hops.v[i]);
	strv_add(out_hops, from->id.name);
	if (out_hops->n > (size_t)set->max_hops)
		return chain_enough(set, from, out_hops, e);
	since = latest(window, latest(ours->person_at_ms, theirs->person_at_ms) + 1);
	if (count_from(theirs, &from->id, since) + count_from(ours, to, since) >=
	    (size_t)set->pair_max)
		return pair_enough(set, from, to, e);
	return 0;
}

int chain_note(const struct layout *l, const struct settings *set, const struct peer_id *to,
	       const struct queue_item *m, const struct strv *hops, struct err *e)
{
	AUTO(chain_free) struct chain *c = NULL;
	int64_t now = clock_utc_ms();
	struct link *k;

	if (fs_mkdirs(l->root_fd, LAYOUT_LIFECYCLE, e) < 0)
		return -1;
	c = load(l, to);
	while (c->n == LINKS_MAX || (c->n > 0 && hops_of(c) + hops->n > HOPS_ALL) ||
	       (c->n >= LINKS_OLD && c->v[0].at_ms < now - set->pair_window_ms))
		drop_first(c);
	k = &c->v[c->n++];
	*k = (struct link){.from = m->from, .at_ms = now};
	str_cut(k->id, sizeof k->id, m->id);
	for (size_t i = 0; i < hops->n; i++)
		strv_add(&k->hops, hops->v[i]);
	if (hops->n == 0)
		c->person_at_ms = now;
	return save(l, to, c, e);
}
