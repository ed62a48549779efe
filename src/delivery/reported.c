#include "iapeer/delivery/reported.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"

#include "iapeer/base/banned.h"

#define BEFORE_BYTES (64 << 10)  /* enough to know what the program was doing */
#define TURN_BYTES   (256 << 10) /* of reports, in which a turn that failed has begun */
#define FILE_BYTES   (16 << 20)  /* of a conversation's file, from its end */
#define START_MS     500         /* a program may speak before its session was put on record */
#define LOOK_MS      1000        /* should a watch have missed something */

void reported_done(struct reported *p)
{
	free(p->answer);
	p->answer = NULL;
}

void reported_begin(struct reported *p, const char *message_id, int64_t at, const struct session *s)
{
	*p = (struct reported){.id = message_id,
			       .at = at > BEFORE_BYTES ? at - BEFORE_BYTES : 0,
			       .since_ms = s ? s->woke_at_ms - START_MS : 0};
}

/* ---- what reports say ---- */

static void failure(const struct report *r, char *out, size_t size)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	const char *text = r->text ? r->text : "";

	buf_fmt(&b, "its turn failed: %s%s%.*s", r->detail, *text ? ": " : "",
		(int)strcspn(text, "\n"), text);
	str_cut(out, size, buf_cstr(&b));
}

/* A turn is over; its message may have been waiting for it. */
static void note_end(struct reported *p, const struct report *r)
{
	p->turns++;
	p->interrupted = r->kind != REPORT_TURN && r->kind != REPORT_FAILED;
	p->failed = r->kind == REPORT_FAILED;
	if (p->failed)
		failure(r, p->reason, sizeof p->reason);
	free(p->answer);
	p->answer = r->kind == REPORT_TURN ? xstrdup(r->text ? r->text : "") : NULL;
}

static bool ends_turn(const struct report *r)
{
	/* A program that was interrupted by hand says nothing but, after a minute, that it waits
	 * for input. That its screen shows a place to type says nothing of the kind. */
	return r->kind == REPORT_TURN || r->kind == REPORT_FAILED ||
	       r->kind == REPORT_INTERRUPTED || r->kind == REPORT_LEFT ||
	       (r->kind == REPORT_READY && r->source == REPORT_BY_HOOK);
}

static bool take(const struct report *r, void *arg)
{
	struct reported *p = arg;
	bool ends = ends_turn(r);

	if (r->kind == REPORT_TAKEN && !p->taken && report_has(r, p->id)) {
		p->taken = true;
		p->taken_ms = r->at_ms;
		p->queued = p->working;
	} else if (p->taken && (r->kind == REPORT_TURN || r->kind == REPORT_FAILED ||
				(ends && (p->working || p->turns == 0)))) {
		note_end(p, r);
	}
	if (r->at_ms < p->since_ms)
		return true;
	p->last_ms = r->at_ms;
	p->heard = p->heard || r->source == REPORT_BY_HOOK;
	if (r->transcript[0])
		str_cut(p->transcript, sizeof p->transcript, r->transcript);
	if (r->kind == REPORT_TAKEN || r->kind == REPORT_TOOL || ends)
		p->working = !ends;
	return true;
}

int reported_look(const struct layout *l, const struct peer_id *id, struct reported *p,
		  struct err *e)
{
	return report_each(l, id, &p->at, take, p, e);
}

/* ---- waiting ---- */

/* Until something was reported, the program ended, or the time is over. */
static void wait_report(const struct pane *pane, int watch_fd, int64_t deadline_ms)
{
	struct pollfd fds[] = {{.fd = watch_fd, .events = POLLIN},
			       {.fd = pane->exit_fd, .events = POLLIN}};
	int64_t left = deadline_ms - clock_mono_ms();

	if (left > 0 && poll(fds, 2, left < LOOK_MS ? (int)left : LOOK_MS) > 0 && fds[0].revents)
		plat_watch_drain(watch_fd);
}

/* Look until `done`, and once more behind the program's end. False: it was not. */
static bool wait_for(const struct pane *pane, struct reported *p,
		     bool (*done)(const struct reported *), int64_t deadline_ms)
{
	const struct peer_id *id = &pane->session->id;
	auto_fd int fd = -1;
	bool last = false;
	struct err e;

	/* Without a watch it is looked at once a second. */
	if (report_watch(pane->layout, id, &fd, &e) < 0)
		log_warn("delivery", "%s", e.msg);
	for (;;) {
		if (reported_look(pane->layout, id, p, &e) < 0)
			log_warn("delivery", "%s", e.msg);
		if (done(p) || last || clock_mono_ms() >= deadline_ms)
			return done(p);
		last = pane_ended(pane);
		if (!last)
			wait_report(pane, fd, deadline_ms);
	}
}

static bool is_taken(const struct reported *p)
{
	return p->taken;
}

bool reported_wait_taken(const struct pane *pane, struct reported *p, int64_t deadline_ms)
{
	return wait_for(pane, p, is_taken, deadline_ms);
}

static bool has_ended(const struct reported *p)
{
	return p->taken && p->turns > 0;
}

