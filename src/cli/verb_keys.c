/* interrupt, compact: keys for a live peer, under its lock. */
#include "iapeer/cli/verb_runs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/delivery/paste.h"
#include "iapeer/delivery/stray.h"
#include "iapeer/launch/shell.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define CALL_MS      5000
#define LOCK_WAIT_MS 10000
#define STOPPED_MS   3000 /* until a program that was interrupted shows it */
#define CLEAR_TRIES  20   /* lines of what it gave back */

/* A live peer that we may type to. */
struct hand {
	struct lock lock;
	struct manifest manifest;
	struct sight sight;
	struct pane pane;
};

/* On the heap: a manifest and a session are more than a frame should hold. */
static struct hand *hand_new(void)
{
	struct hand *h = xcalloc(1, sizeof *h);

	h->lock = (struct lock)LOCK_INIT;
	h->pane = (struct pane)PANE_INIT;
	return h;
}

static void hand_free(struct hand **h)
{
	pane_done(&(*h)->pane);
	manifest_done(&(*h)->manifest);
	lock_done(&(*h)->lock);
	free(*h);
}

static int take(struct ctx *c, const struct parsed *p, struct hand *h, struct err *e)
{
	const struct peer_record *r;
	struct peer_id id;

	if (peer_meant(c, p->args[0], parsed_arg(p, 1), &r, &id, e) < 0 ||
	    manifest_need(&c->layout, id.runtime, &h->manifest, e) < 0 ||
	    peer_lock(c, &id, p->verb->name, LOCK_WAIT_MS, &h->lock, e) < 0 ||
	    sight_of(c, NULL, r, &id, &h->sight, e) < 0)
		return -1;
	if (h->sight.shown != SHOWN_LIVE || !h->sight.o.has_session)
		return err_set(e, ERR_FAILED, 0, "it is not live");
	if (!h->sight.o.session.ready) {
		err_set(e, ERR_TIMEOUT, 0, "it is still starting, and the key might end it");
		return err_hint(e, "iapeer wait %s --for idle", id.name);
	}
	return pane_open(&h->pane, &c->layout, &c->settings, &h->manifest, &h->sight.o.session, e);
}

static void reply(struct ctx *c, const struct hand *h, const char *action)
{
	c->reply = json_object();
	json_set_str(c->reply, "peer", h->sight.id.name);
	json_set_str(c->reply, "runtime", h->sight.id.runtime);
	json_set_str(c->reply, "action", action);
}

/* ---- interrupt ---- */

static int look(struct hand *h, struct screen_facts *out, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};

	if (tmux_look(&h->pane.tmux, false, clock_mono_ms() + CALL_MS, &k, e) < 0)
		return -1;
	struct screen s = {.text = buf_cstr(&k.screen),
			   .len = k.screen.len,
			   .cursor_x = k.cursor_x,
			   .cursor_y = k.cursor_y};
	screen_read(&h->manifest, &s, out);
	return 0;
}

