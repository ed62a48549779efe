/* The sending of one message, whoever asks for it. */
#include "iapeer/agent/send.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/chain.h"
#include "iapeer/delivery/check.h"
#include "iapeer/delivery/deliver.h"
#include "iapeer/delivery/reported.h"
#include "iapeer/delivery/status.h"
#include "iapeer/delivery/turn.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/pane.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/observe.h"
#include "iapeer/registry/service.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define KEEPER_WAIT_MS   10000
#define KEEPER_LEAST_MS  2000
#define NUDGE_MS         20
#define WITHDRAW_WAIT_MS 2000

/* On the heap: it holds a manifest, a profile and an item, more than a frame should. */
struct send *send_new(const struct send_world *w)
{
	struct send *s = xcalloc(1, sizeof *s);

	s->w = *w;
	s->link = (struct keeper_link)KEEPER_LINK_INIT;
	message_id_new(s->item.id);
	return s;
}

void send_free(struct send **p)
{
	struct send *s = *p;

	if (!s)
		return;
	manifest_done(&s->manifest);
	profile_done(&s->profile);
	queue_item_done(&s->item);
	strv_done(&s->hops);
	receipt_done(&s->receipt);
	keeper_close(&s->link);
	free(s);
	*p = NULL;
}

/* ---- who and whether ---- */

static int find_peer(struct send *s, struct err *e)
{
	if (registry_need(s->w.registry, s->typed, &s->record, e) < 0 ||
	    record_identity(s->record, s->runtime, &s->id, e) < 0)
		return -1;
	s->known = true;
	if (manifest_need(s->w.layout, s->id.runtime, &s->manifest, e) < 0 ||
	    peer_profile(s->record, &s->profile, e) < 0)
		return -1;
	if (s->item.wait == WAIT_RECORDED && s->manifest.proof != PROOF_RECORDED) {
		err_set(e, ERR_USAGE, 0, "--wait recorded: %s can prove no more than submitted",
			s->id.runtime);
		return err_hint(e, "--wait submitted");
	}
	return 0;
}

/* The same id again: the first receipt, or the item that still waits. */
static int find_duplicate(struct send *s, struct err *e)
{
	struct err why = ERR_INIT;

	s->has_receipt = receipt_load(s->w.layout, &s->id, s->item.id, &s->receipt, &why) == 0;
	if (s->has_receipt && reported_upgrade(s->w.layout, &s->id, &s->receipt, e) < 0)
		return -1;
	if (!s->has_receipt && why.code == ERR_NOT_FOUND)
		s->queued = queue_find(s->w.layout, &s->id, s->item.id, s->item.file, &why) == 0;
	s->duplicate = s->has_receipt || s->queued;
	if (s->duplicate || why.code == ERR_NOT_FOUND)
		return 0;
	*e = why;
	return -1;
}

static int check_who(struct send *s, struct err *e)
{
	struct sender *who = &s->sender;

	if (sender_find(s->w.layout, s->w.registry, s->from, who, e) < 0)
		return -1;
	if (s->by_program && sender_is_person(who)) {
		who->nature = NATURE_ARTIFICIAL;
		who->verified = false;
	}
	s->item.from = who->id;
	s->item.from_nature = who->nature;
	s->item.from_verified = who->verified;
	return check_sender(who, &s->id, &s->profile, &s->manifest, e);
}

/* With a person at one end it is no loop of agents. */
static int check_loop(struct send *s, struct err *e)
{
	enum nature theirs = s->record->intelligence;

	if (theirs == NATURE_NONE)
		theirs = s->manifest.default_intelligence;
	if (theirs == NATURE_NATURAL)
		return 0;
	return chain_check(s->w.layout, s->w.settings, &s->sender, &s->id, &s->hops, e);
}

/* What its program said last, so that nobody has to look for it. */
static void last_words(const struct layout *l, const struct peer_id *id, char *out, size_t size)
{
	struct session none = {.log_start = 0};
	struct pane p = PANE_INIT;

	p.layout = l;
	p.session = &none;
	layout_pane_log(id, p.log);
	pane_tail(&p, out, size);
}

