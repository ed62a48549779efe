#include "iapeer/lifecycle/death.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "iapeer/base/banned.h"

static struct death_entry death(int64_t at_ms, enum death_class class, const char *cause)
{
	struct death_entry d = {.at_ms = at_ms, .class = class};

	snprintf(d.cause, sizeof d.cause, "%s", cause);
	return d;
}

static struct death_ring parsed(const char *text)
{
	struct death_ring r;
	struct err e = ERR_INIT;

	if (death_ring_parse(text, strlen(text), "x.deaths", &r, &e) < 0)
		fail_msg("%s", e.msg);
	return r;
}

/* ---- the ring ---- */

static void the_ring_keeps_the_last_sixteen(void **state)
{
	struct death_ring r = {.n = 0};

	(void)state;
	for (int i = 1; i <= 40; i++) {
		struct death_entry d = death(i, DEATH_SESSION_GONE, "exited");

		death_ring_add(&r, &d);
		assert_int_equal(r.n, i < DEATH_RING ? i : DEATH_RING);
	}
	assert_int_equal(r.v[0].at_ms, 25);
	assert_int_equal(r.v[DEATH_RING - 1].at_ms, 40);
}

static void the_end_of_one_session_is_counted_once(void **state)
{
	struct death_entry d = death(5, DEATH_SESSION_GONE, "exited");
	struct death_ring r = {.n = 0};

	(void)state;
	d.woke_at_ms = 1;
	death_ring_add(&r, &d);
	d.at_ms = 6;
	death_ring_add(&r, &d);
	assert_int_equal(r.n, 1);
	d.woke_at_ms = 2;
	death_ring_add(&r, &d);
	assert_int_equal(r.n, 2);
	d.woke_at_ms = 0; /* not known: not the same */
	death_ring_add(&r, &d);
	death_ring_add(&r, &d);
	assert_int_equal(r.n, 4);
}

static void what_is_printed_is_read_again(void **state)
{
	struct death_ring r = {.n = 0}, back;
	struct buf text = BUF_INIT(CAP_STATE);
	struct death_entry d;

	(void)state;
	for (int i = 0; i < DEATH_RING; i++) {
		d = death(1000 + i, i % 2 ? DEATH_SERVER_DEAD : DEATH_SESSION_GONE,
			  i % 3 ? "exit-3" : "");
		d.woke_at_ms = i % 4 ? 900 + i : 0;
		death_ring_add(&r, &d);
	}
	death_ring_print(&r, &text);
	back = parsed(buf_cstr(&text));
	assert_int_equal(back.n, r.n);
	for (size_t i = 0; i < r.n; i++) {
		assert_int_equal(back.v[i].at_ms, r.v[i].at_ms);
		assert_int_equal(back.v[i].class, r.v[i].class);
		assert_int_equal(back.v[i].woke_at_ms, r.v[i].woke_at_ms);
		assert_string_equal(back.v[i].cause, r.v[i].cause);
	}
	buf_done(&text);
}

static void bare_numbers_of_older_versions_are_read(void **state)
{
	struct death_ring r = parsed(
	    "[1700000000000, 1700000000001, {\"at\": 1700000000002, \"class\": \"server-dead\"}]");

	(void)state;
	assert_int_equal(r.n, 3);
	assert_int_equal(r.v[0].at_ms, 1700000000000);
	assert_int_equal(r.v[0].class, DEATH_SESSION_GONE);
	assert_string_equal(r.v[0].cause, "");
	assert_true(death_is_own(&r.v[0])); /* 0.2.x counted every one */
	assert_int_equal(r.v[2].class, DEATH_SERVER_DEAD);
	assert_int_equal(parsed("[]").n, 0);
}

