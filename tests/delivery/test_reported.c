/* What a program's reports say about one message and its turn, and the receipts that change
 * because of it. */
#include "iapeer/delivery/reported.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "world.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "claude"};

struct say {
	enum report_kind kind;
	const char *id, *text;
};

static void say_at(const struct world *w, int64_t at_ms, const struct say *s)
{
	AUTO(report_done) struct report r = {.kind = s->kind, .at_ms = at_ms};

	if (s->id)
		strv_add(&r.ids, s->id);
	if (s->text)
		r.text = xstrdup(s->text);
	if (s->kind == REPORT_FAILED)
		str_cut(r.detail, sizeof r.detail, "quota");
	OK(report_add(&w->l, &bob, &r, e));
}
#define SAY(w, kind, id, text) say_at(w, 1000, &(struct say){kind, id, text})

static void look(const struct world *w, struct reported *r)
{
	OK(reported_look(&w->l, &bob, r, e));
}

static void taken_names_this_message(void **state)
{
	struct world *w = *state;
	AUTO(reported_done) struct reported r;

	reported_begin(&r, "m1", 0, NULL);
	look(w, &r);
	assert_false(r.taken || r.heard || r.working);
	SAY(w, REPORT_TAKEN, "m2", NULL);
	SAY(w, REPORT_TAKEN, NULL, NULL);
	look(w, &r);
	assert_false(r.taken);
	assert_true(r.heard && r.working);
	SAY(w, REPORT_TURN, NULL, "of m2");
	SAY(w, REPORT_TAKEN, "m1", NULL);
	look(w, &r);
	assert_true(r.taken);
	assert_false(r.queued);
	assert_int_equal(r.taken_ms, 1000);
	assert_int_equal(r.turns, 0);
}

static void the_turn_after_it_is_its_turn(void **state)
{
	struct world *w = *state;
	AUTO(reported_done) struct reported r;

	SAY(w, REPORT_TAKEN, "m0", NULL);
	SAY(w, REPORT_TURN, NULL, "before");
	SAY(w, REPORT_TAKEN, "m1", NULL);
	SAY(w, REPORT_TOOL, NULL, NULL);
	SAY(w, REPORT_TURN, NULL, "mine");
	reported_begin(&r, "m1", 0, NULL);
	look(w, &r);
	assert_int_equal(r.turns, 1);
	assert_string_equal(r.answer, "mine");
	assert_false(r.queued || r.failed || r.interrupted || r.working);
	SAY(w, REPORT_READY, NULL, NULL); /* a minute later: it waits for input */
	look(w, &r);
	assert_int_equal(r.turns, 1);
	assert_string_equal(r.answer, "mine");
}

static void what_was_queued_during_a_turn_is_known_to_be(void **state)
{
	struct world *w = *state;
	AUTO(reported_done) struct reported r;

	SAY(w, REPORT_TAKEN, "m0", NULL);
	SAY(w, REPORT_TAKEN, "m1", NULL);
	SAY(w, REPORT_TURN, NULL, "of m0");
	reported_begin(&r, "m1", 0, NULL);
	look(w, &r);
	assert_true(r.queued);
	assert_int_equal(r.turns, 1);
	SAY(w, REPORT_TURN, NULL, "of m1");
	look(w, &r);
	assert_int_equal(r.turns, 2);
	assert_string_equal(r.answer, "of m1");
}

static void a_turn_may_fail_or_be_interrupted(void **state)
{
	struct world *w = *state;
	AUTO(reported_done) struct reported failed;
	AUTO(reported_done) struct reported cut;

	reported_begin(&failed, "m1", 0, NULL);
	reported_begin(&cut, "m2", 0, NULL);
	SAY(w, REPORT_TAKEN, "m1", NULL);
	SAY(w, REPORT_FAILED, NULL, "no money\nat all");
	look(w, &failed);
	assert_true(failed.failed);
	assert_string_equal(failed.reason, "its turn failed: quota: no money");
	assert_null(failed.answer);
	SAY(w, REPORT_TAKEN, "m2", NULL);
	SAY(w, REPORT_READY, NULL, NULL);
	look(w, &cut);
	assert_true(cut.interrupted && !cut.failed);
	assert_int_equal(cut.turns, 1);
}

static void an_earlier_session_is_not_this_one(void **state)
{
	struct world *w = *state;
	struct session s = {.woke_at_ms = 950};
	AUTO(reported_done) struct reported r;

	say_at(w, 400, &(struct say){REPORT_TAKEN, "m0", NULL});
	reported_begin(&r, "m1", report_size(&w->l, &bob), &s);
	look(w, &r);
	assert_false(r.heard || r.working);
	SAY(w, REPORT_READY, NULL, NULL);
	look(w, &r);
	assert_true(r.heard && !r.working);
}

