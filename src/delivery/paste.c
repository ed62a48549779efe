#include "iapeer/delivery/paste.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"

#include "iapeer/base/banned.h"

#define COME_MS       5000 /* a busy program takes so long to show what was pasted */
#define COME_QUIET_MS 500  /* and one that does nothing at all is that much faster */
#define INPUT_GRAIN   1000 /* tmux counts seconds */

struct kind {
	int (*check)(struct pane *, const struct paste_job *, struct paste *, struct err *);
	int (*send)(struct pane *, const struct paste_job *, struct paste *, struct err *);
	int (*settle)(struct pane *, const struct paste_job *, struct paste *, struct err *);
	int (*turn)(struct pane *, int64_t, int64_t, struct buf *, struct err *);
};

static const struct kind kinds[] = {
    [KIND_SHELL] = {shell_check, shell_send, shell_settle, shell_turn},
    [KIND_TUI] = {tui_check, tui_send, tui_settle, tui_turn},
    /* A service has no composer: what it is sent is typed into its terminal. */
    [KIND_SERVICE] = {shell_check, shell_send, shell_settle, shell_turn},
};
_Static_assert(sizeof kinds / sizeof kinds[0] == KIND_COUNT, "one row a kind");

int paste_verdict(struct paste *out, enum paste_end end, const char *reason)
{
	out->end = end;
	str_cut(out->reason, sizeof out->reason, reason);
	return 0;
}

int paste_note(const struct paste_job *j, int64_t entered_log, struct err *e)
{
	return j->note ? j->note(entered_log, j->arg, e) : 0;
}

bool paste_may_come(const struct pane *p, const struct paste_job *j, bool unread)
{
	int64_t age = clock_utc_ms() - j->since_ms;
	bool quiet =
	    !unread && !j->pasted && j->log_before >= 0 && pane_log_size(p) == j->log_before;

	return age >= 0 && age < (quiet ? COME_QUIET_MS : COME_MS);
}

bool paste_typed_since(const struct tmux_look *look, const struct paste_job *j)
{
	return look->last_input_ms + INPUT_GRAIN >= j->since_ms;
}

int paste_check(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	*out = (struct paste){.end = PASTE_OK};
	return kinds[p->manifest->kind].check(p, j, out, e);
}

int paste_send(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	*out = (struct paste){.end = PASTE_OK};
	return kinds[p->manifest->kind].send(p, j, out, e);
}

int paste_settle(struct pane *p, const struct paste_job *j, struct paste *out, struct err *e)
{
	*out = (struct paste){.end = PASTE_OK};
	return kinds[p->manifest->kind].settle(p, j, out, e);
}

int paste_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e)
{
	return kinds[p->manifest->kind].turn(p, log_offset, deadline_ms, out, e);
}
