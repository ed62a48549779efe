/* Each death is recorded exactly once, by however many, however often they are interrupted. */
#include "iapeer/canary/ledger.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define EXITS ROOT_REL(LAYOUT_EXITS_LOG)

/* A server that was armed and then killed; its death as the keeper would report it. */
static struct death killed(const struct world *w, const char *identity, int sig)
{
	struct death d = {.canary = {.server = scratch_process(), .socket = "/nowhere/s.sock"},
			  .observed = true};
	enum canary_state s;

	str_cut(d.canary.identity, sizeof d.canary.identity, identity);
	OK(canary_arm(&w->l, &d.canary, e));
	OK(canary_load(&w->l, identity, &s, &d.canary, e));
	d.status = scratch_end(d.canary.server, sig);
	return d;
}

static void record(const struct world *w, struct death *d, size_t n)
{
	OK(canary_record(&w->l, d, n, e));
}

static size_t evidence(const struct world *w)
{
	AUTO(strv_done) struct strv names = STRV_INIT;

	OK(fs_list(w->l.root_fd, LAYOUT_DEATHS_DIR, &names, e));
	return names.n;
}

static const char *state_file(const char *identity, const char *what)
{
	static char path[256];

	snprintf(path, sizeof path, ROOT_REL(LAYOUT_LIFECYCLE) "/%.100s.%s", identity, what);
	return path;
}

/* The value of a key in the only line of exits.log. */
static const char *field(const struct world *w, const char *key)
{
	static char value[256];
	auto_free char *text = world_read(w, EXITS);

	if (!logfmt_get(text, strcspn(text, "\n"), key, value, sizeof value))
		value[0] = '\0';
	return value;
}

static void once(const struct world *w)
{
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 1);
	assert_int_equal(evidence(w), 1);
	assert_false(world_exists(w, state_file("shell-bob", "canary")));
}

/* ---- one death ---- */

static void a_death_is_one_line_and_one_file_however_often(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);
	char pid[32], path[512];

	for (int i = 0; i < 3; i++) {
		record(w, &d, 1);
		assert_int_equal(d.recorded, i == 0);
	}
	once(w);
	snprintf(pid, sizeof pid, "%ld", (long)d.canary.server.pid);
	assert_string_equal(field(w, "identity"), "shell-bob");
	assert_string_equal(field(w, "server_pid"), pid);
	assert_string_equal(field(w, "cause"), "sigkill");
	assert_string_equal(field(w, "evidence"), "observed");
	assert_string_equal(field(w, "signal"), "SIGKILL");
	assert_string_equal(field(w, "late"), "");
	assert_string_equal(field(w, "burst"), "");
	assert_true(str_starts(field(w, "death_id"), "shell-bob-"));
	snprintf(path, sizeof path, ROOT_REL(LAYOUT_DEATHS_DIR) "/%.200s", field(w, "forensics"));
	auto_free char *text = world_read(w, path);
	assert_true(str_starts(text, "server-death identity=shell-bob ts="));
	HAS(text, "memory: ");
	HAS(text, "processes: ");
	HAS(text, "pane: missing");
}

static void how_it_ended_is_said_as_the_kernel_said_it(void **state)
{
	static const struct {
		int status;
		const char *cause;
	} rows[] = {{SIGKILL, "sigkill"}, {SIGSEGV | 0x80, "sigsegv"},
		    {SIGTERM, "sigterm"}, {40, "signal-40"},
		    {0, "exited"},        {3 << 8, "exited"}};
	struct world *w = *state;
	char cause[32];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		canary_cause(rows[i].status, cause);
		assert_string_equal(cause, rows[i].cause);
	}
	struct death d = killed(w, "shell-bob", SIGKILL);
	d.status = 3 << 8;
	record(w, &d, 1);
	assert_string_equal(field(w, "cause"), "exited");
	assert_string_equal(field(w, "exit"), "3");
	assert_string_equal(field(w, "signal"), "");
}

static void what_nobody_watched_is_inferred_and_late(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);

	d.observed = false;
	d.late = true;
	record(w, &d, 1);
	assert_string_equal(field(w, "cause"), "unknown");
	assert_string_equal(field(w, "evidence"), "inferred");
	assert_string_equal(field(w, "late"), "true");
	assert_string_equal(field(w, "exit"), "");
}

static void another_boot_is_a_host_restart(void **state)
{
	struct world *w = *state;
	struct death d = {.canary = {.identity = "shell-bob",
				     .boot_id = "0b9f2d2e-aaaa-bbbb-cccc-0123456789ab",
				     .server = {.pid = 1, .birth = 2}}};

	OK(canary_arm(&w->l, &d.canary, e));
	assert_true(canary_server_gone(&d.canary));
	d.observed = true; /* whatever has that pid now says nothing */
	d.status = 0;
	record(w, &d, 1);
	assert_string_equal(field(w, "cause"), "host-restart");
	assert_string_equal(field(w, "evidence"), "inferred");
	HAS(field(w, "death_id"), "shell-bob-0b9f2d2e-1-2");
	once(w);
}

