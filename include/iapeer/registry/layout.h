/* layout.h - where everything is: the only file that builds a path of ours.
 *
 * The root is opened once as a descriptor; what is below it is named relative to it and reached by
 * fs.h without following links. Nothing here makes a file. All `out` buffers are LAYOUT_PATH bytes;
 * what goes in is validated (a struct peer_id, or a name that the caller has checked: that is
 * asserted) and the root has at most LAYOUT_ROOT_MAX bytes, so names always fit.
 */
#pragma once
#include "iapeer/base/buf.h"
#include "iapeer/registry/peer.h"
#include <sys/types.h>

#define LAYOUT_PATH     512
#define LAYOUT_ROOT_MAX 380 /* bytes of the root's path, and of $IAPEER_SOCK_DIR */

struct layout {
	int root_fd;             /* the root, O_DIRECTORY; every relative path below is below it */
	char root[LAYOUT_PATH];  /* absolute, links resolved */
	char socks[LAYOUT_PATH]; /* absolute: $IAPEER_SOCK_DIR or <root>/socks */
};
#define LAYOUT_INIT                                                                                \
	{                                                                                          \
		.root_fd = -1                                                                      \
	}

/* Find ($IAPEER_ROOT, else .iapeer in $HOME, else in the home of the password file; blank is unset)
 * and open the root, which may be reached by a link. `make`: create it, its folders and
 * $IAPEER_SOCK_DIR (0700) if missing; else a missing root is ERR_NOT_FOUND. Wider modes of the
 * root, its folders and the registry, environment and config.json are narrowed and a warning
 * logged. IAPEER_TEST_SANDBOX=1 refuses the real ~/.iapeer. ERR_REFUSED: the root is a folder of
 * other things, open to others, in which nothing of ours ever was; it or $IAPEER_SOCK_DIR is
 * another user's, or others may write to the latter (its mode is left alone: it may be /tmp).
 * ERR_USAGE: a path with control characters, too long, $IAPEER_SOCK_DIR not absolute. Owned:
 * layout_done(). */
int layout_open(struct layout *l, bool make, struct err *e) NODISCARD;
void layout_done(struct layout *l);
/* The root that we hold is still what its path names: not removed, moved away or replaced. */
bool layout_in_place(const struct layout *l);

#define LAYOUT_HOME_ROOT "/.iapeer" /* behind a home folder */

/* Relative to the root. */
#define LAYOUT_REGISTRY       "peers-profiles.json"
#define LAYOUT_REGISTRY_LOCK  "peers-profiles.lock"
#define LAYOUT_REGISTRY_BAK   "peers-profiles.json.bak"
#define LAYOUT_ENVIRONMENT    "environment"
#define LAYOUT_TMUX_CONF      "tmux.conf"
#define LAYOUT_CONFIG         "config.json"
#define LAYOUT_BINARY         "bin/iapeer"
#define LAYOUT_LIFECYCLE      "state/lifecycle"
#define LAYOUT_KEEPER         "state/iapeer"
#define LAYOUT_LOCKS          "state/iapeer/locks"
#define LAYOUT_REMOVING       "state/iapeer/removing"
#define LAYOUT_MOVING         "state/iapeer/moving"
#define LAYOUT_TRASH          "state/trash"
#define LAYOUT_SOCKS          "socks"
#define LAYOUT_CONTROL_SOCKET "state/iapeer/supervise.sock"
#define LAYOUT_KEEPER_LOCK    "state/iapeer/supervise.lock"
#define LAYOUT_KEEPER_LOG     "logs/iapeer/supervise.log"
#define LAYOUT_STRAYS         "state/iapeer/strays"
#define LAYOUT_TMUX_CHECKED                                                                        \
	"state/iapeer/tmux" /* the tmux binary that was last found new enough                      \
			     */
#define LAYOUT_ROUTER        "state/iapeer/router.json"
#define LAYOUT_LIFECYCLE_LOG "logs/iapeer/lifecycle.log"
#define LAYOUT_DELIVERY_LOG  "logs/iapeer/delivery.log"
#define LAYOUT_EXITS_LOG     "logs/iapeer/exits.log"
#define LAYOUT_DEATHS_DIR    "logs/iapeer/server-deaths"
#define LAYOUT_PANE_LOGS     "logs/lifecycle"

void layout_state(const struct peer_id *id, const char *what,
		  char out[static LAYOUT_PATH]); /* state/lifecycle/<identity>.<what> */
void layout_lock(const struct peer_id *id, char out[static LAYOUT_PATH]); /* .../locks/<identity> */
void layout_queue_lock(const struct peer_id *id,
		       char out[static LAYOUT_PATH]); /* .../locks/<identity>.queue */
void layout_profile_lock(const char *name,
			 char out[static LAYOUT_PATH]);             /* .../locks/<name>.profile */
void layout_trash(const char *entry, char out[static LAYOUT_PATH]); /* state/trash/<entry> */
void layout_removing(const char *name, char out[static LAYOUT_PATH]);
void layout_moving(const char *name, char out[static LAYOUT_PATH]);
void layout_pane_log(const struct peer_id *id,
		     char out[static LAYOUT_PATH]); /* logs/lifecycle/<identity>.log */
void layout_peer_home(const struct layout *l, const char *name,
		      char out[static LAYOUT_PATH]); /* absolute: <root>/peers/<name> */
void layout_runtime_manifest(const char *runtime,
			     char out[static LAYOUT_PATH]); /* runtimes/<runtime>/runtime.json */
/* <root>/<rel>, absolute, for programs that are told a path. ERR_FAILED when it does not fit. */
int layout_abs(const struct layout *l, const char *rel, char out[static LAYOUT_PATH],
	       struct err *e) NODISCARD;
/* Below a peer's folder: .iapeer/peer-profile.json, .iapeer/runtimes/<runtime>/launch.env */
#define LAYOUT_PEER_FOLDER ".iapeer"
#define LAYOUT_PROFILE     ".iapeer/peer-profile.json"
void layout_launch_env(const char *runtime, char out[static LAYOUT_PATH]);
/* .iapeer/runtimes/<runtime>: launch.env, and what is generated for a start. */
void layout_runtime_folder(const char *runtime, char out[static LAYOUT_PATH]);
/* Doctrine, below the root and below a peer's .iapeer. */
#define LAYOUT_DOCTRINE  "IAPEER.md"
#define LAYOUT_FRAGMENTS "fragments"

/* The identity's tmux socket, absolute: tmux-iap-<identity>.sock, or where that is too long for a
 * socket (plat_socket_max) <16 hex>.sock. Not even that: ERR_REFUSED with both lengths and
 * IAPEER_SOCK_DIR. */
int layout_socket(const struct layout *l, const struct peer_id *id, char out[static LAYOUT_PATH],
		  struct err *e) NODISCARD;
/* The keeper's control socket, by the same rule (the short name is a hash of the root). */
int layout_control_socket(const struct layout *l, char out[static LAYOUT_PATH],
			  struct err *e) NODISCARD;

/* <identity>.<what> -> its identity and what ("stopped"; borrowed from file_name); false for
 * anything else (temporary files too). */
bool layout_parse_state(const char *file_name, struct peer_id *out_id, const char **out_what);