int reported_wait_turn(struct pane *pane, struct reported *p, int64_t deadline_ms, struct err *e)
{
	AUTO(buf_done) struct buf none = BUF_INIT(16);

	if (!wait_for(pane, p, has_ended, deadline_ms)) {
		if (pane_ended(pane))
			return err_set(e, ERR_FAILED, 0, "the session ended during the turn");
		return err_set(e, ERR_TIMEOUT, 0, "the turn has not ended in time");
	}
	if (!p->queued)
		return 0;
	/* That may have been the end of the turn before: then its own begins at once, and the
	 * screen shows it. */
	if (tui_turn(pane, 0, deadline_ms, &none, e) < 0)
		return -1;
	return reported_look(pane->layout, &pane->session->id, p, e);
}

/* ---- the second witness ---- */

static bool file_holds(const char *path, const char *needle)
{
	struct fs_info info;
	struct err e;
	int64_t at;

	if (fs_stat(AT_FDCWD, path, &info, &e) < 0 || !info.is_file)
		return false;
	at = info.size > FILE_BYTES ? info.size - FILE_BYTES : 0;
	for (; at < info.size; at += CAP_SCREEN - 512) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_SCREEN);

		if (fs_read_at(AT_FDCWD, path, at, CAP_SCREEN, &b, &e) < 0)
			return false;
		if (b.len > 0 && memmem(b.p, b.len, needle, strlen(needle)))
			return true;
	}
	return false;
}

bool reported_in_file(const struct layout *l, const struct peer_id *id, struct reported *p)
{
	AUTO(report_done) struct report r = {.kind = REPORT_TAKEN, .source = REPORT_BY_FILE};
	char needle[MESSAGE_ID_MAX + 16];
	struct err e;

	/* As the envelope's attribute stands in a JSON text. */
	snprintf(needle, sizeof needle, "id=\\\"%s\\\"", p->id);
	if (p->transcript[0] != '/' || !file_holds(p->transcript, needle))
		return false;
	r.at_ms = clock_utc_ms();
	str_cut(r.transcript, sizeof r.transcript, p->transcript);
	strv_add(&r.ids, p->id);
	if (report_add(l, id, &r, &e) < 0)
		log_warn("delivery", "%s", e.msg);
	p->taken = true;
	p->taken_ms = r.at_ms;
	return true;
}

/* ---- receipts that change later ---- */

static int change(const struct layout *l, const struct peer_id *id, struct receipt *r,
		  struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(id, identity);
	if (receipt_save(l, id, r, e) < 0)
		return -1;
	return receipt_journal(l, NULL, r, identity, e);
}

struct turn {
	struct strv taken;  /* in the turn that is running */
	struct strv failed; /* in the last one that failed */
};

static void turn_done(struct turn *t)
{
	strv_done(&t->taken);
	strv_done(&t->failed);
}

static bool gather(const struct report *r, void *arg)
{
	struct turn *t = arg;

	for (size_t i = 0; r->kind == REPORT_TAKEN && i < r->ids.n; i++)
		strv_add(&t->taken, r->ids.v[i]);
	if (r->kind == REPORT_FAILED) {
		strv_done(&t->failed);
		t->failed = t->taken;
		t->taken = (struct strv)STRV_INIT;
	} else if (ends_turn(r)) {
		strv_done(&t->taken);
	}
	return true;
}

int reported_demote(const struct layout *l, const struct peer_id *id, const struct report *failed,
		    struct err *e)
{
	AUTO(turn_done) struct turn t = {.taken = STRV_INIT};
	int64_t size = report_size(l, id), at = size > TURN_BYTES ? size - TURN_BYTES : 0;

	if (report_each(l, id, &at, gather, &t, e) < 0)
		return -1;
	for (size_t i = 0; i < t.failed.n; i++) {
		AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};

		if (receipt_load(l, id, t.failed.v[i], &r, e) < 0) {
			if (e->code == ERR_NOT_FOUND)
				continue; /* whoever writes it sees this report */
			return -1;
		}
		if (r.status != DELIVERY_DELIVERED || r.turn_ended)
			continue;
		r.status = DELIVERY_FAILED;
		r.turn_ended = true;
		r.turn_at_ms = failed->at_ms;
		failure(failed, r.reason, sizeof r.reason);
		if (change(l, id, &r, e) < 0)
			return -1;
	}
	return 0;
}

int reported_upgrade(const struct layout *l, const struct peer_id *id, struct receipt *r,
		     struct err *e)
{
	AUTO(reported_done) struct reported p;
	bool unsure = r->status == DELIVERY_AMBIGUOUS ||
		      (r->status == DELIVERY_DELIVERED && r->rung == RUNG_SUBMITTED);

	reported_begin(&p, r->id, 0, NULL);
	if (!unsure)
		return 0;
	if (reported_look(l, id, &p, e) < 0)
		return -1;
	if (!p.taken)
		return 0;
	r->status = p.failed ? DELIVERY_FAILED : DELIVERY_DELIVERED;
	r->rung = RUNG_RECORDED;
	r->recorded_at_ms = p.taken_ms;
	str_cut(r->reason, sizeof r->reason, p.reason);
	return change(l, id, r, e);
}
