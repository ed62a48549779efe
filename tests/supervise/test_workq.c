#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/supervise/workq.h"

#include "iapeer/base/banned.h"

static struct workq queue(int run_max, int boot_max)
{
	return (struct workq){.run_max = run_max, .boot_max = boot_max};
}

/* Start what may start now; returns its identity, "" for nothing. */
static const char *start(struct workq *q, int64_t now)
{
	enum trigger t;
	struct work *w = workq_next(q, now, &t);

	if (!w)
		return "";
	workq_started(w, t);
	return w->identity;
}

static void one_peer_has_one_worker_at_a_time(void **state)
{
	struct workq q = queue(8, 8);

	(void)state;
	workq_ask(&q, "shell-bob", TRIG_MESSAGE, true, 0);
	assert_string_equal(start(&q, 0), "shell-bob");
	workq_ask(&q, "shell-bob", TRIG_MESSAGE, true, 0);
	assert_string_equal(start(&q, 0), "");
	workq_ended(&q, workq_find(&q, "shell-bob"));
	assert_string_equal(start(&q, 0), "shell-bob");
	workq_ended(&q, workq_find(&q, "shell-bob"));
	assert_true(workq_idle(&q));
	workq_done(&q);
}

static void asking_twice_is_asking_once(void **state)
{
	struct workq q = queue(8, 8);

	(void)state;
	workq_ask(&q, "shell-bob", TRIG_MESSAGE, false, 0);
	workq_ask(&q, "shell-bob", TRIG_MESSAGE, false, 0);
	workq_ask(&q, "shell-bob", TRIG_LOOK, false, 0);
	assert_string_equal(start(&q, 0), "shell-bob");
	workq_ended(&q, workq_find(&q, "shell-bob"));
	assert_true(workq_idle(&q)); /* a delivery does all that a look would */
	workq_done(&q);
}

static void no_more_boot_at_once_than_allowed(void **state)
{
	struct workq q = queue(16, 2);
	char name[16];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "shell-p%d", i);
		workq_ask(&q, name, TRIG_MESSAGE, true, 0);
	}
	workq_ask(&q, "shell-live", TRIG_MESSAGE, false, 0);
	assert_string_equal(start(&q, 0), "shell-p0");
	assert_string_equal(start(&q, 0), "shell-p1");
	assert_string_equal(start(&q, 0), "shell-live"); /* one that boots nothing need not wait */
	assert_string_equal(start(&q, 0), "");
	workq_ready(workq_find(&q, "shell-p0")); /* it still runs, but its program is up */
	assert_string_equal(start(&q, 0), "shell-p2");
	assert_string_equal(start(&q, 0), "");
	workq_ended(&q, workq_find(&q, "shell-p1"));
	assert_string_equal(start(&q, 0), "shell-p3");
	workq_done(&q);
}

static void first_asked_is_first_served(void **state)
{
	struct workq q = queue(1, 1);

	(void)state;
	workq_ask(&q, "shell-b", TRIG_LOOK, false, 0);
	workq_ask(&q, "shell-a", TRIG_LOOK, false, 0);
	workq_ask(&q, "shell-b", TRIG_MESSAGE, false, 0);
	assert_string_equal(start(&q, 0), "shell-b");
	assert_string_equal(start(&q, 0), "");
	workq_ended(&q, workq_find(&q, "shell-b"));
	assert_string_equal(start(&q, 0), "shell-a");
	workq_done(&q);
}

static void nobody_starts_before_its_time_and_the_next_time_is_known(void **state)
{
	struct workq q = queue(4, 4);

	(void)state;
	assert_int_equal(workq_due_ms(&q, 0), -1);
	workq_ask(&q, "shell-late", TRIG_MESSAGE, false, 500);
	workq_ask(&q, "shell-soon", TRIG_MESSAGE, false, 200);
	assert_string_equal(start(&q, 199), "");
	assert_int_equal(workq_due_ms(&q, 199), 200);
	assert_string_equal(start(&q, 200), "shell-soon");
	assert_int_equal(workq_due_ms(&q, 200), 500);
	workq_ask(&q, "shell-late", TRIG_MESSAGE, false, 100); /* somebody asks now: sooner wins */
	assert_string_equal(start(&q, 200), "shell-late");
	assert_int_equal(workq_due_ms(&q, 200), -1);
	workq_done(&q);
}

static void what_a_person_asked_for_comes_before_a_look(void **state)
{
	struct workq q = queue(4, 4);
	enum trigger t = TRIG_LOOK;
	struct work *w;

	(void)state;
	workq_ask(&q, "shell-bob", TRIG_LOOK, false, 0);
	workq_ask(&q, "shell-bob", TRIG_MESSAGE, false, 0);
	workq_ask(&q, "shell-bob", TRIG_NEW, true, 0);
	w = workq_next(&q, 0, &t);
	assert_non_null(w);
	assert_int_equal(t, TRIG_NEW);
	workq_started(w, t);
	workq_ended(&q, w);
	w = workq_next(&q, 0, &t);
	assert_non_null(w);
	assert_int_equal(t, TRIG_MESSAGE); /* and the message is not forgotten over it */
	workq_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_peer_has_one_worker_at_a_time),
	    cmocka_unit_test(asking_twice_is_asking_once),
	    cmocka_unit_test(no_more_boot_at_once_than_allowed),
	    cmocka_unit_test(first_asked_is_first_served),
	    cmocka_unit_test(nobody_starts_before_its_time_and_the_next_time_is_known),
	    cmocka_unit_test(what_a_person_asked_for_comes_before_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
