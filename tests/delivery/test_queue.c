#include "iapeer/delivery/queue.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};
static const struct peer_id ann = {.name = "ann", .runtime = "claude"};

#define QUEUE ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.queue/"

static void put(const struct world *w, const char *id, const char *body)
{
	AUTO(queue_item_done)
	struct queue_item m = {.kind = ITEM_MESSAGE, .from = ann, .body = xstrdup(body)};

	str_cut(m.id, sizeof m.id, id);
	OK(queue_put(&w->l, &bob, &m, e));
}

static void files(const struct world *w, struct strv *out)
{
	OK(queue_files(&w->l, &bob, out, e));
}

/* ---- first in, first out ---- */

static void messages_are_numbered_in_the_order_of_acceptance(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv names = STRV_INIT;

	for (int i = 1; i <= 12; i++) {
		char id[8];

		snprintf(id, sizeof id, "m%d", i);
		put(w, id, "x");
		assert_int_equal(queue_depth(&w->l, &bob), i);
	}
	files(w, &names);
	assert_int_equal(names.n, 12);
	for (size_t i = 0; i < names.n; i++) {
		AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
		char id[24];

		OK(queue_read(&w->l, &bob, names.v[i], &m, e));
		snprintf(id, sizeof id, "m%zu", i + 1);
		assert_string_equal(m.id, id);
	}
	assert_string_equal(names.v[0], "0000000001.json");
	assert_int_equal(queue_depth(&w->l, &ann), 0);
}

static void what_was_put_is_what_is_read(void **state)
{
	struct world *w = *state;
	AUTO(queue_item_done)
	struct queue_item m = {.kind = ITEM_WAKE,
			       .id = "a.b:c@d_e-f",
			       .from = ann,
			       .from_nature = NATURE_ARTIFICIAL,
			       .from_verified = true,
			       .topic = xstrdup("rele\"ase \xf0\x9f\x8e\x89"),
			       .body = xstrdup("one\r\n\ttwo \\ \033[201~ \x7f"),
			       .wait = WAIT_TURN,
			       .wait_until_ms = 1234567890123,
			       .force = true};
	AUTO(queue_item_done) struct queue_item got = {.kind = ITEM_MESSAGE};
	int64_t before = clock_utc_ms();

	strv_add(&m.attachments, "/a path/with \"quotes\"");
	strv_add(&m.attachments, "/b\nc");
	OK(queue_put(&w->l, &bob, &m, e));
	assert_string_equal(m.file, "0000000001.json");
	OK(queue_read(&w->l, &bob, m.file, &got, e));
	assert_int_equal(got.kind, ITEM_WAKE);
	assert_string_equal(got.id, m.id);
	assert_true(peer_id_eq(&got.from, &ann));
	assert_int_equal(got.from_nature, NATURE_ARTIFICIAL);
	assert_true(got.from_verified && got.force);
	assert_in_range(got.accepted_at_ms, before, clock_utc_ms());
	assert_string_equal(got.topic, m.topic);
	assert_string_equal(got.body, m.body);
	assert_int_equal(got.attachments.n, 2);
	assert_string_equal(got.attachments.v[1], "/b\nc");
	assert_int_equal(got.wait, WAIT_TURN);
	assert_int_equal(got.wait_until_ms, 1234567890123);
	assert_string_equal(got.file, m.file);
}

static void the_largest_message_fits(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf body = BUF_INIT(CAP_TEXT);
	AUTO(queue_item_done)
	struct queue_item m = {.kind = ITEM_MESSAGE, .id = "big", .from = ann};
	AUTO(queue_item_done) struct queue_item got = {.kind = ITEM_MESSAGE};

	for (int i = 0; i < MESSAGE_MAX_CHARS; i++)
		buf_str(&body, i % 2 ? "\001" : "\xf0\x9f\x8e\x89");
	m.body = xstrdup(buf_cstr(&body));
	for (int i = 0; i < ATTACHMENTS_MAX; i++)
		strv_fmt(&m.attachments, "/%0400d", i);
	OK(queue_put(&w->l, &bob, &m, e));
	OK(queue_read(&w->l, &bob, m.file, &got, e));
	assert_string_equal(got.body, m.body);
	assert_int_equal(got.attachments.n, ATTACHMENTS_MAX);
}

