/* Every snapshot and every trigger (some millions): what must hold for each, and that each
 * comes to rest. */
#include "iapeer/lifecycle/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/banned.h"

#define N_FLAGS 12

static size_t snapshots(void)
{
	return (size_t)SESSION_STATE_COUNT * ENDING_STATE_COUNT * CANARY_MARK_COUNT * DUTY_COUNT
	       << N_FLAGS;
}

static struct snapshot snapshot(size_t n)
{
	struct snapshot s = {.declared = n & 1,
			     .program_found = n >> 1 & 1,
			     .stopped = n >> 2 & 1,
			     .new_eager = n >> 3 & 1,
			     .ready = n >> 4 & 1,
			     .sending = n >> 5 & 1,
			     .queued = n >> 6 & 1,
			     .crash_loop = n >> 7 & 1,
			     .canary_wanted = n >> 8 & 1,
			     .foreign = n >> 9 & 1,
			     .idle = n >> 10 & 1,
			     .turn = n >> 11 & 1};

	n >>= N_FLAGS;
	s.duty = (enum duty)(n % DUTY_COUNT);
	n /= DUTY_COUNT;
	s.canary = (enum canary_mark)(n % CANARY_MARK_COUNT);
	n /= CANARY_MARK_COUNT;
	s.ending = (enum ending_state)(n % ENDING_STATE_COUNT);
	s.session = (enum session_state)(n / ENDING_STATE_COUNT);
	return s;
}

/* Says no to a decision that breaks a law. */
typedef bool law_fn(enum trigger t, const struct snapshot *s, enum action a);

static void show(enum trigger t, const struct snapshot *s, const char *what)
{
	fail_msg("%s: %s session=%d ending=%d canary=%d declared=%d program=%d stopped=%d eager=%d "
		 "ready=%d sending=%d queued=%d "
		 "loop=%d wanted=%d foreign=%d idle=%d turn=%d duty=%d",
		 what, trigger_word(t), (int)s->session, (int)s->ending, (int)s->canary,
		 s->declared, s->program_found, s->stopped, s->new_eager, s->ready, s->sending,
		 s->queued, s->crash_loop, s->canary_wanted, s->foreign, s->idle, s->turn,
		 (int)s->duty);
}

static void for_all(law_fn *law)
{
	for (size_t n = 0; n < snapshots(); n++) {
		struct snapshot s = snapshot(n);

		for (int t = 0; t < TRIG_COUNT; t++) {
			struct decision d = decide((enum trigger)t, &s);

			if (!law((enum trigger)t, &s, d.action))
				show((enum trigger)t, &s, d.rule);
		}
	}
}

static bool refuses(enum action a)
{
	return a == ACT_REFUSE_FOREIGN || a == ACT_REFUSE_UNDECLARED || a == ACT_REFUSE_PROGRAM ||
	       a == ACT_REFUSE_STOPPED || a == ACT_REFUSE_CRASH_LOOP || a == ACT_REFUSE_UNKNOWN;
}

/* Brings a session to life, or uses one. */
static bool uses(enum action a)
{
	return a == ACT_START || a == ACT_READY || a == ACT_SETTLE || a == ACT_DELIVER;
}

/* The keeper's own wish, nobody's request. */
static bool own(enum trigger t)
{
	return t == TRIG_LOOK || t == TRIG_TICK;
}

/* ---- the laws ---- */

static bool foreign_is_not_touched(enum trigger t, const struct snapshot *s, enum action a)
{
	/* A removal by force may: whoever calls asks for the force. */
	return !s->foreign || t == TRIG_REMOVE || a == (own(t) ? ACT_NONE : ACT_REFUSE_FOREIGN);
}

static bool stopped_stays_down(enum trigger t, const struct snapshot *s, enum action a)
{
	(void)t;
	/* What is settled of one that is gone is only written down. */
	return !s->stopped || !uses(a) || (a == ACT_SETTLE && s->session == SESSION_ABSENT);
}

