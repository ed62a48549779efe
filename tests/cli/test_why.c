/* why and logs: a scripted day, told as a person would tell it. */
#include "runbin.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/flight.h"

#include "iapeer/base/banned.h"

#define LOGS "root/logs/iapeer/"

static const char *golden(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof path, "%s/tests/golden/why/%s", getenv("IAPEER_SOURCE_DIR"), name);
	return path;
}

static void read_all(const char *path, struct buf *out)
{
	struct err e;

	if (fs_read(AT_FDCWD, path, out, &e) < 0)
		fail_msg("%s", e.msg);
}

static void copy(const struct bin *b, const char *name, const char *rel)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_TEXT);

	read_all(golden(name), &text);
	put_file(b, rel, buf_cstr(&text));
}

/* One hour east of Greenwich, where the fixture was written. */
#define RUN(b, ...) bin_run_env(b, "TZ=XYZ-1", (const char *const[]){__VA_ARGS__, NULL})

static int a_day(void **state)
{
	struct bin *b;

	if (bin_setup(state) < 0)
		return -1;
	b = *state;
	put_file(b, "root/peers-profiles.json", "{\"version\":2,\"peers\":[]}");
	copy(b, "lifecycle.log", LOGS "lifecycle.log");
	copy(b, "delivery.log", LOGS "delivery.log");
	copy(b, "exits.log", LOGS "exits.log");
	copy(b, "killed.txt", LOGS "server-deaths/killed.txt");
	return 0;
}

static void a_day_is_told_as_a_person_would(void **state)
{
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_TEXT);
	struct bin *b = *state;
	struct err e;

	assert_int_equal(RUN(b, "why", "bob"), 0);
	if (getenv("IAPEER_UPDATE_GOLDEN") &&
	    fs_write_atomic(AT_FDCWD, golden("bob.txt"), out(b), strlen(out(b)), 0644, &e) < 0)
		fail_msg("%s", e.msg);
	read_all(golden("bob.txt"), &want);
	assert_string_equal(out(b), buf_cstr(&want));
}

/* Nothing is written when a program ends but its line; the flight recorder was there before. */
static void what_the_recorder_saw_before_a_kill_is_told(void **state)
{
	struct flight_sample s = {.number = 1,
				  .server = 4100,
				  .available_bytes = INT64_C(256) << 20,
				  .most = "node",
				  .most_bytes = INT64_C(512) << 20};
	char line[FLIGHT_LINE + 1];
	struct bin *b = *state;

	assert_true(clock_parse_iso("2026-03-02T09:12:30.000+01:00", &s.at_ms));
	flight_line(&s, line);
	put_file(b, "root/state/lifecycle/claude-bob.flight", line);
	put_file(b, LOGS "exits.log",
		 "ts=2026-03-02T09:13:00.000+01:00 ev=session-exit identity=claude-bob pid=9 "
		 "signal=SIGKILL\n"
		 "ts=2026-03-02T09:39:00.000+01:00 ev=session-exit identity=claude-bob pid=8 "
		 "signal=SIGKILL\n");
	assert_int_equal(run_env(b, "COLUMNS=300", "why", "bob", "--json"), 0);
	must_have(out(b), "killed by SIGKILL. Shortly before, 0.2 GiB of memory were free, and "
			  "node had grown by 512 MiB.");
	must_have(out(b), "killed by SIGKILL.\"");
}

static void the_same_for_programs(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	const struct json *events;
	size_t died = 0;

	assert_int_equal(RUN(b, "why", "bob", "--json"), 0);
	j = reply(b);
	events = json_get(j, "events");
	for (const struct json *o = json_first(events); o; o = json_next(o)) {
		assert_string_equal(text_of(o, "identity"), "claude-bob");
		assert_true(json_text(json_get(o, "ts")) && json_text(json_get(o, "text")));
		died += strcmp(text_of(o, "event"), "died") == 0;
	}
	assert_int_equal(died, 4);
	assert_string_equal(text_of(json_at(events, 0), "event"), "woke");
	assert_string_equal(text_of(json_at(events, 0), "ts"), "2026-03-02T09:12:04.790+01:00");
}

static void it_is_bounded(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(json_freep) struct json *k = NULL;
	struct bin *b = *state;

	assert_int_equal(RUN(b, "why", "bob", "--last", "2", "--json"), 0);
	j = reply(b);
	assert_int_equal(json_len(json_get(j, "events")), 2);
	assert_int_equal(RUN(b, "why", "bob", "--since", "2026-03-02T17:00:00+01:00", "--json"), 0);
	k = reply(b);
	assert_int_equal(json_len(json_get(k, "events")), 1);
	assert_string_equal(text_of(json_at(json_get(k, "events"), 0), "event"), "stopped");
	/* A day begins at the reader's midnight, here an hour before that of UTC. */
	put_file(b, LOGS "exits.log",
		 "ts=2026-03-02T00:30:00.000+01:00 ev=session-exit identity=claude-bob pid=9\n");
	assert_int_equal(RUN(b, "logs", "bob", "--last", "100", "--since", "2026-03-02"), 0);
	must_have(out(b), "pid=9");
	assert_int_equal(RUN(b, "logs", "bob", "--since", "2026-03-99"), 2);
	assert_int_equal(RUN(b, "why", "bob", "--since", "yesterday"), 2);
	assert_int_equal(RUN(b, "why", "nobody"), 3);
	assert_int_equal(RUN(b, "why", "bob", "--last", "0"), 2);
}

