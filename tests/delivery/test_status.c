#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/str.h"
#include "iapeer/delivery/status.h"

#define NOW   INT64_C(1000000000)
#define DECAY INT64_C(600000)
#define WOKE  (NOW - 10 * DECAY)

static struct status_evidence tui(bool ready)
{
	return (struct status_evidence){
	    .now_ms = NOW, .decay_ms = DECAY, .kind = KIND_TUI, .ready = ready, .woke_at_ms = WOKE};
}

static void reported(struct status_evidence *v, enum report_kind k, enum report_source by,
		     int64_t age, const char *detail)
{
	v->reported = true;
	v->report = k;
	v->report_source = by;
	v->report_at_ms = v->report_since_ms = NOW - age;
	str_cut(v->report_detail, sizeof v->report_detail, detail);
}

static void filed(struct status_evidence *v, enum peer_status s, int64_t age, const char *detail)
{
	v->filed = true;
	v->filed_status = s;
	v->filed_at_ms = NOW - age;
	str_cut(v->filed_detail, sizeof v->filed_detail, detail);
}

static struct status decide(const struct status_evidence *v)
{
	struct status s;

	memset(&s, 0x5a, sizeof s);
	status_decide(v, &s);
	return s;
}

#define is(v, want, by)                                                                            \
	do {                                                                                       \
		struct status got_ = decide(&(v));                                                 \
		assert_string_equal(status_word(got_.status), status_word(want));                  \
		assert_string_equal(got_.source, by);                                              \
	} while (0)

static void every_status_has_a_word_and_is_found_by_it(void **state)
{
	enum peer_status back;

	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_true(status_parse(status_word((enum peer_status)i), &back));
		assert_int_equal(back, i);
		assert_int_equal(status_needs_person((enum peer_status)i),
				 i == STATUS_WAITING || i == STATUS_BLOCKED || i == STATUS_AUTH ||
				     i == STATUS_QUOTA);
	}
	assert_false(status_parse("busy", &back));
	assert_false(status_parse("", &back));
}

static void every_report_says_its_status(void **state)
{
	static const struct {
		enum report_kind kind;
		const char *detail;
		enum peer_status ready, booting;
	} rows[] = {{REPORT_READY, "", STATUS_IDLE, STATUS_IDLE},
		    {REPORT_TAKEN, "", STATUS_WORKING, STATUS_WORKING},
		    {REPORT_TOOL, "Bash", STATUS_WORKING, STATUS_WORKING},
		    {REPORT_ASKS, "permission", STATUS_WAITING, STATUS_WAITING},
		    {REPORT_TURN, "", STATUS_IDLE, STATUS_IDLE},
		    {REPORT_FAILED, "auth", STATUS_AUTH, STATUS_AUTH},
		    {REPORT_FAILED, "quota", STATUS_QUOTA, STATUS_QUOTA},
		    {REPORT_FAILED, "overload", STATUS_IDLE, STATUS_IDLE},
		    {REPORT_FAILED, "other", STATUS_IDLE, STATUS_IDLE},
		    {REPORT_FAILED, "", STATUS_IDLE, STATUS_IDLE},
		    {REPORT_RETRIES, "auth", STATUS_AUTH, STATUS_AUTH},
		    {REPORT_RETRIES, "quota", STATUS_QUOTA, STATUS_QUOTA},
		    {REPORT_RETRIES, "overload", STATUS_WORKING, STATUS_WORKING},
		    {REPORT_INTERRUPTED, "", STATUS_IDLE, STATUS_IDLE},
		    {REPORT_BLOCKED, "trust", STATUS_IDLE, STATUS_BLOCKED},
		    {REPORT_LEFT, "", STATUS_UNKNOWN, STATUS_UNKNOWN}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int ready = 0; ready < 2; ready++) {
			struct status_evidence v = tui(ready);
			struct status s;

			reported(&v, rows[i].kind, REPORT_BY_HOOK, 1000, rows[i].detail);
			v.report_since_ms = NOW - 5000;
			s = decide(&v);
			assert_int_equal(s.status, ready ? rows[i].ready : rows[i].booting);
			if (ready && rows[i].kind == REPORT_BLOCKED)
				continue; /* overtaken by the session's record */
			assert_string_equal(s.source, "hook");
			assert_string_equal(s.detail, rows[i].detail);
			assert_int_equal(s.since_ms, NOW - 5000);
			assert_int_equal(s.at_ms, NOW - 1000);
		}
}

static void without_a_report_the_session_tells(void **state)
{
	struct status_evidence v = tui(false);

	(void)state;
	v.woke_at_ms = NOW - 5000;
	is(v, STATUS_BOOTING, "session");
	v.ready = true;
	is(v, STATUS_IDLE, "session");
	v.kind = KIND_SERVICE;
	v.woke_at_ms = WOKE;
	v.printed_at_ms = NOW;
	is(v, STATUS_IDLE, "session");
}

