/* Memory is blamed where that is proven, and nowhere else. */
#include "iapeer/canary/oom.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#include "iapeer/base/banned.h"

#define PID   4711
#define ARMED 1000 /* ms */

static void add(struct oom_log *log, const char *line)
{
	oom_log_add(log, line, strlen(line));
}

static bool names(const char *line, bool late)
{
	struct oom_log log = {.readable = true};

	add(&log, line);
	return oom_log_names(&log, PID, ARMED, late);
}

static void what_kernels_say_is_understood(void **state)
{
	static const char *const lines[] = {
	    "3,447,6294372127,-;Out of memory: Killed process 4711 (tmux: server) total-vm:4kB",
	    "3,1,1000000,-;Memory cgroup out of memory: Killed process 4711 (tmux: server) "
	    "total-vm:1kB",
	    "6,1,1000000,c,caller=T1;Memory cgroup out of memory: Killed process 4711 (tmux: "
	    "server), "
	    "UID 0, x",
	    "3,9,1000000,-;Killed process 4711 (tmux: server) total-vm:12kB, anon-rss:3kB",
	    "3,9,1000000,-;Killed process 4711, UID 0, (tmux: server) total-vm:12kB",
	    "3,9,1000000,-;Out of memory (oom_kill_allocating_task): Killed process 4711 (tmux) x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		assert_true(names(lines[i], false));
		assert_true(names(lines[i], true));
	}
}

static void decoys_are_not_believed(void **state)
{
	static const char *const lines[] = {
	    "3,1,999999,-;Out of memory: Killed process 4711 (tmux: server) x", /* before arming */
	    "3,1,2000000,-;Out of memory: Killed process 47110 (tmux: server) x",
	    "3,1,2000000,-;Out of memory: Killed process 471 (tmux: server) x",
	    "3,1,2000000,-;Out of memory: Killed process 14711 (tmux: server) x",
	    "3,1,2000000,-;Out of memory: Killed process -4711 (tmux: server) x",
	    "3,1,2000000,-;Out of memory: Killed process 4711",
	    "3,1,2000000,-;Out of memory: Killed process 4711(tmux: server)",
	    "3,1,2000000,-;Out of memory: Kill process 4711 (tmux: server) score 9",
	    "3,1,2000000,-;Out of memory: Killed process 9 (process 4711 (t) total-vm:1kB",
	    ("3,1,2000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/Killed process 4711 "
	     "(tmux),task=x,pid=9,uid=0"),
	    "6,1,2000000,-;oom-kill:task_memcg=/a,pid=4711,uid=0,task=tmux: server,pid=9,uid=0",
	    "3,1,2000000,-;usb 1-1: Out of memory: Killed process 4711 (tmux: server) x",
	    "12,1,2000000,-;Out of memory: Killed process 4711 (tmux: server) x", /* a user wrote */
	    "11,1,2000000,-;Killed process 4711 (tmux: server) x",
	    "x,1,2000000,-;Killed process 4711 (tmux: server) x",
	    "3,1;2000000,-;Killed process 4711 (tmux: server) x",
	    "3,1,2000000;Killed process 4711 (tmux: server) x",
	    "Out of memory: Killed process 4711 (tmux: server) x",
	    "3,1,99999999999999999999999,-;Killed process 4711 (tmux: server) x",
	    "3,1,2000000,-;Killed process 99999999999999999999 (tmux: server) x",
	    ";",
	    "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_false(names(lines[i], false));
}

static void found_late_it_must_be_a_tmux_too(void **state)
{
	const char *line = "3,1,2000000,-;Out of memory: Killed process 4711 (chrome) x";

	(void)state;
	assert_true(names(line, false));
	assert_false(names(line, true));
}

static void a_log_of_other_pids_or_an_unknown_arming_names_nobody(void **state)
{
	struct oom_log log = {.readable = false};

	(void)state;
	add(&log, "3,1,2000000,-;Killed process 4711 (tmux: server) x");
	assert_false(oom_log_names(&log, PID, ARMED, false));
	assert_false(oom_log_covers(&log, 5000));
	log.readable = true;
	assert_true(oom_log_names(&log, PID, ARMED, false));
	assert_false(oom_log_names(&log, PID, 0, false));
	assert_true(oom_log_covers(&log, 2000));
	assert_false(oom_log_covers(&log, 1999));
	assert_false(oom_log_covers(&log, 0));
}

static void among_thousands_of_kills_only_its_own_counts(void **state)
{
	struct oom_log log = {.readable = true};
	char line[128];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof line, "3,%d,%d,-;Killed process %d (tmux: server) x", i,
			 2000000 + i, i == 1990 ? PID : 10000 + i);
		add(&log, line);
		assert_int_equal(oom_log_names(&log, PID, ARMED, true), i >= 1990);
	}
	assert_false(oom_log_covers(&log, 2001)); /* kills of then are not all known any more */
	assert_true(oom_log_covers(&log, 5000));
}

/* Every combination; what must hold is said a second time, the other way round. */
static void it_is_proven_or_it_is_not_said(void **state)
{
	size_t proven = 0, all = 0;

	(void)state;
	for (int end = 0; end < OOM_END_COUNT; end++)
		for (int bits = 0; bits < 8; bits++)
			for (int armed = -1; armed < 3; armed++)
				for (int now = -1; now < 3; now++) {
					struct oom_facts f = {.end = (enum oom_end)end,
							      .named = bits & 1,
							      .covered = bits & 2,
							      .whole = bits & 4,
							      .kills_armed = armed,
							      .kills_now = now};
					enum oom_proof p = oom_judge(&f);

					all++;
					proven += p != OOM_NOT_PROVEN;
					assert_int_equal(p == OOM_KERNEL_LOG,
							 f.named && end != OOM_END_OTHER);
					if (p != OOM_CGROUP_COUNTER)
						continue;
					assert_true(end == OOM_END_SIGKILL && f.whole);
					assert_true(armed >= 0 && now > armed && !f.covered);
				}
	assert_int_equal(all, 384);
	assert_int_equal(proven, 2 * 4 * 16 + 3); /* named; and the three steps of a counter */
	assert_string_equal(oom_proof_word(OOM_NOT_PROVEN), "");
	assert_string_equal(oom_proof_word(OOM_CGROUP_COUNTER), "cgroup-counter");
}

static void a_child_killed_before_is_no_proof_of_a_later_death(void **state)
{
	/* At 10:00 the kernel killed its child; at 11:00 somebody typed kill -9. */
	struct oom_facts f = {.end = OOM_END_SIGKILL, .kills_armed = 0, .kills_now = 1};

	(void)state;
	assert_int_equal(oom_judge(&f), OOM_NOT_PROVEN);
	f.whole = f.covered = true;
	assert_int_equal(oom_judge(&f), OOM_NOT_PROVEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_kernels_say_is_understood),
	    cmocka_unit_test(decoys_are_not_believed),
	    cmocka_unit_test(found_late_it_must_be_a_tmux_too),
	    cmocka_unit_test(a_log_of_other_pids_or_an_unknown_arming_names_nobody),
	    cmocka_unit_test(among_thousands_of_kills_only_its_own_counts),
	    cmocka_unit_test(it_is_proven_or_it_is_not_said),
	    cmocka_unit_test(a_child_killed_before_is_no_proof_of_a_later_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
