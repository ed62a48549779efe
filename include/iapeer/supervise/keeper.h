/* keeper.h - inside of supervise: the keeper's parts. Each callback turns an event into one call
 * and ends. */
#pragma once
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/canary/flight.h"
#include "iapeer/canary/ledger.h"
#include "iapeer/delivery/status.h"
#include "iapeer/launch/session.h"
#include "iapeer/lifecycle/fleet.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/service.h"
#include "iapeer/registry/settings.h"
#include "iapeer/runtime/manifest.h"
#include "iapeer/supervise/workq.h"
#include <uv.h>

#define REAPED_RING 512

struct reaped {
	struct proc_ref ref;
	int status;
};

struct keeper;
struct aside;      /* aside.c */
struct turn_watch; /* turns.c */
struct census;     /* recorder.c */

/* One watched tmux server. Freed by its poll handle's close callback. */
struct watched {
	struct keeper *k;
	struct canary canary;
	int fd; /* becomes readable when the server has exited; -1: gone already, or to be tried
		   again */
	int stat_fd; /* to look at the server again and again; -1: not kept */
	uv_poll_t poll;
	struct pane_watch *pane; /* its program, once the session is on record; NULL: not watched */
	struct turn_watch *turn; /* while one runs that has to be watched; NULL: none */
	bool dying;              /* seen dead, to be recorded */
	bool late;               /* dead before we looked */
	bool owed;               /* its record could not be written yet */
	bool unarmed;            /* IAPEER_CANARY=off: its end is noticed, not recorded */
	int tries;               /* looks for its exit status */
	struct {
		bool known; /* its record was read, and nobody has touched it since */
		bool ready, hooks;
		bool turns_tell; /* its hooks say all of a turn */
		struct proc_ref pane;
		enum runtime_kind kind;
		int64_t woke_at_ms, woke_mono_ms;
	} session;
	int64_t activity_stamp;   /* its signs of life when last looked at; 0: not looked at yet */
	int64_t activity_mono_ms; /* the newest of them in awake time: idle is counted from here */
	int64_t looked_mono_ms;
	bool attached;           /* a client was, when last looked at */
	bool idle;               /* by the last tick, for as long as it may be */
	uint64_t left_alone;     /* by a tick that saw this version of the files; 0: by none */
	enum wake_policy policy; /* when its session came on record */
	int64_t due_mono_ms; /* to be looked at then, before the next tick; 0: the tick is enough */
	int64_t ask_ms;      /* its server was stopped: asked again after so long; 0: it answers */
	struct {
		uint64_t last; /* number of its newest sample; 0: not looked up yet */
		int64_t printed_at_ms, reported_at_ms; /* as that sample has them */
		bool told;                             /* by its last report: */
		enum peer_status status;
		int quiet_ticks;     /* since that sample */
		struct census *tree; /* its processes then */
	} flight;
	struct watched *next;
};

/* The program in a watched server. Freed by the last close callback of its handles. */
struct pane_watch {
	struct keeper *k;
	struct proc_ref server;
	char identity[PEER_IDENTITY_MAX + 1];
	int fd;
	uv_poll_t poll;
	uv_timer_t nudge; /* after its end: until tmux has seen it */
	int64_t nudge_ms; /* to the next nudge */
	int open_handles;
};

/* One worker process. Freed when process and pipe have both been closed. */
struct worker {
	struct keeper *k;
	uv_process_t process;
	uv_pipe_t out;
	uv_timer_t deadline;
	int open_handles;
	char identity[PEER_IDENTITY_MAX + 1];
	enum trigger trigger;
	struct buf line;
	bool done; /* its last line was read */
	struct worker *next;
};

/* One connection. Freed by its last close callback. */
struct conn {
	struct keeper *k;
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct file_watch *receipts; /* where a worker that is not ours may write what is waited
				      * for; NULL: not looked at */
	int open_handles;
	struct buf in;
	enum { CONN_IDLE, CONN_DELIVER, CONN_APPLY } waits;
	char identity[PEER_IDENTITY_MAX + 1];
	char message_id[96];
	bool turn;
	bool once; /* an attempt that failed is its answer, though it is tried again */
	enum trigger trigger;
	bool asked; /* for more than who we are */
	bool closing;
	struct conn *next;
};

/* What we remember of a peer whose queue's head waits. */
struct waiting {
	char identity[PEER_IDENTITY_MAX + 1];
	char reason[256];
	int64_t backoff_ms;
	int64_t log_size; /* of its pane's log, when last looked at */
	struct waiting *next;
};