static void removing_twice_is_removing_once(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv names = STRV_INIT;

	put(w, "m1", "x");
	put(w, "m2", "x");
	OK(queue_remove(&w->l, &bob, "0000000001.json", e));
	OK(queue_remove(&w->l, &bob, "0000000001.json", e));
	put(w, "m3", "x");
	files(w, &names);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[1], "0000000003.json"); /* never before one that waits */
}

static int put_many(int i, void *arg)
{
	const struct world *w = arg;
	struct err e = ERR_INIT;

	for (int k = 0; k < 25; k++) {
		AUTO(queue_item_done)
		struct queue_item m = {.kind = ITEM_MESSAGE, .from = ann, .body = xstrdup("x")};

		AUTO(lock_done) struct lock claim = LOCK_INIT;

		snprintf(m.id, sizeof m.id, "p%d-%03d", i, k);
		if (queue_claim(&w->l, &bob, &claim, &e) < 0 || queue_put(&w->l, &bob, &m, &e) < 0)
			return 1;
	}
	return 0;
}

static void sixteen_writers_lose_nothing_and_keep_their_order(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv names = STRV_INIT;
	int last[16];
	int64_t from;

	world_peer(w, "bob", NULL);
	from = clock_mono_ms();
	assert_int_equal(scratch_swarm(16, put_many, w), 0);
	print_message("400 messages: %lld ms\n", (long long)(clock_mono_ms() - from));
	files(w, &names);
	assert_int_equal(names.n, 400);
	memset(last, -1, sizeof last);
	for (size_t i = 0; i < names.n; i++) {
		AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
		char want[32];
		int who, which;

		snprintf(want, sizeof want, "%010zu.json", i + 1);
		assert_string_equal(names.v[i], want);
		OK(queue_read(&w->l, &bob, names.v[i], &m, e));
		assert_int_equal(sscanf(m.id, "p%d-%d", &who, &which), 2);
		assert_int_equal(which, last[who] + 1);
		last[who] = which;
	}
}

static void a_peer_that_is_gone_has_no_queue_to_claim(void **state)
{
	AUTO(lock_done) struct lock claim = LOCK_INIT;
	struct world *w = *state;
	bool dropped;

	world_peer(w, "bob", NULL);
	OK(queue_claim(&w->l, &bob, &claim, e));
	lock_done(&claim);
	OK(registry_drop(&w->l, "bob", &dropped, e));
	FAILS(ERR_NOT_FOUND, queue_claim(&w->l, &bob, &claim, e));
	HAS(last_err.msg, "bob was renamed or removed meanwhile");
	assert_false(world_exists(w, ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.queue"));
	/* What it says cannot be known: the message may wait there. */
	world_write(w, ROOT_REL(LAYOUT_REGISTRY), "no registry");
	OK(queue_claim(&w->l, &bob, &claim, e));
}

/* ---- what cannot be read ---- */

static void an_item_that_nobody_can_read_is_put_aside(void **state)
{
	static const char *const wrong[] = {
	    "",
	    "not json",
	    "{}",
	    "[]",
	    "{\"format\":0,\"kind\":\"message\",\"id\":\"m1\",\"from\":\"claude-ann\"}",
	    "{\"format\":1,\"kind\":\"message\",\"id\":\"\",\"from\":\"claude-ann\"}",
	    "{\"format\":1,\"kind\":\"message\",\"id\":\"../x\",\"from\":\"claude-ann\"}",
	    "{\"format\":1,\"kind\":\"message\",\"id\":\"m1\",\"from\":\"nobody\"}",
	    "{\"format\":1,\"kind\":\"message\",\"id\":\"m1\",\"from\":\"claude-ann\",\"body\":7}",
	    ("{\"format\":1,\"kind\":\"message\",\"id\":\"m1\",\"from\":\"claude-ann\","
	     "\"attachments\":[1]}")};
	struct world *w = *state;

	put(w, "first", "x");
	put(w, "second", "x");
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct queue_item m = {.kind = ITEM_WAKE, .id = "untouched"};

		world_write(w, QUEUE "0000000001.json", wrong[i]);
		FAILS(ERR_CORRUPT, queue_read(&w->l, &bob, "0000000001.json", &m, e));
		assert_string_equal(m.id, "untouched");
		assert_false(world_exists(w, QUEUE "0000000001.json"));
		assert_int_equal(queue_depth(&w->l, &bob), 1);
	}
	/* All of one number, and each is kept. */
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		char name[256] = QUEUE "0000000001.json.bad";

		if (i > 0)
			snprintf(name, sizeof name, QUEUE "0000000001.json.%zu.bad", i + 1);
		auto_free char *aside = world_read(w, name);
		assert_string_equal(aside, wrong[i]);
	}
}

