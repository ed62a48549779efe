#include "iapeer/delivery/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "iapeer/base/str.h"
#include "iapeer/delivery/report.h"

#include "iapeer/base/banned.h"

static const struct peer_id ann = {.name = "ann", .runtime = "claude"};
static const struct peer_id bob = {.name = "bob", .runtime = "claude"};
static const struct peer_id cid = {.name = "cid", .runtime = "shell"};

static const struct settings limits = {.max_hops = 4, .pair_max = 3, .pair_window_ms = 600 * 1000};

static struct sender agent(const struct peer_id *id)
{
	return (struct sender){.id = *id, .nature = NATURE_ARTIFICIAL, .inside = true};
}

static struct sender person(void)
{
	return (struct sender){.id = {.name = "eve", .runtime = "cli"}, .nature = NATURE_NATURAL};
}

/* Send, as sending does it; the hops as words, or "refused". Good until the next call. */
static const char *passes(const struct world *w, struct sender from, const struct peer_id *to,
			  const char *id)
{
	static char words[400];
	AUTO(strv_done) struct strv hops = STRV_INIT;
	struct queue_item m = {.from = from.id, .from_nature = from.nature};
	size_t n = 0;

	str_cut(m.id, sizeof m.id, id);
	last_err = (struct err)ERR_INIT;
	if (chain_check(&w->l, &limits, &from, to, &hops, &last_err) < 0) {
		assert_int_equal(last_err.code, ERR_REFUSED);
		return "refused";
	}
	OK(chain_note(&w->l, &limits, to, &m, &hops, e));
	words[0] = '\0';
	for (size_t i = 0; i < hops.n; i++)
		n += (size_t)snprintf(words + n, sizeof words - n, "%s%s", i ? " " : "", hops.v[i]);
	return words;
}

static void reports(const struct world *w, const struct peer_id *id, enum report_kind kind,
		    const char *message)
{
	AUTO(report_done) struct report r = {.kind = kind, .at_ms = clock_utc_ms()};

	if (message)
		strv_add(&r.ids, message);
	OK(report_add(&w->l, id, &r, e));
}

static void a_chain_grows_by_who_sends_while_he_works_on_it(void **state)
{
	struct world *w = *state;

	assert_string_equal(passes(w, person(), &ann, "m1"), "");
	reports(w, &ann, REPORT_TAKEN, "m1");
	assert_string_equal(passes(w, agent(&ann), &bob, "m2"), "ann");
	reports(w, &bob, REPORT_TAKEN, "m2");
	assert_string_equal(passes(w, agent(&bob), &cid, "m3"), "ann bob");
	assert_string_equal(passes(w, agent(&bob), &ann, "m4"), "ann bob");
	/* She works on the first one still. */
	assert_string_equal(passes(w, agent(&ann), &cid, "m5"), "ann");
	reports(w, &ann, REPORT_TURN, NULL);
	reports(w, &ann, REPORT_TAKEN, "m4");
	assert_string_equal(passes(w, agent(&ann), &cid, "m6"), "ann bob ann");
}

static void who_works_on_nothing_begins_a_chain(void **state)
{
	struct world *w = *state;

	passes(w, agent(&bob), &ann, "m1");
	reports(w, &ann, REPORT_TAKEN, "m1");
	assert_string_equal(passes(w, agent(&ann), &cid, "m2"), "bob ann");
	reports(w, &ann, REPORT_TURN, NULL);
	assert_string_equal(passes(w, agent(&ann), &cid, "m3"), "ann");
	reports(w, &ann, REPORT_TAKEN, NULL); /* a person typed it there */
	assert_string_equal(passes(w, agent(&ann), &cid, "m4"), "ann");
}

static void too_long_a_chain_is_refused_and_says_who_may_begin_anew(void **state)
{
	struct world *w = *state;
	const struct peer_id *ends[] = {&ann, &bob};
	char id[8];

	passes(w, person(), &ann, "m0");
	reports(w, &ann, REPORT_TAKEN, "m0");
	/* Three of them is what the pair may; the fourth goes elsewhere. */
	for (int i = 0; i < 3; i++) {
		snprintf(id, sizeof id, "m%d", i + 1);
		assert_string_not_equal(passes(w, agent(ends[i % 2]), ends[(i + 1) % 2], id),
					"refused");
		reports(w, ends[(i + 1) % 2], REPORT_TAKEN, id);
	}
	assert_string_equal(passes(w, agent(&bob), &cid, "m4"), "ann bob ann bob");
	assert_string_equal(passes(w, agent(&cid), &ann, "m5"), "refused");
	HAS(last_err.msg, "more than 4 messages");
	HAS(last_err.msg, "ann > bob > ann > bob > cid");
	assert_string_equal(last_err.hint, "iapeer send cid \"go on\"");
	assert_string_equal(passes(w, person(), &cid, "m6"), "");
	assert_string_equal(passes(w, agent(&cid), &ann, "m7"), "cid");
}

