#include "iapeer/lifecycle/decide.h"

#include <string.h>

#include "iapeer/base/banned.h"

#define BIT(t) (1U << (t))
#define ANY    (BIT(TRIG_COUNT) - 1U)
#define OWN    (BIT(TRIG_LOOK) | BIT(TRIG_TICK)) /* the keeper's own wish, nobody's request */
#define LOOKS  (OWN | BIT(TRIG_MESSAGE) | BIT(TRIG_ATTACH))
#define WAKES  (BIT(TRIG_MESSAGE) | BIT(TRIG_NEW) | BIT(TRIG_RUN) | BIT(TRIG_ATTACH))
#define RENEWS (OWN | BIT(TRIG_MESSAGE) | BIT(TRIG_NEW) | BIT(TRIG_RUN))
#define ENDS   (BIT(TRIG_STOP) | BIT(TRIG_REMOVE))

static bool always(const struct snapshot *s)
{
	return s != NULL;
}
static bool foreign(const struct snapshot *s)
{
	return s->foreign;
}
static bool unknown(const struct snapshot *s)
{
	return s->session == SESSION_UNKNOWN;
}
static bool ending_done(const struct snapshot *s)
{
	return s->ending == ENDING_DONE;
}
static bool ending_overdue(const struct snapshot *s)
{
	return s->ending == ENDING_OVERDUE;
}
static bool ending_open(const struct snapshot *s)
{
	return s->ending == ENDING_OPEN || s->ending == ENDING_OVERDUE;
}
static bool died(const struct snapshot *s)
{
	return s->canary == MARK_DEAD;
}
static bool gone(const struct snapshot *s)
{
	return s->session == SESSION_GONE;
}
static bool gone_stopped(const struct snapshot *s)
{
	return gone(s) && s->stopped;
}
static bool pane_dead(const struct snapshot *s)
{
	return s->session == SESSION_PANE_DEAD;
}
static bool leftover(const struct snapshot *s)
{
	return s->session == SESSION_LEFTOVER;
}
static bool live(const struct snapshot *s)
{
	return s->session == SESSION_LIVE;
}
static bool live_stopped(const struct snapshot *s)
{
	return live(s) && s->stopped;
}
static bool live_eager(const struct snapshot *s)
{
	return live(s) && s->new_eager;
}
static bool unarmed(const struct snapshot *s)
{
	return live(s) && s->canary == MARK_NONE && s->canary_wanted;
}
static bool idle(const struct snapshot *s)
{
	return live(s) && s->ready && s->idle && !s->queued && !s->sending;
}
static bool no_work(const struct snapshot *s)
{
	return !s->queued && !s->sending;
}
static bool at_task(const struct snapshot *s)
{
	return live(s) && s->duty == DUTY_TASK;
}
static bool task_done(const struct snapshot *s)
{
	return live(s) && s->duty == DUTY_DONE && !s->sending;
}
static bool task_quiet(const struct snapshot *s)
{
	return at_task(s) && s->ready && s->idle && !s->sending;
}
static bool idle_unarmed(const struct snapshot *s)
{
	return s->duty == DUTY_WAITS && idle(s);
}
static bool kept_up(const struct snapshot *s)
{
	return s->duty == DUTY_UP || s->duty == DUTY_REST;
}
static bool idle_by_duty(const struct snapshot *s)
{
	return !kept_up(s) && idle(s);
}
static bool up_loops(const struct snapshot *s)
{
	return kept_up(s) && !live(s) && s->crash_loop && no_work(s);
}
static bool to_be_up(const struct snapshot *s)
{
	return s->duty == DUTY_UP && !live(s) && !s->crash_loop && no_work(s);
}
static bool eager(const struct snapshot *s)
{
	return s->new_eager;
}
static bool undeclared(const struct snapshot *s)
{
	return !s->declared;
}
static bool no_program(const struct snapshot *s)
{
	return !live(s) && !s->program_found;
}
static bool stopped(const struct snapshot *s)
{
	return s->stopped;
}
static bool unready(const struct snapshot *s)
{
	return live(s) && !s->ready;
}
static bool turn_left(const struct snapshot *s)
{
	return s->turn && !s->sending;
}
static bool sending(const struct snapshot *s)
{
	return s->sending;
}
static bool stopped_in_doubt(const struct snapshot *s)
{
	return s->stopped && s->sending && !live(s);
}
static bool loops(const struct snapshot *s)
{
	return !live(s) && s->crash_loop;
}

