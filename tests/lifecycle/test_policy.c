/* The table of policy.c, row by row, and what must hold for every combination of facts. */
#include "iapeer/lifecycle/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* ---- the rows ---- */

#define MSG .by = WAKE_BY_MESSAGE
#define CAN .ever_conversation = true, .resumable = true

static const struct {
	const char *row;
	struct wake_facts f;
	bool resume;
	const char *cause;
} rows[] = {
    {"run", {.by = WAKE_BY_RUN, CAN, .end = END_PARKED}, false, "folder-launch"},
    {"new", {.by = WAKE_BY_NEW, CAN, .end = END_PARKED}, false, "new"},
    {"attach, a conversation exists", {.by = WAKE_BY_ATTACH, CAN}, true, "attach"},
    {"attach beside fresh-next (B102)",
     {.by = WAKE_BY_ATTACH, CAN, .fresh_next = true},
     true,
     "attach"},
    {"attach to an ephemeral peer (B103)",
     {.by = WAKE_BY_ATTACH, CAN, .ephemeral = true},
     true,
     "attach"},
    {"fresh-next", {MSG, CAN, .fresh_next = true, .end = END_PARKED}, false, "soft-reload"},
    {"fresh-next of a person's peer (B101)",
     {MSG, CAN, .fresh_next = true, .telegram = true, .end = END_PARKED},
     false,
     "soft-reload"},
    {"ephemeral",
     {MSG, CAN, .ephemeral = true, .end = END_PARKED, .telegram = true},
     false,
     "ephemeral-policy"},
    {"resume_policy never",
     {MSG, CAN, .resume_policy = RESUME_NEVER, .end = END_PARKED},
     false,
     "never-policy"},
    {"killed from outside",
     {MSG, CAN, .end = END_OUTSIDE, .end_cause = "sigkill"},
     true,
     "resume-after-sigkill"},
    {"host restart",
     {MSG, CAN, .end = END_OUTSIDE, .end_cause = "host-restart"},
     true,
     "resume-after-host-restart"},
    {"killed, nobody knows how",
     {MSG, CAN, .end = END_OUTSIDE, .end_cause = ""},
     true,
     "resume-after-unknown"},
    {"ended by itself",
     {MSG, CAN, .end = END_OWN, .end_cause = "exit-1"},
     false,
     "crash-or-self-close"},
    {"no mark but a conversation (B094)",
     {MSG, CAN, .end = END_NEVER},
     false,
     "crash-or-self-close"},
    {"never was one", {MSG, .end = END_NEVER}, false, "first-wake"},
    {"parked, a person's",
     {MSG, CAN, .end = END_PARKED, .telegram = true},
     true,
     "idle-reaped-human"},
    {"parked, always",
     {MSG, CAN, .end = END_PARKED, .resume_policy = RESUME_ALWAYS},
     true,
     "idle-reaped-always"},
    {"parked, topic known",
     {MSG, CAN, .end = END_PARKED, .topic_given = true, .topic_known = true},
     true,
     "idle-reaped-resume"},
    {"parked, continue, no topic", {MSG, CAN, .end = END_PARKED}, true, "idle-reaped-resume"},
    {"parked, another topic",
     {MSG, CAN, .end = END_PARKED, .topic_given = true},
     false,
     "idle-reaped-new-topic"},
    {"parked, topic policy, none given",
     {MSG, CAN, .end = END_PARKED, .resume_policy = RESUME_TOPIC},
     false,
     "idle-reaped-no-topic"},
    {"nothing to resume", {MSG, .end = END_PARKED}, false, "idle-reaped-resume-no-resume"},
    {"nothing to resume after a kill",
     {MSG, .end = END_OUTSIDE, .end_cause = "oom-kill"},
     false,
     "resume-after-oom-kill-no-resume"},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static void each_row_of_the_table_says_what_it_says(void **state)
{
	struct wake_mode m;

	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		wake_decide(&rows[i].f, &m);
		if (!m.allowed || m.resume != rows[i].resume || strcmp(m.cause, rows[i].cause) != 0)
			fail_msg("%s: %s %s", rows[i].row, m.resume ? "resume" : "fresh", m.cause);
	}
}

static void an_attach_without_a_conversation_is_an_error(void **state)
{
	struct wake_facts f = {.by = WAKE_BY_ATTACH, .end = END_PARKED};
	struct wake_mode m;

	(void)state;
	wake_decide(&f, &m);
	assert_false(m.allowed);
}

/* ---- the whole product ---- */

static const char *const causes[] = {
    "", "sigkill", "sigterm", "oom-kill", "kill-server", "host-restart", "unknown"};
#define N_CAUSES (sizeof causes / sizeof causes[0])
#define N_FLAGS  7

static size_t product(void)
{
	return (size_t)WAKE_BY_COUNT * RESUME_POLICY_COUNT * END_COUNT * N_CAUSES << N_FLAGS;
}

/* The n-th combination of everything. */
static struct wake_facts combination(size_t n)
{
	struct wake_facts f = {.fresh_next = n & 1,
			       .ephemeral = n >> 1 & 1,
			       .ever_conversation = n >> 2 & 1,
			       .resumable = n >> 3 & 1,
			       .telegram = n >> 4 & 1,
			       .topic_given = n >> 5 & 1,
			       .topic_known = n >> 6 & 1};

	n >>= N_FLAGS;
	f.end_cause = causes[n % N_CAUSES];
	n /= N_CAUSES;
	f.end = (enum last_end)(n % END_COUNT);
	n /= END_COUNT;
	f.resume_policy = (enum resume_policy)(n % RESUME_POLICY_COUNT);
	f.by = (enum wake_by)(n / RESUME_POLICY_COUNT);
	return f;
}

