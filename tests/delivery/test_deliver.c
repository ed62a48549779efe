/* The deliverer between two effects: whatever it was killed between, the next one knows what
 * happened, or says that it cannot be known. */
#include "iapeer/delivery/deliver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "scratch.h"

#include "iapeer/base/str.h"
#include "iapeer/delivery/topics.h"

#include "iapeer/base/banned.h"

static const struct manifest bare = {.kind = KIND_SHELL, .envelope = ENVELOPE_BARE};

#define QUEUE_HEAD ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.queue/0000000001.json"

/* A peer without a session: what deliver_* is given then. */
struct idle {
	struct session session;
	struct deliver_in in;
	struct deliver_out out;
	int receipts;
};

static void counted(const char *id, void *arg)
{
	(void)id;
	++*(int *)arg;
}

static void idle(struct world *w, struct idle *out)
{
	*out = (struct idle){.receipts = 0};
	world_peer(w, "bob", NULL);
	out->session.id = w->id;
	out->in = (struct deliver_in){.layout = &w->l,
				      .manifest = &bare,
				      .session = &out->session,
				      .on_receipt = counted,
				      .arg = &out->receipts};
}

static void sending(const struct world *w, const char *id, const char *pane, long server)
{
	char text[256];

	snprintf(text, sizeof text,
		 "{\"format\":1,\"id\":\"%s\",\"file\":\"0000000001.json\",\"length\":4,\"hash\":"
		 "\"x\",\"pane\":\"%s\",\"server\":%ld}",
		 id, pane, server);
	world_write(w, world_state(&w->id, "sending"), text);
}

static bool is_sending(const struct world *w)
{
	return world_exists(w, world_state(&w->id, "sending"));
}

static void receipt_of(const struct world *w, const char *id, enum delivery_status status)
{
	struct receipt r = {.status = status, .rung = RUNG_SUBMITTED};

	str_cut(r.id, sizeof r.id, id);
	OK(receipt_save(&w->l, &w->id, &r, e));
}

/* ---- settling without a session ---- */

static void an_intent_alone_is_ambiguous(void **state)
{
	struct world *w = *state;
	struct idle i;
	struct receipt r;

	idle(w, &i);
	world_send(w, "m1", "text");
	world_send(w, "m2", "text");
	sending(w, "m1", "%0", 7);
	OK(deliver_settle(&i.in, &w->id, &i.out, e));
	r = world_receipt(w, "m1");
	assert_int_equal(r.status, DELIVERY_AMBIGUOUS);
	assert_int_equal(r.rung, RUNG_PASTED);
	assert_true(r.reason[0] && r.accepted_at_ms > 0);
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	assert_false(world_has_receipt(w, "m2"));
	assert_false(is_sending(w));
	assert_int_equal(i.receipts, 1);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_DELIVERY_LOG), "id=m1"), 1);
}

static void after_the_receipt_only_the_last_steps_are_missing(void **state)
{
	struct world *w = *state;
	struct idle i;

	idle(w, &i);
	world_send(w, "m1", "text");
	receipt_of(w, "m1", DELIVERY_DELIVERED);
	sending(w, "m1", "%0", 7);
	OK(deliver_settle(&i.in, &w->id, &i.out, e));
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	assert_false(is_sending(w));
}

static void an_intent_of_a_message_that_has_left_the_queue_goes(void **state)
{
	struct world *w = *state;
	struct idle i;

	idle(w, &i);
	world_send(w, "m2", "text");
	sending(w, "m1", "%0", 7);
	OK(deliver_settle(&i.in, &w->id, &i.out, e));
	assert_false(is_sending(w));
	assert_false(world_has_receipt(w, "m1"));
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
}

static void an_intent_that_nobody_can_read_goes(void **state)
{
	static const char *const wrong[] = {"", "not json", "{}", "{\"id\":5}", "[1]"};
	struct world *w = *state;
	struct idle i;

	idle(w, &i);
	world_send(w, "m1", "text");
	for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
		world_write(w, world_state(&w->id, "sending"), wrong[k]);
		OK(deliver_settle(&i.in, &w->id, &i.out, e));
		assert_false(is_sending(w));
		assert_int_equal(queue_depth(&w->l, &w->id), 1);
	}
}

static void an_intent_whose_message_cannot_be_read_holds_up_nobody(void **state)
{
	struct world *w = *state;
	struct idle i;

	idle(w, &i);
	world_send(w, "m1", "text");
	world_write(w, QUEUE_HEAD, "broken");
	sending(w, "m1", "%0", 7);
	OK(deliver_settle(&i.in, &w->id, &i.out, e));
	assert_false(is_sending(w));
}

/* ---- the queue without a paste ---- */