static int crash_loop(const struct send *s, const struct observation *o, struct err *e)
{
	int n = death_ring_own(&o->deaths, clock_utc_ms(), s->w.settings->crashloop_window_ms);
	const char *cause = o->deaths.n ? o->deaths.v[o->deaths.n - 1].cause : "";
	char words[160];

	last_words(s->w.layout, &s->id, words, sizeof words);
	err_set(e, ERR_REFUSED, 0,
		"crash loop: its program ended by itself %d times in %lld s%s%s%s%s", n,
		(long long)(s->w.settings->crashloop_window_ms / 1000), *cause ? ", last: " : "",
		cause, *words ? "; it said: " : "", words);
	return err_hint(e, "iapeer start %s", s->id.name);
}

/* As a start would look for it: launch.env may name another PATH. */
static int find_program(const struct send *s, struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	struct launch_in in = {.layout = s->w.layout,
			       .settings = s->w.settings,
			       .record = s->record,
			       .profile = &s->profile,
			       .manifest = &s->manifest,
			       .id = s->id};
	char program[LAYOUT_PATH];

	if (launch_environment(&in, &env, &args, e) < 0)
		return -1;
	return manifest_program(&s->manifest, s->w.layout, &env, program, e);
}

static int check_state(struct send *s, struct err *e)
{
	struct observe_in in = {
	    .layout = s->w.layout, .settings = s->w.settings, .record = s->record, .id = s->id};
	struct observation now;

	if (service_guard(s->id.name, NULL, e) < 0)
		return -1;
	if (mark_is_set(s->w.layout, &s->id, MARK_STOPPED)) {
		err_set(e, ERR_STOPPED, 0, "%s is stopped", s->id.name);
		return err_hint(e, "iapeer start %s", s->id.name);
	}
	if (observe(&in, &now, e) < 0)
		return -1;
	s->live = observe_shown(&now) == SHOWN_LIVE;
	if (s->live)
		return 0;
	if (find_program(s, e) < 0)
		return -1;
	return now.snap.crash_loop ? crash_loop(s, &now, e) : 0;
}

int send_check(struct send *s, struct err *e)
{
	s->until_ms = clock_mono_ms() + s->timeout_ms;
	if (find_peer(s, e) < 0 || check_message(&s->item, &s->manifest, e) < 0 ||
	    find_duplicate(s, e) < 0)
		return -1;
	if (s->duplicate)
		return 0;
	if (check_who(s, e) < 0 || check_state(s, e) < 0)
		return -1;
	return check_loop(s, e);
}

/* ---- sending ---- */

static bool wants_turn(const struct send *s)
{
	return s->item.wait == WAIT_TURN;
}

/* A message is worth more than the memory of it. */
static void note_chain(const struct send *s)
{
	struct err e = ERR_INIT;

	if (chain_note(s->w.layout, s->w.settings, &s->id, &s->item, &s->hops, &e) < 0)
		log_warn("send", "not remembered: %s", e.msg);
}

bool message_withdraw(const struct layout *l, const struct peer_id *id, const char *message_id)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	char path[LAYOUT_PATH], held[LAYOUT_PATH], file[64];
	struct err e = ERR_INIT;

	layout_lock(id, held);
	layout_state(id, "sending", path);
	return fs_mkdirs(l->root_fd, LAYOUT_LOCKS, &e) == 0 &&
	       lock_take(&lock, l->root_fd, held, "withdraw", clock_mono_ms() + WITHDRAW_WAIT_MS,
			 &e) == 0 &&
	       !fs_exists(l->root_fd, path) && queue_find(l, id, message_id, file, &e) == 0 &&
	       queue_remove(l, id, file, &e) == 0;
}

/* The same message again: its turn is waited for as long as this sender wants, too. Who is at the
 * peer may be starting it, or be delivering this very message: that is waited for. */