static void too_many_messages_of_a_pair_are_refused_in_both_directions(void **state)
{
	struct world *w = *state;

	assert_string_equal(passes(w, agent(&ann), &bob, "m1"), "ann");
	assert_string_equal(passes(w, agent(&ann), &bob, "m2"), "ann");
	reports(w, &bob, REPORT_TAKEN, NULL);
	assert_string_equal(passes(w, agent(&bob), &ann, "m3"), "bob");
	reports(w, &ann, REPORT_TAKEN, NULL);
	assert_string_equal(passes(w, agent(&ann), &bob, "m4"), "refused");
	HAS(last_err.msg, "ann and bob have sent each other 3 messages within 600 s");
	assert_string_equal(last_err.hint, "iapeer send bob \"go on\"");
	assert_string_equal(passes(w, agent(&bob), &ann, "m5"), "refused");
	assert_string_equal(passes(w, agent(&ann), &cid, "m6"), "ann");
}

static void a_person_at_either_end_lets_the_pair_go_on(void **state)
{
	struct world *w = *state;

	for (int end = 0; end < 2; end++) {
		reports(w, &ann, REPORT_TAKEN, NULL);
		for (int i = 0; i < 3; i++)
			assert_string_equal(passes(w, agent(&ann), &bob, "m"), "ann");
		assert_string_equal(passes(w, agent(&ann), &bob, "m"), "refused");
		passes(w, person(), end ? &bob : &ann, "p");
		poll(NULL, 0, 2); /* a stamp later than the person's */
	}
	assert_string_equal(passes(w, agent(&ann), &bob, "m"), "ann");
}

/* Without reports: what was delivered last is what is worked on. */
static void a_program_that_reports_nothing_works_on_what_it_got_last(void **state)
{
	struct world *w = *state;
	struct queue_item waits = {.id = "m2", .from = ann, .body = NULL};

	passes(w, agent(&ann), &cid, "m1");
	assert_string_equal(passes(w, agent(&cid), &bob, "m3"), "ann cid");
	passes(w, agent(&bob), &cid, "m2");
	OK(queue_put(&w->l, &cid, &waits, e)); /* it has not got that one yet */
	assert_string_equal(passes(w, agent(&cid), &ann, "m4"), "ann cid");
	world_write(w, world_state(&cid, "sending"), "{\"id\":\"m2\"}"); /* or is getting it */
	assert_string_equal(passes(w, agent(&cid), &ann, "m5"), "ann cid bob cid");
}

static void an_unreadable_file_counts_as_none(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "[]",
					    "{\"format\":2}",
					    "{\"format\":1,\"messages\":[{\"id\":\"m\"}]}",
					    "{\"format\":1,\"messages\":7}"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		world_write(w, world_state(&ann, "chain"), texts[i]);
		assert_string_equal(passes(w, agent(&ann), &bob, "m"), i < 3 ? "ann" : "refused");
		assert_string_equal(passes(w, agent(&cid), &ann, "m"), "cid");
	}
}

static void the_file_stays_small(void **state)
{
	struct world *w = *state;
	char id[16];

	for (int i = 0; i < 270; i++) {
		struct queue_item m = {.from = bob};
		struct strv none = STRV_INIT;

		snprintf(id, sizeof id, "m%d", i);
		str_cut(m.id, sizeof m.id, id);
		OK(chain_note(&w->l, &limits, &ann, &m, &none, e));
	}
	assert_true(world_size(w, world_state(&ann, "chain")) < 256 * 120);
	assert_int_equal(world_lines(w, world_state(&ann, "chain"), "\"m269\""), 1);
	assert_int_equal(world_lines(w, world_state(&ann, "chain"), "\"m10\""), 0);
}

static void messages_of_long_chains_are_fewer_and_the_newest_is_among_them(void **state)
{
	static const struct settings far = {
	    .max_hops = 64, .pair_max = 200, .pair_window_ms = 600 * 1000};
	AUTO(strv_done) struct strv hops = STRV_INIT;
	struct queue_item m = {.from = ann, .from_nature = NATURE_ARTIFICIAL};
	struct world *w = *state;

	for (int i = 0; i < 64; i++)
		strv_fmt(&hops, "a-name-of-thirty-two-bytes-abc%02d", i);
	for (int i = 0; i < 300; i++) {
		snprintf(m.id, sizeof m.id, "m%d", i);
		OK(chain_note(&w->l, &far, &bob, &m, &hops, e));
	}
	auto_free char *text = world_read(w, world_state(&bob, "chain"));
	HAS(text, "\"m299\"");
	HAS(text, "\"m236\"");
	assert_null(strstr(text, "\"m235\""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_chain_grows_by_who_sends_while_he_works_on_it),
	    TEST(who_works_on_nothing_begins_a_chain),
	    TEST(too_long_a_chain_is_refused_and_says_who_may_begin_anew),
	    TEST(too_many_messages_of_a_pair_are_refused_in_both_directions),
	    TEST(a_person_at_either_end_lets_the_pair_go_on),
	    TEST(a_program_that_reports_nothing_works_on_what_it_got_last),
	    TEST(an_unreadable_file_counts_as_none),
	    TEST(the_file_stays_small),
	    TEST(messages_of_long_chains_are_fewer_and_the_newest_is_among_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
