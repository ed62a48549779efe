#include "iapeer/delivery/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

#define TOPICS ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.topic"

static void add(const struct world *w, const char *topic)
{
	OK(topics_add(&w->l, &bob, topic, e));
}

static void topics_accumulate_and_a_repeat_moves_to_the_end(void **state)
{
	struct world *w = *state;

	add(w, "a");
	add(w, "b");
	add(w, "c d");
	add(w, "a");
	add(w, "a");
	auto_free char *text = world_read(w, TOPICS);
	assert_string_equal(text, "b\nc d\na\n");
}

static void at_most_sixteen_are_kept_the_newest(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv got = STRV_INIT;
	char topic[16];

	for (int i = 1; i <= 20; i++) {
		snprintf(topic, sizeof topic, "t%d", i);
		add(w, topic);
	}
	OK(topics_load(&w->l, &bob, &got, e));
	assert_int_equal(got.n, TOPICS_MAX);
	assert_string_equal(got.v[0], "t5");
	assert_string_equal(got.v[15], "t20");
	add(w, "t5"); /* a repeat pushes nobody out */
	strv_done(&got);
	OK(topics_load(&w->l, &bob, &got, e));
	assert_int_equal(got.n, TOPICS_MAX);
	assert_string_equal(got.v[0], "t6");
	assert_string_equal(got.v[15], "t5");
}

static void empty_topics_and_those_of_two_lines_are_ignored(void **state)
{
	struct world *w = *state;

	add(w, "");
	add(w, "a\nb");
	assert_false(world_exists(w, TOPICS));
}

static void a_file_of_other_hands_is_read(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv got = STRV_INIT;

	world_write(w, TOPICS, "\n\none\n\ntwo");
	OK(topics_load(&w->l, &bob, &got, e));
	assert_int_equal(got.n, 2);
	assert_string_equal(got.v[1], "two");
	add(w, "three");
	auto_free char *text = world_read(w, TOPICS);
	assert_string_equal(text, "one\ntwo\nthree\n");
}

static void clearing_twice_is_clearing_once(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv got = STRV_INIT;

	add(w, "a");
	OK(topics_clear(&w->l, &bob, e));
	OK(topics_clear(&w->l, &bob, e));
	OK(topics_load(&w->l, &bob, &got, e));
	assert_int_equal(got.n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(topics_accumulate_and_a_repeat_moves_to_the_end),
	    TEST(at_most_sixteen_are_kept_the_newest),
	    TEST(empty_topics_and_those_of_two_lines_are_ignored),
	    TEST(a_file_of_other_hands_is_read),
	    TEST(clearing_twice_is_clearing_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