static void old_work_decays_unless_something_was_printed(void **state)
{
	struct status_evidence v = tui(true);

	(void)state;
	reported(&v, REPORT_TOOL, REPORT_BY_HOOK, DECAY - 1, "Bash");
	is(v, STATUS_WORKING, "hook");
	reported(&v, REPORT_TOOL, REPORT_BY_HOOK, DECAY, "Bash");
	is(v, STATUS_UNKNOWN, "hook");
	assert_int_equal(decide(&v).at_ms, NOW - DECAY);
	v.printed_at_ms = NOW - 1000;
	is(v, STATUS_WORKING, "hook");
	v.printed_at_ms = NOW - DECAY;
	is(v, STATUS_UNKNOWN, "hook");
	reported(&v, REPORT_TAKEN, REPORT_BY_SCREEN, 20000, "");
	v.printed_at_ms = NOW - 10000;
	is(v, STATUS_UNKNOWN, "screen"); /* a program that works paints */
	v.printed_at_ms = NOW - 9000;
	is(v, STATUS_WORKING, "screen");
	v = tui(false);
	is(v, STATUS_UNKNOWN, "session"); /* nobody boots for so long */
}

static void what_does_not_change_by_itself_does_not_decay(void **state)
{
	static const struct {
		enum report_kind kind;
		const char *detail;
		enum peer_status is;
	} rows[] = {{REPORT_ASKS, "", STATUS_WAITING},
		    {REPORT_FAILED, "auth", STATUS_AUTH},
		    {REPORT_FAILED, "quota", STATUS_QUOTA},
		    {REPORT_TURN, "", STATUS_IDLE}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct status_evidence v = tui(true);

		reported(&v, rows[i].kind, REPORT_BY_HOOK, 9 * DECAY, rows[i].detail);
		v.printed_at_ms = NOW;
		is(v, rows[i].is, "hook");
	}
}

/* Nobody would tell us of its next turn. */
static void idle_as_a_screen_showed_it_holds_while_nothing_is_printed(void **state)
{
	struct status_evidence v = tui(true);

	(void)state;
	reported(&v, REPORT_READY, REPORT_BY_SCREEN, 2 * DECAY, "");
	v.printed_at_ms = NOW - 2 * DECAY + 1000;
	is(v, STATUS_IDLE, "screen");
	v.printed_at_ms = NOW - DECAY;
	is(v, STATUS_UNKNOWN, "screen");
	reported(&v, REPORT_READY, REPORT_BY_SCREEN, DECAY - 1, "");
	v.printed_at_ms = NOW;
	is(v, STATUS_IDLE, "screen");
	reported(&v, REPORT_INTERRUPTED, REPORT_BY_VERB, 2 * DECAY, "");
	is(v, STATUS_UNKNOWN, "verb");
}

static void the_newer_of_report_and_file_wins(void **state)
{
	struct status_evidence v = tui(true);

	(void)state;
	/* A person pressed Esc: no hook tells of it. */
	reported(&v, REPORT_TAKEN, REPORT_BY_HOOK, 3000, "");
	filed(&v, STATUS_IDLE, 1000, "");
	is(v, STATUS_IDLE, "file");
	filed(&v, STATUS_IDLE, 5000, "");
	is(v, STATUS_WORKING, "hook");
	filed(&v, STATUS_WAITING, 1000, "permission prompt");
	is(v, STATUS_WAITING, "file");
	assert_string_equal(decide(&v).detail, "permission prompt");
	reported(&v, REPORT_TURN, REPORT_BY_HOOK, 3000, "");
	filed(&v, STATUS_WORKING, 1000, "");
	is(v, STATUS_WORKING, "file");
	filed(&v, STATUS_IDLE, 1000, ""); /* the same: what tells more stays */
	is(v, STATUS_IDLE, "hook");
	v.reported = false;
	is(v, STATUS_IDLE, "file");
	filed(&v, STATUS_WORKING, DECAY, "");
	is(v, STATUS_UNKNOWN, "file");
}

static void idle_in_the_file_does_not_hide_dead_credentials(void **state)
{
	struct status_evidence v = tui(true);

	(void)state;
	reported(&v, REPORT_FAILED, REPORT_BY_HOOK, 3000, "auth");
	filed(&v, STATUS_IDLE, 1000, "");
	is(v, STATUS_AUTH, "hook");
	reported(&v, REPORT_FAILED, REPORT_BY_HOOK, 3000, "quota");
	is(v, STATUS_QUOTA, "hook");
	filed(&v, STATUS_WORKING, 1000, "");
	is(v, STATUS_WORKING, "file");
}