static void an_item_of_a_newer_format_stays_and_is_found(void **state)
{
	static const char newer[] = "{\"format\":2,\"id\":\"m7\",\"kind\":{\"of\":\"another\"}}";
	struct world *w = *state;
	struct queue_item m = {.kind = ITEM_WAKE, .id = "untouched"};
	char file[64] = "";

	put(w, "m1", "x");
	put(w, "m2", "x");
	world_write(w, QUEUE "0000000001.json", newer);
	FAILS(ERR_REFUSED, queue_read(&w->l, &bob, "0000000001.json", &m, e));
	HAS(last_err.msg, "was written by a newer iapeer (format 2)");
	assert_string_equal(m.id, "untouched");
	auto_free char *stays = world_read(w, QUEUE "0000000001.json");
	assert_string_equal(stays, newer);
	OK(queue_find(&w->l, &bob, "m7", file, e)); /* sent again it is no other message */
	assert_string_equal(file, "0000000001.json");
	OK(queue_find(&w->l, &bob, "m2", file, e));
	FAILS(ERR_NOT_FOUND, queue_find(&w->l, &bob, "m9", file, e));
	/* Its id stands elsewhere: nobody can say whether it is that one. */
	world_write(w, QUEUE "0000000001.json", "{\"format\":3}");
	FAILS(ERR_REFUSED, queue_find(&w->l, &bob, "m9", file, e));
}

static void only_items_are_items(void **state)
{
	static const char *const other[] = {
	    "0000000002.json.bad", ".0000000003.json.tmp", "3.json", "000000000x.json", "README",
	    "0000000000.json",     "-000000001.json"};
	struct world *w = *state;
	AUTO(strv_done) struct strv names = STRV_INIT;

	put(w, "m1", "x");
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
		char path[256];

		snprintf(path, sizeof path, QUEUE "%s", other[i]);
		world_write(w, path, "{}");
	}
	files(w, &names);
	assert_int_equal(names.n, 1);
	put(w, "m2", "x");
	assert_true(world_exists(w, QUEUE "0000000002.json"));
}

static void a_queue_whose_numbers_are_used_up_refuses_and_loses_nothing(void **state)
{
	struct world *w = *state;
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE, .id = "m2", .from = ann};

	put(w, "m1", "x");
	OK(fs_rename(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.queue/0000000001.json",
		     LAYOUT_LIFECYCLE "/shell-bob.queue/9999999999.json", e));
	FAILS(ERR_FAILED, queue_put(&w->l, &bob, &m, e));
	assert_int_equal(queue_depth(&w->l, &bob), 1);
}

/* ---- find, force ---- */

