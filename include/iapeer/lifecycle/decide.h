/* decide.h - what to do with a peer now: one ordered rule table, pure.
 *
 * A snapshot is one peer at one instant, plain values. apply_peer() observes, asks here, acts, and
 * asks again until the answer is ACT_NONE or a refusal. The keeper asks the same table to learn
 * whether a worker is worth starting.
 */
#pragma once
#include "iapeer/base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum trigger {
	TRIG_LOOK,
	TRIG_MESSAGE,
	TRIG_NEW,
	TRIG_RUN,
	TRIG_ATTACH,
	TRIG_STOP,
	TRIG_REMOVE,
	TRIG_TICK,
	TRIG_COUNT
};

enum session_state {
	SESSION_ABSENT,
	SESSION_LIVE,
	SESSION_GONE,      /* on record, but its server or program is gone */
	SESSION_PANE_DEAD, /* its server lives, the program does not: the hook was lost, or is at
			      work */
	SESSION_LEFTOVER, /* a server on our socket that no record tells of: a start that was killed
			     half way */
	SESSION_UNKNOWN,  /* the server is stopped (T) */
	SESSION_STATE_COUNT
};
enum ending_state {
	ENDING_NONE,
	ENDING_OPEN /* server alive, in time */,
	ENDING_OVERDUE,
	ENDING_DONE /* server gone */,
	ENDING_STATE_COUNT
};
enum canary_mark {
	MARK_NONE,
	MARK_ARMED,
	MARK_DEAD /* armed, and its server is gone */,
	CANARY_MARK_COUNT
};

/* What the wake policy asks of it now. */
enum duty {
	DUTY_NONE,
	DUTY_WAITS, /* ephemeral: its session, if any, has no task yet */
	DUTY_TASK,  /* its session was given its one task */
	DUTY_DONE,  /* and says that it is done */
	DUTY_UP,    /* always there: to be started when it is not */
	DUTY_REST,  /* the same, but it ended a moment ago: not yet */
	DUTY_COUNT
};

struct snapshot {
	enum duty duty;
	enum session_state session;
	enum ending_state ending;
	enum canary_mark canary;
	bool foreign; /* a service manager's job that is not ours has this peer */
	bool idle; /* TICK: quiet for as long as the settings say, no client, no turn in progress */
	bool declared; /* the runtime is declared by the peer */
	bool program_found;
	bool stopped, new_eager;
	bool ready;   /* the session showed that it takes input */
	bool sending; /* an unsettled paste */
	bool turn;    /* the end of one is waited for, on record */
	bool queued;  /* a message waits */
	bool crash_loop;
	bool canary_wanted;
};

enum action {
	ACT_NONE,
	ACT_REFUSE_FOREIGN,
	ACT_REFUSE_UNDECLARED,
	ACT_REFUSE_PROGRAM,
	ACT_REFUSE_STOPPED,
	ACT_REFUSE_CRASH_LOOP,
	ACT_REFUSE_UNKNOWN,
	ACT_FINISH_ENDING,
	ACT_UNDO_ENDING,
	ACT_RECORD_DEATH,
	ACT_REAP_GONE,
	ACT_FINISH_PANE,
	ACT_ADOPT,
	ACT_END_LEFTOVER,
	ACT_ARM,
	ACT_SETTLE,
	ACT_TAKE_TURN,
	ACT_START,
	ACT_READY,
	ACT_DELIVER,
	ACT_END,
	ACT_PARK,
	ACTION_COUNT
};

struct decision {
	enum action action;
	const char *rule; /* its name: in the journal, in `supervise --once`, in the test */
	const char *word; /* for the journal and --json: "reaped-idle", else the action's
			     own word */
};
#define DECIDE_LEFT_ASLEEP "left-asleep" /* kept up until now, and not any more: worth a line */
struct decision decide(enum trigger trigger, const struct snapshot *s);
const char *action_word(enum action a);
const char *trigger_word(enum trigger t);
bool trigger_parse(const char *word, enum trigger *out);
size_t decide_rule_count(void);
const char *decide_rule_name(size_t i);