static void of_too_many_the_newest_are_read(void **state)
{
	struct buf text = BUF_INIT(CAP_STATE);
	struct death_ring r;

	(void)state;
	for (int i = 1; i <= 20; i++)
		buf_fmt(&text, "%s%d", i == 1 ? "[" : ",", i);
	buf_str(&text, "]");
	r = parsed(buf_cstr(&text));
	assert_int_equal(r.n, DEATH_RING);
	assert_int_equal(r.v[DEATH_RING - 1].at_ms, 20);
	buf_done(&text);
}

/* As many as a state file holds: a look at each, not at all before it. */
static void a_ring_that_somebody_filled_is_read_in_no_time(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	clock_t before = clock();
	struct death_ring r;

	(void)state;
	for (int i = 0; i < 130000; i++)
		buf_str(&b, i ? ",1" : "[1");
	buf_str(&b, "]");
	assert_false(b.failed);
	r = parsed(b.p);
	assert_int_equal(r.n, DEATH_RING);
	assert_true((clock() - before) / CLOCKS_PER_SEC < 5);
}

static void what_is_no_ring_is_corrupt_and_leaves_the_target_alone(void **state)
{
	static const char *const wrong[] = {
	    "",
	    "{}",
	    "[1",
	    "[1.5]",
	    "[-1]",
	    "[\"x\"]",
	    "[{}]",
	    "[null]",
	    "[true]",
	    "[{\"at\":\"1\"}]",
	    "[{\"at\":-5}]",
	    "[[1]]",
	    "[1] trail",
	    "[1e99]",
	    "[{\"at\":1,\"cause\":5}]",
	    "[{\"at\":1,\"cause\":\"0123456789012345678901234567890123\"}]"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct death_ring r = {.n = 7};
		struct err e = ERR_INIT;

		if (death_ring_parse(wrong[i], strlen(wrong[i]), "x.deaths", &r, &e) == 0)
			fail_msg("read: %s", wrong[i]);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_non_null(strstr(e.msg, "x.deaths"));
		assert_int_equal(r.n, 7);
	}
}

/* ---- whose fault ---- */

static void a_kill_from_outside_is_not_held_against_the_program(void **state)
{
	static const struct {
		enum death_class class;
		const char *cause;
		bool own;
	} rows[] = {
	    {DEATH_SERVER_DEAD, "sigkill", false},
	    {DEATH_SERVER_DEAD, "unknown", false},
	    {DEATH_SERVER_DEAD, "sigsegv", false},
	    {DEATH_SERVER_DEAD, "", false},
	    {DEATH_SESSION_GONE, "sigkill", false},
	    {DEATH_SESSION_GONE, "sigterm", false},
	    {DEATH_SESSION_GONE, "sighup", false},
	    {DEATH_SESSION_GONE, "sigint", false},
	    {DEATH_SESSION_GONE, "oom-kill", false},
	    {DEATH_SESSION_GONE, "host-restart", false},
	    {DEATH_SESSION_GONE, "kill-server", false},
	    {DEATH_SESSION_GONE, "sigsegv", true},
	    {DEATH_SESSION_GONE, "sigabrt", true},
	    {DEATH_SESSION_GONE, "sigquit", true},
	    {DEATH_SESSION_GONE, "sigpipe", true},
	    {DEATH_SESSION_GONE, "signal-40", true},
	    {DEATH_SESSION_GONE, "exited", true},
	    {DEATH_SESSION_GONE, "exit-1", true},
	    {DEATH_SESSION_GONE, "exit-255", true},
	    {DEATH_SESSION_GONE, "unknown", true},
	    {DEATH_SESSION_GONE, "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct death_entry d = death(1, rows[i].class, rows[i].cause);

		if (death_is_own(&d) != rows[i].own)
			fail_msg("%s %s", death_class_word(rows[i].class), rows[i].cause);
	}
}

static void the_window_has_borders(void **state)
{
	struct death_ring r = {.n = 0};
	const int64_t now = 1000000, window = 300000;
	const int64_t at[] = {now - window - 1, now - window, now - window + 1,
			      now - 1,          now,          now + 1};

	(void)state;
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		struct death_entry d = death(at[i], DEATH_SESSION_GONE, "exit-1");

		death_ring_add(&r, &d);
	}
	assert_int_equal(death_ring_own(&r, now, window), 3);     /* not older, not of tomorrow */
	assert_int_equal(death_ring_own(&r, now, 2 * window), 5); /* B088 */
	assert_int_equal(death_ring_own(&r, now, 0), 0);
	assert_int_equal(death_ring_own(&r, 0, window), 0);
}

