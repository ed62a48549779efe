/* peers.h - peers as commands see them: which ones are meant, what state they are in, how they look
 * in JSON. */
#pragma once
#include "iapeer/base/lock.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/delivery/status.h"
#include "iapeer/lifecycle/fleet.h"
#include "iapeer/lifecycle/observe.h"

/* The manifest of a runtime, read once; borrowed until the next one is asked for. NULL: it cannot
 * be read. */
const struct manifest *fleet_manifest(const struct ctx *c, struct fleet *f, const char *runtime);

struct sight {
	struct peer_id id;
	enum shown_state shown;
	size_t queued;
	struct observation o; /* filled when looked */
	bool looked;
	bool does; /* it is live, and this is what it does */
	struct status status;
};
/* One identity now. `f` may be NULL; with it the observation is brief. Writes nothing, starts
 * nothing. */
int sight_of(const struct ctx *c, const struct fleet *f, const struct peer_record *r,
	     const struct peer_id *id, struct sight *out, struct err *e) NODISCARD;

/* What a live one does just now: fills s->status, s->does. `f` (may be NULL) remembers manifests.
 */
void sight_status(const struct ctx *c, struct fleet *f, struct sight *s);
/* {"status","source","since","age","detail"?}; age in seconds, of the newest evidence. Owned. */
struct json *status_json(const struct status *s);
/* "waiting", in its colour. */
void status_mark(const struct term *t, struct buf *b, enum peer_status s);
/* "waiting 2m: permission prompt (hook)" */
void status_text(const struct status *s, struct buf *b);

/* The record of a name as typed (registry_need) and of one of its runtimes (`asked` may be NULL).
 */
int peer_meant(const struct ctx *c, const char *name, const char *asked,
	       const struct peer_record **out, struct peer_id *out_id, struct err *e) NODISCARD;
/* ERR_USAGE for what is no peer's name, with the name that it would become. */
int peer_name_check(const char *name, struct err *e) NODISCARD;
/* What the record says, else its runtime's default. */
enum nature peer_nature(const struct ctx *c, const struct peer_record *r);

/* The tags of its profile, united with the list; a profile that cannot be read has none. */
void peer_tags(const struct peer_record *r, struct strv *out);

/* Before a profile is read to be changed and written again: nobody else changes that peer's until
 * the lock is released, and the registry is read anew (records that were found are gone). Waits 30
 * s; ERR_TIMEOUT names the holder. To be taken before any identity's lock. */
int peer_edit_begin(struct ctx *c, const char *name, const char *what, struct lock *out,
		    struct err *e) NODISCARD;
/* Text in a shell is a command: that agents may type there is for people to say, and so is that a
 * program asks nothing any more. ERR_REFUSED: it is an agent who calls. `what` is named. */
int peer_said_by_person(const struct ctx *c, const char *what, struct err *e) NODISCARD;
/* Take the peer's lock, waiting at most wait_ms: ERR_TIMEOUT names the holder. `what`: what we are
 * about to do. */
int peer_lock(const struct ctx *c, const struct peer_id *id, const char *what, int64_t wait_ms,
	      struct lock *out, struct err *e) NODISCARD;

/* {"personality", ... "runtimes":[...]} as `list --json` has it, `sights` for its runtimes in their
 * order. Owned. */
struct json *peer_json(const struct ctx *c, const struct peer_record *r,
		       const struct sight *sights);
/* All runtimes of a record, and what they do; *out is an array of r->runtimes.n, free() it. */
int sights_of(const struct ctx *c, struct fleet *f, const struct peer_record *r, struct sight **out,
	      struct err *e) NODISCARD;
/* "● shell" with its colour; ASCII where the locale is not UTF-8. */
void state_mark(const struct term *t, struct buf *b, enum shown_state s, const char *runtime);