struct rule {
	const char *name; /* journalled, and what the test is called */
	unsigned triggers;
	bool (*when)(const struct snapshot *);
	enum action then;
	const char *word; /* NULL: the action's */
};

/* First match wins: the order is the policy. What happened is put in order first (an ending, a
 * death, a dead pane, a server nobody knows), whoever looks; then what was asked for is done, one
 * step a look. */
static const struct rule rules[] = {
    {"a peer of a foreign service is left alone", OWN, foreign, ACT_NONE, "skipped-launchd"},
    {"nothing is asked of a peer of a foreign service", ANY & ~BIT(TRIG_REMOVE), foreign,
     ACT_REFUSE_FOREIGN, NULL},
    {"a server that does not answer is left alone", OWN, unknown, ACT_NONE, "unknown"},
    {"nothing is asked of a server that does not answer", ANY, unknown, ACT_REFUSE_UNKNOWN, NULL},
    {"an ending that is done is tidied up", ANY, ending_done, ACT_FINISH_ENDING, NULL},
    {"an overdue ending is undone", LOOKS, ending_overdue, ACT_UNDO_ENDING, NULL},
    {"an ending that was begun is finished", ANY, ending_open, ACT_END, NULL},
    {"a death is recorded before anything else", ANY, died, ACT_RECORD_DEATH, NULL},
    {"a stopped session that is gone is tidied up", ANY, gone_stopped, ACT_REAP_GONE,
     "skipped-stopped"},
    {"a session that is gone is forgotten", ANY, gone, ACT_REAP_GONE, NULL},
    {"a dead pane ends its session", ANY, pane_dead, ACT_FINISH_PANE, NULL},
    {"an unknown server is ended with its peer", ENDS, leftover, ACT_END_LEFTOVER, NULL},
    {"an unknown server on our socket is adopted", ANY, leftover, ACT_ADOPT, NULL},
    {"a stopped peer is parked", BIT(TRIG_STOP), live, ACT_PARK, NULL},
    {"a removed peer is ended", BIT(TRIG_REMOVE), live, ACT_END, NULL},
    {"a stopped or removed peer needs nothing more", ENDS, always, ACT_NONE, NULL},
    {"a live session of a stopped peer is parked", LOOKS, live_stopped, ACT_PARK, "reaped-stopped"},
    {"a live server is watched", ANY, unarmed, ACT_ARM, NULL},
    {"a turn that is waited for is watched", BIT(TRIG_MESSAGE), turn_left, ACT_TAKE_TURN, NULL},
    {"a look leaves an undeclared runtime alone", OWN, undeclared, ACT_NONE, NULL},
    {"an undeclared runtime is not started", WAKES, undeclared, ACT_REFUSE_UNDECLARED, NULL},
    {"a session is renewed by ending the old one", RENEWS, live_eager, ACT_END, NULL},
    {"a stopped peer's unsettled delivery is settled", BIT(TRIG_MESSAGE), stopped_in_doubt,
     ACT_SETTLE, NULL},
    {"a program that is not there is not started", WAKES, no_program, ACT_REFUSE_PROGRAM, NULL},
    {"a stopped peer takes no message", WAKES, stopped, ACT_REFUSE_STOPPED, NULL},
    {"a stopped peer is left asleep", OWN, stopped, ACT_NONE, NULL},
    {"a new session was asked for", RENEWS, eager, ACT_START, "needs-eager-fresh"},
    {"a new session was asked for and is there", BIT(TRIG_NEW) | BIT(TRIG_RUN), always, ACT_NONE,
     NULL},
    {"a task that says it is done is ended", LOOKS, task_done, ACT_END, "reaped-ephemeral"},
    {"a task that has gone quiet is ended", BIT(TRIG_TICK), task_quiet, ACT_END,
     "reaped-ephemeral"},
    {"an ephemeral session that idles unarmed is ended", BIT(TRIG_TICK), idle_unarmed, ACT_END,
     "reaped-ephemeral"},
    {"an idle session is parked", BIT(TRIG_TICK), idle_by_duty, ACT_PARK, "reaped-idle"},
    {"a live session is left alone", BIT(TRIG_TICK), live, ACT_NONE, "alive"},
    {"a crash loop is not kept up", OWN | BIT(TRIG_MESSAGE), up_loops, ACT_NONE,
     DECIDE_LEFT_ASLEEP},
    {"an always-on peer is kept up", OWN, to_be_up, ACT_START, "kept-up"},
    {"nothing waits", OWN | BIT(TRIG_MESSAGE), no_work, ACT_NONE, NULL},
    {"a look delivers nothing", OWN, always, ACT_NONE, NULL},
    {"a session that starts is waited for", BIT(TRIG_MESSAGE) | BIT(TRIG_ATTACH), unready,
     ACT_READY, NULL},
    {"an unsettled delivery is settled first", BIT(TRIG_MESSAGE), sending, ACT_SETTLE, NULL},
    {"an ephemeral session gets one task", BIT(TRIG_MESSAGE), at_task, ACT_NONE, NULL},
    {"a live session gets its messages", BIT(TRIG_MESSAGE), live, ACT_DELIVER, NULL},
    {"a live session can be attached to", BIT(TRIG_ATTACH), live, ACT_NONE, NULL},
    {"a crash loop is not fed", BIT(TRIG_MESSAGE), loops, ACT_REFUSE_CRASH_LOOP, NULL},
    {"a message wakes a sleeping peer", BIT(TRIG_MESSAGE), always, ACT_START, NULL},
    {"an attach wakes a sleeping peer", BIT(TRIG_ATTACH), always, ACT_START, NULL},
};
#define N_RULES (sizeof rules / sizeof rules[0])