/* What a profile said when it was read last; inode, mtime and size tell whether it is the same. */
struct known_policy {
	char name[PEER_NAME_MAX + 1];
	uint64_t inode;
	int64_t mtime_ms, size;
	enum wake_policy policy;
};
struct policies {
	struct known_policy *v; /* sorted by name */
	size_t n, cap;
};

/* State of an identity that is not in the registry. */
struct absent {
	char identity[PEER_IDENTITY_MAX + 1];
	int64_t since_mono_ms; /* seen absent since then, without a break, in awake time */
	bool seen, told;
	struct absent *next;
};

struct keeper {
	const struct layout *layout;
	struct settings settings;
	bool on_demand, leaving;
	int64_t files_given; /* our soft limit of descriptors before we raised it; 0: we did not */
	char socket[LAYOUT_PATH];
	uint64_t socket_inode; /* of the one that we listen on; 0: we do not */
	uv_loop_t loop;
	uv_pipe_t listener;
	uv_signal_t sigchld, sigterm, sigint, sighup;
	uv_timer_t work_timer, death_timer, idle_timer, rescan_timer, leave_timer, tick_timer,
	    due_timer, absent_timer, attention_timer;
	int64_t tidied_mono_ms; /* when keeper_tidy() last ran */
	int64_t tick_drift_ms;  /* wall clock less awake time, at the last tick: a jump shows */
	uv_fs_event_t state_events, root_events, socket_events;
	struct file_watch *logs; /* of those that wait; NULL: nobody does */
	struct workq work;
	struct policies policies;
	struct absent *absent;
	struct watched *watched;
	int stats_kept; /* how many of them have their stat_fd */
	struct worker *workers;
	struct conn *conns;
	struct waiting *waiting;
	struct strv on_attention; /* the owner's command; empty: none */
	int64_t config_mtime_ms;  /* of config.json, as it was read for that; with its inode */
	uint64_t config_inode;
	struct aside *asides;
	size_t first_samples;     /* of so many servers; by it the next ones are spread */
	struct census *census;    /* all processes at the last tick, if memory was short; NULL */
	struct services services; /* as the last tick saw them */
	struct fleet fleet;
	struct registry registry; /* as it was when this was its file: keeper_registry() */
	struct fs_info registry_file;
	uint64_t registry_reads;
	uint64_t trimmed_for; /* inode of the one after which memory was given back */
	struct {
		int64_t wait_ms; /* 0: none is */
		int64_t until_mono_ms;
		struct fs_room room; /* at the last attempt */
	} owed;
	struct reaped ring[REAPED_RING];
	size_t n_reaped;
};

/* supervise.c */
/* Is the root still where it was? If not, we leave: another keeper may have begun on a new one. */
bool keeper_in_place(struct keeper *k);
void keeper_leave(struct keeper *k);            /* stop taking work, finish, end the loop */
void keeper_consider_leaving(struct keeper *k); /* on demand, and nothing to do: in a moment */

/* scan.c */
void keeper_scan(struct keeper *k); /* everything from disk: removals, canaries, peers */
void keeper_look(struct keeper *k, const char *identity,
		 int64_t not_before_ms); /* one peer: does it need a worker? */

/* The registry as it is now; read again only when its file is another one. Borrowed until the next
 * call. NULL and *e: it cannot be read. */
const struct registry *keeper_registry(struct keeper *k, struct err *e);

/* limits.c */
void keeper_raise_files(struct keeper *k); /* as many descriptors as we may have */

/* reap.c */
void keeper_adopt(struct keeper *k);  /* become the parent of what is orphaned below us */
void keeper_disown(struct keeper *k); /* leaving: who is left becomes somebody else's */
void keeper_reap(struct keeper *k);   /* collect what died below us */
bool keeper_reaped(const struct keeper *k, struct proc_ref ref, int *out_status);

/* watch.c */
void keeper_watch(struct keeper *k,
		  const char *identity); /* read its canary; watch its server if it is armed */
void keeper_watch_all(struct keeper *k);
void keeper_watch_exit(struct watched *w); /* wait for its end, if that is not done yet */
void keeper_unwatch(struct watched *w);    /* is not to be used any more */
void keeper_unwatch_all(struct keeper *k);
/* Its activity_stamp, if the last tick found it idle for as long as it may be; 0: it did not. */
int64_t keeper_idle_stamp(struct keeper *k, const char *identity);

/* deaths.c */
/* Record what is `dying`, in the next turn of the loop: what died in the same instant is one event.
 */
void keeper_deaths_soon(struct keeper *k);
/* Before a worker touches it: a death that is about to be seen is recorded first, with the status
 * that only we have. `now`: tried at once, though it failed before. False: it was seen, and cannot
 * be recorded now. */
