/* Which deaths were one event. */
#include "iapeer/cli/bursts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static size_t at(const struct bursts *b, int64_t at_ms)
{
	const struct burst *x = burst_of(b, at_ms);

	return x ? x->n : 1;
}

static void others_within_two_seconds_are_one_event(void **state)
{
	struct burst_death v[] = {{4000, 3}, {1000, 1}, {2500, 2}, {6001, 4}, {9000, 5}};
	AUTO(bursts_done) struct bursts b = {.n = 0};

	(void)state;
	bursts_group(v, COUNT(v), &b);
	assert_int_equal(at(&b, 1000), 3);
	assert_int_equal(at(&b, 2500), 3);
	assert_int_equal(at(&b, 4000), 3);
	assert_int_equal(at(&b, 6001), 1);
	assert_int_equal(at(&b, 9000), 1);
}

static void one_that_dies_again_and_again_is_no_burst(void **state)
{
	struct burst_death v[] = {{1000, 1}, {1500, 1}, {2000, 1}, {2001, 1}};
	AUTO(bursts_done) struct bursts b = {.n = 0};

	(void)state;
	bursts_group(v, COUNT(v), &b);
	for (size_t i = 0; i < COUNT(v); i++)
		assert_int_equal(at(&b, v[i].at_ms), 1);
}

/* A loop goes on for hours: what dies beside it dies beside one of its deaths, not all of them. */
static void a_loop_does_not_hold_a_burst_together(void **state)
{
	struct burst_death v[] = {{1000, 1}, {2000, 1}, {2500, 2}, {3000, 1}, {4000, 1}, {4500, 3}};
	AUTO(bursts_done) struct bursts b = {.n = 0};

	(void)state;
	bursts_group(v, COUNT(v), &b);
	assert_int_equal(at(&b, 1000), 1);
	assert_int_equal(at(&b, 2000), 2);
	assert_int_equal(at(&b, 2500), 2);
	assert_int_equal(at(&b, 3000), 1);
	assert_int_equal(at(&b, 4500), 2);
}

static void of_nothing_there_is_nothing(void **state)
{
	AUTO(bursts_done) struct bursts b = {.n = 0};

	(void)state;
	bursts_group(NULL, 0, &b);
	assert_null(burst_of(&b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(others_within_two_seconds_are_one_event),
	    cmocka_unit_test(one_that_dies_again_and_again_is_no_burst),
	    cmocka_unit_test(a_loop_does_not_hold_a_burst_together),
	    cmocka_unit_test(of_nothing_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
