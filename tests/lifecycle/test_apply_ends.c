/* apply_peer() on sessions that end: by kill, by themselves. */
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

static size_t evidence_files(const struct world *w)
{
	AUTO(strv_done) struct strv names = STRV_INIT;

	OK(fs_list(w->l.root_fd, LAYOUT_DEATHS_DIR, &names, e));
	return names.n;
}

/* ---- the server dies ---- */

static void a_killed_server_is_recorded_once_whoever_looks(void **state)
{
	struct world *w = *state;
	struct death_ring r;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	end(s.server, SIGKILL);
	for (int i = 0; i < 3; i++)
		world_apply(w, TRIG_LOOK);
	r = ring_of(w);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].class, DEATH_SERVER_DEAD);
	assert_int_equal(r.v[0].woke_at_ms, s.woke_at_ms);
	if (strcmp(r.v[0].cause, "sigkill") != 0 && strcmp(r.v[0].cause, "unknown") != 0)
		fail_msg("cause %s", r.v[0].cause);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 1);
	assert_int_equal(evidence_files(w), 1);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_false(world_exists(w, world_state(&w->id, "canary")));
	assert_false(fs_exists(AT_FDCWD, s.socket));
	assert_false(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
}

static void after_a_killed_server_the_next_message_resumes_for_that_reason(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	char want[64];

	NEEDS_TMUX();
	end(live(w).server, SIGKILL);
	world_send(w, "m1", "echo back > said");
	out = world_apply(w, TRIG_MESSAGE);
	assert_true(out.started);
	snprintf(want, sizeof want, "resume-after-%s-no-resume", ring_of(w).v[0].cause);
	assert_string_equal(out.cause, want);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 1);
	EVENTUALLY(world_lines(w, "bob/said", "back") == 1);
	assert_string_equal(world_receipt(w, "m1").cause, want);
}

static void a_death_found_without_a_session_record_is_a_death_all_the_same(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	end(live(w).server, SIGKILL);
	OK(session_drop(&w->l, &w->id, e));
	world_apply(w, TRIG_LOOK);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 1);
	assert_false(world_exists(w, world_state(&w->id, "canary")));
}