static void a_tool_that_ends_does_not_hide_anothers_question(void **state)
{
	struct status_evidence v = tui(true);

	(void)state;
	filed(&v, STATUS_WAITING, 3000, "permission prompt");
	reported(&v, REPORT_TOOL, REPORT_BY_HOOK, 1000, "Read");
	is(v, STATUS_WAITING, "file");
	reported(&v, REPORT_TAKEN, REPORT_BY_HOOK, 1000, "");
	is(v, STATUS_WORKING, "hook");
}

static void a_shell_is_what_its_terminal_says(void **state)
{
	struct status_evidence v = tui(false);

	(void)state;
	v.kind = KIND_SHELL;
	v.woke_at_ms = NOW - 10;
	v.looked = true;
	is(v, STATUS_BOOTING, "session");
	v.ready = true;
	v.woke_at_ms = WOKE;
	reported(&v, REPORT_TOOL, REPORT_BY_HOOK, 0, "");
	is(v, STATUS_IDLE, "process");
	v.in_foreground = true;
	str_cut(v.process, sizeof v.process, "make");
	is(v, STATUS_WORKING, "process");
	assert_string_equal(decide(&v).detail, "make");
	assert_int_equal(decide(&v).at_ms, NOW);
	v.looked = false;
	is(v, STATUS_UNKNOWN, "process");
}

/* Whatever comes together: a status of ours, a source, a time that is the evidence's, and nobody is
 * called for without a report or a file that asks for him. */
static void all_evidence_together_has_a_sane_outcome(void **state)
{
	static const int64_t ages[] = {-5000, 0, 3000, DECAY - 1, DECAY, 9 * DECAY};
	static const char *const details[] = {"", "auth", "quota"};
	long n = 0;

	(void)state;
	for (int i = 0; i < REPORT_KIND_COUNT * REPORT_SOURCE_COUNT * 3 * 6 * 6 * 4 * 3 * 2 * 3;
	     i++) {
		int rest = i;
		struct status_evidence v;
		struct status s;
		int kind, by, detail, ra, fa, file, pr, ready, what;

		kind = rest % REPORT_KIND_COUNT;
		rest /= REPORT_KIND_COUNT;
		by = rest % REPORT_SOURCE_COUNT;
		rest /= REPORT_SOURCE_COUNT;
		detail = rest % 3;
		rest /= 3;
		ra = rest % 6;
		rest /= 6;
		fa = rest % 6;
		rest /= 6;
		file = rest % 4;
		rest /= 4;
		pr = rest % 3;
		rest /= 3;
		ready = rest % 2;
		rest /= 2;
		what = rest;
		v = tui(ready);
		v.kind = (enum runtime_kind)what;
		v.looked = true;
		v.printed_at_ms = pr == 0 ? 0 : pr == 1 ? NOW : NOW - 2 * DECAY;
		reported(&v, (enum report_kind)kind, (enum report_source)by, ages[ra],
			 details[detail]);
		if (file > 0)
			filed(&v,
			      file == 1   ? STATUS_IDLE
			      : file == 2 ? STATUS_WORKING
					  : STATUS_WAITING,
			      ages[fa], "");
		s = decide(&v);
		n++;
		assert_true(s.status < STATUS_COUNT && s.source[0]);
		assert_true(s.at_ms == NOW || s.at_ms == v.report_at_ms ||
			    s.at_ms == v.filed_at_ms || s.at_ms == WOKE);
		if (status_needs_person(s.status))
			assert_true(kind == REPORT_ASKS || kind == REPORT_BLOCKED ||
				    kind == REPORT_FAILED || kind == REPORT_RETRIES || file == 3);
		if (s.status == STATUS_BLOCKED)
			assert_false(ready);
		if (s.status == STATUS_WORKING && what == KIND_TUI)
			assert_true(NOW - s.at_ms < DECAY || pr == 1);
	}
	assert_true(n > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_status_has_a_word_and_is_found_by_it),
	    cmocka_unit_test(every_report_says_its_status),
	    cmocka_unit_test(without_a_report_the_session_tells),
	    cmocka_unit_test(old_work_decays_unless_something_was_printed),
	    cmocka_unit_test(what_does_not_change_by_itself_does_not_decay),
	    cmocka_unit_test(idle_as_a_screen_showed_it_holds_while_nothing_is_printed),
	    cmocka_unit_test(the_newer_of_report_and_file_wins),
	    cmocka_unit_test(idle_in_the_file_does_not_hide_dead_credentials),
	    cmocka_unit_test(a_tool_that_ends_does_not_hide_anothers_question),
	    cmocka_unit_test(a_shell_is_what_its_terminal_says),
	    cmocka_unit_test(all_evidence_together_has_a_sane_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
