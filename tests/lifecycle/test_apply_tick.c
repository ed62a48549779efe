/* apply_peer() for the keeper's tick, and for a person who attaches. */
#include "iapeer/lifecycle/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/lifecycle/activity.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

static struct session live(struct world *w)
{
	world_peer(w, "bob", NULL);
	world_send(w, "m0", "true");
	world_apply(w, TRIG_MESSAGE);
	return world_session(w);
}

static int64_t seen(const struct world *w)
{
	struct session s = world_session(w);
	struct activity a;

	activity_look(&w->l, &s, KIND_SHELL, &a);
	return a.stamp;
}

/* A tick of a keeper that found it idle and saw these signs of life (0: not idle). */
static struct apply_outcome tick(struct world *w, int64_t stamp)
{
	struct apply_in in = {.layout = &w->l,
			      .settings = &w->s,
			      .registry = &w->r,
			      .id = w->id,
			      .trigger = TRIG_TICK,
			      .activity_stamp = stamp,
			      .lock_deadline_ms = clock_mono_ms() + 10000};
	struct apply_outcome out;

	OK(apply_peer(&in, &out, e));
	return out;
}

static void an_idle_session_is_parked_and_is_no_death(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	EVENTUALLY(tick(w, seen(w)).ended);
	assert_true(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
	assert_false(mark_is_set(&w->l, &w->id, MARK_STOPPED));
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_false(world_exists(w, world_state(&w->id, "deaths")));
	assert_int_equal(session_liveness(&s), LIVE_NO);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=server-exit"), 0);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_LIFECYCLE_LOG), "action=reaped-idle"), 1);
}

static void what_is_not_idle_stays(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	assert_false(tick(w, 0).ended);
	assert_false(tick(w, seen(w) - 1).ended); /* something has happened since */
	world_send(w, "m1", "true");
	assert_false(tick(w, seen(w)).ended); /* a message waits */
	world_apply(w, TRIG_MESSAGE);
	struct scratch_client c = scratch_attach(w);
	assert_false(tick(w, seen(w)).ended);
	scratch_detach(&c);
	assert_true(world_exists(w, world_state(&w->id, "session")));
}

static void a_lost_pipe_is_set_again_instead(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	TMUX(w, "pipe-pane", "-t", "%0");
	assert_false(tick(w, seen(w)).ended);
	auto_free char *piped = world_tmux(
	    w, (const char *const[]){"display-message", "-p", "-t", "%0", "#{pane_pipe}", NULL});
	assert_string_equal(piped, "1\n");
	EVENTUALLY(tick(w, seen(w)).ended);
}

static void an_attach_wakes_no_shell_without_a_conversation(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	FAILS(ERR_FAILED, world_try(w, TRIG_ATTACH, &out, e));
	HAS(last_err.msg, "conversation");
	assert_false(world_exists(w, world_state(&w->id, "session")));
}

static void an_attach_finds_what_lives(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	assert_false(world_apply(w, TRIG_ATTACH).started);
	assert_int_equal(world_session(w).server.pid, s.server.pid);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_idle_session_is_parked_and_is_no_death),
	    TEST(what_is_not_idle_stays),
	    TEST(a_lost_pipe_is_set_again_instead),
	    TEST(an_attach_wakes_no_shell_without_a_conversation),
	    TEST(an_attach_finds_what_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
