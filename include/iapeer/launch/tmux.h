/* tmux.h - the only file that knows tmux's command line.
 *
 * A call blocks for at most its deadline and is killed past it. tmux expands formats in -c, -n,
 * hooks and pipe-pane, so what is not ours is doubled (`#`, and `%` for pipe-pane) before it goes
 * there; hooks and the pane log are fixed strings that name "$IAPEER_ROOT/bin/iapeer" out of the
 * server's environment. Nothing of a message or a folder's name ever becomes a command.
 */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/base/proc.h"
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

struct tmux {
	char bin[LAYOUT_PATH]; /* absolute */
	char socket[LAYOUT_PATH];
	char pane[32]; /* "%0"; "" before the start */
};

/* Find the binary (settings, PATH of env) and check its version once: older than 3.2 is
 * ERR_REFUSED. */
int tmux_find(const char *configured, const char *path_env, char out[static LAYOUT_PATH],
	      struct err *e) NODISCARD;
int tmux_version(const char *bin, int64_t deadline_ms, char *out, size_t size,
		 struct err *e) NODISCARD;

struct tmux_start {
	const char *session; /* the identity */
	const char *conf;    /* absolute path of the user's tmux.conf, or NULL */
	const char *workdir;
	struct strv *argv; /* program and arguments */
	struct strv *envp; /* the complete environment of the server */
	int64_t panelog_max_bytes;
	int panelog_keep;
};
struct tmux_started {
	struct proc_ref server, pane;
	char pane_id[32];
	char pane_tty[64];
};
/* One tmux call: session, remain-on-exit and the pane-died hook on the program's own pane, pane
 * log. ERR_REFUSED with "duplicate session" when there is one already. */
int tmux_new_session(const struct tmux *t, const struct tmux_start *s, int64_t deadline_ms,
		     struct tmux_started *out, struct err *e) NODISCARD;
/* The facts of a running session (adopting one that is there). */
int tmux_session_facts(const struct tmux *t, const char *session, int64_t deadline_ms,
		       struct tmux_started *out, struct err *e) NODISCARD;

struct tmux_look {
	struct buf screen; /* capture-pane -p -e; `history`: the scrollback too */
	int cursor_x, cursor_y;
	int height;
	bool in_mode; /* copy mode or another */
	bool attached;
	int64_t last_input_ms; /* UTC, to the second: when a client last came or sent a key; when it
				  was made, if none ever did */
};
void tmux_look_done(struct tmux_look *k);
/* Screen, cursor and mode in one call. */
int tmux_look(const struct tmux *t, bool history, int64_t deadline_ms, struct tmux_look *out,
	      struct err *e) NODISCARD;
/* Leave any mode and paste the text, bracketed if the program asked for it. One call.
 * ERR_NOT_FOUND: nothing was pasted (no server, no pane, or no tmux could be started). */
int tmux_paste(const struct tmux *t, const char *text, size_t len, int64_t deadline_ms,
	       struct err *e) NODISCARD;
/* Leave any mode, then press the keys, in one command list. */
int tmux_keys(const struct tmux *t, const struct strv *keys, int64_t deadline_ms,
	      struct err *e) NODISCARD;
/* End the session by a form that no alias of ours matches. A server that is gone is done. */
int tmux_kill_session(const struct tmux *t, const char *session, int64_t deadline_ms,
		      struct err *e) NODISCARD;
/* kill-server or kill-session as a person types it, so that its alias is tried too. */
int tmux_ask_kill(const struct tmux *t, const char *command, int64_t deadline_ms,
		  struct err *e) NODISCARD;
/* Is the pane's output still piped to its log? If not, it is from now on. ERR_TIMEOUT when the
 * server does not answer. */
int tmux_heal_pipe(const struct tmux *t, int64_t max_bytes, int keep, int64_t deadline_ms,
		   bool *out_was_lost, struct err *e) NODISCARD;
/* A server that somebody else started, or an older build: hook, witness and the names that they go
 * by are set as in a start. Again does no harm. */
int tmux_retrofit(const struct tmux *t, const char *root, const char *identity, int64_t deadline_ms,
		  struct err *e) NODISCARD;
/* How the pane's program ended, when its pane is dead; -1 where it is not known. */
int tmux_dead_pane(const struct tmux *t, int64_t deadline_ms, int *out_status, int *out_signal,
		   struct err *e) NODISCARD;
/* argv for `attach`, to be exec'd. `say` (may be NULL) stands on its last line for some seconds;
 * tmux fills formats in, as #{prefix}. */
void tmux_attach_argv(const struct tmux *t, const char *session, bool read_only, const char *say,
		      struct strv *out);

/* Who listens on the socket, by its peer credentials; ERR_NOT_FOUND: nobody. No tmux is started. */
int tmux_server_of(const char *socket, struct proc_ref *out, struct err *e) NODISCARD;