static bool delivers_only_to_the_living(enum trigger t, const struct snapshot *s, enum action a)
{
	return a != ACT_DELIVER ||
	       (t == TRIG_MESSAGE && s->session == SESSION_LIVE && s->ready && !s->sending &&
		s->queued && s->duty != DUTY_TASK && s->duty != DUTY_DONE);
}

static bool unknown_is_not_changed(enum trigger t, const struct snapshot *s, enum action a)
{
	return s->session != SESSION_UNKNOWN || a == (own(t) ? ACT_NONE : ACT_REFUSE_UNKNOWN) ||
	       a == ACT_REFUSE_FOREIGN;
}

static bool loop_is_not_fed(enum trigger t, const struct snapshot *s, enum action a)
{
	/* A person who asked for a new session (new-eager) means it. */
	return a != ACT_START || t != TRIG_MESSAGE || !s->crash_loop || s->new_eager;
}

static bool settled_before_used(enum trigger t, const struct snapshot *s, enum action a)
{
	bool open = s->ending != ENDING_NONE || s->canary == MARK_DEAD ||
		    s->session == SESSION_GONE || s->session == SESSION_PANE_DEAD ||
		    s->session == SESSION_LEFTOVER;

	(void)t;
	return !open || (!uses(a) && a != ACT_ARM && a != ACT_PARK && a != ACT_TAKE_TURN);
}

static bool starts_only_from_nothing(enum trigger t, const struct snapshot *s, enum action a)
{
	(void)t;
	return a != ACT_START || s->session == SESSION_ABSENT;
}

static bool nobody_starts_what_is_not_declared(enum trigger t, const struct snapshot *s,
					       enum action a)
{
	(void)t;
	return s->declared || !uses(a);
}

static bool nobody_asks_for_a_program_that_is_not_there(enum trigger t, const struct snapshot *s,
							enum action a)
{
	return a != ACT_START || s->program_found || own(t);
}

static bool stop_and_remove_only_end(enum trigger t, const struct snapshot *s, enum action a)
{
	(void)s;
	return (t != TRIG_STOP && t != TRIG_REMOVE) ||
	       (!uses(a) && a != ACT_ADOPT && a != ACT_ARM && a != ACT_UNDO_ENDING);
}

static bool a_look_neither_refuses_nor_delivers(enum trigger t, const struct snapshot *s,
						enum action a)
{
	(void)s;
	return !own(t) || (!refuses(a) && a != ACT_DELIVER && a != ACT_READY && a != ACT_SETTLE);
}

static bool a_look_starts_only_what_a_mark_asks_for(enum trigger t, const struct snapshot *s,
						    enum action a)
{
	return !own(t) || a != ACT_START || s->new_eager || (s->duty == DUTY_UP && !s->stopped);
}

static bool without_work_a_message_starts_nothing(enum trigger t, const struct snapshot *s,
						  enum action a)
{
	return t != TRIG_MESSAGE || s->queued || s->sending || s->new_eager || !uses(a);
}

static bool who_waits_for_a_turn_is_served_first(enum trigger t, const struct snapshot *s,
						 enum action a)
{
	bool steady = s->ending == ENDING_NONE && !s->foreign &&
		      ((s->session == SESSION_LIVE && s->canary == MARK_ARMED && !s->stopped) ||
		       (s->session == SESSION_ABSENT && s->canary == MARK_NONE));

	if (t != TRIG_MESSAGE || !s->turn || s->sending)
		return a != ACT_TAKE_TURN;
	return !steady || a == ACT_TAKE_TURN;
}

static bool only_a_live_session_or_an_ending_is_ended(enum trigger t, const struct snapshot *s,
						      enum action a)
{
	if (a == ACT_PARK)
		return s->session == SESSION_LIVE &&
		       (t == TRIG_STOP || s->stopped || (t == TRIG_TICK && s->idle));
	return a != ACT_END || s->ending == ENDING_OPEN || s->ending == ENDING_OVERDUE ||
	       (s->session == SESSION_LIVE &&
		(t == TRIG_REMOVE || s->new_eager || s->duty == DUTY_DONE ||
		 (t == TRIG_TICK && s->idle && s->duty != DUTY_NONE)));
}

