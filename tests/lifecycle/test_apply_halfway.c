/* apply_peer() where somebody was killed between two effects. */
#include "iapeer/lifecycle/apply.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/base/str.h"
#include "iapeer/canary/ledger.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

#define EXITS ROOT_REL(LAYOUT_EXITS_LOG)

/* A live shell peer called bob. */
static struct session live(struct world *w)
{
	world_peer(w, "bob", NULL);
	world_send(w, "m0", "true");
	world_apply(w, TRIG_MESSAGE);
	return world_session(w);
}

static void end(struct proc_ref ref, int sig)
{
	OK(plat_signal(ref, sig, e));
	assert_true(plat_exit_wait(ref, clock_mono_ms() + 5000));
}

static struct death_ring ring_of(const struct world *w)
{
	struct death_ring r;

	OK(deaths_load(&w->l, &w->id, &r, e));
	return r;
}

static void an_unsettled_delivery_whose_session_is_gone_is_ambiguous(void **state)
{
	struct world *w = *state;
	char text[256];

	NEEDS_TMUX();
	end(live(w).server, SIGKILL);
	world_send(w, "m1", "echo twice >> said");
	snprintf(
	    text, sizeof text,
	    "{\"format\":1,\"id\":\"m1\",\"file\":\"0000000001.json\",\"length\":18,\"hash\":\"x\","
	    "\"pane\":\"%%0\",\"server\":1}");
	world_write(w, world_state(&w->id, "sending"), text);
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_AMBIGUOUS);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	assert_false(world_exists(w, world_state(&w->id, "sending")));
	assert_false(world_exists(w, "bob/said"));
}

static void a_server_that_no_record_tells_of_is_adopted(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	OK(session_drop(&w->l, &w->id, e));
	world_send(w, "m1", "echo adopted > said");
	out = world_apply(w, TRIG_MESSAGE);
	assert_false(out.started);
	assert_int_equal(world_session(w).server.pid, s.server.pid);
	assert_string_equal(world_session(w).pane_id, s.pane_id);
	EVENTUALLY(world_lines(w, "bob/said", "adopted") == 1);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
}

static void a_server_without_record_and_socket_is_found_by_its_canary(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	OK(session_drop(&w->l, &w->id, e));
	OK(fs_unlink(AT_FDCWD, s.socket, e));
	world_send(w, "m1", "echo found > said");
	out = world_apply(w, TRIG_MESSAGE);
	assert_false(out.started);
	assert_int_equal(world_session(w).server.pid, s.server.pid);
	assert_true(fs_exists(AT_FDCWD, s.socket));
	EVENTUALLY(world_lines(w, "bob/said", "found") == 1);
}

static void a_server_of_somebody_elses_with_our_name_is_left_alone(void **state)
{
	struct world *w = *state;
	struct canary c = {.identity = "shell-bob", .server = scratch_process()};

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	str_cut(c.socket, sizeof c.socket, "/elsewhere/their.sock");
	OK(canary_arm(&w->l, &c, e));
	world_apply(w, TRIG_LOOK);
	assert_int_equal(plat_proc_state(c.server), PROC_RUNNING);
	scratch_end(c.server, SIGKILL);
}

static void a_leftover_that_does_not_answer_is_not_ended(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	OK(session_drop(&w->l, &w->id, e));
	OK(plat_signal(s.server, SIGSTOP, e));
	EVENTUALLY(plat_proc_state(s.server) == PROC_STOPPED);
	world_send(w, "m1", "true");
	FAILS(ERR_TIMEOUT, world_try(w, TRIG_MESSAGE, &out, e));
	OK(plat_signal(s.server, SIGCONT, e));
	assert_false(world_apply(w, TRIG_MESSAGE).started);
	assert_int_equal(world_session(w).server.pid, s.server.pid);
}

static void an_overdue_ending_of_a_living_server_is_undone(void **state)
{
	struct world *w = *state;
	enum canary_state cs;
	struct canary c;

	NEEDS_TMUX();
	live(w);
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", clock_utc_ms() - 1, e));
	world_apply(w, TRIG_LOOK);
	OK(canary_load(&w->l, "shell-bob", &cs, &c, e));
	assert_int_equal(cs, CANARY_ARMED);
	assert_true(world_exists(w, world_state(&w->id, "session")));
}

static void an_ending_that_was_begun_is_finished_by_the_next_one(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", clock_utc_ms() + 60000, e));
	world_apply(w, TRIG_LOOK);
	assert_int_equal(plat_proc_state(s.server), PROC_GONE);
	assert_true(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_false(world_exists(w, world_state(&w->id, "ending")));
	assert_int_equal(ring_of(w).n, 0);
}

static void an_ending_whose_server_is_gone_is_a_clean_end(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", clock_utc_ms() + 60000, e));
	end(s.server, SIGKILL);
	world_apply(w, TRIG_LOOK);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_int_equal(ring_of(w).n, 0);
	assert_true(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_false(fs_exists(AT_FDCWD, s.socket));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_unsettled_delivery_whose_session_is_gone_is_ambiguous),
	    TEST(a_server_that_no_record_tells_of_is_adopted),
	    TEST(a_server_without_record_and_socket_is_found_by_its_canary),
	    TEST(a_server_of_somebody_elses_with_our_name_is_left_alone),
	    TEST(a_leftover_that_does_not_answer_is_not_ended),
	    TEST(an_overdue_ending_of_a_living_server_is_undone),
	    TEST(an_ending_that_was_begun_is_finished_by_the_next_one),
	    TEST(an_ending_whose_server_is_gone_is_a_clean_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
