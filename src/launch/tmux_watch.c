#include "iapeer/launch/tmux_watch.h"

#include "iapeer/base/banned.h"

/* Hooks and the pane log are fixed strings: the server's environment names the binary, tmux fills
 * in numbers. A run-shell that fails would keep tmux from ending the session, so it never does: if
 * the binary is gone, the keeper finds the end. */
static const char died_hook[] =
    "run-shell '\"$IAPEER_ROOT/bin/iapeer\" _hook \"$PEER_IDENTITY\" pane-died --pane=#{hook_pane} "
    "--pid=#{pane_pid} --server=#{pid} --status=#{pane_dead_status} --signal=#{pane_dead_signal}; "
    "exit 0' ; kill-ses";

/* Who asks for a kill is looked at while the asking client waits; a second later a server that
 * still lives says so, and what was noted is forgotten. The words typed behind the command go to
 * the last of these, which is the command itself: an alias is not looked up again in its own text.
 * The short forms (kill-ses) match none of them; we end sessions by those. */
static const char *const kills[][2] = {
    {"kill-server", "kill-server"}, {"kill-session", "kill-session"},
    {"kill-window", "kill-window"}, {"killw", "kill-window"},
    {"kill-pane", "kill-pane"},     {"killp", "kill-pane"}};
#define ALIAS_FIRST 900 /* a user's own in tmux.conf have lower numbers */

static void add_aliases(struct strv *out)
{
	for (size_t i = 0; i < sizeof kills / sizeof kills[0]; i++) {
		strv_add(out, ";");
		strv_add(out, "set-option");
		strv_add(out, "-s");
		strv_fmt(out, "command-alias[%zu]", ALIAS_FIRST + i);
		strv_fmt(out,
			 "%s=run-shell '\"$IAPEER_ROOT/bin/iapeer\" _hook \"$PEER_IDENTITY\" "
			 "kill-asked --server=#{pid} --command=%s; exit 0' ; run-shell -b -d 1 "
			 "'\"$IAPEER_ROOT/bin/iapeer\" _hook \"$PEER_IDENTITY\" kill-over "
			 "--server=#{pid}; exit 0' ; %s",
			 kills[i][0], kills[i][1], kills[i][1]);
	}
}

static void add_command(struct strv *out, const char *command, const char *pane)
{
	strv_add(out, ";");
	strv_add(out, command);
	strv_add(out, "-p");
	if (pane) {
		strv_add(out, "-t");
		strv_add(out, pane);
	}
}

void tmux_watch_words(const char *pane, struct strv *out)
{
	add_command(out, "set-option", pane);
	strv_add(out, "remain-on-exit");
	strv_add(out, "on");
	add_command(out, "set-hook", pane);
	strv_add(out, "pane-died");
	strv_add(out, died_hook);
	add_aliases(out);
}

void tmux_watch_pipe(int64_t max_bytes, int keep, bool theirs, struct strv *out)
{
	static const char ours[] = "exec \"$IAPEER_ROOT/bin/iapeer\" _panelog \"$PEER_IDENTITY\"";
	static const char any[] = "r=#{q:@iapeer_root}; IAPEER_ROOT=\"${r:-$IAPEER_ROOT}\"; "
				  "export IAPEER_ROOT; exec \"$IAPEER_ROOT/bin/iapeer\" _panelog "
				  "#{session_name}";

	strv_fmt(out, "%s --max-bytes=%lld --keep=%d", theirs ? any : ours, (long long)max_bytes,
		 keep);
}
