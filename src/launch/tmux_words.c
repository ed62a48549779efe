#include "iapeer/launch/tmux_words.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* In words that lead to it; "": it is something else. */
static const char *limit_met(const char *line)
{
	if (strstr(line, "fork failed: No space left"))
		return " (no terminal is left on this machine: kernel.pty.max)";
	if (strstr(line, "fork failed: Resource temporarily"))
		return " (no process may be started any more: ulimit -u, or its cgroup's pids.max)";
	return "";
}

int tmux_failed(const struct proc_result *r, const char *what, struct err *e)
{
	const char *text = r->err.len ? buf_cstr(&r->err) : buf_cstr(&r->out);
	char line[200], status[64];

	str_cut(line, sizeof line, text);
	line[strcspn(line, "\n")] = '\0';
	proc_status_text(r->status, status, sizeof status);
	/* Nobody heard it. A server that is lost while it listens may have done what it was told.
	 */
	if (strstr(line, "no server running") || strstr(line, "error connecting") ||
	    strstr(line, "can't find session") || strstr(line, "can't find pane"))
		return err_set(e, ERR_NOT_FOUND, 0, "tmux %s: %s", what, line);
	return err_set(e, strstr(line, "duplicate session") ? ERR_REFUSED : ERR_FAILED, 0,
		       "tmux %s: %s%s", what, line[0] ? line : status, limit_met(line));
}