static void deaths_from_outside_are_not_counted_in_the_window(void **state)
{
	struct death_ring r = {.n = 0};
	struct death_entry own = death(10, DEATH_SESSION_GONE, "exited");
	struct death_entry outside = death(11, DEATH_SESSION_GONE, "sigkill");
	struct death_entry server = death(12, DEATH_SERVER_DEAD, "unknown");

	(void)state;
	death_ring_add(&r, &own);
	death_ring_add(&r, &outside);
	death_ring_add(&r, &server);
	assert_int_equal(death_ring_own(&r, 20, 300000), 1);
}

static void who_is_kept_up_rests_longer_after_every_end(void **state)
{
	const int64_t window = 300000, now = 1000000, pauses[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct death_ring r = {.n = 0};

	(void)state;
	assert_int_equal(death_ring_rested_ms(&r, now, window), 0);
	for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
		struct death_entry d = death(now - 100 + (int64_t)i, DEATH_SERVER_DEAD, "sigkill");

		death_ring_add(&r, &d);
		assert_int_equal(death_ring_rested_ms(&r, now, window), d.at_ms + pauses[i] * 1000);
	}
	/* Long ago, and never again after a clock that was set back. */
	assert_int_equal(death_ring_rested_ms(&r, now + window, window), 0);
	assert_int_equal(death_ring_rested_ms(&r, now - 200, window), 0);
}

/* ---- words ---- */

static void the_cause_of_a_session_comes_from_status_and_signal(void **state)
{
	static const struct {
		int status, signal;
		const char *cause;
	} rows[] = {
	    {0, 0, "exited"},    {0, -1, "exited"},  {3, 0, "exit-3"},    {255, -1, "exit-255"},
	    {-1, 9, "sigkill"},  {0, 9, "sigkill"},  {-1, 11, "sigsegv"}, {-1, 15, "sigterm"},
	    {-1, 1, "sighup"},   {-1, 6, "sigabrt"}, {-1, 2, "sigint"},   {-1, 40, "signal-40"},
	    {-1, -1, "unknown"}, {-1, 0, "unknown"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char cause[32];

		death_session_cause(rows[i].status, rows[i].signal, false, cause);
		assert_string_equal(cause, rows[i].cause);
	}
	assert_string_equal(death_class_word(DEATH_SERVER_DEAD), "server-dead");
	assert_string_equal(death_class_word(DEATH_SESSION_GONE), "session-gone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_ring_keeps_the_last_sixteen),
	    cmocka_unit_test(the_end_of_one_session_is_counted_once),
	    cmocka_unit_test(what_is_printed_is_read_again),
	    cmocka_unit_test(bare_numbers_of_older_versions_are_read),
	    cmocka_unit_test(of_too_many_the_newest_are_read),
	    cmocka_unit_test(a_ring_that_somebody_filled_is_read_in_no_time),
	    cmocka_unit_test(what_is_no_ring_is_corrupt_and_leaves_the_target_alone),
	    cmocka_unit_test(a_kill_from_outside_is_not_held_against_the_program),
	    cmocka_unit_test(the_window_has_borders),
	    cmocka_unit_test(deaths_from_outside_are_not_counted_in_the_window),
	    cmocka_unit_test(who_is_kept_up_rests_longer_after_every_end),
	    cmocka_unit_test(the_cause_of_a_session_comes_from_status_and_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