static void wait_longer(const struct send *s)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	char held[LAYOUT_PATH];
	struct err e = ERR_INIT;

	layout_lock(&s->id, held);
	if (fs_mkdirs(s->w.layout->root_fd, LAYOUT_LOCKS, &e) < 0 ||
	    lock_take(&lock, s->w.layout->root_fd, held, "wait for a turn", s->until_ms, &e) < 0 ||
	    turn_extend(s->w.layout, &s->id, s->item.id,
			clock_utc_ms() + s->until_ms - clock_mono_ms(), &e) < 0)
		log_debug("send", "its turn is not waited for longer: %s", e.msg);
}

/* A keeper takes a moment to start, also for who has none. */
static int need_keeper(struct send *s, struct err *e)
{
	int64_t now = clock_mono_ms(), until = s->until_ms + KEEPER_GRACE_MS;

	if (until > now + KEEPER_WAIT_MS)
		until = now + KEEPER_WAIT_MS;
	if (until < now + KEEPER_LEAST_MS)
		until = now + KEEPER_LEAST_MS;
	if (keeper_connect(s->w.layout, true, until, &s->link, e) == 0)
		return 0;
	return s->duplicate ? -1 : err_wrap(e, "not accepted");
}

int send_accept(struct send *s, struct err *e)
{
	AUTO(lock_done) struct lock claim = LOCK_INIT;

	if (send_settled(s))
		return 0;
	if ((!s->duplicate && queue_room(s->w.layout, e) < 0) || need_keeper(s, e) < 0)
		return -1;
	if (s->duplicate && wants_turn(s))
		wait_longer(s);
	if (s->duplicate)
		return 0;
	s->item.accepted_at_ms = clock_utc_ms();
	s->item.wait_until_ms = wants_turn(s) ? s->item.accepted_at_ms + s->timeout_ms : 0;
	if (queue_claim(s->w.layout, &s->id, &claim, e) < 0)
		return -1;
	note_chain(s);
	if (deliver_accept(s->w.layout, &s->id, &s->item, e) < 0)
		return -1;
	s->queued = true;
	return 0;
}

bool send_settled(const struct send *s)
{
	return s->has_receipt && !(wants_turn(s) && s->receipt.status == DELIVERY_DELIVERED &&
				   !s->receipt.turn_ended);
}

/* An ephemeral worker at its task, or with tasks before this one: it may take hours, and nobody
 * who did not ask to wait for more is kept waiting for that. */
static bool waits_its_turn(const struct send *s)
{
	return s->profile.wake_policy == WAKE_EPHEMERAL && s->item.wait == WAIT_DELIVERED &&
	       ((s->live && mark_is_set(s->w.layout, &s->id, MARK_TASK_GIVEN)) ||
		queue_depth(s->w.layout, &s->id) > 1);
}

int send_begin(struct send *s, struct await *a, struct err *e)
{
	a->deadline_ms = s->until_ms;
	s->others_first = waits_its_turn(s);
	if (s->item.wait == WAIT_ACCEPTED || s->others_first)
		a->deadline_ms = clock_mono_ms() + NUDGE_MS; /* not waited for */
	a->link = s->link; /* one that asked for nothing makes the keeper look for what it left */
	s->link.fd = -1;
	if (await_begin(a, s->w.layout, &s->id, s->item.id, wants_turn(s), e) == 0)
		return 0;
	str_cut(s->reason, sizeof s->reason, e->msg);
	return -1;
}

bool send_drops_attachments(const struct send *s)
{
	return s->item.attachments.n && s->manifest.envelope == ENVELOPE_BARE;
}

/* The receipt may be there although the waiting failed: it counts for more. */
static void look_again(struct send *s)
{
	struct err why = ERR_INIT;
	char file[64];

	receipt_done(&s->receipt);
	s->receipt = (struct receipt){.answer = NULL};
	s->has_receipt = receipt_load(s->w.layout, &s->id, s->item.id, &s->receipt, &why) == 0;
	s->queued = !s->has_receipt && queue_find(s->w.layout, &s->id, s->item.id, file, &why) == 0;
}

/* ---- what became of it ---- */

