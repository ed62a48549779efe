#include "iapeer/delivery/paste.h"

#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"

#include "iapeer/base/banned.h"

struct kind {
	int (*check)(struct pane *, const char *, size_t, bool, struct paste *, struct err *);
	int (*send)(struct pane *, const char *, size_t, struct paste *, struct err *);
	int (*settle)(struct pane *, const char *, size_t, struct paste *, struct err *);
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

int paste_check(struct pane *p, const char *text, size_t len, bool force, struct paste *out,
		struct err *e)
{
	*out = (struct paste){.end = PASTE_OK};
	return kinds[p->manifest->kind].check(p, text, len, force, out, e);
}

int paste_send(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	*out = (struct paste){.end = PASTE_OK};
	return kinds[p->manifest->kind].send(p, text, len, out, e);
}

int paste_settle(struct pane *p, const char *text, size_t len, struct paste *out, struct err *e)
{
	*out = (struct paste){.end = PASTE_OK};
	return kinds[p->manifest->kind].settle(p, text, len, out, e);
}

int paste_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e)
{
	return kinds[p->manifest->kind].turn(p, log_offset, deadline_ms, out, e);
}
