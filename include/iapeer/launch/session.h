/* session.h - <identity>.session: exists only while a session is believed to live, and proves
 * which one. */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/registry/layout.h"

/* Bytes of a conversation's id, with its NUL. */
#define CONVERSATION_ID 80

struct session {
	struct peer_id id;
	char cwd[LAYOUT_PATH];
	int64_t woke_at_ms;
	int64_t
	    woke_mono_ms; /* the same in awake time (clock_mono_ms()), of this boot; 0: not known */
	struct proc_ref server, pane;
	char boot_id[64];
	char socket[LAYOUT_PATH];
	char pane_id[32];
	char pane_tty[64];
	char mode[16]; /* fresh, resume */
	char cause[64];
	char conversation[CONVERSATION_ID]; /* the id that we chose, or that was resumed; "" : the
					       runtime has none, or tells it later */
	char woke_for[96];                  /* id of the message that woke it; "" : none */
	int64_t log_start;                  /* the pane log was this long before it started */
	int64_t reports_from;               /* and so was <identity>.reports */
	bool ready;                         /* the program showed that it takes input */
	bool hooks; /* it was started with our hooks: it reports what it takes */
};

/* ERR_NOT_FOUND: none. */
int session_load(const struct layout *l, const struct peer_id *id, struct session *out,
		 struct err *e) NODISCARD;
int session_save(const struct layout *l, const struct session *s, struct err *e) NODISCARD;
int session_drop(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;

enum liveness {
	LIVE_NO,        /* nothing runs */
	LIVE_YES,       /* server and program run */
	LIVE_PANE_DEAD, /* the server runs, the program does not */
	LIVE_UNKNOWN,   /* the server is stopped (T), or cannot be looked at */
};
/* By files and /proc only. */
enum liveness session_liveness(const struct session *s);
/* The same of the server alone, for who waits for the program's end anyway: never LIVE_PANE_DEAD.
 */
enum liveness session_server_liveness(const struct session *s);
/* The same, of a server that the caller has just looked at. */
enum liveness session_liveness_by(const struct session *s, enum proc_state server);
/* A client is attached: tmux sets the owner's x bit on its socket meanwhile. */
bool session_attached(const struct session *s);