/* Waiting is no failure where nobody wanted more, or the peer takes its tasks one by one. */
static int still_waits(const struct send *s, struct err *e)
{
	if (s->item.wait == WAIT_ACCEPTED || s->profile.wake_policy == WAKE_EPHEMERAL)
		return 0;
	err_set(e, ERR_QUEUED, 0, "accepted, not yet delivered%s%s", s->reason[0] ? ": " : "",
		s->reason);
	return err_hint(e, "it waits in the queue (iapeer queue %s)", s->id.name);
}

bool send_turn_cut(const struct send *s)
{
	const struct receipt *r = &s->receipt;

	return wants_turn(s) && s->has_receipt && r->status == DELIVERY_DELIVERED &&
	       r->turn_ended && !r->answer && r->reason[0];
}

static int turn_cut(const struct send *s, struct err *e)
{
	bool stopped = mark_is_set(s->w.layout, &s->id, MARK_STOPPED);

	err_set(e, stopped ? ERR_STOPPED : ERR_FAILED, 0, "delivered, but %s", s->receipt.reason);
	return stopped ? err_hint(e, "iapeer start %s", s->id.name) : -1;
}

/* A peer that needs a person may not end its turn before it has one. */
static int no_end(const struct send *s, struct err *e)
{
	struct status now = {.detail = ""};
	bool needs = status_person(s->w.layout, s->w.settings, &s->id, &s->manifest, &now);

	err_set(e, ERR_TIMEOUT, 0, "delivered, but %s%s%s%s%s",
		s->reason[0] ? s->reason : "its turn has not ended in time",
		needs ? ": it is " : "", needs ? status_word(now.status) : "",
		needs && now.detail[0] ? ", " : "", needs ? now.detail : "");
	return err_hint(e, "iapeer read %s", s->id.name);
}

static int of_receipt(const struct send *s, struct err *e)
{
	const struct receipt *r = &s->receipt;
	const char *why = r->reason[0] ? r->reason : err_text(ERR_TIMEOUT);

	switch (r->status) {
	case DELIVERY_DELIVERED:
		if (s->item.wait == WAIT_RECORDED && r->rung != RUNG_RECORDED)
			return err_set(e, ERR_TIMEOUT, 0, "delivered, but not recorded: %s", why);
		if (send_turn_cut(s))
			return turn_cut(s, e);
		if (!wants_turn(s) || r->turn_ended)
			return 0;
		return no_end(s, e);
	case DELIVERY_QUEUED:
		return still_waits(s, e);
	case DELIVERY_REFUSED:
		return err_set(e, ERR_REFUSED, 0, "%s", why);
	case DELIVERY_AMBIGUOUS:
		return err_set(e, ERR_AMBIGUOUS, 0, "it may or may not have arrived: %s", why);
	case DELIVERY_FAILED:
	case DELIVERY_STATUS_COUNT:
		break;
	}
	return err_set(e, ERR_TIMEOUT, 0, "%s", why);
}

/* Stopped, or in a crash loop, since we looked: then it was refused, and must not be delivered
 * later after all. */
static bool refused(struct send *s, struct err *e)
{
	struct err why = ERR_INIT;

	if (s->duplicate || s->item.wait == WAIT_ACCEPTED || check_state(s, &why) == 0)
		return false;
	if ((why.code != ERR_STOPPED && why.code != ERR_REFUSED) ||
	    !message_withdraw(s->w.layout, &s->id, s->item.id))
		return false;
	s->queued = false;
	*e = why;
	s->reason[0] = '\0';
	return true;
}

/* The keeper's failure says why; the receipt, else the queue, says what is so. */
int send_finish(struct send *s, int rc, struct err *e)
{
	look_again(s);
	if (s->has_receipt)
		return of_receipt(s, e);
	if (!s->queued && registry_still_has(s->w.layout, s->id.name, e) < 0)
		return -1;
	if (!s->queued)
		return rc < 0 ? -1 : err_set(e, ERR_FAILED, 0, "no receipt");
	if (refused(s, e))
		return -1;
	if (s->others_first)
		str_cut(s->reason, sizeof s->reason, "its turn comes after the task at work");
	if (rc < 0 && e->code != ERR_TIMEOUT && !s->reason[0])
		str_cut(s->reason, sizeof s->reason, e->msg);
	return still_waits(s, e);
}
