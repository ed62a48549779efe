/* apply_peer() where a deliverer was killed between two of its steps: the message arrives once, or
 * it is said that nobody knows. */
#include "iapeer/lifecycle/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/launch/pane.h"

#include "iapeer/base/banned.h"

#define PANE_LOG ROOT_REL(LAYOUT_PANE_LOGS) "/shell-bob.log"
#define BODY     "echo message >>said"

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

static int64_t log_size(const struct world *w)
{
	struct pane p = {.layout = &w->l};

	layout_pane_log(&w->id, p.log);
	return pane_log_size(&p);
}

/* As the killed one left it; `entered` NULL: an older build, which did not say. */
static void intent(const struct world *w, int64_t at_ms, int64_t log_before, const char *entered)
{
	struct session s = world_session(w);
	char text[512], more[96] = "";

	if (entered)
		snprintf(more, sizeof more, ",\"logBefore\":%lld,\"enteredLog\":%s",
			 (long long)log_before, entered);
	snprintf(text, sizeof text,
		 "{\"format\":1,\"id\":\"m1\",\"file\":\"0000000002.json\",\"length\":19,"
		 "\"hash\":\"x\",\"pane\":\"%s\",\"server\":%ld,\"atMs\":%lld%s}",
		 s.pane_id, (long)s.server.pid, (long long)at_ms, more);
	world_write(w, world_state(&w->id, "sending"), text);
}

static void paste(const struct world *w)
{
	TMUX(w, "send-keys", "-l", "-t", "%0", BODY);
}

static void is_done_once(struct world *w, enum delivery_status want)
{
	assert_int_equal(world_receipt(w, "m1").status, want);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	assert_false(world_exists(w, world_state(&w->id, "sending")));
	/* The next message is done after it, so what was to come has come. */
	world_send(w, "m9", "echo next >>said");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m9").status, DELIVERY_DELIVERED);
	EVENTUALLY(world_lines(w, "bob/said", "next") == 1);
	assert_int_equal(world_lines(w, "bob/said", "message"),
			 world_receipt(w, "m1").status == DELIVERY_DELIVERED);
}

static void killed_before_the_paste_it_is_sent(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	world_send(w, "m1", BODY);
	intent(w, clock_utc_ms(), log_size(w), "-1");
	world_apply(w, TRIG_MESSAGE);
	is_done_once(w, DELIVERY_DELIVERED);
}

static void killed_between_paste_and_enter_it_is_entered(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	world_send(w, "m1", BODY);
	intent(w, clock_utc_ms(), log_size(w), "-1");
	paste(w);
	world_apply(w, TRIG_MESSAGE);
	is_done_once(w, DELIVERY_DELIVERED);
}

static void killed_behind_enter_it_is_not_sent_again(void **state)
{
	struct world *w = *state;
	char entered[32];

	NEEDS_TMUX();
	live(w);
	world_send(w, "m1", BODY);
	paste(w);
	EVENTUALLY(screen_has(w, BODY));
	snprintf(entered, sizeof entered, "%lld", (long long)log_size(w));
	intent(w, clock_utc_ms(), 0, entered);
	TMUX(w, "send-keys", "-t", "%0", "Enter");
	EVENTUALLY(world_lines(w, "bob/said", "message") == 1);
	world_apply(w, TRIG_MESSAGE);
	is_done_once(w, DELIVERY_DELIVERED);
}

/* Pasted, and the program has not come to read it: it will. */
static void what_is_not_read_yet_is_not_pasted_again(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", world_reader());
	world_send(w, "m0", "hold 2500");
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(world_lines(w, PANE_LOG, "[?2004h> ") == 2);
	world_send(w, "m1", BODY);
	intent(w, clock_utc_ms(), log_size(w), "-1");
	paste(w);
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
	EVENTUALLY(world_exists(w, "bob/got.2"));
	auto_free char *got = world_read(w, "bob/got.2");
	assert_string_equal(got, BODY);
	world_send(w, "m9", "next");
	world_apply(w, TRIG_MESSAGE);
	EVENTUALLY(world_exists(w, "bob/got.3"));
	auto_free char *next = world_read(w, "bob/got.3");
	assert_string_equal(next, "next");
}

static void what_an_older_build_left_is_ambiguous(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	live(w);
	world_send(w, "m1", BODY);
	intent(w, clock_utc_ms(), 0, NULL);
	world_apply(w, TRIG_MESSAGE);
	is_done_once(w, DELIVERY_AMBIGUOUS);
}

/* Its message was called ambiguous while something else ran; then its text stands at the prompt. */
static void give_up(struct world *w)
{
	live(w);
	world_send(w, "run", "read -r x");
	world_apply(w, TRIG_MESSAGE);
	world_send(w, "m1", BODY);
	intent(w, clock_utc_ms() - 60000, log_size(w), "-1");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_AMBIGUOUS);
	TMUX(w, "send-keys", "-t", "%0", "y", "Enter");
	EVENTUALLY(screen_has(w, "\ny\n$"));
}

static void a_text_of_ours_that_turns_up_later_holds_up_nobody(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	give_up(w);
	paste(w);
	EVENTUALLY(screen_has(w, "$ " BODY));
	world_send(w, "m2", "echo second >>said");
	assert_string_equal(world_apply(w, TRIG_MESSAGE).waiting, "");
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
	EVENTUALLY(world_lines(w, "bob/said", "second") == 1);
	auto_free char *said = world_read(w, "bob/said");
	assert_string_equal(said, "message\nsecond\n");
	assert_false(world_exists(w, world_state(&w->id, "stray")));
}

static void the_same_words_typed_by_a_person_are_his(void **state)
{
	struct world *w = *state;
	struct scratch_client c;

	NEEDS_TMUX();
	give_up(w);
	c = scratch_attach(w);
	assert_int_equal(write(c.fd, BODY, sizeof BODY - 1), sizeof BODY - 1);
	EVENTUALLY(screen_has(w, "$ " BODY));
	world_send(w, "m2", "echo second >>said");
	HAS(world_apply(w, TRIG_MESSAGE).waiting, "typed");
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_AMBIGUOUS);
	assert_true(screen_has(w, "$ " BODY));
	assert_false(world_exists(w, "bob/said"));
	scratch_detach(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(killed_before_the_paste_it_is_sent),
	    TEST(killed_between_paste_and_enter_it_is_entered),
	    TEST(killed_behind_enter_it_is_not_sent_again),
	    TEST(what_is_not_read_yet_is_not_pasted_again),
	    TEST(what_an_older_build_left_is_ambiguous),
	    TEST(a_text_of_ours_that_turns_up_later_holds_up_nobody),
	    TEST(the_same_words_typed_by_a_person_are_his),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