static void what_has_a_receipt_only_leaves_the_queue(void **state)
{
	struct world *w = *state;
	struct deliver_out out;
	struct idle i;

	idle(w, &i);
	world_send(w, "m1", "text");
	world_send(w, "m1", "text");
	receipt_of(w, "m1", DELIVERY_AMBIGUOUS);
	OK(deliver_queue(&i.in, &out, e));
	assert_int_equal(out.delivered, 0);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_AMBIGUOUS);
}

static void a_wake_without_words_is_delivered_by_the_session_being_there(void **state)
{
	struct world *w = *state;
	struct deliver_out out;
	struct receipt r;
	struct idle i;

	idle(w, &i);
	str_cut(i.session.woke_for, sizeof i.session.woke_for, "w1");
	str_cut(i.session.mode, sizeof i.session.mode, "fresh");
	str_cut(i.session.cause, sizeof i.session.cause, "first-wake");
	world_put(w,
		  &(struct note){.id = "w1", .kind = ITEM_WAKE, .wait = WAIT_TURN, .topic = "t"});
	world_put(w, &(struct note){.id = "w2", .kind = ITEM_WAKE});
	OK(deliver_queue(&i.in, &out, e));
	assert_int_equal(out.delivered, 2);
	assert_string_equal(out.waiting, "");
	assert_string_equal(out.turn.id, ""); /* no words, no turn */
	r = world_receipt(w, "w1");
	assert_int_equal(r.status, DELIVERY_DELIVERED);
	assert_true(r.woke);
	assert_string_equal(r.mode, "fresh");
	assert_string_equal(r.cause, "first-wake");
	assert_false(world_receipt(w, "w2").woke);
	assert_int_equal(i.receipts, 2);
}

static void a_head_that_nobody_can_read_is_passed_over(void **state)
{
	struct world *w = *state;
	struct deliver_out out;
	struct idle i;

	idle(w, &i);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	world_put(w, &(struct note){.id = "w2", .kind = ITEM_WAKE});
	world_write(w, QUEUE_HEAD, "broken");
	OK(deliver_queue(&i.in, &out, e));
	assert_int_equal(out.delivered, 1);
	assert_true(world_has_receipt(w, "w2"));
	assert_true(world_exists(w, QUEUE_HEAD ".bad"));
}

static void link_in_place_of(const struct world *w, const char *what)
{
	char path[LAYOUT_PATH];
	struct err why;

	layout_state(&w->id, what, path);
	OK(fs_remove_tree(w->l.root_fd, path, &why));
	OK(fs_symlink("elsewhere", w->l.root_fd, path, &why));
}

/* What cannot be told now must not be taken for "never": it would be pasted twice. */
static void while_it_cannot_be_told_nothing_is_given_up_and_nothing_pasted(void **state)
{
	struct world *w = *state;
	struct rlimit had, none;
	struct deliver_out out;
	struct idle i;

	idle(w, &i);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	sending(w, "w1", "%0", 7);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = had.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	FAILS(ERR_FAILED, deliver_settle(&i.in, &w->id, &i.out, e));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_true(is_sending(w));
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	link_in_place_of(w, "receipts");
	FAILS(ERR_REFUSED, deliver_settle(&i.in, &w->id, &i.out, e));
	FAILS(ERR_REFUSED, deliver_queue(&i.in, &out, e));
	assert_true(is_sending(w));
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
	link_in_place_of(w, "queue");
	FAILS(ERR_REFUSED, deliver_settle(&i.in, &w->id, &i.out, e));
	assert_true(is_sending(w));
	assert_int_equal(i.receipts, 0);
}

static void a_head_that_cannot_be_put_aside_is_an_error_and_no_endless_loop(void **state)
{
	struct world *w = *state;
	struct deliver_out out;
	struct idle i;

	idle(w, &i);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	world_write(w, QUEUE_HEAD, "broken");
	world_write(w, QUEUE_HEAD ".bad", "kept");
	for (int k = 2; k <= 100; k++) { /* as many as are kept of one number */
		char kept[256];

		snprintf(kept, sizeof kept, QUEUE_HEAD ".%d.bad", k);
		world_write(w, kept, "kept");
	}
	FAILS(ERR_FAILED, deliver_queue(&i.in, &out, e));
}

static void the_end_of_a_turn_goes_into_the_receipt(void **state)
{
	struct world *w = *state;
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct idle i;

	idle(w, &i);
	FAILS(ERR_NOT_FOUND,
	      deliver_turn_ended(&w->l, &w->id, "m1", &(struct turn_end){.answer = "x"}, e));
	receipt_of(w, "m1", DELIVERY_DELIVERED);
	OK(deliver_turn_ended(&w->l, &w->id, "m1", &(struct turn_end){.answer = "42\n"}, e));
	r = world_receipt(w, "m1");
	assert_true(r.turn_ended && r.turn_at_ms > 0);
	assert_string_equal(r.answer, "42\n");
	assert_int_equal(r.status, DELIVERY_DELIVERED);
	assert_int_equal(r.rung, RUNG_SUBMITTED);
}

/* ---- with a live shell ---- */