static bool nobody_is_parked_over_a_message(enum trigger t, const struct snapshot *s, enum action a)
{
	return a != ACT_PARK || t == TRIG_STOP || s->stopped ||
	       (!s->queued && !s->sending && s->ready);
}

static bool an_ephemeral_session_has_one_task_and_ends_with_it(enum trigger t,
							       const struct snapshot *s,
							       enum action a)
{
	bool steady = s->session == SESSION_LIVE && s->ending == ENDING_NONE &&
		      s->canary == MARK_ARMED && s->ready && !s->sending && !s->new_eager &&
		      !s->foreign && s->declared && !s->stopped && !(s->turn && t == TRIG_MESSAGE);
	bool waits = s->duty == DUTY_WAITS && !s->queued;

	if (!steady || s->duty == DUTY_NONE || s->duty == DUTY_UP || s->duty == DUTY_REST)
		return true;
	if (s->duty == DUTY_DONE)
		return t == TRIG_NEW || t == TRIG_RUN || t == TRIG_STOP || a == ACT_END;
	if (t == TRIG_TICK && s->idle && (s->duty == DUTY_TASK || waits))
		return a == ACT_END;
	return t == TRIG_STOP || t == TRIG_REMOVE || (a != ACT_END && a != ACT_PARK);
}

static bool who_is_kept_up_is_started_when_he_may_be(enum trigger t, const struct snapshot *s,
						     enum action a)
{
	bool down = s->session == SESSION_ABSENT && s->ending == ENDING_NONE &&
		    s->canary != MARK_DEAD && s->declared && !s->foreign && !s->new_eager &&
		    !s->queued && !s->sending;

	if (!own(t) || s->duty == DUTY_NONE)
		return true;
	if (down && s->duty == DUTY_UP && !s->stopped && !s->crash_loop)
		return a == ACT_START;
	if (s->duty == DUTY_UP || s->duty == DUTY_REST)
		return (a != ACT_START || s->new_eager || down) && (a != ACT_PARK || s->stopped);
	return true;
}

static bool the_idle_are_parked_by_a_tick(enum trigger t, const struct snapshot *s, enum action a)
{
	bool quiet = s->session == SESSION_LIVE && s->ending == ENDING_NONE &&
		     s->canary == MARK_ARMED && s->ready && s->idle && !s->queued && !s->sending &&
		     !s->new_eager && !s->foreign && s->declared && s->duty == DUTY_NONE;

	return t != TRIG_TICK || !quiet || a == ACT_PARK;
}

static bool armed_only_where_it_is_wanted(enum trigger t, const struct snapshot *s, enum action a)
{
	(void)t;
	return a != ACT_ARM ||
	       (s->session == SESSION_LIVE && s->canary == MARK_NONE && s->canary_wanted);
}

static bool refused_in_the_order_of_the_spec(enum trigger t, const struct snapshot *s,
					     enum action a)
{
	if (refuses(a) && a != ACT_REFUSE_FOREIGN && s->foreign && t != TRIG_REMOVE)
		return false;
	if (a == ACT_REFUSE_PROGRAM)
		return s->declared;
	if (a == ACT_REFUSE_STOPPED)
		return s->declared && (s->program_found || s->session == SESSION_LIVE);
	if (a == ACT_REFUSE_CRASH_LOOP)
		return s->declared && s->program_found && !s->stopped;
	return true;
}

#define LAW(law)                                                                                   \
	static void law##_holds_always(void **state)                                               \
	{                                                                                          \
		(void)state;                                                                       \
		for_all(law);                                                                      \
	}