static void logs_are_merged_by_time(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	const char *at, *end;

	assert_int_equal(RUN(b, "logs", "bob", "--last", "100"), 0);
	at = strstr(out(b), "id=m5 ");
	end = strstr(out(b), "ev=server-exit identity=claude-bob server_pid=4100");
	assert_true(at && end && at < end);
	assert_true(end < strstr(out(b), "ev=death identity=claude-bob"));
	must_have(out(b), "from=claude-bob to=claude-carol");
	assert_null(strstr(out(b), "bobby"));
	assert_int_equal(RUN(b, "logs", "--last", "3", "--json"), 0);
	j = reply(b);
	assert_int_equal(json_len(json_get(j, "lines")), 3);
	assert_string_equal(text_of(json_at(json_get(j, "lines"), 2), "log"), "lifecycle");
	assert_int_equal(RUN(b, "logs", "--since", "2026-03-02T16:05:00+01:00"), 0);
	must_have(out(b), "id=m11");
	assert_null(strstr(out(b), "id=m10"));
	assert_int_equal(RUN(b, "logs", "nobody"), 3);
	assert_int_equal(RUN(b, "logs", "-x"), 2);
}

/* The tar as one text: its NULs as blanks. */
static void read_tar(const struct bin *b, const char *rel, struct buf *out)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", b->dir, rel);
	read_all(path, out);
	for (size_t i = 0; i < out->len; i++)
		if (out->p[i] == '\0')
			out->p[i] = ' ';
}

static void an_export_is_one_file_without_secrets(void **state)
{
	AUTO(buf_done) struct buf tar = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf registry = BUF_INIT(CAP_STATE);
	struct bin *b = *state;
	char file[512];

	buf_fmt(&registry,
		"{\"version\":2,\"peers\":[{\"personality\":\"bob\",\"default_runtime\":\"claude\","
		"\"runtimes\":[\"claude\"],\"description\":\"\",\"intelligence\":\"artificial\","
		"\"cwd\":\"%s/bob\"}]}",
		b->dir);
	put_file(b, "root/peers-profiles.json", buf_cstr(&registry));
	put_file(b, "bob/.iapeer/runtimes/claude/launch.env", "SERVICE_PASSWORD=opensesame\n");
	put_file(b, "root/logs/lifecycle/claude-bob.log",
		 "$ login opensesame\r\nexport API_KEY=abcdef\r\nall is well\r\n");
	snprintf(file, sizeof file, "%s/bob.tar", b->dir);
	assert_int_equal(RUN(b, "why", "bob", "--export", file), 0);
	must_have(out(b), "secrets are masked");
	read_tar(b, "bob.tar", &tar);
	assert_int_equal(tar.len % 512, 0);
	must_have(buf_cstr(&tar), "iapeer-bob/story.txt");
	must_have(buf_cstr(&tar), "09:40:12  Its tmux server was killed by SIGKILL.");
	must_have(buf_cstr(&tar), "iapeer-bob/lines.log");
	must_have(buf_cstr(&tar), "death_id=claude-bob-1-4100-1");
	must_have(buf_cstr(&tar), "iapeer-bob/killed.txt");
	must_have(buf_cstr(&tar), "iapeer-bob/versions.txt");
	must_have(buf_cstr(&tar), "iapeer-bob/pane-claude-bob.log");
	must_have(buf_cstr(&tar), "all is well");
	must_have(buf_cstr(&tar), "$ login [masked]");
	must_have(buf_cstr(&tar), "API_KEY=[masked]");
	assert_null(strstr(buf_cstr(&tar), "opensesame"));
	assert_null(strstr(buf_cstr(&tar), "abcdef"));
	assert_null(strstr(buf_cstr(&tar), "root:x:")); /* a line that names a path elsewhere */
	assert_int_equal(RUN(b, "why", "bob", "--export", file), 5);
	must_have(err_text_of(b), "is there already");
}

#define T(f) cmocka_unit_test_setup_teardown(f, a_day, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_day_is_told_as_a_person_would), T(what_the_recorder_saw_before_a_kill_is_told),
	    T(the_same_for_programs),           T(it_is_bounded),
	    T(logs_are_merged_by_time),         T(an_export_is_one_file_without_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
