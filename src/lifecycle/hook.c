#include "iapeer/lifecycle/hook.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/evidence.h"
#include "iapeer/canary/ledger.h"
#include "iapeer/launch/session.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

#define TAIL          8192
#define END_WITHIN_MS 5000 /* tmux ends the session right after the hook */

/* Was this very end journalled by one who was killed before he could note it in <identity>.exit? It
 * stands among the last lines. */
static bool journalled(const struct layout *l, const char *identity, pid_t pane_pid)
{
	AUTO(buf_done) struct buf tail = BUF_INIT(TAIL + 1);
	char want[160];
	struct err e;
	size_t n;

	n = (size_t)snprintf(want, sizeof want, " ev=session-exit identity=%s pid=%ld", identity,
			     (long)pane_pid);
	if (pane_pid <= 0 || fs_read_at(l->root_fd, LAYOUT_EXITS_LOG, -TAIL, TAIL, &tail, &e) < 0)
		return false;
	for (const char *at = strstr(buf_cstr(&tail), want); at; at = strstr(at + 1, want))
		if (at[n] == ' ' || at[n] == '\n')
			return true;
	return false;
}

/* A SIGKILL says nothing; the kernel's log may name the process that it killed for memory. */
static enum oom_proof was_it_memory(const struct layout *l, const struct peer_id *id,
				    const struct hook_facts *h)
{
	struct session s;
	struct err e;

	if (h->signal != SIGKILL || session_load(l, id, &s, &e) < 0 || s.pane.pid != h->pane_pid)
		return OOM_NOT_PROVEN;
	return evidence_oom_names(h->pane_pid, s.woke_mono_ms) ? OOM_KERNEL_LOG : OOM_NOT_PROVEN;
}

static int journal_exit(const struct layout *l, const char *identity, const struct hook_facts *h,
			const struct pane_exit *x, struct err *e)
{
	struct journal j = {
	    .dirfd = l->root_fd, .path = LAYOUT_EXITS_LOG, .max_bytes = 5 << 20, .keep = 5};
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};
	const char *name = h->signal > 0 ? proc_signal_name(h->signal) : NULL;

	logfmt_init(&line, x->at_ms);
	logfmt_raw(&line, "ev", "session-exit");
	logfmt_raw(&line, "identity", identity);
	if (h->pane_pid > 0)
		logfmt_i64(&line, "pid", h->pane_pid);
	if (h->status >= 0)
		logfmt_i64(&line, "status", h->status);
	if (name)
		logfmt_raw(&line, "signal", name);
	else if (h->signal > 0)
		logfmt_i64(&line, "signal", h->signal);
	if (x->oom != OOM_NOT_PROVEN) {
		logfmt_raw(&line, "cause", "oom-kill");
		logfmt_raw(&line, "proof", oom_proof_word(x->oom));
	}
	return journal_write(&j, &line, true, e);
}

int hook_record(const struct layout *l, const struct peer_id *id, const struct hook_facts *h,
		struct proc_ref server, struct err *e)
{
	struct canary c = {.server = server, .who = "hook", .why = "exit"};
	struct pane_exit x, old;
	int64_t now = clock_utc_ms();

	peer_identity(id, c.identity);
	c.deadline_utc_ms = now + END_WITHIN_MS;
	if (pane_exit_load(l, id, &old, e) == 0 && h->pane_pid > 0 && old.pane_pid == h->pane_pid &&
	    old.server_pid == server.pid)
		return canary_note_ending(l, &c, e); /* noted already: the line is written once */
	x = (struct pane_exit){.pane_pid = h->pane_pid,
			       .status = h->status,
			       .signal = h->signal > 0 ? h->signal : 0,
			       .server_pid = server.pid,
			       .at_ms = now};
	/* The ending first: from here on the server's end is no death, whatever happens to us. */
	if (canary_note_ending(l, &c, e) < 0)
		return -1;
	x.oom = was_it_memory(l, id, h);
	if (!journalled(l, c.identity, h->pane_pid) && journal_exit(l, c.identity, h, &x, e) < 0)
		return -1;
	return pane_exit_save(l, c.identity, &x, e);
}

int hook_pane_died(const struct layout *l, const struct peer_id *id, const struct hook_facts *h,
		   struct err *e)
{
	struct proc_ref server;
	struct session s;

	/* The hook stands on the program's own pane only; a record of another pane says that tmux
	 * thought otherwise. */
	if (session_load(l, id, &s, e) == 0 && h->pane[0] && strcmp(s.pane_id, h->pane) != 0)
		return 0;
	if (plat_proc_ref(h->server_pid, &server, e) < 0)
		return -1;
	return hook_record(l, id, h, server, e);
}
