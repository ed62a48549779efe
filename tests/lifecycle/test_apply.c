#include "iapeer/lifecycle/apply.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/base/str.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

#define EXITS ROOT_REL(LAYOUT_EXITS_LOG)
#define TEN   "123456789 "
#define LONG  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* ---- messages ---- */

static void a_message_wakes_a_sleeping_shell_and_is_submitted(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct receipt r;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "echo hello > said");
	out = world_apply(w, TRIG_MESSAGE);
	assert_true(out.started);
	assert_string_equal(out.mode, "fresh");
	assert_string_equal(out.cause, "first-wake");
	r = world_receipt(w, "m1");
	assert_int_equal(r.status, DELIVERY_DELIVERED);
	assert_int_equal(r.rung, RUNG_SUBMITTED);
	assert_true(r.accepted_at_ms && r.accepted_at_ms <= r.pasted_at_ms &&
		    r.pasted_at_ms <= r.submitted_at_ms);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	assert_false(world_exists(w, world_state(&w->id, "sending")));
	EVENTUALLY(world_lines(w, "bob/said", "hello") == 1);
}

static void only_the_message_that_woke_the_session_says_so(void **state)
{
	struct world *w = *state;
	struct receipt first, second;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "echo 1 >> said");
	world_send(w, "m2", "echo 2 >> said");
	world_apply(w, TRIG_MESSAGE);
	first = world_receipt(w, "m1");
	second = world_receipt(w, "m2");
	assert_true(first.woke);
	assert_string_equal(first.mode, "fresh");
	assert_string_equal(first.cause, "first-wake");
	assert_false(second.woke);
	assert_int_equal(second.status, DELIVERY_DELIVERED);
	EVENTUALLY(world_lines(w, "bob/said", "") == 2);
	auto_free char *said = world_read(w, "bob/said");
	assert_string_equal(said, "1\n2\n");
}

static void a_live_session_is_used_again(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	pid_t server;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "x=7");
	world_apply(w, TRIG_MESSAGE);
	server = world_session(w).server.pid;
	world_send(w, "m2", "echo $x > said");
	out = world_apply(w, TRIG_MESSAGE);
	assert_false(out.started);
	assert_int_equal(world_session(w).server.pid, server);
	assert_false(world_receipt(w, "m2").woke);
	EVENTUALLY(world_lines(w, "bob/said", "7") == 1);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_LIFECYCLE_LOG), "ev=wake"), 1);
}

static void an_answer_is_the_output_and_nothing_else(void **state)
{
	static const struct {
		const char *body, *answer;
	} rows[] = {
	    {"echo $((6*7))", "42\n"},
	    {"true", ""},
	    {"printf foo", "foo"},
	    {"printf 'a\\nb\\n\\nc\\n'", "a\nb\n\nc\n"},
	    {"mkdir sub; cd sub; PS1='sub% '; echo moved", "moved\n"},
	    {"echo here", "here\n"},
	    {"sleep 0.3; echo late", "late\n"},
	    {"false || echo \"no such thing: $?\"", "no such thing: 1\n"},
	    {"echo one\necho two", "one\ntwo\n"},
	    {"for i in 1 2 3; do\n  echo $i\ndone", "1\n2\n3\n"},
	    {"seq 500 | tail -n 2", "499\n500\n"},
	    {"echo " LONG LONG LONG " | wc -c", "360\n"},
	    {"echo; echo x", "\nx\n"},
	    {"echo '\xc3\xa9\xf0\x9f\x8e\x89'", "\xc3\xa9\xf0\x9f\x8e\x89\n"},
	};
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
		char id[16];

		snprintf(id, sizeof id, "q%zu", i);
		world_put(w, &(struct note){.id = id, .body = rows[i].body, .wait = WAIT_TURN});
		world_apply(w, TRIG_MESSAGE);
		r = world_receipt(w, id);
		if (!r.turn_ended || !r.answer || strcmp(r.answer, rows[i].answer) != 0)
			fail_msg("%s: answer \"%s\", status %s", rows[i].body,
				 r.answer ? r.answer : "none", delivery_status_word(r.status));
	}
}

static void an_answer_of_one_that_was_at_work_is_no_other_ones(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	for (int i = 0; i < 6; i++) {
		AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
		char busy[16], ahead[16], id[16];

		snprintf(busy, sizeof busy, "b%d", i);
		snprintf(ahead, sizeof ahead, "a%d", i);
		snprintf(id, sizeof id, "q%d", i);
		world_send(w, busy, "sleep 0.4; echo earlier");
		world_send(w, ahead, "echo ahead");
		world_put(
		    w, &(struct note){.id = id, .body = "echo one\necho two", .wait = WAIT_TURN});
		world_apply(w, TRIG_MESSAGE);
		r = world_receipt(w, id);
		/* Typed ahead, two lines are two commands. */
		if (!r.answer || strncmp(r.answer, "one\n", 4) != 0 ||
		    !str_ends(r.answer, "\ntwo\n") || strstr(r.answer, "ahead"))
			fail_msg("round %d: answer \"%s\"", i, r.answer ? r.answer : "none");
	}
}