LAW(foreign_is_not_touched)
LAW(nobody_is_parked_over_a_message)
LAW(stopped_stays_down)
LAW(delivers_only_to_the_living)
LAW(unknown_is_not_changed)
LAW(loop_is_not_fed)
LAW(settled_before_used)
LAW(starts_only_from_nothing)
LAW(nobody_starts_what_is_not_declared)
LAW(nobody_asks_for_a_program_that_is_not_there)
LAW(stop_and_remove_only_end)
LAW(a_look_neither_refuses_nor_delivers)
LAW(a_look_starts_only_what_a_mark_asks_for)
LAW(without_work_a_message_starts_nothing)
LAW(who_waits_for_a_turn_is_served_first)
LAW(only_a_live_session_or_an_ending_is_ended)
LAW(an_ephemeral_session_has_one_task_and_ends_with_it)
LAW(who_is_kept_up_is_started_when_he_may_be)
LAW(the_idle_are_parked_by_a_tick)
LAW(armed_only_where_it_is_wanted)
LAW(refused_in_the_order_of_the_spec)

/* ---- the table ---- */

static void every_rule_is_reached_and_nothing_falls_through(void **state)
{
	bool seen[64] = {false};

	(void)state;
	assert_in_range(decide_rule_count(), 1, 64);
	for (size_t n = 0; n < snapshots(); n++) {
		struct snapshot s = snapshot(n);

		for (int t = 0; t < TRIG_COUNT; t++) {
			struct decision d = decide((enum trigger)t, &s);
			size_t i = 0;

			while (i < decide_rule_count() && decide_rule_name(i) != d.rule)
				i++;
			if (i == decide_rule_count())
				show((enum trigger)t, &s, d.rule);
			else
				seen[i] = true;
		}
	}
	for (size_t i = 0; i < decide_rule_count(); i++)
		if (!seen[i])
			fail_msg("never reached: %s", decide_rule_name(i));
}