static int record_in_child(int i, void *arg)
{
	struct {
		const struct world *w;
		struct death d;
	} *a = arg;
	struct err e = ERR_INIT;
	int rc = -1;

	(void)i;
	/* A recorder waits a second for the others, and comes again, as the keeper does. */
	for (int tries = 0; tries < 60; tries++) {
		rc = canary_record(&a->w->l, &a->d, 1, &e);
		if (rc == 0 || e.code != ERR_TIMEOUT)
			break;
	}
	if (rc < 0)
		print_error("recorder %d: %s\n", i, e.msg);
	return rc < 0;
}

static void eight_recorders_at_once_record_it_once(void **state)
{
	struct world *w = *state;
	struct {
		const struct world *w;
		struct death d;
	} arg;

	for (int round = 0; round < 5; round++) {
		char identity[32];

		snprintf(identity, sizeof identity, "shell-b%d", round);
		arg.w = w;
		arg.d = killed(w, identity, SIGKILL);
		assert_int_equal(scratch_swarm(8, record_in_child, &arg), 0);
		assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), round + 1);
		assert_int_equal(evidence(w), round + 1);
		assert_false(world_exists(w, state_file(identity, "canary")));
	}
}

/* ---- cut short ---- */

static void cut_short_after_the_evidence_the_line_is_written(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);
	auto_free char *armed = world_read(w, state_file("shell-bob", "canary"));

	record(w, &d, 1);
	auto_free char *line = world_read(w, EXITS);
	world_write(w, EXITS, "");
	world_write(w, state_file("shell-bob", "canary"), armed);
	d.observed = false; /* the next one knows less: what the evidence says is said */
	d.late = true;
	record(w, &d, 1);
	assert_true(d.recorded);
	assert_string_equal(d.cause, "sigkill");
	auto_free char *again = world_read(w, EXITS);
	assert_string_equal(again, line);
	once(w);
}

static void cut_short_after_the_line_only_the_record_goes(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);
	auto_free char *armed = world_read(w, state_file("shell-bob", "canary"));

	record(w, &d, 1);
	world_write(w, state_file("shell-bob", "canary"), armed);
	record(w, &d, 1);
	assert_false(d.recorded);
	once(w);
}

static void a_line_in_a_rotated_log_counts(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);
	auto_free char *armed = world_read(w, state_file("shell-bob", "canary"));

	record(w, &d, 1);
	OK(fs_rename(w->l.root_fd, LAYOUT_EXITS_LOG, LAYOUT_EXITS_LOG ".1", e));
	world_write(w, state_file("shell-bob", "canary"), armed);
	record(w, &d, 1);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_int_equal(evidence(w), 1);
}

static void the_same_pid_later_is_another_death(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);

	record(w, &d, 1);
	d.canary.server.birth++;
	OK(canary_arm(&w->l, &d.canary, e));
	record(w, &d, 1);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 2);
	assert_int_equal(evidence(w), 2);
}

/* ---- what is none ---- */

static void a_deliberate_end_is_no_death(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);

	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", 1, e));
	record(w, &d, 1);
	assert_false(d.recorded);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_true(world_exists(w, state_file("shell-bob", "ending")));
}

/* Another server of that identity is armed by the time its death is recorded. */
static void is_not_taken_for_a_newer_one(struct world *w, struct death *d)
{
	struct canary newer = d->canary;

	newer.server = scratch_process();
	OK(canary_arm(&w->l, &newer, e));
	record(w, d, 1);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_true(world_exists(w, state_file("shell-bob", "canary")));
	scratch_end(newer.server, SIGKILL);
}

static void a_newer_servers_record_is_not_taken_for_the_old_ones(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);

	is_not_taken_for_a_newer_one(w, &d);
}

/* ---- its armed record was deleted or damaged ---- */

static void without_its_record_it_is_one_for_who_knows_the_server(void **state)
{
	static const char *const damage[] = {NULL, "garbage"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		char identity[] = "shell-b0", id[192];
		struct death d;

		identity[7] = (char)('0' + i);
		d = killed(w, identity, SIGKILL);
		assert_int_equal(unlink(world_path(w, state_file(identity, "canary"))), 0);
		if (damage[i])
			world_write(w, state_file(identity, "canary"), damage[i]);
		record(w, &d, 1);
		assert_false(d.recorded);
		assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), i);
		d.unmarked = true;
		for (int again = 0; again < 3; again++) {
			record(w, &d, 1);
			assert_int_equal(d.recorded, again == 0);
			assert_true(d.settled);
		}
		assert_string_equal(d.cause, "sigkill");
		assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), i + 1);
		snprintf(id, sizeof id, "death_id=%s", d.id);
		assert_int_equal(world_lines(w, EXITS, id), 1);
	}
	auto_free char *first = world_read(w, EXITS);
	HAS(first, "cause=sigkill evidence=observed");
}

