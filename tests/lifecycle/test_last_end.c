/* From the death of a session to how the next one wakes: policy.c's table, through the ring on
 * disk.
 */
#include "iapeer/lifecycle/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/banned.h"

#define WINDOW_MS 300000
#define NOW_MS    1000000000

struct row {
	enum death_class class;
	const char *cause;
	int status, signal; /* cause NULL: what the hook says */
	const char
	    *wakes; /* resumed, with this cause; NULL: fresh, crash-or-self-close, and counted */
	bool oom;
};

#define SESSION(status, signal, wakes)                                                             \
	{                                                                                          \
		DEATH_SESSION_GONE, NULL, status, signal, wakes, false                             \
	}
#define SERVER(cause)                                                                              \
	{                                                                                          \
		DEATH_SERVER_DEAD, cause, -1, 0, "resume-after-" cause, false                      \
	}

static const struct row rows[] = {
    /* it ended by itself, whatever it said */
    SESSION(0, 0, NULL),
    SESSION(1, 0, NULL),
    SESSION(137, 0, NULL),
    SESSION(-1, 11, NULL),
    SESSION(-1, 6, NULL),
    SESSION(-1, 8, NULL),
    SESSION(-1, 13, NULL),
    SESSION(-1, 40, NULL),
    SESSION(-1, 0, NULL),
    /* somebody ended it */
    SESSION(-1, 9, "resume-after-sigkill"),
    SESSION(-1, 15, "resume-after-sigterm"),
    SESSION(-1, 1, "resume-after-sighup"),
    SESSION(-1, 2, "resume-after-sigint"),
    {DEATH_SESSION_GONE, NULL, -1, 9, "resume-after-oom-kill", true},
    /* the server below it died, of whatever */
    SERVER("sigkill"),
    SERVER("sigsegv"),
    SERVER("sigabrt"),
    SERVER("sigterm"),
    SERVER("oom-kill"),
    SERVER("kill-server"),
    SERVER("exited"),
    SERVER("host-restart"),
    SERVER("unknown"),
    /* as they would be written by one who knows more about a session's end */
    {DEATH_SESSION_GONE, "oom-kill", 0, 0, "resume-after-oom-kill", false},
    {DEATH_SESSION_GONE, "host-restart", 0, 0, "resume-after-host-restart", false},
    {DEATH_SESSION_GONE, "kill-server", 0, 0, "resume-after-kill-server", false},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* The ring as it is written and read again. */
static void read_again(struct death_ring *r)
{
	AUTO(buf_done) struct buf b = BUF_INIT(65536);
	struct err e = ERR_INIT;

	death_ring_print(r, &b);
	if (death_ring_parse(buf_cstr(&b), b.len, "deaths", r, &e) < 0)
		fail_msg("%s", e.msg);
}

static struct death_ring died(const struct row *row, int times)
{
	struct death_ring r = {.n = 0};

	for (int i = 0; i < times; i++) {
		struct death_entry d = {
		    .class = row->class, .at_ms = NOW_MS - i, .woke_at_ms = NOW_MS - 100 - i};

		if (row->cause)
			snprintf(d.cause, sizeof d.cause, "%s", row->cause);
		else
			death_session_cause(row->status, row->signal, row->oom, d.cause);
		death_ring_add(&r, &d);
	}
	read_again(&r);
	return r;
}

static struct wake_mode wake_after(const struct death_ring *r, bool parked)
{
	struct wake_facts f = {.by = WAKE_BY_MESSAGE, .resumable = true, .ever_conversation = true};
	struct wake_mode m;

	wake_last_end(&f, r, parked);
	wake_decide(&f, &m);
	return m;
}

static void what_died_from_outside_is_resumed_and_says_after_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct death_ring r = died(&rows[i], 1);
		struct wake_mode m = wake_after(&r, false);
		const char *want = rows[i].wakes ? rows[i].wakes : "crash-or-self-close";

		if (m.resume != (rows[i].wakes != NULL) || strcmp(m.cause, want) != 0)
			fail_msg("%s %s: %s %s, not %s", death_class_word(r.v[0].class),
				 r.v[0].cause, m.resume ? "resume" : "fresh", m.cause, want);
	}
}

/* However short a life was, and whatever its status: three of its own are a loop; a hundred kills
 * from outside are none. */
static void only_its_own_ends_make_a_crash_loop(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct death_ring r = died(&rows[i], 3);

		if (death_ring_own(&r, NOW_MS, WINDOW_MS) != (rows[i].wakes ? 0 : 3))
			fail_msg("%s %s: %d counted", death_class_word(r.v[0].class), r.v[0].cause,
				 death_ring_own(&r, NOW_MS, WINDOW_MS));
	}
}

/* `start` lets it try again, and does not make it one that never was: what ended it last still says
 * how it wakes. */
static void what_start_forgives_is_not_forgotten(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct death_ring r = died(&rows[i], 3);
		struct wake_mode m;

		death_ring_forgive(&r);
		read_again(&r);
		assert_int_equal(death_ring_own(&r, NOW_MS, WINDOW_MS), 0);
		assert_int_equal(death_ring_rested_ms(&r, NOW_MS, WINDOW_MS), 0);
		m = wake_after(&r, false);
		assert_int_equal(m.resume, rows[i].wakes != NULL);
		assert_string_equal(m.cause, rows[i].wakes ? rows[i].wakes : "crash-or-self-close");
	}
}

static void a_clean_park_is_newer_than_any_death(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct death_ring r = died(&rows[i], 2);
		struct wake_mode m = wake_after(&r, true);

		assert_true(m.resume);
		assert_string_equal(m.cause, "idle-reaped-resume");
	}
}

static void bare_times_of_0_2_count_as_its_own(void **state)
{
	static const char text[] = "[999999000, 999999500, 1000000000]";
	struct death_ring r = {.n = 0};
	struct err e = ERR_INIT;
	struct wake_mode m;

	(void)state;
	if (death_ring_parse(text, sizeof text - 1, "deaths", &r, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(death_ring_own(&r, NOW_MS, WINDOW_MS), 3);
	m = wake_after(&r, false);
	assert_false(m.resume);
	assert_string_equal(m.cause, "crash-or-self-close");
	read_again(&r);
	assert_int_equal(death_ring_own(&r, NOW_MS, WINDOW_MS), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_died_from_outside_is_resumed_and_says_after_what),
	    cmocka_unit_test(only_its_own_ends_make_a_crash_loop),
	    cmocka_unit_test(what_start_forgives_is_not_forgotten),
	    cmocka_unit_test(a_clean_park_is_newer_than_any_death),
	    cmocka_unit_test(bare_times_of_0_2_count_as_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