static void a_very_long_answer_is_cut_and_says_so(void **state)
{
	struct world *w = *state;
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_put(w, &(struct note){.id = "q1", .body = "seq 100000", .wait = WAIT_TURN});
	world_apply(w, TRIG_MESSAGE);
	r = world_receipt(w, "q1");
	assert_true(r.turn_ended);
	assert_non_null(r.answer);
	assert_in_range(strlen(r.answer), CAP_ANSWER - 100, CAP_ANSWER);
	assert_int_equal(strncmp(r.answer, "1\n2\n3\n", 6), 0);
	HAS(r.answer, "\n[cut here");
	AUTO(receipt_done) struct receipt next = {.rung = RUNG_NONE};
	world_put(w, &(struct note){.id = "q2", .body = "echo ok", .wait = WAIT_TURN});
	assert_string_equal(world_apply(w, TRIG_MESSAGE).waiting, "");
	next = world_receipt(w, "q2");
	assert_string_equal(next.answer, "ok\n");
}

static void a_wake_without_words_starts_and_types_nothing(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	out = world_apply(w, TRIG_MESSAGE);
	assert_true(out.started);
	assert_int_equal(world_receipt(w, "w1").status, DELIVERY_DELIVERED);
	assert_true(world_receipt(w, "w1").woke);
	auto_free char *screen = world_screen(w);
	screen[strcspn(screen, "\n")] = '\0';
	assert_string_equal(screen, "$");
}

static void an_id_with_a_receipt_is_not_delivered_again(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "echo 1 >> said");
	world_apply(w, TRIG_MESSAGE);
	world_send(w, "m1", "echo 1 >> said");
	world_send(w, "m2", "echo 2 >> said");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	EVENTUALLY(world_lines(w, "bob/said", "2") == 1);
	assert_int_equal(world_lines(w, "bob/said", "1"), 1);
}

/* ---- stop ---- */