static void broken(const char *what, const struct wake_facts *f, const struct wake_mode *m)
{
	fail_msg(
	    "%s: by=%d end=%d cause=%s policy=%d fresh_next=%d ephemeral=%d resumable=%d -> %s %s",
	    what, (int)f->by, (int)f->end, f->end_cause, (int)f->resume_policy, f->fresh_next,
	    f->ephemeral, f->resumable, m->resume ? "resume" : "fresh", m->cause);
}

static void nothing_is_resumed_that_cannot_be(void **state)
{
	struct wake_mode m;

	(void)state;
	for (size_t n = 0; n < product(); n++) {
		struct wake_facts f = combination(n);

		wake_decide(&f, &m);
		if (m.allowed && m.resume && !f.resumable)
			broken("resumed", &f, &m);
	}
}

static void an_attach_never_becomes_fresh_and_takes_no_fresh_next(void **state)
{
	struct wake_mode m;

	(void)state;
	for (size_t n = 0; n < product(); n++) {
		struct wake_facts f = combination(n);

		if (f.by != WAKE_BY_ATTACH)
			continue;
		wake_decide(&f, &m);
		if (!m.resume || strcmp(m.cause, "attach") != 0 || m.allowed != f.resumable ||
		    m.consumes_fresh_next)
			broken("attach", &f, &m);
	}
}

static void only_an_attach_resumes_what_must_be_fresh(void **state)
{
	struct wake_mode m;

	(void)state;
	for (size_t n = 0; n < product(); n++) {
		struct wake_facts f = combination(n);
		bool fresh = f.fresh_next || f.ephemeral || f.resume_policy == RESUME_NEVER ||
			     f.by == WAKE_BY_RUN || f.by == WAKE_BY_NEW || f.end == END_OWN ||
			     f.end == END_NEVER;

		if (f.by == WAKE_BY_ATTACH)
			continue;
		wake_decide(&f, &m);
		if (!m.allowed || (fresh && m.resume))
			broken("not fresh", &f, &m);
	}
}

/* Would it resume if it could? */
static bool due(const struct wake_facts *f)
{
	struct wake_facts could = *f;
	struct wake_mode m;

	could.resumable = true;
	wake_decide(&could, &m);
	return m.resume;
}

static void no_resume_is_said_exactly_when_one_was_due_and_impossible(void **state)
{
	struct wake_mode m;

	(void)state;
	for (size_t n = 0; n < product(); n++) {
		struct wake_facts f = combination(n);

		if (f.by == WAKE_BY_ATTACH)
			continue;
		wake_decide(&f, &m);
		if (str_ends(m.cause, "-no-resume") != (due(&f) && !f.resumable))
			broken("-no-resume", &f, &m);
		if (strlen(m.cause) + 1 >= sizeof m.cause)
			broken("a cause that may have been cut", &f, &m);
	}
}

static void marks_are_used_up_as_the_table_says(void **state)
{
	struct wake_mode m;

	(void)state;
	for (size_t n = 0; n < product(); n++) {
		struct wake_facts f = combination(n);
		bool anew = f.by == WAKE_BY_RUN || f.by == WAKE_BY_NEW;

		wake_decide(&f, &m);
		if (m.allowed && !m.consumes_idle_reaped)
			broken("idle-reaped stays", &f, &m);
		if (m.consumes_fresh_next != (anew || (f.by == WAKE_BY_MESSAGE && f.fresh_next)))
			broken("fresh-next", &f, &m);
	}
}

static void every_cause_of_the_table_is_reached_and_no_other(void **state)
{
	AUTO(strv_done) struct strv known = STRV_INIT;
	AUTO(strv_done) struct strv seen = STRV_INIT;
	struct wake_mode m;

	(void)state;
	for (size_t i = 0; i < N_ROWS; i++)
		if (!strv_has(&known, rows[i].cause))
			strv_add(&known, rows[i].cause);
	for (size_t n = 0; n < product(); n++) {
		struct wake_facts f = combination(n);

		wake_decide(&f, &m);
		if (!strv_has(&seen, m.cause))
			strv_add(&seen, m.cause);
	}
	for (size_t i = 0; i < known.n; i++)
		if (!strv_has(&seen, known.v[i]))
			fail_msg("%s is never reached", known.v[i]);
	for (size_t i = 0; i < seen.n; i++)
		if (!strv_has(&known, seen.v[i]) && !str_starts(seen.v[i], "resume-after-") &&
		    !str_starts(seen.v[i], "idle-reaped-"))
			fail_msg("%s stands in no row", seen.v[i]);
}

static void a_long_cause_keeps_its_suffix(void **state)
{
	struct wake_facts f = {MSG, .end = END_OUTSIDE,
			       .end_cause =
				   "0123456789012345678901234567890123456789012345678901234567890"};
	struct wake_mode m;

	(void)state;
	wake_decide(&f, &m);
	assert_true(str_ends(m.cause, "-no-resume"));
	assert_true(strlen(m.cause) < sizeof m.cause);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_row_of_the_table_says_what_it_says),
	    cmocka_unit_test(an_attach_without_a_conversation_is_an_error),
	    cmocka_unit_test(nothing_is_resumed_that_cannot_be),
	    cmocka_unit_test(an_attach_never_becomes_fresh_and_takes_no_fresh_next),
	    cmocka_unit_test(only_an_attach_resumes_what_must_be_fresh),
	    cmocka_unit_test(no_resume_is_said_exactly_when_one_was_due_and_impossible),
	    cmocka_unit_test(marks_are_used_up_as_the_table_says),
	    cmocka_unit_test(every_cause_of_the_table_is_reached_and_no_other),
	    cmocka_unit_test(a_long_cause_keeps_its_suffix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