static void an_ending_or_a_newer_server_is_stronger_than_who_knows_the_old_one(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);

	d.unmarked = true;
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", 1, e));
	record(w, &d, 1);
	OK(canary_finish_ending(&w->l, "shell-bob", e));
	is_not_taken_for_a_newer_one(w, &d);
}

/* ---- many, and elsewhere ---- */

static void a_burst_is_one_event_and_says_so(void **state)
{
	enum { N = 50 };
	struct world *w = *state;
	struct death *d = calloc(N, sizeof *d);
	char identity[32];
	int64_t from;

	for (int i = 0; i < N; i++) {
		snprintf(identity, sizeof identity, "shell-b%02d", i);
		d[i] = killed(w, identity, SIGKILL);
	}
	from = clock_mono_ms();
	record(w, d, N);
	print_message("50 deaths: %lld ms\n", (long long)(clock_mono_ms() - from));
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), N);
	assert_int_equal(world_lines(w, EXITS, "burst=50"), N);
	assert_int_equal(evidence(w), N);
	for (int i = 0; i < N; i++) {
		assert_true(d[i].recorded);
		assert_false(world_exists(w, state_file(d[i].canary.identity, "canary")));
	}
	record(w, d, N);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), N);
	free(d);
}

static void a_log_folder_given_with_the_record_is_used(void **state)
{
	struct world *w = *state;
	struct death d = {.canary = {.identity = "any.server"}, .observed = true};

	d.canary.server = scratch_process();
	str_cut(d.canary.log_dir, sizeof d.canary.log_dir, world_path(w, "elsewhere/logs"));
	OK(canary_arm(&w->l, &d.canary, e));
	OK(plat_boot_id(d.canary.boot_id, e));
	d.status = scratch_end(d.canary.server, SIGKILL);
	record(w, &d, 1);
	assert_int_equal(
	    world_lines(w, "elsewhere/logs/exits.log", "ev=server-exit identity=any.server"), 1);
	assert_int_equal(world_lines(w, EXITS, "ev=server-exit"), 0);
	assert_true(world_exists(w, "elsewhere/logs/server-deaths"));
	assert_false(world_exists(w, state_file("any.server", "canary")));
}

static void one_log_that_cannot_be_written_does_not_stop_the_others(void **state)
{
	struct world *w = *state;
	struct death d[2];
	enum canary_state s;
	struct canary c;

	world_write(w, "a-file", "");
	d[0] = (struct death){.canary = {.identity = "any.server"}, .observed = true};
	d[0].canary.server = scratch_process();
	str_cut(d[0].canary.log_dir, sizeof d[0].canary.log_dir, world_path(w, "a-file/logs"));
	OK(canary_arm(&w->l, &d[0].canary, e));
	d[0].status = scratch_end(d[0].canary.server, SIGKILL);
	d[1] = killed(w, "shell-bob", SIGKILL);
	FAILS(ERR_REFUSED, canary_record(&w->l, d, 2, e));
	once(w);
	OK(canary_load(&w->l, "any.server", &s, &c, e));
	assert_int_equal(s, CANARY_ARMED); /* somebody will come again */
}

static void what_was_recorded_can_be_asked_for(void **state)
{
	struct world *w = *state;
	struct death d = killed(w, "shell-bob", SIGKILL);
	char cause[32];

	canary_recorded_cause(&w->l, &d.canary, cause);
	assert_string_equal(cause, "");
	record(w, &d, 1);
	canary_recorded_cause(&w->l, &d.canary, cause);
	assert_string_equal(cause, "sigkill");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_death_is_one_line_and_one_file_however_often),
	    TEST(how_it_ended_is_said_as_the_kernel_said_it),
	    TEST(what_nobody_watched_is_inferred_and_late),
	    TEST(another_boot_is_a_host_restart),
	    TEST(eight_recorders_at_once_record_it_once),
	    TEST(cut_short_after_the_evidence_the_line_is_written),
	    TEST(cut_short_after_the_line_only_the_record_goes),
	    TEST(a_line_in_a_rotated_log_counts),
	    TEST(the_same_pid_later_is_another_death),
	    TEST(a_deliberate_end_is_no_death),
	    TEST(a_newer_servers_record_is_not_taken_for_the_old_ones),
	    TEST(without_its_record_it_is_one_for_who_knows_the_server),
	    TEST(an_ending_or_a_newer_server_is_stronger_than_who_knows_the_old_one),
	    TEST(a_burst_is_one_event_and_says_so),
	    TEST(a_log_folder_given_with_the_record_is_used),
	    TEST(one_log_that_cannot_be_written_does_not_stop_the_others),
	    TEST(what_was_recorded_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