static bool screen_has(const struct world *w, const char *text)
{
	auto_free char *screen = world_screen(w);

	return strstr(screen, text) != NULL;
}

/* A live shell in which `typed` stands, and an intent for m1, "echo settled >>said". */
static void cut_short(struct world *w, const char *typed)
{
	struct session s;

	world_peer(w, "bob", NULL);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	world_send(w, "m1", "echo settled >>said");
	sending(w, "m1", s.pane_id, (long)s.server.pid);
	if (!typed[0])
		return;
	TMUX(w, "send-keys", "-l", "-t", "%0", typed);
	EVENTUALLY(screen_has(w, typed));
}

static void exactly_our_text_in_the_composer_gets_its_enter(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	cut_short(w, "echo settled >>said");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_DELIVERED);
	assert_false(is_sending(w));
	EVENTUALLY(world_lines(w, "bob/said", "settled") == 1);
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_lines(w, "bob/said", "settled"), 1);
}

static void any_other_text_in_the_composer_is_ambiguous_and_left_alone(void **state)
{
	static const char *const typed[] = {"", "echo settled >>saidx", "echo settled >>sai",
					    "xecho settled >>said", "half typed"};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
		cut_short(w, typed[i]);
		world_apply(w, TRIG_MESSAGE);
		if (world_receipt(w, "m1").status != DELIVERY_AMBIGUOUS)
			fail_msg("typed \"%s\": %s", typed[i],
				 delivery_status_word(world_receipt(w, "m1").status));
		assert_false(is_sending(w));
		assert_true(screen_has(w, typed[i]));
		assert_false(world_exists(w, "bob/said"));
		world_apply(w, TRIG_REMOVE);
		OK(fs_remove_tree(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.receipts", e));
	}
}

/* Seen before the prompt was painted, the row is empty. That must not be taken for the prompt: in
 * front of it any draft would look like one. */
static void an_empty_row_is_no_prompt_to_remember(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	world_apply(w, TRIG_MESSAGE);
	world_send(w, "p1", "PS1=");
	world_apply(w, TRIG_MESSAGE);
	world_send(w, "p2", "PS1='$ '");
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "p2").status, DELIVERY_DELIVERED);
	TMUX(w, "send-keys", "-l", "-t", "%0", "half typed");
	EVENTUALLY(screen_has(w, "$ half typed"));
	world_send(w, "m1", "echo joined >>said");
	world_apply(w, TRIG_MESSAGE);
	assert_true(screen_has(w, "$ half typed"));
	assert_false(screen_has(w, "typedecho"));
	assert_false(world_exists(w, "bob/said"));
}

static void an_intent_for_an_earlier_session_is_ambiguous(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	cut_short(w, "echo settled >>said");
	sending(w, "m1", "%0", 1);
	world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, "m1").status, DELIVERY_AMBIGUOUS);
	assert_true(screen_has(w, "$ echo settled >>said"));
}

static void a_delivery_notes_its_topic_and_a_failure_does_not(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv topics = STRV_INIT;

	NEEDS_TMUX();
	cut_short(w, "");
	world_apply(w, TRIG_MESSAGE); /* m1 becomes ambiguous */
	world_put(w, &(struct note){.id = "t1", .body = "true", .topic = "one"});
	world_put(w, &(struct note){.id = "t2", .body = "true", .topic = "two"});
	world_put(w, &(struct note){.id = "t3", .body = "true", .topic = "one"});
	world_apply(w, TRIG_MESSAGE);
	OK(topics_load(&w->l, &w->id, &topics, e));
	assert_int_equal(topics.n, 2);
	assert_string_equal(topics.v[0], "two");
	assert_string_equal(topics.v[1], "one");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_intent_alone_is_ambiguous),
	    TEST(after_the_receipt_only_the_last_steps_are_missing),
	    TEST(an_intent_of_a_message_that_has_left_the_queue_goes),
	    TEST(an_intent_that_nobody_can_read_goes),
	    TEST(an_intent_whose_message_cannot_be_read_holds_up_nobody),
	    TEST(what_has_a_receipt_only_leaves_the_queue),
	    TEST(a_wake_without_words_is_delivered_by_the_session_being_there),
	    TEST(a_head_that_nobody_can_read_is_passed_over),
	    TEST(while_it_cannot_be_told_nothing_is_given_up_and_nothing_pasted),
	    TEST(a_head_that_cannot_be_put_aside_is_an_error_and_no_endless_loop),
	    TEST(the_end_of_a_turn_goes_into_the_receipt),
	    TEST(exactly_our_text_in_the_composer_gets_its_enter),
	    TEST(any_other_text_in_the_composer_is_ambiguous_and_left_alone),
	    TEST(an_empty_row_is_no_prompt_to_remember),
	    TEST(an_intent_for_an_earlier_session_is_ambiguous),
	    TEST(a_delivery_notes_its_topic_and_a_failure_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