/* Bytes that a terminal holds for a program that has not read them. */
static int typed_ahead(const struct session *s)
{
	auto_fd int fd =
	    s->pane_tty[0]
		? open(s->pane_tty, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
		: -1;
	int n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? n : 0;
}

/* Claude puts the interrupted prompt back into its composer, where it would stand in the way of the
 * next message like somebody's draft. It was empty before, and nobody is there who types. */
static int clear_given_back(struct hand *h, struct err *e)
{
	AUTO(strv_done) struct strv clear = STRV_INIT;
	int64_t until = clock_mono_ms() + STOPPED_MS;
	struct screen_facts f;

	do {
		if (look(h, &f, e) < 0)
			return -1;
		if (f.state == SCREEN_READY)
			break;
	} while (pane_wait(&h->pane, 50) && clock_mono_ms() < until);
	strv_add(&clear, "C-u");
	for (int i = 0; i < CLEAR_TRIES && f.state == SCREEN_READY && !f.composer_empty; i++)
		if (session_attached(&h->sight.o.session) ||
		    tmux_keys(&h->pane.tmux, &clear, clock_mono_ms() + CALL_MS, e) < 0 ||
		    !pane_wait(&h->pane, 200) || look(h, &f, e) < 0)
			break;
	return 0;
}

static int press(struct ctx *c, struct hand *h, bool composer_empty, struct err *e)
{
	struct report r = {.kind = REPORT_INTERRUPTED, .source = REPORT_BY_VERB, .ids = STRV_INIT};
	int lost = h->manifest.kind == KIND_TUI ? 0 : typed_ahead(&h->sight.o.session);
	struct err soft = ERR_INIT;

	if (tmux_keys(&h->pane.tmux, &h->manifest.interrupt, clock_mono_ms() + CALL_MS, e) < 0)
		return -1;
	r.at_ms = clock_utc_ms();
	if (h->manifest.kind == KIND_TUI && report_add(&c->layout, &h->sight.id, &r, &soft) < 0)
		log_warn("interrupt", "%s", soft.msg);
	if (composer_empty && clear_given_back(h, &soft) < 0)
		log_warn("interrupt", "%s", soft.msg);
	reply(c, h, "interrupted");
	buf_fmt(&c->out, "interrupted %s\n", h->sight.id.name);
	if (lost > 0) {
		json_set_i64(c->reply, "lost_bytes", lost);
		buf_fmt(&c->out, "%d bytes that were typed ahead are lost\n", lost);
	}
	return 0;
}

int verb_interrupt(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(hand_free) struct hand *h = hand_new();
	struct screen_facts f = {.state = SCREEN_STARTING};

	if (take(c, p, h, e) < 0)
		return -1;
	if (h->manifest.interrupt.n == 0)
		return err_set(e, ERR_REFUSED, 0, "%s has no key that interrupts it",
			       h->sight.id.runtime);
	sight_status(c, NULL, &h->sight);
	if (h->manifest.kind == KIND_TUI && look(h, &f, e) < 0)
		return -1;
	/* The key of a program that does nothing would clear somebody's half-typed line. A shell
	 * without its prompt waits for the rest of a command, at least. */
	if (h->sight.status.status == STATUS_IDLE &&
	    (h->manifest.kind == KIND_TUI ? f.state == SCREEN_READY
					  : shell_shows_prompt(&h->pane))) {
		reply(c, h, "idle");
		buf_fmt(&c->out, "%s does nothing that could be interrupted\n", h->sight.id.name);
		return 0;
	}
	return press(c, h, f.has_composer && f.composer_empty, e);
}

/* ---- compact ---- */

/* Whoever is killed between the paste and Enter leaves a text that is nobody's draft: it is on
 * record (stray.h), and whoever types next submits it first. */
static int type_compact(struct hand *h, struct paste *done, struct err *e)
{
	struct deliver_in in = {.layout = h->pane.layout,
				.manifest = &h->manifest,
				.session = &h->sight.o.session,
				.pane = &h->pane};
	struct paste_job job = {
	    .text = h->manifest.compact, .len = strlen(h->manifest.compact), .log_before = -1};
	bool asked = stray_is(&in, job.text);
	struct paste before = {.end = PASTE_WAIT};
	int settled;

	if (paste_check(&h->pane, &job, done, e) < 0)
		return -1;
	if (done->end == PASTE_WAIT) {
		settled = stray_settle(&in, &before, e);
		if (settled > 0 && asked && before.end == PASTE_OK) {
			*done = before; /* that was it */
			return 0;
		}
		if (settled < 0 || (settled && paste_check(&h->pane, &job, done, e) < 0))
			return -1;
	}
	if (done->end != PASTE_OK)
		return 0;
	if (stray_intend(&in, job.text, e) < 0 || paste_send(&h->pane, &job, done, e) < 0)
		return -1;
	if (done->end != PASTE_AMBIGUOUS && done->end != PASTE_HIDDEN)
		stray_forget(&in);
	return 0;
}

int verb_compact(struct ctx *c, const struct parsed *p, struct err *e)
{
	static const enum err_code codes[] = {[PASTE_OK] = ERR_NONE,
					      [PASTE_WAIT] = ERR_TIMEOUT,
					      [PASTE_REFUSED] = ERR_REFUSED,
					      [PASTE_FAILED] = ERR_TIMEOUT,
					      [PASTE_AMBIGUOUS] = ERR_AMBIGUOUS,
					      [PASTE_HIDDEN] = ERR_AMBIGUOUS};
	AUTO(hand_free) struct hand *h = hand_new();
	struct paste done;

	if (take(c, p, h, e) < 0)
		return -1;
	if (!h->manifest.compact[0] || h->manifest.kind != KIND_TUI)
		return err_set(e, ERR_REFUSED, 0, "%s has no command that compacts a conversation",
			       h->sight.id.runtime);
	if (type_compact(h, &done, e) < 0)
		return -1;
	if (done.end != PASTE_OK)
		return err_set(e, codes[done.end], 0, "%s", done.reason);
	reply(c, h, "compacting");
	buf_fmt(&c->out, "%s compacts its conversation\n", h->sight.id.name);
	return 0;
}