struct decision decide(enum trigger trigger, const struct snapshot *s)
{
	for (size_t i = 0; i < N_RULES; i++)
		if ((rules[i].triggers & BIT(trigger)) && rules[i].when(s))
			return (struct decision){
			    .action = rules[i].then,
			    .rule = rules[i].name,
			    .word = rules[i].word ? rules[i].word : action_word(rules[i].then)};
	return (struct decision){
	    .action = ACT_NONE,
	    .rule = "nothing to do",
	    .word = action_word(ACT_NONE)}; /* every trigger has a last rule: not reached */
}

size_t decide_rule_count(void)
{
	return N_RULES;
}

const char *decide_rule_name(size_t i)
{
	return rules[i].name;
}

static const char *const actions[] = {
    [ACT_NONE] = "none",
    [ACT_REFUSE_FOREIGN] = "refused-foreign",
    [ACT_REFUSE_UNDECLARED] = "refused-undeclared",
    [ACT_REFUSE_PROGRAM] = "refused-no-program",
    [ACT_REFUSE_STOPPED] = "refused-stopped",
    [ACT_REFUSE_CRASH_LOOP] = "refused-crash-loop",
    [ACT_REFUSE_UNKNOWN] = "unknown",
    [ACT_FINISH_ENDING] = "ending-finished",
    [ACT_UNDO_ENDING] = "ending-undone",
    [ACT_RECORD_DEATH] = "death-recorded",
    [ACT_REAP_GONE] = "reaped-gone",
    [ACT_FINISH_PANE] = "pane-finished",
    [ACT_ADOPT] = "adopted",
    [ACT_END_LEFTOVER] = "leftover-ended",
    [ACT_ARM] = "canary",
    [ACT_SETTLE] = "settled",
    [ACT_TAKE_TURN] = "turn-taken",
    [ACT_START] = "started",
    [ACT_READY] = "ready",
    [ACT_DELIVER] = "delivered",
    [ACT_END] = "ended",
    [ACT_PARK] = "parked",
};
_Static_assert(sizeof actions / sizeof actions[0] == ACTION_COUNT, "one word an action");

const char *action_word(enum action a)
{
	return actions[a];
}

static const char *const triggers[] = {
    [TRIG_LOOK] = "look",     [TRIG_MESSAGE] = "message", [TRIG_NEW] = "new",
    [TRIG_RUN] = "run",       [TRIG_ATTACH] = "attach",   [TRIG_STOP] = "stop",
    [TRIG_REMOVE] = "remove", [TRIG_TICK] = "tick"};
_Static_assert(sizeof triggers / sizeof triggers[0] == TRIG_COUNT, "one word a trigger");

const char *trigger_word(enum trigger t)
{
	return triggers[t];
}

bool trigger_parse(const char *word, enum trigger *out)
{
	for (int i = 0; i < TRIG_COUNT; i++)
		if (strcmp(triggers[i], word) == 0) {
			*out = (enum trigger)i;
			return true;
		}
	return false;
}
