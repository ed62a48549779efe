#include "iapeer/delivery/receipt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "world.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

#define DAY_MS   (INT64_C(24) * 3600 * 1000)
#define RECEIPTS LAYOUT_LIFECYCLE "/shell-bob.receipts"

static void save(const struct world *w, const char *id, enum delivery_status status)
{
	struct receipt r = {.status = status, .rung = RUNG_SUBMITTED};

	str_cut(r.id, sizeof r.id, id);
	OK(receipt_save(&w->l, &bob, &r, e));
}

static size_t how_many(const struct world *w)
{
	AUTO(strv_done) struct strv names = STRV_INIT;

	OK(fs_list(w->l.root_fd, RECEIPTS, &names, e));
	return names.n;
}

static const char *path_of(const char *id)
{
	static char path[256];

	snprintf(path, sizeof path, "r/" RECEIPTS "/%016llx.json",
		 (unsigned long long)str_hash(id, strlen(id)));
	return path;
}

static void what_was_saved_is_what_is_loaded(void **state)
{
	struct world *w = *state;
	AUTO(receipt_done)
	struct receipt r = {.id = "a.b:c@d",
			    .status = DELIVERY_AMBIGUOUS,
			    .rung = RUNG_PASTED,
			    .woke = true,
			    .mode = "fresh",
			    .cause = "first-wake",
			    .reason = "nobody \"knows\"\n",
			    .accepted_at_ms = 1,
			    .pasted_at_ms = 2,
			    .submitted_at_ms = 3,
			    .recorded_at_ms = 4,
			    .turn_at_ms = 5,
			    .turn_ended = true,
			    .answer = xstrdup("42\n")};
	AUTO(receipt_done) struct receipt got = {.rung = RUNG_NONE};

	OK(receipt_save(&w->l, &bob, &r, e));
	OK(receipt_load(&w->l, &bob, r.id, &got, e));
	assert_int_equal(got.status, r.status);
	assert_int_equal(got.rung, r.rung);
	assert_true(got.woke && got.turn_ended);
	assert_string_equal(got.mode, r.mode);
	assert_string_equal(got.cause, r.cause);
	assert_string_equal(got.reason, r.reason);
	assert_int_equal(got.accepted_at_ms + got.pasted_at_ms * 10 + got.submitted_at_ms * 100 +
			     got.recorded_at_ms * 1000 + got.turn_at_ms * 10000,
			 54321);
	assert_string_equal(got.answer, "42\n");
}

static void an_answer_as_long_as_allowed_is_kept(void **state)
{
	struct world *w = *state;
	AUTO(receipt_done) struct receipt r = {.id = "long", .answer = xcalloc(1, CAP_ANSWER + 1)};
	AUTO(receipt_done) struct receipt got = {.rung = RUNG_NONE};

	memset(r.answer, '\n', CAP_ANSWER); /* each becomes two bytes in the file */
	OK(receipt_save(&w->l, &bob, &r, e));
	OK(receipt_load(&w->l, &bob, "long", &got, e));
	assert_int_equal(strlen(got.answer), CAP_ANSWER);
}

static void no_receipt_is_not_found(void **state)
{
	struct world *w = *state;
	struct receipt r = {.rung = RUNG_RECORDED};

	FAILS(ERR_NOT_FOUND, receipt_load(&w->l, &bob, "m1", &r, e));
	assert_int_equal(r.rung, RUNG_RECORDED);
	save(w, "m1", DELIVERY_DELIVERED);
	FAILS(ERR_NOT_FOUND, receipt_load(&w->l, &bob, "M1", &r, e));
	FAILS(ERR_NOT_FOUND, receipt_load(&w->l, &bob, "m", &r, e));
}

static void the_same_id_again_replaces_it(void **state)
{
	struct world *w = *state;
	struct receipt r = {.rung = RUNG_NONE};

	save(w, "m1", DELIVERY_QUEUED);
	save(w, "m1", DELIVERY_DELIVERED);
	assert_int_equal(how_many(w), 1);
	OK(receipt_load(&w->l, &bob, "m1", &r, e));
	assert_int_equal(r.status, DELIVERY_DELIVERED);
}

