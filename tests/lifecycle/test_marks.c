#include "iapeer/lifecycle/marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "iapeer/canary/ledger.h"
#include "iapeer/lifecycle/hook.h"

#include "iapeer/base/banned.h"
#include "iapeer/base/fs.h"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

static void a_mark_set_twice_is_set_once_and_holds_the_first_time(void **state)
{
	static const char *const marks[] = {MARK_STOPPED, MARK_IDLE_REAPED, MARK_NEW_EAGER,
					    MARK_FRESH_NEXT};
	struct world *w = *state;

	for (size_t i = 0; i < 4; i++) {
		int64_t at = 0;

		assert_false(mark_is_set(&w->l, &bob, marks[i]));
		OK(mark_set(&w->l, &bob, marks[i], e));
		auto_free char *first = world_read(w, world_state(&bob, marks[i]));
		OK(mark_set(&w->l, &bob, marks[i], e));
		auto_free char *second = world_read(w, world_state(&bob, marks[i]));
		assert_string_equal(first, second);
		first[strcspn(first, "\n")] = '\0';
		assert_true(clock_parse_iso(first, &at));
		assert_true(mark_is_set(&w->l, &bob, marks[i]));
		OK(mark_clear(&w->l, &bob, marks[i], e));
		OK(mark_clear(&w->l, &bob, marks[i], e));
		assert_false(mark_is_set(&w->l, &bob, marks[i]));
	}
}

static void marks_belong_to_one_identity(void **state)
{
	static const struct peer_id others[] = {{.name = "bob", .runtime = "claude"},
						{.name = "bob2", .runtime = "shell"},
						{.name = "big-bob", .runtime = "shell"}};
	struct world *w = *state;

	OK(mark_set(&w->l, &bob, MARK_STOPPED, e));
	for (size_t i = 0; i < 3; i++)
		assert_false(mark_is_set(&w->l, &others[i], MARK_STOPPED));
}

static void deaths_are_added_and_forgiven(void **state)
{
	struct world *w = *state;
	struct death_entry d = {.at_ms = 1, .class = DEATH_SESSION_GONE, .cause = "exit-1"};
	struct death_ring r;

	OK(deaths_load(&w->l, &bob, &r, e));
	assert_int_equal(r.n, 0);
	for (d.at_ms = 1; d.at_ms <= 20; d.at_ms++)
		OK(deaths_add(&w->l, &bob, &d, e));
	OK(deaths_load(&w->l, &bob, &r, e));
	assert_int_equal(r.n, DEATH_RING);
	assert_int_equal(r.v[DEATH_RING - 1].at_ms, 20);
	OK(deaths_forgive(&w->l, &bob, e));
	OK(deaths_forgive(&w->l, &bob, e));
	OK(deaths_load(&w->l, &bob, &r, e));
	assert_int_equal(r.n, DEATH_RING);
	for (size_t i = 0; i < r.n; i++)
		assert_true(r.v[i].forgiven);
	OK(deaths_add(&w->l, &bob, &d, e));
	OK(deaths_load(&w->l, &bob, &r, e));
	assert_false(r.v[DEATH_RING - 1].forgiven);
}

static void a_ring_that_cannot_be_read_is_not_written_over(void **state)
{
	struct world *w = *state;
	struct death_entry d = {.at_ms = 1};
	struct death_ring r;

	world_write(w, world_state(&bob, "deaths"), "[1,");
	FAILS(ERR_CORRUPT, deaths_load(&w->l, &bob, &r, e));
	FAILS(ERR_CORRUPT, deaths_add(&w->l, &bob, &d, e));
	auto_free char *text = world_read(w, world_state(&bob, "deaths"));
	assert_string_equal(text, "[1,");
}

static void an_exit_is_kept_as_it_was(void **state)
{
	struct world *w = *state;
	struct pane_exit x = {.pane_pid = 7,
			      .status = -1,
			      .signal = 9,
			      .server_pid = 6,
			      .at_ms = 12345},
			 got = {.pane_pid = 99};

	FAILS(ERR_NOT_FOUND, pane_exit_load(&w->l, &bob, &got, e));
	assert_int_equal(got.pane_pid, 99);
	OK(pane_exit_save(&w->l, "shell-bob", &x, e));
	OK(pane_exit_load(&w->l, &bob, &got, e));
	assert_int_equal(got.pane_pid, 7);
	assert_int_equal(got.status, -1);
	assert_int_equal(got.signal, 9);
	assert_int_equal(got.server_pid, 6);
	assert_int_equal(got.at_ms, 12345);
	FAILS(ERR_USAGE, pane_exit_save(&w->l, "../x", &x, e));
}