static void a_stop_parks_and_is_no_death(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	assert_true(world_apply(w, TRIG_STOP).ended);
	assert_true(mark_is_set(&w->l, &w->id, MARK_STOPPED));
	assert_true(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_false(world_exists(w, world_state(&w->id, "canary")));
	assert_false(world_exists(w, world_state(&w->id, "ending")));
	assert_false(world_exists(w, world_state(&w->id, "deaths")));
	assert_false(fs_exists(AT_FDCWD, s.socket));
	assert_int_equal(plat_proc_state(s.server), PROC_GONE);
	assert_int_equal(plat_proc_state(s.pane), PROC_GONE);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_false(world_apply(w, TRIG_STOP).ended); /* twice is once */
}

static void a_stopped_peer_takes_no_message_and_is_not_started(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_apply(w, TRIG_STOP);
	world_send(w, "m1", "true");
	FAILS(ERR_STOPPED, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.hint, "iapeer start bob");
	assert_false(out.started);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	assert_false(world_has_receipt(w, "m1"));
	world_apply(w, TRIG_LOOK);
	assert_false(world_exists(w, world_state(&w->id, "session")));
}

static void a_parked_peer_wakes_as_parked_and_the_mark_is_used_up(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	world_apply(w, TRIG_STOP);
	OK(mark_clear(&w->l, &w->id, MARK_STOPPED, e));
	world_send(w, "m2", "true");
	out = world_apply(w, TRIG_MESSAGE);
	assert_true(out.started);
	assert_string_equal(out.cause, "idle-reaped-resume-no-resume");
	assert_string_equal(out.mode, "fresh");
	assert_false(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
}

static void a_removed_peer_is_ended(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "trap '' HUP TERM");
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	assert_true(world_apply(w, TRIG_REMOVE).ended);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_int_equal(plat_proc_state(s.server), PROC_GONE);
	assert_int_equal(plat_proc_state(s.pane), PROC_GONE);
	assert_false(mark_is_set(&w->l, &w->id, MARK_STOPPED));
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
}

static void a_new_session_replaces_the_old_one(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct session before;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	before = world_session(w);
	OK(mark_set(&w->l, &w->id, MARK_FRESH_NEXT, e));
	OK(mark_set(&w->l, &w->id, MARK_NEW_EAGER, e));
	out = world_apply(w, TRIG_NEW);
	assert_true(out.started && out.ended);
	assert_string_equal(out.cause, "new");
	assert_int_not_equal(world_session(w).server.pid, before.server.pid);
	assert_false(mark_is_set(&w->l, &w->id, MARK_NEW_EAGER));
	assert_false(mark_is_set(&w->l, &w->id, MARK_FRESH_NEXT));
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_false(world_exists(w, world_state(&w->id, "deaths")));
}

/* Forget every peer, as an edit or a restore of the registry does. */
static void unregister(struct world *w)
{
	bool dropped;

	OK(registry_drop(&w->l, w->id.name, &dropped, e));
	registry_done(&w->r);
	OK(registry_load(&w->l, &w->r, e));
}

static void a_name_that_left_the_registry_is_neither_started_nor_renewed(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	OK(mark_set(&w->l, &w->id, MARK_NEW_EAGER, e));
	unregister(w);
	assert_false(world_apply(w, TRIG_LOOK).started);
	world_send(w, "m1", "true");
	FAILS(ERR_REFUSED, world_try(w, TRIG_MESSAGE, &out, e));
	assert_false(world_exists(w, world_state(&w->id, "session")));
}

static void a_live_session_of_an_unregistered_name_is_left_alone(void **state)
{
	struct world *w = *state;
	struct session s;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	unregister(w);
	OK(mark_set(&w->l, &w->id, MARK_NEW_EAGER, e));
	assert_false(world_apply(w, TRIG_LOOK).ended);
	assert_int_equal(session_liveness(&s), LIVE_YES);
	assert_true(world_apply(w, TRIG_REMOVE).ended);
}

static void a_program_that_is_not_there_is_named(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	setenv("IAPEER_SHELL_BIN", world_path(w, "no-such-shell"), 1);
	world_send(w, "m1", "true");
	FAILS(ERR_FAILED, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.msg, "no-such-shell");
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	setenv("IAPEER_SHELL_BIN", "/bin/bash", 1);
	assert_true(world_apply(w, TRIG_MESSAGE).started);
	assert_true(world_receipt(w, "m1").woke);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	OK(fs_remove_tree(AT_FDCWD, world_path(w, "bob"), e));
	FAILS(ERR_FAILED, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.msg, world_path(w, "bob"));
	assert_false(world_exists(w, world_state(&w->id, "session")));
}

static void a_message_of_a_newer_format_waits_and_nothing_overtakes_it(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	const char *head;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_send(w, "m2", "true");
	head = ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.queue/0000000001.json";
	world_write(w, head, "{\"format\":2,\"id\":\"m1\"}");
	FAILS(ERR_REFUSED, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.msg, "was written by a newer iapeer (format 2)");
	assert_false(world_exists(w, world_state(&w->id, "session"))); /* not woken in vain */
	OK(mark_set(&w->l, &w->id, MARK_NEW_EAGER, e));
	assert_true(world_apply(w, TRIG_NEW).started); /* a person may have it all the same */
	out = world_apply(w, TRIG_MESSAGE);
	HAS(out.waiting, "was written by a newer iapeer (format 2)");
	assert_int_equal(queue_depth(&w->l, &w->id), 2);
	OK(queue_remove(&w->l, &w->id, "0000000001.json", e));
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m2").status, DELIVERY_DELIVERED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_message_wakes_a_sleeping_shell_and_is_submitted),
	    TEST(only_the_message_that_woke_the_session_says_so),
	    TEST(a_live_session_is_used_again),
	    TEST(an_answer_is_the_output_and_nothing_else),
	    TEST(an_answer_of_one_that_was_at_work_is_no_other_ones),
	    TEST(a_very_long_answer_is_cut_and_says_so),
	    TEST(a_wake_without_words_starts_and_types_nothing),
	    TEST(an_id_with_a_receipt_is_not_delivered_again),
	    TEST(a_stop_parks_and_is_no_death),
	    TEST(a_stopped_peer_takes_no_message_and_is_not_started),
	    TEST(a_parked_peer_wakes_as_parked_and_the_mark_is_used_up),
	    TEST(a_removed_peer_is_ended),
	    TEST(a_new_session_replaces_the_old_one),
	    TEST(a_name_that_left_the_registry_is_neither_started_nor_renewed),
	    TEST(a_live_session_of_an_unregistered_name_is_left_alone),
	    TEST(a_program_that_is_not_there_is_named),
	    TEST(a_folder_that_is_not_there_is_named),
	    TEST(a_message_of_a_newer_format_waits_and_nothing_overtakes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
