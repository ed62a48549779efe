#include "iapeer/agent/mcp_words.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* A message to bob, an agent. */
static int setup(void **state)
{
	static const struct send_world nowhere = {.layout = NULL};
	struct send *s = send_new(&nowhere);

	s->typed = "bob";
	s->id = (struct peer_id){.name = "bob", .runtime = "claude"};
	s->known = true;
	s->manifest.envelope = ENVELOPE_IAP;
	s->timeout_ms = 30000;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct send *s = *state;

	send_free(&s);
	return 0;
}

static void words(const struct send *s, const struct err *e, bool failed, const char *wanted)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	assert_int_equal(mcp_words(s, e ? -1 : 0, e, true, &b), failed);
	assert_string_equal(buf_cstr(&b), wanted);
}

static void receipt(struct send *s, enum delivery_status status)
{
	s->has_receipt = true;
	s->receipt.status = status;
}

static void a_delivery_says_where_an_answer_will_come(void **state)
{
	struct send *s = *state;

	receipt(s, DELIVERY_DELIVERED);
	words(s, NULL, false,
	      "Delivered to bob. If bob answers, that reaches you as a message of its own: go on, "
	      "or end your turn.");
	s->receipt.woke = true;
	str_cut(s->receipt.mode, sizeof s->receipt.mode, "fresh");
	words(
	    s, NULL, false,
	    "Delivered to bob. It slept and was woken with a new conversation: it remembers "
	    "nothing of an earlier one. If bob answers, that reaches you as a message of its own: "
	    "go on, or end your turn.");
}

static void a_program_that_takes_bare_text_will_not_write_back(void **state)
{
	struct send *s = *state;

	receipt(s, DELIVERY_DELIVERED);
	s->manifest.envelope = ENVELOPE_BARE;
	str_cut(s->id.runtime, sizeof s->id.runtime, "shell");
	strv_add(&s->item.attachments, "/a");
	words(s, NULL, false,
	      "Delivered to bob. bob (runtime shell) gets the bare text: it is not told who sent "
	      "it and will not write back. What it prints comes back with wait_secs. bob is not "
	      "told of the attachments.");
}

static void an_answer_is_the_text(void **state)
{
	AUTO(buf_done) struct buf brief = BUF_INIT(CAP_LINE);
	struct send *s = *state;

	receipt(s, DELIVERY_DELIVERED);
	s->item.wait = WAIT_TURN;
	words(s, NULL, false, "Delivered to bob, whose turn has ended without a word.");
	s->receipt.answer = xstrdup("42");
	words(s, NULL, false, "bob answered:\n\n42");
	/* Where the answer stands beside it, it is not said twice. */
	assert_false(mcp_words(s, 0, NULL, false, &brief));
	assert_string_equal(buf_cstr(&brief), "bob answered.");
}

static void an_answer_that_is_late_is_no_failure(void **state)
{
	struct send *s = *state;
	struct err e = {.code = ERR_TIMEOUT, .msg = "delivered, but the turn has not ended"};

	receipt(s, DELIVERY_DELIVERED);
	s->item.wait = WAIT_TURN;
	words(s, &e, false,
	      "Delivered to bob, which has not ended its turn in the 30 s that you waited. Nothing "
	      "is lost, but its answer does not come back from this call any more: do not send it "
	      "again; go on, and a message may come.");
}

static void what_waits_is_not_to_be_sent_again(void **state)
{
	struct send *s = *state;
	struct err e = {.code = ERR_QUEUED, .msg = "accepted, not yet delivered"};

	s->queued = true;
	str_cut(s->reason, sizeof s->reason, "a person is writing there");
	words(s, &e, false,
	      "Accepted, not yet delivered to bob: a person is writing there. It is kept and will "
	      "be delivered by itself; do not send it again.");
}

static void a_refusal_says_whom_to_ask_for_what(void **state)
{
	struct send *s = *state;
	struct err e = {.code = ERR_STOPPED, .msg = "bob is stopped", .hint = "iapeer start bob"};

	words(s, &e, true,
	      "Not sent: bob is stopped. Ask the person you work for to run `iapeer start bob`.");
}

static void an_unknown_name_gets_the_names_there_are(void **state)
{
	struct send *s = *state;
	struct peer_record peers[2] = {{.name = "alice"}, {.name = "bob"}};
	struct registry r = {.peers = peers, .n = 2};
	struct err e = {
	    .code = ERR_NOT_FOUND, .msg = "no such peer: bobb", .hint = "did you mean bob?"};

	s->known = false;
	s->typed = "bobb";
	s->w.registry = &r;
	words(s, &e, true,
	      "Not sent: no such peer: bobb. Did you mean bob? There are: alice, bob.");
	r.n = 0;
	words(s, &e, true, "Not sent: no such peer: bobb. Did you mean bob? There are no peers.");
	s->w.registry = NULL;
}

static void a_turn_that_was_cut_short_has_no_answer(void **state)
{
	struct send *s = *state;
	struct err e = {.code = ERR_FAILED, .msg = "delivered, but its session ended"};

	receipt(s, DELIVERY_DELIVERED);
	s->item.wait = WAIT_TURN;
	s->receipt.turn_ended = true;
	snprintf(s->receipt.reason, sizeof s->receipt.reason,
		 "its session ended during the turn: sigkill");
	words(s, &e, true,
	      "Delivered to bob, but no answer will come: its session ended during the turn: "
	      "sigkill. It may have begun with it: send it again only if twice does no harm.");
	e = (struct err){.code = ERR_STOPPED, .hint = "iapeer start bob"};
	snprintf(s->receipt.reason, sizeof s->receipt.reason, "it was stopped during the turn");
	words(s, &e, true,
	      "Delivered to bob, but no answer will come: it was stopped during the turn. Ask the "
	      "person you work for to run `iapeer start bob`.");
}

static void what_nobody_knows_is_a_failure_and_says_so(void **state)
{
	struct send *s = *state;
	struct err e = {.code = ERR_AMBIGUOUS, .msg = "it may or may not have arrived: it died"};

	receipt(s, DELIVERY_AMBIGUOUS);
	words(s, &e, true,
	      "Not known whether it arrived at bob: it may or may not have arrived: it died. It is "
	      "not tried again by itself. Send it again only if twice does no harm.");
}

static void a_failure_may_be_tried_again(void **state)
{
	struct send *s = *state;
	struct err e = {.code = ERR_TIMEOUT, .msg = "not accepted in time"};

	words(s, &e, true, "Not delivered to bob: not accepted in time. You may try again later.");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_delivery_says_where_an_answer_will_come),
	    TEST(a_program_that_takes_bare_text_will_not_write_back),
	    TEST(an_answer_is_the_text),
	    TEST(an_answer_that_is_late_is_no_failure),
	    TEST(what_waits_is_not_to_be_sent_again),
	    TEST(a_refusal_says_whom_to_ask_for_what),
	    TEST(an_unknown_name_gets_the_names_there_are),
	    TEST(a_turn_that_was_cut_short_has_no_answer),
	    TEST(what_nobody_knows_is_a_failure_and_says_so),
	    TEST(a_failure_may_be_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
