#include "iapeer/canary/ledger.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scratch.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define ME "shell-bob"

static struct canary of(const char *identity, struct proc_ref server)
{
	struct canary c = {.server = server, .socket = "/nowhere/s.sock"};

	str_cut(c.identity, sizeof c.identity, identity);
	return c;
}

static void arm(const struct world *w, const struct canary *c)
{
	OK(canary_arm(&w->l, c, e));
}

static enum canary_state state_of(const struct world *w, const char *identity, struct canary *out)
{
	enum canary_state s = CANARY_NONE;
	struct canary none;

	OK(canary_load(&w->l, identity, &s, out ? out : &none, e));
	return s;
}

static const char *file(const char *what)
{
	static struct peer_id id = {.name = "bob", .runtime = "shell"};

	return world_state(&id, what);
}

/* Ourselves: a server that lives as long as the test. */
static struct proc_ref self(void)
{
	struct proc_ref ref;

	OK(plat_proc_ref(getpid(), &ref, e));
	return ref;
}

/* ---- armed, ending, gone ---- */

static void what_was_armed_is_on_record(void **state)
{
	struct world *w = *state;
	struct canary c = of(ME, self()), got;
	char boot[64];

	str_cut(c.log_dir, sizeof c.log_dir, "/elsewhere");
	assert_int_equal(state_of(w, ME, NULL), CANARY_NONE);
	arm(w, &c);
	assert_int_equal(state_of(w, ME, &got), CANARY_ARMED);
	OK(plat_boot_id(boot, e));
	assert_string_equal(got.identity, ME);
	assert_int_equal(got.server.pid, c.server.pid);
	assert_int_equal(got.server.birth, c.server.birth);
	assert_string_equal(got.boot_id, boot);
	assert_string_equal(got.socket, c.socket);
	assert_string_equal(got.log_dir, "/elsewhere");
	assert_true(got.armed_at_ms > 0);
	assert_string_equal(got.who, "");
	assert_false(canary_server_gone(&got));
}

static void a_record_is_of_whom_its_files_name_says(void **state)
{
	struct world *w = *state;
	struct canary c = of("shell-away", self()), got;
	bool was;

	arm(w, &c);
	OK(fs_rename(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-away.canary",
		     LAYOUT_LIFECYCLE "/" ME ".canary", e));
	assert_int_equal(state_of(w, ME, &got), CANARY_ARMED);
	assert_string_equal(got.identity, ME);
	OK(canary_disarm(&w->l, got.identity, &was, e));
	assert_true(was);
	assert_int_equal(state_of(w, ME, NULL), CANARY_NONE);
}

static void arming_notes_what_a_kill_for_memory_is_proven_by(void **state)
{
	struct world *w = *state;
	struct canary c = of(ME, self());
	struct memory_group group;
	struct armed_memory m;

	canary_armed_memory(&w->l, ME, &m); /* not armed: nothing is known */
	assert_int_equal(m.mono_ms, 0);
	assert_int_equal(m.kills, -1);
	plat_memory_group(getpid(), &group);
	arm(w, &c);
	canary_armed_memory(&w->l, ME, &m);
	assert_true(m.mono_ms > 0 && m.mono_ms <= clock_mono_ms());
	assert_string_equal(m.group, group.path);
	assert_int_equal(m.kills, group.path[0] ? group.kills : -1);
	assert_int_equal(plat_memory_kills(m.group), m.kills);
	assert_int_equal(m.whole, group.whole);
}

static void an_ending_takes_the_place_of_the_armed_record(void **state)
{
	struct world *w = *state;
	struct canary c = of(ME, self()), got;
	bool was = false;

	arm(w, &c);
	OK(canary_begin_ending(&w->l, ME, "stop", "park", 12345, e));
	assert_false(world_exists(w, file("canary")));
	assert_int_equal(state_of(w, ME, &got), CANARY_ENDING);
	assert_string_equal(got.who, "stop");
	assert_string_equal(got.why, "park");
	assert_int_equal(got.deadline_utc_ms, 12345);
	assert_int_equal(got.server.pid, c.server.pid);
	OK(canary_undo_ending(&w->l, ME, e));
	assert_int_equal(state_of(w, ME, &got), CANARY_ARMED);
	assert_string_equal(got.who, "");
	assert_string_equal(got.why, "");
	assert_int_equal(got.deadline_utc_ms, 0);
	OK(canary_begin_ending(&w->l, ME, "stop", "park", 1, e));
	OK(canary_finish_ending(&w->l, ME, e));
	assert_int_equal(state_of(w, ME, NULL), CANARY_NONE);
	OK(canary_disarm(&w->l, ME, &was, e));
	assert_false(was);
	arm(w, &c);
	OK(canary_disarm(&w->l, ME, &was, e));
	assert_true(was);
	assert_int_equal(state_of(w, ME, NULL), CANARY_NONE);
}

