/* The flight recorder: sixty samples in one small file, and a torn one costs nobody else. */
#include "iapeer/canary/flight.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define FILE_PATH LAYOUT_LIFECYCLE "/shell-bob.flight"

static struct peer_id bob(void)
{
	struct peer_id id;

	OK(peer_parse("shell-bob", &id, e));
	return id;
}

static struct flight_sample sample(int i)
{
	struct flight_sample s = {.at_ms = 1700000000000 + i * 60000,
				  .server = 4711,
				  .rss_bytes = (int64_t)i << 20,
				  .processes = i,
				  .available_bytes = 1 << 30,
				  .pressure = 1234,
				  .printed_at_ms = 1700000000000 + i * 60000 - 5000,
				  .attached = true,
				  .state = "working",
				  .grew = "node",
				  .grew_bytes = 2048,
				  .most = "cc1 plus=\"x",
				  .most_bytes = 4096};
	return s;
}

static void add(const struct world *w, int from, int to)
{
	struct peer_id id = bob();
	uint64_t last = 0;

	OK(fs_mkdirs(w->l.root_fd, LAYOUT_LIFECYCLE, e));
	for (int i = from; i <= to; i++) {
		struct flight_sample s = sample(i);

		OK(flight_add(&w->l, &id, &s, &last, e));
	}
}

static size_t load(const struct world *w, struct flight_sample *out)
{
	struct peer_id id = bob();

	return flight_load(&w->l, &id, out);
}

static void a_sample_is_read_as_it_was_written(void **state)
{
	struct world *w = *state;
	struct flight_sample s[FLIGHT_SAMPLES], want = sample(7);

	assert_int_equal(load(w, s), 0);
	add(w, 7, 7);
	assert_int_equal(load(w, s), 1);
	assert_int_equal(s[0].number, 1);
	assert_int_equal(s[0].at_ms, want.at_ms);
	assert_int_equal(s[0].server, 4711);
	assert_int_equal(s[0].rss_bytes, want.rss_bytes);
	assert_int_equal(s[0].processes, 7);
	assert_int_equal(s[0].available_bytes, want.available_bytes);
	assert_int_equal(s[0].pressure, 1234);
	assert_int_equal(s[0].printed_at_ms, want.printed_at_ms);
	assert_int_equal(s[0].reported_at_ms, 0);
	assert_true(s[0].attached);
	assert_string_equal(s[0].state, "working");
	assert_string_equal(s[0].grew, "node");
	assert_int_equal(s[0].grew_bytes, 2048);
	assert_string_equal(s[0].most, "cc1_plus__x"); /* a name is one word */
}

static void what_is_largest_still_fits_a_line(void **state)
{
	struct flight_sample s = {.number = INT64_MAX,
				  .at_ms = INT64_MAX / 1024,
				  .server = INT32_MAX,
				  .rss_bytes = INT64_MAX / 1024,
				  .processes = INT32_MAX},
			     got;
	char line[FLIGHT_LINE + 1];

	(void)state;
	s.number = 99999999999;
	s.at_ms = s.printed_at_ms = s.reported_at_ms = 9999999999999;
	s.rss_bytes = s.available_bytes = s.grew_bytes = s.most_bytes = INT64_C(1) << 50;
	s.pressure = 10000;
	s.processes = 4000000;
	memset(s.grew, 'x', sizeof s.grew - 1);
	memset(s.most, 'y', sizeof s.most - 1);
	memset(s.state, 'z', sizeof s.state - 1);
	flight_line(&s, line);
	assert_int_equal(strlen(line), FLIGHT_LINE);
	assert_int_equal(line[FLIGHT_LINE - 1], '\n');
	assert_true(flight_parse(line, &got));
	assert_int_equal(got.most_bytes, s.most_bytes);
	assert_string_equal(got.most, s.most);
}

static void the_file_stays_small_and_keeps_the_newest(void **state)
{
	struct world *w = *state;
	struct flight_sample s[FLIGHT_SAMPLES];
	struct fs_info info;

	add(w, 1, 100);
	add(w, 101, 150); /* another keeper goes on where the first one stopped */
	OK(fs_stat(w->l.root_fd, FILE_PATH, &info, e));
	assert_int_equal(info.size, FLIGHT_SAMPLES * FLIGHT_LINE);
	assert_int_equal(info.mode & 0777, 0600);
	assert_int_equal(load(w, s), FLIGHT_SAMPLES);
	for (int i = 0; i < FLIGHT_SAMPLES; i++) {
		assert_int_equal(s[i].number, 91 + i);
		assert_int_equal(s[i].processes, 91 + i);
	}
}

static void a_torn_sample_costs_nobody_else(void **state)
{
	struct world *w = *state;
	struct flight_sample s[FLIGHT_SAMPLES];

	/* At each byte of the newest: what stands there is half the new and half the old. */
	for (int at = 0; at < FLIGHT_LINE; at++) {
		add(w, 1, 3);
		OK(fs_write_at(w->l.root_fd, FILE_PATH, 2 * FLIGHT_LINE + at, "\1", 1, e));
		assert_int_equal(load(w, s), 2);
		assert_int_equal(s[0].number, 1);
		assert_int_equal(s[1].number, 3);
		OK(fs_unlink(w->l.root_fd, FILE_PATH, e));
	}
}

static void the_table_tells_of_that_server_only(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(65536);
	struct world *w = *state;

	add(w, 1, 3);
	flight_table(&w->l, "shell-bob", 4711, &b);
	HAS(buf_cstr(&b), "flight: time, KiB");
	HAS(buf_cstr(&b),
	    "     3072   3    1024  12.34%      5s        - working,attached  node +2");
	buf_cut(&b, 0);
	flight_table(&w->l, "shell-bob", 4712, &b);
	assert_string_equal(buf_cstr(&b), "flight: missing (no tick has seen this server)\n");
	buf_cut(&b, 0);
	flight_table(&w->l, "nobody's", 1, &b);
	HAS(buf_cstr(&b), "flight: missing");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_sample_is_read_as_it_was_written),
	    TEST(what_is_largest_still_fits_a_line),
	    TEST(the_file_stays_small_and_keeps_the_newest),
	    TEST(a_torn_sample_costs_nobody_else),
	    TEST(the_table_tells_of_that_server_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
