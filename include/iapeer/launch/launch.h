/* launch.h - start a peer's program in its own tmux server. */
#pragma once
#include "iapeer/launch/launch_in.h"
#include "iapeer/launch/session.h"

/* The complete environment of the peer's server and program, and launch.env's extra arguments. */
int launch_environment(const struct launch_in *in, struct strv *out_env, struct strv *out_args,
		       struct err *e) NODISCARD;
/* One tmux call; *out is filled, nothing is written. An adopted session that somebody else started
 * is returned all the same. The caller holds the peer's lock. */
int launch_start(const struct launch_in *in, int64_t deadline_ms, struct session *out,
		 struct err *e) NODISCARD;
/* The tmux binary for this root: IAPEER_TMUX_BIN, else along the PATH of <root>/environment, else
 * our own. */
int launch_tmux_bin(const struct layout *l, const struct settings *s, char out[static LAYOUT_PATH],
		    struct err *e) NODISCARD;

/* End what runs: the session first, the server, stragglers. The canary's record must be an `ending`
 * already. Waits for the end; ERR_TIMEOUT when it will not end. Removes the socket. */
int launch_end(const struct layout *l, const struct settings *s, const struct session *session,
	       int64_t deadline_ms, struct err *e) NODISCARD;
/* End a server that only its socket tells of: told, then killed. */
int launch_end_server(struct proc_ref server, const char *socket, struct err *e) NODISCARD;