bool keeper_check_server(struct keeper *k, const char *identity, bool now);

/* owed.c: deaths that cannot be written down yet */
/* It was tried: NULL, it was written; else why not, which is logged once. */
void keeper_owe(struct keeper *k, const struct err *why);
/* Is it time to try again? It is when there is more room on the disk than there was. */
bool keeper_may_pay(const struct keeper *k);

/* workers.c */
void keeper_want(struct keeper *k, const char *identity, enum trigger t, bool boots,
		 int64_t not_before_ms);
void keeper_run_work(struct keeper *k);
void keeper_end_workers(struct keeper *k);

/* absent.c: state whose identity left the registry by other hands */
void keeper_absent(struct keeper *k);
void keeper_absent_done(struct keeper *k);

/* recorder.c: a sample of each peer (canary/flight.h), with each tick */
void keeper_record_flight(struct keeper *k);
void keeper_recorder_done(struct keeper *k);

/* attention.c */
/* A peer may have begun to need a person, or have ceased to: the owner's command is run for each
 * time that it begins. By files only. */
void keeper_attention(struct keeper *k, const char *identity);

/* aside.c: programs beside the workers */
/* Start args[0] with a deadline; `env` NULL: ours. `what` (static) is what the log calls it. False:
 * it did not start, and the log says why. */
bool keeper_aside(struct keeper *k, const char *identity, const char *what, struct strv *args,
		  struct strv *env);
bool keeper_is_aside(const struct keeper *k, pid_t pid); /* one of libuv's children */
void keeper_leave_asides(struct keeper *k);

/* turns.c */
/* Its reports have changed: a turn of a program that does not tell of its failures by hooks is
 * watched until it ends. */
void keeper_turn(struct keeper *k, const char *identity);
void keeper_forget_turn(struct watched *w);

/* tidy.c */
void keeper_tidy(struct keeper *k); /* forget what would only grow */

/* sockets.c */
/* Servers on our sockets that nobody watches; names: sorted, of all in the folder of sockets. */
void keeper_look_sockets(struct keeper *k, const struct strv *names);

/* tick.c */
void keeper_tick_every(struct keeper *k, int64_t interval_ms);
/* One tick now. `outcomes` (an array; NULL: not wanted) gets a row for every recorded session. */
void keeper_tick(struct keeper *k, struct json *outcomes);
/* A session begins to be watched: its idle time is counted from what is known of it now. */
void keeper_first_look(struct watched *w);

/* One session now, if its time has come: is it idle? Sets when it is to be looked at next. */
void keeper_tick_one(struct watched *w);

/* policies.c */
enum wake_policy keeper_policy(struct keeper *k, const struct peer_record *p);
void policies_done(struct policies *v);

/* due.c: what must not wait for a tick */
struct watched *keeper_find(struct keeper *k, const char *identity); /* NULL */
void keeper_due(struct watched *w, int64_t at_mono_ms);
/* Its session has come on record: by which wake policy does it live? */
void keeper_due_policy(struct watched *w, const struct peer_id *id);
/* Was its server found stopped by a signal? Then it is asked again: after 2, 4 ... 60 s. */
void keeper_due_unknown(struct keeper *k, const char *identity, bool unknown);

/* listen.c */
int keeper_listen(struct keeper *k, struct err *e) NODISCARD;
void keeper_look_listener(struct keeper *k); /* is our socket still where commands look for it? */
void keeper_listen_no_more(struct keeper *k);

/* server.c */
void keeper_on_connect(uv_stream_t *server, int status);
void keeper_hear_no_more(struct keeper *k);
void keeper_receipt(struct keeper *k, const char *identity, const char *message_id);
/* A worker is done: `reply` is what it said (NULL: it died); `final`: its messages will not be
 * tried again by themselves. */
void keeper_outcome(struct keeper *k, const char *identity, enum trigger t,
		    const struct json *reply, bool final);

/* filewatch.c */
struct file_watch;
typedef void file_watch_fn(void *arg); /* something changed; it may free the watch */
/* As plat_watch() tells it. NULL: it cannot be watched, or is not there. */
struct file_watch *file_watch_new(uv_loop_t *loop, const char *path, file_watch_fn *fn, void *arg);
void file_watch_add(struct file_watch *w, const char *path); /* the same for another one */
void file_watch_free(struct file_watch **w);                 /* *w may be NULL, and is then */

/* events.c */
int keeper_watch_files(struct keeper *k, struct err *e) NODISCARD;
struct waiting *keeper_waiting(struct keeper *k, const char *identity); /* NULL */
void keeper_set_waiting(struct keeper *k, const char *identity,
			const char *reason); /* "" : no more */