static void a_death_whose_armed_record_was_deleted_is_recorded_once(void **state)
{
	struct world *w = *state;
	struct session s;
	char pid[32];

	NEEDS_TMUX();
	s = live(w);
	OK(fs_unlink(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.canary", e));
	end(s.server, SIGKILL);
	for (int i = 0; i < 3; i++)
		world_apply(w, TRIG_LOOK);
	snprintf(pid, sizeof pid, "server_pid=%ld ", (long)s.server.pid);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 1);
	assert_int_equal(world_lines(w, EXITS, pid), 1);
	assert_int_equal(world_lines(w, EXITS, "late=true"), 1);
	assert_int_equal(evidence_files(w), 1);
	assert_int_equal(ring_of(w).n, 1);
	assert_int_equal(ring_of(w).v[0].class, DEATH_SERVER_DEAD);
}

static void an_end_on_purpose_without_an_armed_record_is_no_death(void **state)
{
	static const enum trigger ends[] = {TRIG_STOP, TRIG_REMOVE};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < 2; i++) {
		live(w);
		OK(fs_unlink(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.canary", e));
		world_apply(w, ends[i]);
		world_apply(w, TRIG_LOOK);
		assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
		assert_int_equal(ring_of(w).n, 0);
		assert_false(world_exists(w, world_state(&w->id, "ending")));
		OK(mark_clear(&w->l, &w->id, MARK_STOPPED, e));
	}
}

static void without_a_canary_a_dead_server_is_still_a_death_in_the_ring(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	setenv("IAPEER_CANARY", "off", 1);
	end(live(w).server, SIGKILL);
	world_apply(w, TRIG_LOOK);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_int_equal(ring_of(w).n, 1);
	assert_string_equal(ring_of(w).v[0].cause, "unknown");
}

static void a_killed_server_of_a_stopped_peer_is_no_death_of_its_own(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	end(live(w).server, SIGKILL);
	OK(mark_set(&w->l, &w->id, MARK_STOPPED, e));
	world_apply(w, TRIG_LOOK);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_true(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
	assert_int_equal(ring_of(w).n, 0);
}

static void a_stopped_server_is_left_alone_and_the_way_out_is_named(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct session s;
	char hint[64];

	NEEDS_TMUX();
	s = live(w);
	OK(plat_signal(s.server, SIGSTOP, e));
	EVENTUALLY(plat_proc_state(s.server) == PROC_STOPPED);
	world_send(w, "m1", "true");
	FAILS(ERR_TIMEOUT, world_try(w, TRIG_MESSAGE, &out, e));
	snprintf(hint, sizeof hint, "kill -CONT %ld", (long)s.server.pid);
	HAS(last_err.hint, hint);
	FAILS(ERR_TIMEOUT, world_try(w, TRIG_STOP, &out, e));
	world_apply(w, TRIG_LOOK);
	assert_true(world_exists(w, world_state(&w->id, "session")));
	assert_true(world_exists(w, world_state(&w->id, "canary")));
	OK(plat_signal(s.server, SIGCONT, e));
}

/* ---- the program ends ---- */

static void run_to_its_end(struct world *w, const char *id, const char *command)
{
	world_send(w, id, command);
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY((world_apply(w, TRIG_LOOK), !world_exists(w, world_state(&w->id, "session"))));
}

static void a_program_that_ends_is_a_session_exit_and_no_server_exit(void **state)
{
	struct world *w = *state;
	struct pane_exit x;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	run_to_its_end(w, "m1", "exit 3");
	OK(pane_exit_load(&w->l, &w->id, &x, e));
	assert_int_equal(x.status, 3);
	assert_int_equal(x.signal, 0);
	assert_int_equal(x.pane_pid, s.pane.pid);
	assert_int_equal(x.server_pid, s.server.pid);
	world_apply(w, TRIG_LOOK);
	assert_int_equal(world_lines(w, EXITS, "ev=session-exit identity=shell-bob"), 1);
	assert_int_equal(world_lines(w, EXITS, "status=3"), 1);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_int_equal(ring_of(w).n, 1);
	assert_int_equal(ring_of(w).v[0].class, DEATH_SESSION_GONE);
	assert_string_equal(ring_of(w).v[0].cause, "exit-3");
	assert_false(world_exists(w, world_state(&w->id, "ending")));
	assert_false(fs_exists(AT_FDCWD, s.socket));
	world_send(w, "m2", "true");
	assert_string_equal(world_apply(w, TRIG_MESSAGE).cause, "crash-or-self-close");
}

static void how_the_program_ended_decides_what_the_next_wake_says(void **state)
{
	static const struct {
		const char *command, *cause, *wake, *line;
	} rows[] = {
	    {"exit 0", "exited", "crash-or-self-close", "status=0"},
	    {"kill -SEGV $$", "sigsegv", "crash-or-self-close", "signal=SIGSEGV"},
	    {"kill -KILL $$", "sigkill", "resume-after-sigkill-no-resume", "signal=SIGKILL"},
	    {"trap - TERM; kill -HUP $$", "sighup", "resume-after-sighup-no-resume",
	     "signal=SIGHUP"},
	};
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct apply_outcome out;
		char id[16];

		snprintf(id, sizeof id, "k%zu", i);
		OK(deaths_forgive(&w->l, &w->id, e));
		run_to_its_end(w, id, rows[i].command);
		snprintf(id, sizeof id, "n%zu", i);
		world_send(w, id, "true");
		out = world_apply(w, TRIG_MESSAGE);
		assert_string_equal(ring_of(w).v[i].cause, rows[i].cause);
		assert_string_equal(out.cause, rows[i].wake);
		assert_int_equal(world_lines(w, EXITS, rows[i].line), 1);
	}
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
}

static void three_deaths_of_its_own_and_it_is_left_asleep(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	run_to_its_end(w, "m1", "exit 1");
	run_to_its_end(w, "m2", "exit 0");
	run_to_its_end(w, "m3", "exit 4");
	world_send(w, "m4", "true");
	FAILS(ERR_REFUSED, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.msg, "crash loop");
	HAS(last_err.msg, " 3 times");
	HAS(last_err.msg, "exit-4");
	HAS(last_err.hint, "iapeer start bob");
	assert_false(out.started);
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	OK(deaths_forgive(&w->l, &w->id, e));
	assert_true(world_apply(w, TRIG_MESSAGE).started);
	assert_int_equal(world_receipt(w, "m4").status, DELIVERY_DELIVERED);
}

static void a_program_that_ends_while_it_starts_is_refused_with_what_it_said(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	setenv("IAPEER_SHELL_BIN",
	       world_script(w, "dies", "#!/bin/sh\necho no licence today\nexit 7\n"), 1);
	world_send(w, "m1", "true");
	FAILS(ERR_FAILED, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.msg, "no licence today");
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	world_apply(w, TRIG_LOOK);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_int_equal(ring_of(w).n, 1);
	assert_string_equal(ring_of(w).v[0].cause, "exit-7");
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
}

static void the_own_end_of_a_peer_does_not_park_it(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	run_to_its_end(w, "m1", "exit");
	world_apply(w, TRIG_LOOK);
	assert_false(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
}

static void a_hook_that_was_lost_is_made_up_for(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	s = live(w);
	TMUX(w, "set-hook", "-pu", "-t", "%0", "pane-died");
	end(s.pane, SIGKILL);
	world_apply(w, TRIG_LOOK);
	assert_int_equal(world_lines(w, EXITS, "ev=session-exit"), 1);
	assert_int_equal(world_lines(w, EXITS, "signal=SIGKILL"), 1);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_int_equal(ring_of(w).n, 1);
	assert_string_equal(ring_of(w).v[0].cause, "sigkill");
	assert_int_equal(plat_proc_state(s.server), PROC_GONE);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_false(world_exists(w, world_state(&w->id, "ending")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_killed_server_is_recorded_once_whoever_looks),
	    TEST(after_a_killed_server_the_next_message_resumes_for_that_reason),
	    TEST(a_death_found_without_a_session_record_is_a_death_all_the_same),
	    TEST(a_death_whose_armed_record_was_deleted_is_recorded_once),
	    TEST(an_end_on_purpose_without_an_armed_record_is_no_death),
	    TEST(without_a_canary_a_dead_server_is_still_a_death_in_the_ring),
	    TEST(a_killed_server_of_a_stopped_peer_is_no_death_of_its_own),
	    TEST(a_stopped_server_is_left_alone_and_the_way_out_is_named),
	    TEST(a_program_that_ends_is_a_session_exit_and_no_server_exit),
	    TEST(how_the_program_ended_decides_what_the_next_wake_says),
	    TEST(three_deaths_of_its_own_and_it_is_left_asleep),
	    TEST(a_program_that_ends_while_it_starts_is_refused_with_what_it_said),
	    TEST(the_own_end_of_a_peer_does_not_park_it),
	    TEST(a_hook_that_was_lost_is_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
