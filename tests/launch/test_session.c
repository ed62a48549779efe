#include "iapeer/launch/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "big-bob", .runtime = "shell"};

static struct session sample(void)
{
	struct session s = {
	    .id = bob,
	    .cwd = "/a b/\"c\"",
	    .woke_at_ms = 1700000000123,
	    .server = {.pid = 7, .birth = INT64_C(9007199254740993)}, /* beyond a JSON number */
	    .pane = {.pid = 8, .birth = 2},
	    .boot_id = "boot",
	    .socket = "/x.sock",
	    .pane_id = "%0",
	    .pane_tty = "/dev/pts/3",
	    .mode = "fresh",
	    .cause = "first-wake",
	    .woke_for = "m1",
	    .log_start = 42,
	    .ready = true};

	return s;
}

static void what_was_saved_is_what_is_loaded(void **state)
{
	struct world *w = *state;
	struct session s = sample(), got = {.ready = false};

	OK(session_save(&w->l, &s, e));
	OK(session_load(&w->l, &bob, &got, e));
	assert_true(peer_id_eq(&got.id, &bob));
	assert_string_equal(got.cwd, s.cwd);
	assert_int_equal(got.woke_at_ms, s.woke_at_ms);
	assert_int_equal(got.server.pid, 7);
	assert_true(got.server.birth == s.server.birth);
	assert_int_equal(got.pane.pid, 8);
	assert_string_equal(got.boot_id, "boot");
	assert_string_equal(got.socket, "/x.sock");
	assert_string_equal(got.pane_id, "%0");
	assert_string_equal(got.pane_tty, "/dev/pts/3");
	assert_string_equal(got.mode, "fresh");
	assert_string_equal(got.cause, "first-wake");
	assert_string_equal(got.woke_for, "m1");
	assert_int_equal(got.log_start, 42);
	assert_true(got.ready);
	OK(session_drop(&w->l, &bob, e));
	OK(session_drop(&w->l, &bob, e));
	FAILS(ERR_NOT_FOUND, session_load(&w->l, &bob, &got, e));
}

static void the_file_says_what_older_versions_said(void **state)
{
	struct world *w = *state;
	struct session s = sample();

	OK(session_save(&w->l, &s, e));
	auto_free char *text = world_read(w, world_state(&bob, "session"));
	HAS(text, "\"identity\": \"shell-big-bob\"");
	HAS(text, "\"runtime\": \"shell\"");
	HAS(text, "\"personality\": \"big-bob\"");
	HAS(text, "\"cwd\": ");
	HAS(text, "\"wokeAt\": \"2023-11-14T");
}

static void what_proves_nothing_is_corrupt(void **state)
{
	static const char *const gone[] = {"server", "pane", "bootId", "socket", "paneId"};
	struct world *w = *state;
	struct session s = sample(), got;

	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
		char key[32], *at;

		OK(session_save(&w->l, &s, e));
		auto_free char *text = world_read(w, world_state(&bob, "session"));
		snprintf(key, sizeof key, "\"%s\"", gone[i]);
		at = strstr(text, key);
		assert_non_null(at);
		at[1] = '_';
		world_write(w, world_state(&bob, "session"), text);
		FAILS(ERR_CORRUPT, session_load(&w->l, &bob, &got, e));
		HAS(last_err.msg, gone[i]);
	}
}

/* ---- alive ---- */

static void a_session_lives_while_server_and_program_do(void **state)
{
	struct session s = {.server = scratch_process(), .pane = scratch_process()};

	(void)state;
	OK(plat_boot_id(s.boot_id, e));
	assert_int_equal(session_liveness(&s), LIVE_YES);
	kill(s.server.pid, SIGSTOP);
	EVENTUALLY(session_liveness(&s) == LIVE_UNKNOWN);
	kill(s.server.pid, SIGCONT);
	EVENTUALLY(session_liveness(&s) == LIVE_YES);
	kill(s.pane.pid, SIGSTOP); /* a program that somebody stopped is not dead */
	assert_int_equal(session_liveness(&s), LIVE_YES);
	scratch_end(s.pane, SIGKILL);
	assert_int_equal(session_liveness(&s), LIVE_PANE_DEAD);
	scratch_end(s.server, SIGKILL);
	assert_int_equal(session_liveness(&s), LIVE_NO);
}

static void a_zombie_is_not_alive(void **state)
{
	struct session s = {.server = scratch_process(), .pane = scratch_process()};

	(void)state;
	OK(plat_boot_id(s.boot_id, e));
	kill(s.pane.pid, SIGKILL); /* not waited for */
	EVENTUALLY(session_liveness(&s) == LIVE_PANE_DEAD);
	kill(s.server.pid, SIGKILL);
	EVENTUALLY(session_liveness(&s) == LIVE_NO);
	scratch_end(s.pane, SIGKILL);
	scratch_end(s.server, SIGKILL);
}

static void another_process_with_the_pid_or_another_boot_is_not_it(void **state)
{
	struct proc_ref p = scratch_process();
	struct session s = {.server = p, .pane = p};

	(void)state;
	OK(plat_boot_id(s.boot_id, e));
	s.server.birth++;
	assert_int_equal(session_liveness(&s), LIVE_NO);
	s.server = p;
	s.pane.birth++;
	assert_int_equal(session_liveness(&s), LIVE_PANE_DEAD);
	s.pane = p;
	str_cut(s.boot_id, sizeof s.boot_id, "another");
	assert_int_equal(session_liveness(&s), LIVE_NO);
	scratch_end(p, SIGKILL);
}

static void an_attached_client_shows_on_the_socket(void **state)
{
	struct world *w = *state;
	struct scratch_client c;
	struct session s;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	assert_false(session_attached(&s));
	c = scratch_attach(w);
	assert_true(session_attached(&s));
	scratch_detach(&c);
	EVENTUALLY(!session_attached(&s));
	str_cut(s.socket, sizeof s.socket, "/nowhere");
	assert_false(session_attached(&s));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_saved_is_what_is_loaded),
	    TEST(the_file_says_what_older_versions_said),
	    TEST(what_proves_nothing_is_corrupt),
	    TEST(a_session_lives_while_server_and_program_do),
	    TEST(a_zombie_is_not_alive),
	    TEST(another_process_with_the_pid_or_another_boot_is_not_it),
	    TEST(an_attached_client_shows_on_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