static void with_nothing_armed_there_is_nothing_to_end(void **state)
{
	struct world *w = *state;

	OK(canary_begin_ending(&w->l, ME, "stop", "park", 1, e));
	OK(canary_undo_ending(&w->l, ME, e));
	OK(canary_finish_ending(&w->l, ME, e));
	assert_int_equal(state_of(w, ME, NULL), CANARY_NONE);
	assert_false(world_exists(w, file("ending")));
}

static void killed_between_its_two_steps_an_ending_is_an_ending(void **state)
{
	struct world *w = *state;
	struct canary c = of(ME, self());

	arm(w, &c);
	auto_free char *armed = world_read(w, file("canary"));
	OK(canary_begin_ending(&w->l, ME, "stop", "park", 1, e));
	world_write(w, file("canary"), armed); /* it was not dropped any more */
	assert_int_equal(state_of(w, ME, NULL), CANARY_ENDING);
	OK(canary_finish_ending(&w->l, ME, e));
	assert_int_equal(state_of(w, ME, NULL), CANARY_NONE);
}

/* ---- the hook, which cannot know whether somebody armed ---- */

static void an_ending_noted_before_the_arming_stays(void **state)
{
	struct world *w = *state;
	struct canary c = of(ME, self()), got;

	str_cut(c.who, sizeof c.who, "hook");
	str_cut(c.why, sizeof c.why, "exit");
	c.deadline_utc_ms = 99;
	OK(canary_note_ending(&w->l, &c, e));
	assert_int_equal(state_of(w, ME, &got), CANARY_ENDING);
	assert_string_equal(got.who, "hook");
	assert_true(got.boot_id[0] != '\0');
	arm(w, &c);
	assert_int_equal(state_of(w, ME, NULL), CANARY_ENDING);
	assert_false(world_exists(w, file("canary")));
}

static void an_ending_of_an_earlier_server_does_not_stop_the_arming(void **state)
{
	struct world *w = *state;
	struct canary old = of(ME, (struct proc_ref){.pid = 999999, .birth = 5}),
		      c = of(ME, self()), got;

	OK(canary_note_ending(&w->l, &old, e));
	arm(w, &c);
	assert_int_equal(state_of(w, ME, &got), CANARY_ARMED);
	assert_int_equal(got.server.pid, c.server.pid);
	assert_false(world_exists(w, file("ending")));
}

static void a_late_hook_leaves_another_servers_record_alone(void **state)
{
	struct world *w = *state;
	struct canary mine = of(ME, self()),
		      late = of(ME, (struct proc_ref){.pid = 999999, .birth = 5}), got;

	arm(w, &mine);
	OK(canary_note_ending(&w->l, &late, e));
	assert_int_equal(state_of(w, ME, &got), CANARY_ARMED);
	assert_int_equal(got.server.pid, mine.server.pid);
}

static void the_hook_keeps_the_log_folder_and_who_began_first(void **state)
{
	struct world *w = *state;
	struct canary c = of(ME, self()), hook = c, got;

	str_cut(c.log_dir, sizeof c.log_dir, "/elsewhere");
	arm(w, &c);
	str_cut(hook.who, sizeof hook.who, "hook");
	OK(canary_note_ending(&w->l, &hook, e));
	assert_int_equal(state_of(w, ME, &got), CANARY_ENDING);
	assert_string_equal(got.log_dir, "/elsewhere");
	OK(canary_undo_ending(&w->l, ME, e));
	OK(canary_begin_ending(&w->l, ME, "stop", "park", 1, e));
	OK(canary_note_ending(&w->l, &hook, e));
	state_of(w, ME, &got);
	assert_string_equal(got.who, "stop");
}

/* ---- is it gone ---- */

static void gone_is_that_very_process_of_this_boot(void **state)
{
	struct proc_ref p = scratch_process();
	struct canary c = of(ME, p);

	(void)state;
	OK(plat_boot_id(c.boot_id, e));
	assert_false(canary_server_gone(&c));
	c.server.birth++; /* its pid was given to another */
	assert_true(canary_server_gone(&c));
	c.server = p;
	str_cut(c.boot_id, sizeof c.boot_id, "0b9f2d2e-0000-0000-0000-000000000000");
	assert_true(canary_server_gone(&c));
	OK(plat_boot_id(c.boot_id, e));
	scratch_end(p, SIGKILL);
	assert_true(canary_server_gone(&c));
}

/* ---- names and broken files ---- */