static void the_conversations_file_is_the_second_witness(void **state)
{
	struct world *w = *state;
	AUTO(report_done) struct report said = {.kind = REPORT_READY, .at_ms = 1000};
	AUTO(reported_done) struct reported r;

	str_cut(said.transcript, sizeof said.transcript, world_path(w, "talk.jsonl"));
	OK(report_add(&w->l, &bob, &said, e));
	reported_begin(&r, "m1", 0, NULL);
	look(w, &r);
	assert_false(reported_in_file(&w->l, &bob, &r));
	world_write(w, "talk.jsonl", "{\"content\":\"<iap id=\\\"m11\\\"> id=m1\"}\n");
	assert_false(reported_in_file(&w->l, &bob, &r));
	world_write(w, "talk.jsonl", "{\"content\":\"<iap id=\\\"m1\\\" topic=\\\"x\\\">\"}\n");
	assert_true(reported_in_file(&w->l, &bob, &r));
	assert_true(r.taken);
	AUTO(reported_done) struct reported again;
	reported_begin(&again, "m1", 0, NULL);
	look(w, &again);
	assert_true(again.taken); /* it was put on record */
}

static void receipt_of(const struct world *w, const char *id, enum delivery_status status,
		       enum rung rung)
{
	struct receipt r = {.status = status, .rung = rung, .submitted_at_ms = 900};

	str_cut(r.id, sizeof r.id, id);
	OK(receipt_save(&w->l, &bob, &r, e));
}

static struct receipt load(const struct world *w, const char *id)
{
	struct receipt r;

	OK(receipt_load(&w->l, &bob, id, &r, e));
	return r;
}

static void a_failed_turn_demotes_what_was_taken_in_it(void **state)
{
	struct world *w = *state;
	struct report failed = {.kind = REPORT_FAILED, .at_ms = 2000, .detail = "auth"};

	for (const char *const *id = (const char *const[]){"m0", "m1", "m2", "m3", NULL}; *id; id++)
		receipt_of(w, *id, DELIVERY_DELIVERED, RUNG_RECORDED);
	SAY(w, REPORT_TAKEN, "m0", NULL);
	SAY(w, REPORT_TURN, NULL, NULL);
	SAY(w, REPORT_TAKEN, "m1", NULL);
	SAY(w, REPORT_TOOL, NULL, NULL);
	SAY(w, REPORT_TAKEN, "m2", NULL);
	SAY(w, REPORT_TAKEN, "without-receipt", NULL);
	OK(report_add(&w->l, &bob, &failed, e));
	OK(reported_demote(&w->l, &bob, &failed, e));
	assert_int_equal(load(w, "m0").status, DELIVERY_DELIVERED);
	assert_int_equal(load(w, "m1").status, DELIVERY_FAILED);
	assert_int_equal(load(w, "m2").status, DELIVERY_FAILED);
	assert_int_equal(load(w, "m3").status, DELIVERY_DELIVERED);
	assert_string_equal(load(w, "m1").reason, "its turn failed: auth");
	assert_int_equal(load(w, "m1").rung, RUNG_RECORDED);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_DELIVERY_LOG), "status=failed"), 2);
}

static void a_proof_that_comes_late_counts(void **state)
{
	struct world *w = *state;
	struct receipt r;

	receipt_of(w, "m1", DELIVERY_AMBIGUOUS, RUNG_SUBMITTED);
	receipt_of(w, "m2", DELIVERY_DELIVERED, RUNG_SUBMITTED);
	receipt_of(w, "m3", DELIVERY_FAILED, RUNG_PASTED);
	SAY(w, REPORT_TAKEN, "m2", NULL);
	SAY(w, REPORT_TAKEN, "m3", NULL);
	r = load(w, "m1");
	OK(reported_upgrade(&w->l, &bob, &r, e));
	assert_int_equal(load(w, "m1").status, DELIVERY_AMBIGUOUS);
	SAY(w, REPORT_TAKEN, "m1", NULL);
	for (const char *const *id = (const char *const[]){"m1", "m2", NULL}; *id; id++) {
		r = load(w, *id);
		OK(reported_upgrade(&w->l, &bob, &r, e));
		assert_int_equal(r.rung, RUNG_RECORDED);
		assert_int_equal(load(w, *id).status, DELIVERY_DELIVERED);
		assert_int_equal(load(w, *id).rung, RUNG_RECORDED);
		assert_int_equal(load(w, *id).recorded_at_ms, 1000);
	}
	r = load(w, "m3");
	OK(reported_upgrade(&w->l, &bob, &r, e));
	assert_int_equal(r.status, DELIVERY_FAILED); /* it was taken back: not unsure */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(taken_names_this_message),
	    CASE(the_turn_after_it_is_its_turn),
	    CASE(what_was_queued_during_a_turn_is_known_to_be),
	    CASE(a_turn_may_fail_or_be_interrupted),
	    CASE(an_earlier_session_is_not_this_one),
	    CASE(the_conversations_file_is_the_second_witness),
	    CASE(a_failed_turn_demotes_what_was_taken_in_it),
	    CASE(a_proof_that_comes_late_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