static void two_ids_of_one_hash_are_not_mixed_up(void **state)
{
	struct world *w = *state;
	struct receipt r = {.rung = RUNG_NONE};

	save(w, "m1", DELIVERY_DELIVERED);
	auto_free char *text = world_read(w, path_of("m1"));
	world_write(w, path_of("m2"), text); /* as if both hashed to this file */
	FAILS(ERR_NOT_FOUND, receipt_load(&w->l, &bob, "m2", &r, e));
}

static void a_corrupt_receipt_is_an_error_and_no_receipt(void **state)
{
	struct world *w = *state;
	struct receipt r = {.rung = RUNG_NONE};

	save(w, "m1", DELIVERY_DELIVERED);
	world_write(w, path_of("m1"), "{\"id\":\"m1\"");
	FAILS(ERR_CORRUPT, receipt_load(&w->l, &bob, "m1", &r, e));
}

static void age(const struct world *w, const char *id, int64_t utc_ms)
{
	struct timespec t[2] = {{.tv_sec = utc_ms / 1000, .tv_nsec = utc_ms % 1000 * 1000000}};

	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, world_path(w, path_of(id)), t, 0), 0);
}

static void receipts_are_forgotten_after_seven_days_and_not_before(void **state)
{
	struct world *w = *state;
	const int64_t now = INT64_C(1800000000000);

	OK(receipt_expire(&w->l, &bob, now, e)); /* none at all */
	save(w, "old", DELIVERY_DELIVERED);
	save(w, "edge", DELIVERY_DELIVERED);
	save(w, "young", DELIVERY_DELIVERED);
	save(w, "tomorrow", DELIVERY_DELIVERED);
	age(w, "old", now - 7 * DAY_MS - 1);
	age(w, "edge", now - 7 * DAY_MS);
	age(w, "young", now - DAY_MS);
	age(w, "tomorrow", now + DAY_MS);
	OK(receipt_expire(&w->l, &bob, now, e));
	assert_int_equal(how_many(w), 3);
	assert_false(world_exists(w, path_of("old")));
}

static void the_journal_has_the_facts_and_never_the_body(void **state)
{
	struct world *w = *state;
	struct queue_item m = {
	    .id = "m1", .from = {.name = "ann", .runtime = "claude"}, .from_verified = true};
	struct receipt r = {.id = "m1",
			    .status = DELIVERY_DELIVERED,
			    .rung = RUNG_SUBMITTED,
			    .accepted_at_ms = 1000,
			    .submitted_at_ms = 3000,
			    .pasted_at_ms = 2000,
			    .woke = true};
	char body[] = "a secret", topic[] = "the topic";

	m.body = body;
	m.topic = topic;
	OK(receipt_journal(&w->l, &m, &r, "shell-bob", e));
	auto_free char *line = world_read(w, ROOT_REL(LAYOUT_DELIVERY_LOG));
	HAS(line, " ev=delivery id=m1 from=claude-ann to=shell-bob rung=submitted status=delivered "
		  "bytes=8 topic=\"the topic\" woke=true\n");
	HAS(line, ":03.000");
	assert_null(strstr(line, "secret"));
	assert_null(strstr(line, "unverified"));
	m.from_verified = false;
	str_cut(r.reason, sizeof r.reason, "a reason");
	OK(receipt_journal(&w->l, &m, &r, "shell-bob", e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_DELIVERY_LOG),
				     "sender=unverified woke=true reason=\"a reason\""),
			 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_saved_is_what_is_loaded),
	    TEST(an_answer_as_long_as_allowed_is_kept),
	    TEST(no_receipt_is_not_found),
	    TEST(the_same_id_again_replaces_it),
	    TEST(two_ids_of_one_hash_are_not_mixed_up),
	    TEST(a_corrupt_receipt_is_an_error_and_no_receipt),
	    TEST(receipts_are_forgotten_after_seven_days_and_not_before),
	    TEST(the_journal_has_the_facts_and_never_the_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