static void names_and_words_are_different_and_fit(void **state)
{
	enum trigger t = TRIG_COUNT;

	(void)state;
	for (size_t i = 0; i < decide_rule_count(); i++) {
		assert_true(strlen(decide_rule_name(i)) < 64); /* apply_outcome.rule */
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(decide_rule_name(i), decide_rule_name(k));
	}
	for (int i = 0; i < ACTION_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(action_word((enum action)i),
						action_word((enum action)k));
	for (int i = 0; i < TRIG_COUNT; i++) {
		assert_true(trigger_parse(trigger_word((enum trigger)i), &t));
		assert_int_equal(t, i);
	}
	assert_false(trigger_parse("", &t));
	assert_false(trigger_parse("messages", &t));
}

/* ---- a world that does what it is told ---- */

static void gone(struct snapshot *s)
{
	s->session = SESSION_ABSENT;
	s->ending = ENDING_NONE;
	s->canary = MARK_NONE;
	s->ready = false;
	if (s->duty == DUTY_TASK || s->duty == DUTY_DONE)
		s->duty = DUTY_WAITS;
	if (s->duty == DUTY_UP)
		s->duty = DUTY_REST;
}

static void lives(struct snapshot *s, bool ready)
{
	s->session = SESSION_LIVE;
	s->canary = s->canary_wanted ? MARK_ARMED : MARK_NONE;
	s->ready = ready;
}

/* The obvious effect of an action. False: it ends the work (done, or refused). */
static bool act(struct snapshot *s, enum action a)
{
	switch (a) {
	case ACT_FINISH_ENDING:
		s->ending = ENDING_NONE;
		if (s->session != SESSION_GONE)
			s->session = SESSION_ABSENT; /* a program's own end leaves the session to be
							reaped */
		return true;
	case ACT_UNDO_ENDING:
		s->ending = ENDING_NONE;
		s->canary = MARK_ARMED;
		return true;
	case ACT_RECORD_DEATH:
		s->canary = MARK_NONE;
		return true;
	case ACT_REAP_GONE:
		s->session = SESSION_ABSENT;
		return true;
	case ACT_FINISH_PANE:
		s->session = SESSION_GONE;
		s->ending = ENDING_DONE;
		s->canary = MARK_NONE;
		return true;
	case ACT_ADOPT:
		lives(s, false);
		return true;
	case ACT_ARM:
		s->canary = MARK_ARMED;
		return true;
	case ACT_SETTLE:
		s->sending = false;
		return true;
	case ACT_TAKE_TURN:
		s->turn = false;
		return true;
	case ACT_START:
	case ACT_READY:
		lives(s, true);
		s->new_eager = false;
		return true;
	case ACT_DELIVER:
		s->queued = s->queued && s->duty == DUTY_WAITS; /* as if there were two tasks */
		if (s->duty == DUTY_WAITS)
			s->duty = DUTY_TASK;
		return true;
	case ACT_END:
	case ACT_PARK:
	case ACT_END_LEFTOVER:
		gone(s);
		return true;
	case ACT_NONE:
	case ACT_REFUSE_FOREIGN:
	case ACT_REFUSE_UNDECLARED:
	case ACT_REFUSE_PROGRAM:
	case ACT_REFUSE_STOPPED:
	case ACT_REFUSE_CRASH_LOOP:
	case ACT_REFUSE_UNKNOWN:
	case ACTION_COUNT:
		break;
	}
	return false;
}

/* What is at rest: nothing that has ended is left lying about; what was asked for is so. */
static bool at_rest(enum trigger t, const struct snapshot *s, enum action last)
{
	if (s->session == SESSION_UNKNOWN || (s->foreign && t != TRIG_REMOVE))
		return true;
	if (s->ending != ENDING_NONE || s->canary == MARK_DEAD)
		return false;
	if (t == TRIG_STOP || t == TRIG_REMOVE)
		return s->session == SESSION_ABSENT;
	if (s->session != SESSION_ABSENT && s->session != SESSION_LIVE)
		return false;
	if (refuses(last) || own(t))
		return true;
	if (t == TRIG_MESSAGE && s->session == SESSION_LIVE && s->duty == DUTY_TASK)
		return !s->sending;
	return t == TRIG_MESSAGE ? !s->queued && !s->sending && !s->turn
				 : s->session == SESSION_LIVE || !s->new_eager;
}

static void everything_comes_to_rest_within_sixteen_steps(void **state)
{
	(void)state;
	for (size_t n = 0; n < snapshots(); n++)
		for (int t = 0; t < TRIG_COUNT; t++) {
			const struct snapshot first = snapshot(n);
			struct snapshot s = first;
			struct decision d;
			int steps = 0;

			s.stopped = s.stopped || t == TRIG_STOP;
			do
				d = decide((enum trigger)t, &s);
			while (act(&s, d.action) && ++steps < 16);
			if (steps >= 16 || !at_rest((enum trigger)t, &s, d.action))
				show((enum trigger)t, &first, d.rule);
		}
}

#define TEST(law) cmocka_unit_test(law##_holds_always)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(foreign_is_not_touched),
	    TEST(nobody_is_parked_over_a_message),
	    TEST(stopped_stays_down),
	    TEST(delivers_only_to_the_living),
	    TEST(unknown_is_not_changed),
	    TEST(loop_is_not_fed),
	    TEST(settled_before_used),
	    TEST(starts_only_from_nothing),
	    TEST(nobody_starts_what_is_not_declared),
	    TEST(nobody_asks_for_a_program_that_is_not_there),
	    TEST(stop_and_remove_only_end),
	    TEST(a_look_neither_refuses_nor_delivers),
	    TEST(a_look_starts_only_what_a_mark_asks_for),
	    TEST(without_work_a_message_starts_nothing),
	    TEST(who_waits_for_a_turn_is_served_first),
	    TEST(only_a_live_session_or_an_ending_is_ended),
	    TEST(an_ephemeral_session_has_one_task_and_ends_with_it),
	    TEST(who_is_kept_up_is_started_when_he_may_be),
	    TEST(the_idle_are_parked_by_a_tick),
	    TEST(armed_only_where_it_is_wanted),
	    TEST(refused_in_the_order_of_the_spec),
	    cmocka_unit_test(every_rule_is_reached_and_nothing_falls_through),
	    cmocka_unit_test(names_and_words_are_different_and_fit),
	    cmocka_unit_test(everything_comes_to_rest_within_sixteen_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
