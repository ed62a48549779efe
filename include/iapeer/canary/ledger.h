/* ledger.h - server deaths: armed, ended on purpose, or recorded, exactly once.
 *
 * While a server is watched, <identity>.canary says which (pid, birth, boot, socket). Ending it on
 * purpose first turns that record into <identity>.ending; so at every instant after a deliberate
 * kill there is no armed record, and an armed record whose server is gone is a death, whoever finds
 * it, however late. A death has an id made of identity, boot, pid and birth; its evidence file is
 * published under that id by link(2), then the line goes to exits.log unless one with that id is
 * there, then the record is removed. Killed between any two of these, the next observer goes on
 * where it stopped.
 *
 * Should that record be deleted or damaged while the server lives, who knows the server by other
 * means says so (`unmarked`), and its death is recorded all the same.
 *
 * Nothing here starts a process or takes a peer's lock; recorders take turns by a lock of their
 * own.
 */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/canary/oom.h"
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

struct canary {
	char identity[128]; /* any server may be watched by the hidden verbs, so this is not a
			       peer_id */
	struct proc_ref server;
	char boot_id[64];
	char socket[LAYOUT_PATH];
	char log_dir[LAYOUT_PATH]; /* where exits.log and server-deaths/ are; "" : the root's own */
	int64_t armed_at_ms;
	/* an ending's: */
	char who[64]; /* "stop", "hook", "new" ... */
	char why[96];
	int64_t deadline_utc_ms; /* past it a living server is armed again */
};

/* What a kill for memory is proven by (oom.h), noted when a server is armed. */
struct armed_memory {
	int64_t mono_ms; /* awake time of its boot; 0: not known */
	char group[PLAT_MEMORY_GROUP];
	int64_t kills; /* that group's counter; -1: not known */
	bool whole;    /* that group dies as a whole */
};

enum canary_state { CANARY_NONE, CANARY_ARMED, CANARY_ENDING };

/* What is on record for the identity. */
int canary_load(const struct layout *l, const char *identity, enum canary_state *out_state,
		struct canary *out, struct err *e) NODISCARD;
/* What was noted when it was armed; what is not on record is not known. */
void canary_armed_memory(const struct layout *l, const char *identity, struct armed_memory *out);
/* Every identity with a record (armed or ending), sorted. */
int canary_list(const struct layout *l, struct strv *out, struct err *e) NODISCARD;

/* Watch this server from now on. An armed record of another, dead server must have been recorded
 * before. */
int canary_arm(const struct layout *l, const struct canary *c, struct err *e) NODISCARD;
/* The armed record becomes `ending`. Nothing armed: nothing is done. */
int canary_begin_ending(const struct layout *l, const char *identity, const char *who,
			const char *why, int64_t deadline_utc_ms, struct err *e) NODISCARD;
/* This very server (c->server) is about to end on purpose, armed or not yet: the hook cannot know.
 * who, why and the deadline are c's. Another server's record is left alone. */
int canary_note_ending(const struct layout *l, const struct canary *c, struct err *e) NODISCARD;
int canary_finish_ending(const struct layout *l, const char *identity,
			 struct err *e) NODISCARD; /* drop the record */
int canary_undo_ending(const struct layout *l, const char *identity,
		       struct err *e) NODISCARD; /* armed again */
int canary_disarm(const struct layout *l, const char *identity, bool *out_was,
		  struct err *e) NODISCARD;

/* How an end is known, and what became of it. */
struct death {
	struct canary canary; /* the armed record */
	bool observed;        /* status is what the kernel said */
	int status;           /* wait status, when observed */
	bool late;            /* found after the fact, not watched */
	bool unmarked; /* should there be no armed record, or none that can be read: it is a death
			  all the same, for nobody has ended that server on purpose */
	/* filled by canary_record: */
	char cause[32];     /* "sigkill", "exited", "host-restart", "unknown" ... */
	enum oom_proof oom; /* what proves "oom-kill" */
	char id[160];
	bool recorded; /* this call wrote the line; false: somebody else had */
	bool settled;  /* nothing is left to do: on record, or not to be */
};
/* Record the deaths of n armed servers that are gone, as one event: one look at the machine, one
 * fsync; then drop the records. Safe to call again after any interruption. Waits at most 1 s for
 * another recorder. */
int canary_record(const struct layout *l, struct death *deaths, size_t n, struct err *e) NODISCARD;
/* "sigkill", "sigsegv", "exited" ... out of an observed wait status. */
void canary_cause(int status, char out[static 32]);
/* What was recorded of the death of that server: its cause; "" when nothing was. */
void canary_recorded_cause(const struct layout *l, const struct canary *c, char out[static 32]);
bool canary_server_gone(const struct canary *c); /* that very process, this boot */