static void a_message_is_found_by_its_id(void **state)
{
	struct world *w = *state;
	char file[64] = "untouched";

	put(w, "m1", "x");
	put(w, "m2", "x");
	put(w, "m3", "x");
	world_write(w, QUEUE "0000000001.json", "broken");
	OK(queue_find(&w->l, &bob, "m3", file, e));
	assert_string_equal(file, "0000000003.json");
	FAILS(ERR_NOT_FOUND, queue_find(&w->l, &bob, "m1", file, e));
	FAILS(ERR_NOT_FOUND, queue_find(&w->l, &bob, "m", file, e));
	assert_string_equal(file, "0000000003.json");
}

static void force_changes_nothing_but_force(void **state)
{
	struct world *w = *state;
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(queue_item_done) struct queue_item before = {.kind = ITEM_MESSAGE};

	put(w, "m1", "text\nof it");
	OK(queue_read(&w->l, &bob, "0000000001.json", &before, e));
	assert_false(before.force);
	OK(queue_force(&w->l, &bob, "0000000001.json", e));
	OK(queue_force(&w->l, &bob, "0000000001.json", e));
	OK(queue_read(&w->l, &bob, "0000000001.json", &m, e));
	assert_true(m.force);
	assert_string_equal(m.id, "m1");
	assert_string_equal(m.body, "text\nof it");
	assert_int_equal(m.accepted_at_ms, before.accepted_at_ms);
	FAILS(ERR_NOT_FOUND, queue_force(&w->l, &bob, "0000000002.json", e));
	assert_int_equal(queue_depth(&w->l, &bob), 1);
}

/* ---- ids and words ---- */

static void ids_are_valid_or_not(void **state)
{
	static const char *const good[] = {
	    "a",
	    "Z9",
	    "0",
	    "m1-2_3.4:5@6",
	    "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	    "01234567890123456789012345678901234567890123456789012345678901234567890123456789"};
	static const char *const bad[] = {
	    "",
	    " ",
	    "a b",
	    "-a",
	    ".a",
	    "_a",
	    ":a",
	    "@a",
	    "a/b",
	    "../a",
	    "a\n",
	    "\xc3\xa9",
	    "a\"",
	    "a\\",
	    "012345678901234567890123456789012345678901234567890123456789012345678901234567890"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!message_id_valid(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (message_id_valid(bad[i]))
			fail_msg("taken: \"%s\"", bad[i]);
}

static void new_ids_are_valid_and_different(void **state)
{
	AUTO(strv_done) struct strv ids = STRV_INIT;
	char id[MESSAGE_ID_MAX + 1];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		message_id_new(id);
		assert_true(message_id_valid(id));
		strv_add(&ids, id);
	}
	strv_sort(&ids);
	for (size_t i = 1; i < ids.n; i++)
		assert_string_not_equal(ids.v[i - 1], ids.v[i]);
}

static void the_words_of_waiting_are_read_again(void **state)
{
	enum wait_rung r;

	(void)state;
	for (int i = 0; i < WAIT_RUNG_COUNT; i++) {
		assert_true(wait_rung_parse(wait_rung_word((enum wait_rung)i), &r));
		assert_int_equal(r, i);
	}
	assert_false(wait_rung_parse("", &r));
	assert_false(wait_rung_parse("Turn", &r));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(messages_are_numbered_in_the_order_of_acceptance),
	    TEST(what_was_put_is_what_is_read),
	    TEST(the_largest_message_fits),
	    TEST(removing_twice_is_removing_once),
	    TEST(sixteen_writers_lose_nothing_and_keep_their_order),
	    TEST(a_peer_that_is_gone_has_no_queue_to_claim),
	    TEST(an_item_that_nobody_can_read_is_put_aside),
	    TEST(an_item_of_a_newer_format_stays_and_is_found),
	    TEST(only_items_are_items),
	    TEST(a_queue_whose_numbers_are_used_up_refuses_and_loses_nothing),
	    TEST(a_message_is_found_by_its_id),
	    TEST(force_changes_nothing_but_force),
	    cmocka_unit_test(ids_are_valid_or_not),
	    cmocka_unit_test(new_ids_are_valid_and_different),
	    cmocka_unit_test(the_words_of_waiting_are_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