static void a_name_that_is_no_file_name_is_refused(void **state)
{
	static const char *const wrong[] = {"",   ".",   "..",   "../x", "a/b",        ".hidden",
					    "-x", "a b", "a\nb", "a\"b", "caf\xc3\xa9"};
	struct world *w = *state;
	struct canary c = of("x", self()), got;
	enum canary_state s;
	char longest[102];

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		str_cut(c.identity, sizeof c.identity, wrong[i]);
		FAILS(ERR_USAGE, canary_arm(&w->l, &c, e));
		FAILS(ERR_USAGE, canary_note_ending(&w->l, &c, e));
		FAILS(ERR_USAGE, canary_load(&w->l, wrong[i], &s, &got, e));
		FAILS(ERR_USAGE, canary_begin_ending(&w->l, wrong[i], "x", "y", 1, e));
	}
	memset(longest, 'x', sizeof longest - 1);
	longest[101] = '\0';
	str_cut(c.identity, sizeof c.identity, longest);
	FAILS(ERR_USAGE, canary_arm(&w->l, &c, e));
	c.identity[100] = '\0';
	arm(w, &c);
	assert_int_equal(state_of(w, c.identity, NULL), CANARY_ARMED);
}

static void a_corrupt_record_is_named_and_left_as_it_is(void **state)
{
	static const char *const wrong[] = {"",
					    "not json",
					    "{\"format\":1}",
					    "{\"format\":2,\"identity\":\"shell-bob\"}",
					    "{\"format\":1,\"identity\":\"shell-bob\",\"server_"
					    "pid\":0,\"server_birth\":\"1\",\"boot_id\":\"x\"}",
					    "{\"format\":1,\"identity\":\"shell-bob\",\"server_"
					    "pid\":7,\"server_birth\":\"-1\",\"boot_id\":\"x\"}",
					    "{\"format\":1,\"identity\":\"shell-bob\",\"server_"
					    "pid\":7,\"server_birth\":1,\"boot_id\":\"x\"}"};
	struct world *w = *state;
	struct canary c = of(ME, self()), got;
	enum canary_state s;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		world_write(w, file("canary"), wrong[i]);
		FAILS(ERR_CORRUPT, canary_load(&w->l, ME, &s, &got, e));
		HAS(last_err.msg, "shell-bob.canary");
		FAILS(ERR_CORRUPT, canary_arm(&w->l, &c, e));
		FAILS(ERR_CORRUPT, canary_begin_ending(&w->l, ME, "x", "y", 1, e));
		FAILS(ERR_CORRUPT, canary_note_ending(&w->l, &c, e));
		auto_free char *still = world_read(w, file("canary"));
		assert_string_equal(still, wrong[i]);
	}
}

static void the_list_is_sorted_and_each_identity_is_in_it_once(void **state)
{
	static const char *const names[] = {"shell-bob", "shell-bob-2", "shell-bob2", "shell-ann",
					    "any.server_1"};
	static const char *const sorted[] = {"any.server_1", "shell-ann", "shell-bob",
					     "shell-bob-2", "shell-bob2"};
	struct world *w = *state;
	AUTO(strv_done) struct strv list = STRV_INIT;

	for (size_t i = 0; i < 5; i++) {
		struct canary c = of(names[i], self());

		arm(w, &c);
	}
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", 1, e));
	auto_free char *ending = world_read(w, file("ending"));
	world_write(w, file("canary"), ending);
	world_write(w, ROOT_REL(LAYOUT_LIFECYCLE "/.tmp-1.canary"), "{}");
	world_write(w, ROOT_REL(LAYOUT_LIFECYCLE "/shell-eve.stopped"), "x");
	OK(canary_list(&w->l, &list, e));
	assert_int_equal(list.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(list.v[i], sorted[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_armed_is_on_record),
	    TEST(a_record_is_of_whom_its_files_name_says),
	    TEST(arming_notes_what_a_kill_for_memory_is_proven_by),
	    TEST(an_ending_takes_the_place_of_the_armed_record),
	    TEST(with_nothing_armed_there_is_nothing_to_end),
	    TEST(killed_between_its_two_steps_an_ending_is_an_ending),
	    TEST(an_ending_noted_before_the_arming_stays),
	    TEST(an_ending_of_an_earlier_server_does_not_stop_the_arming),
	    TEST(a_late_hook_leaves_another_servers_record_alone),
	    TEST(the_hook_keeps_the_log_folder_and_who_began_first),
	    TEST(gone_is_that_very_process_of_this_boot),
	    TEST(a_name_that_is_no_file_name_is_refused),
	    TEST(a_corrupt_record_is_named_and_left_as_it_is),
	    TEST(the_list_is_sorted_and_each_identity_is_in_it_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
