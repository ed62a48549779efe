/* What a person has typed and not sent is never submitted together with a message. */
#include "iapeer/lifecycle/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/launch/shell.h"

#include "iapeer/base/banned.h"

static void live(struct world *w)
{
	world_peer(w, "bob", NULL);
	world_send(w, "m0", "true");
	world_apply(w, TRIG_MESSAGE);
}

static bool screen_has(const struct world *w, const char *text)
{
	auto_free char *screen = world_screen(w);

	return strstr(screen, text) != NULL;
}

/* Type it as tmux types it, and see it. */
static void type(const struct world *w, const char *text)
{
	TMUX(w, "send-keys", "-l", "-t", "%0", text);
	EVENTUALLY(screen_has(w, text));
}

/* Say that our last Enter was at that time. */
static void entered_at(const struct world *w, int64_t utc_ms)
{
	struct session s = world_session(w);
	struct pane p = {.layout = &w->l, .session = &s};
	struct shell_memory m;

	shell_memory_load(&p, &m);
	assert_true(m.entered_at_ms > 0);
	m.entered_at_ms = utc_ms;
	shell_memory_save(&p, &m);
}

static void must_wait(struct world *w)
{
	struct apply_outcome out = world_apply(w, TRIG_MESSAGE);

	HAS(out.waiting, "typed");
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	assert_false(world_has_receipt(w, "m1"));
	assert_false(world_exists(w, world_state(&w->id, "sending")));
}

static void a_draft_makes_the_message_wait_and_is_left_as_it_was(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	type(w, "echo half typed >>said");
	world_send(w, "m1", "echo message >>said");
	must_wait(w);
	must_wait(w);
	assert_true(screen_has(w, "$ echo half typed >>said"));
	assert_false(world_exists(w, "bob/said"));
}

static void when_the_draft_has_gone_the_message_goes(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	type(w, "half typed");
	world_send(w, "m1", "echo message >>said");
	must_wait(w);
	TMUX(w, "send-keys", "-t", "%0", "C-u");
	EVENTUALLY(!screen_has(w, "half typed"));
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
	EVENTUALLY(world_lines(w, "bob/said", "message") == 1);
}

static void a_draft_that_was_sent_by_its_person_is_none_any_more(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	type(w, "echo person >>said");
	world_send(w, "m1", "echo message >>said");
	must_wait(w);
	TMUX(w, "send-keys", "-t", "%0", "Enter");
	EVENTUALLY(world_lines(w, "bob/said", "person") == 1);
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(world_lines(w, "bob/said", "message") == 1);
	auto_free char *said = world_read(w, "bob/said");
	assert_string_equal(said, "person\nmessage\n");
}

static void a_draft_in_another_folder_is_a_draft(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	world_send(w, "cd", "PS1='there$ '");
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(screen_has(w, "there$"));
	struct scratch_client c = scratch_attach(w);
	assert_int_equal(write(c.fd, "half typed", 10), 10);
	EVENTUALLY(screen_has(w, "half typed"));
	world_send(w, "m1", "echo message >>said");
	must_wait(w);
	scratch_detach(&c);
}

static void who_has_detached_has_left_a_draft(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	struct scratch_client c = scratch_attach(w);
	/* Our own Enter comes after the attach: that the person came before it means nothing. */
	world_send(w, "between", "PS1='there$ '");
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(screen_has(w, "there$"));
	/* tmux counts in seconds: attached in one, Enter in the next, typed in the one after that.
	 */
	int64_t attached = clock_utc_ms() / 1000;
	entered_at(w, attached * 1000 + 1500);
	EVENTUALLY(clock_utc_ms() / 1000 >= attached + 2);
	assert_int_equal(write(c.fd, "half typed", 10), 10);
	EVENTUALLY(screen_has(w, "half typed"));
	scratch_detach(&c);
	struct session s = world_session(w);
	EVENTUALLY(!session_attached(&s));
	world_send(w, "m1", "echo message >>said");
	must_wait(w);
}

static void force_goes_past_a_draft(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	type(w, "echo half");
	world_put(w, &(struct note){.id = "m1", .body = " typed >said", .force = true});
	assert_string_equal(world_apply(w, TRIG_MESSAGE).waiting, "");
	EVENTUALLY(world_lines(w, "bob/said", "half typed") == 1);
}

static void an_attached_person_who_types_nothing_is_no_draft(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	struct scratch_client c = scratch_attach(w);
	world_send(w, "m1", "echo message >said");
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(world_lines(w, "bob/said", "message") == 1);
	world_send(w, "m2", "cd /; echo moved");
	world_apply(w, TRIG_MESSAGE);
	world_send(w, "m3", "PS1='x$ '");
	world_apply(w, TRIG_MESSAGE);
	world_send(w, "m4", "true");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m4").status, DELIVERY_DELIVERED);
	scratch_detach(&c);
}

static void copy_mode_does_not_hide_a_draft(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	type(w, "half typed");
	TMUX(w, "copy-mode", "-t", "%0");
	world_send(w, "m1", "echo message >>said");
	must_wait(w);
}

static void copy_mode_alone_does_not_stop_a_message(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	TMUX(w, "copy-mode", "-t", "%0");
	world_send(w, "m1", "echo message >said");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
	EVENTUALLY(world_lines(w, "bob/said", "message") == 1);
}

static void what_a_background_job_prints_is_no_draft_for_ever(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	world_send(w, "job", "(read -t 0.2 x <>/dev/tcp/localhost/1; echo; echo from behind) &");
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(screen_has(w, "from behind\n"));
	world_send(w, "m1", "echo message >said");
	assert_string_equal(world_apply(w, TRIG_MESSAGE).waiting, "");
	EVENTUALLY(world_lines(w, "bob/said", "message") == 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_draft_makes_the_message_wait_and_is_left_as_it_was),
	    TEST(when_the_draft_has_gone_the_message_goes),
	    TEST(a_draft_that_was_sent_by_its_person_is_none_any_more),
	    TEST(a_draft_in_another_folder_is_a_draft),
	    TEST(who_has_detached_has_left_a_draft),
	    TEST(force_goes_past_a_draft),
	    TEST(an_attached_person_who_types_nothing_is_no_draft),
	    TEST(copy_mode_does_not_hide_a_draft),
	    TEST(copy_mode_alone_does_not_stop_a_message),
	    TEST(what_a_background_job_prints_is_no_draft_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
