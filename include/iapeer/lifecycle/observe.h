/* observe.h - one peer at one instant, by files and /proc only: no process is started, no lock
 * taken. */
#pragma once
#include "iapeer/canary/ledger.h"
#include "iapeer/launch/session.h"
#include "iapeer/lifecycle/death.h"
#include "iapeer/lifecycle/decide.h"
#include "iapeer/lifecycle/fleet.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"
#include "iapeer/runtime/manifest.h"

struct observation {
	struct snapshot snap;
	bool has_session;
	struct session session;
	enum canary_state canary_state;
	struct canary canary;
	struct death_ring deaths;
	struct proc_ref leftover; /* SESSION_LEFTOVER: the server */
	int64_t rested_utc_ms;    /* DUTY_REST: until when */
	size_t queued;            /* messages that wait */
};

struct observe_in {
	const struct layout *layout;
	const struct settings *settings;
	const struct peer_record *record; /* NULL: unregistered */
	struct peer_id id;
	/* What the caller knows already, for one who looks at many; each may be NULL. A decision on
	 * these is a wish: who carries it out looks again, without them and under the lock. */
	const struct fleet *fleet;     /* files that are not in it are not looked for */
	const struct session *session; /* the record, as it was last read */
	const enum proc_state *server; /* with program_watched: that of the session's server */
	bool program_watched; /* with `session`: the end of its program would have been heard of */
	const struct canary *armed; /* the armed record, likewise */
	bool brief; /* for who is shown and not decided on: the armed record of a live session is
		       not read, nor are past deaths */
};
/* The duty out of the marks; observe_duty() adds what only the profile tells. */
int observe(const struct observe_in *in, struct observation *out, struct err *e) NODISCARD;
/* Which of its files cannot be understood, so that nothing can be said or done about it (the <what>
 * of state/lifecycle/<identity>.<what>); NULL: none. */
const char *observe_corrupt(const struct layout *l, const struct peer_id *id);
/* Nothing that an observation depends on but the registry: no process, no debt, no mark. What is
 * only remembered of it (receipts, samples, deaths) does not count with `shown`, which is about the
 * state that is shown and the messages that wait. */
bool observe_nothing(const struct layout *l, const struct fleet *f, const struct peer_id *id,
		     bool shown);
void observe_duty(const struct observe_in *in, enum wake_policy policy, struct observation *o);

enum shown_state { SHOWN_LIVE, SHOWN_ASLEEP, SHOWN_STOPPED, SHOWN_UNKNOWN, SHOWN_STATE_COUNT };
enum shown_state observe_shown(const struct observation *o);
const char *shown_state_word(enum shown_state s); /* live asleep stopped unknown */