/* When it was is what a death is noted with. */
static void an_exit_without_its_time_is_none(void **state)
{
	struct world *w = *state;
	struct pane_exit got = {.pane_pid = 99, .at_ms = 98};

	world_write(w, world_state(&bob, "exit"), "{\"panePid\": 7, \"serverPid\": 6}");
	FAILS(ERR_CORRUPT, pane_exit_load(&w->l, &bob, &got, e));
	assert_int_equal(got.pane_pid, 99);
	assert_int_equal(got.at_ms, 98);
}

/* ---- the hook ---- */

static struct hook_facts facts(const char *pane)
{
	return (struct hook_facts){
	    .pane = pane, .pane_pid = 4711, .server_pid = getpid(), .status = 3, .signal = -1};
}

static void the_hook_writes_its_line_once(void **state)
{
	struct world *w = *state;
	struct hook_facts h = facts("%0");
	enum canary_state s;
	struct pane_exit x;
	struct canary c;

	for (int i = 0; i < 3; i++)
		OK(hook_pane_died(&w->l, &bob, &h, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG),
				     "ev=session-exit identity=shell-bob pid=4711 status=3"),
			 1);
	OK(pane_exit_load(&w->l, &bob, &x, e));
	assert_int_equal(x.status, 3);
	OK(canary_load(&w->l, "shell-bob", &s, &c, e));
	assert_int_equal(s, CANARY_ENDING);
	assert_string_equal(c.who, "hook");
	assert_int_equal(c.server.pid, getpid());
}

static void a_hook_killed_between_its_line_and_its_file_writes_no_second_line(void **state)
{
	struct world *w = *state;
	struct hook_facts h = facts("%0"), other = facts("%0");
	char path[LAYOUT_PATH];

	OK(hook_pane_died(&w->l, &bob, &h, e));
	layout_state(&bob, "exit", path);
	OK(fs_unlink(w->l.root_fd, path, e));
	OK(hook_pane_died(&w->l, &bob, &h, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=session-exit"), 1);
	assert_true(fs_exists(w->l.root_fd, path));
	other.pane_pid = 471; /* a pid that begins like the other one is another's end */
	OK(hook_pane_died(&w->l, &bob, &other, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=session-exit"), 2);
}

static void a_signal_is_written_by_its_name(void **state)
{
	struct world *w = *state;
	struct hook_facts h = facts("%0");

	h.status = -1;
	h.signal = 11;
	OK(hook_pane_died(&w->l, &bob, &h, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "pid=4711 signal=SIGSEGV"), 1);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "status="), 0);
}

static void another_pane_than_the_programs_means_nothing(void **state)
{
	struct world *w = *state;
	struct session s = {.id = bob,
			    .server = {.pid = getpid(), .birth = 1},
			    .pane = {.pid = 4711, .birth = 1},
			    .pane_id = "%0",
			    .boot_id = "x",
			    .socket = "/x"};
	struct hook_facts h = facts("%1");

	OK(session_save(&w->l, &s, e));
	OK(hook_pane_died(&w->l, &bob, &h, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=session-exit"), 0);
	assert_false(world_exists(w, world_state(&bob, "exit")));
	assert_false(world_exists(w, world_state(&bob, "ending")));
	h.pane = "%0";
	OK(hook_pane_died(&w->l, &bob, &h, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=session-exit"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_mark_set_twice_is_set_once_and_holds_the_first_time),
	    TEST(marks_belong_to_one_identity),
	    TEST(deaths_are_added_and_forgiven),
	    TEST(a_ring_that_cannot_be_read_is_not_written_over),
	    TEST(an_exit_is_kept_as_it_was),
	    TEST(an_exit_without_its_time_is_none),
	    TEST(the_hook_writes_its_line_once),
	    TEST(a_hook_killed_between_its_line_and_its_file_writes_no_second_line),
	    TEST(a_signal_is_written_by_its_name),
	    TEST(another_pane_than_the_programs_means_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
