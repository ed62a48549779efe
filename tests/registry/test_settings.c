#include "iapeer/registry/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tmproot.h"

#include "iapeer/base/banned.h"

static const char *const names[] = {
    "IAPEER_IDLE_SECS",
    "IAPEER_BOOT_DEADLINE_SECS",
    "IAPEER_BOOT_PARALLEL",
    "IAPEER_READY_GATE_SECS",
    "IAPEER_CRASHLOOP_MAX",
    "IAPEER_CRASHLOOP_WINDOW_SECS",
    "IAPEER_EPHEMERAL_QUIET_SECS",
    "IAPEER_EPHEMERAL_UNARMED_IDLE_SECS",
    "IAPEER_CANARY",
    "IAPEER_SUPERVISE_LOG_VERBOSE",
    "IAPEER_LIFECYCLE_LOG_MAX_BYTES",
    "IAPEER_LIFECYCLE_LOG_KEEP",
    "IAPEER_DELIVERY_LOG_MAX_BYTES",
    "IAPEER_DELIVERY_LOG_KEEP",
    "IAPEER_PANELOG_MAX_BYTES",
    "IAPEER_PANELOG_KEEP",
    "IAPEER_MAX_HOPS",
    "IAPEER_PAIR_MAX",
    "IAPEER_PAIR_WINDOW_SECS",
    "IAPEER_TMUX_BIN",
    "IAPEER_CLAUDE_BIN",
};
#define N_NAMES (sizeof names / sizeof names[0])

static int setup(void **state)
{
	for (size_t i = 0; i < N_NAMES; i++)
		unsetenv(names[i]);
	return tmproot_setup(state);
}

static struct settings loaded(const struct tmproot *t)
{
	struct settings s;
	struct err e = ERR_INIT;

	if (settings_load(&t->l, &s, &e) < 0)
		fail_msg("%s", e.msg);
	return s;
}

static void without_a_word_the_defaults_hold(void **state)
{
	struct settings s = loaded(*state);
	char text[200];

	assert_int_equal(s.idle_ms, 3600000);
	assert_int_equal(s.boot_deadline_ms, 240000);
	assert_int_equal(s.boot_parallel, 2);
	assert_int_equal(s.ready_gate_ms, 120000);
	assert_int_equal(s.crashloop_max, 3);
	assert_int_equal(s.crashloop_window_ms, 300000);
	assert_int_equal(s.ephemeral_quiet_ms, 20000);
	assert_int_equal(s.ephemeral_unarmed_idle_ms, 600000);
	assert_true(s.canary);
	assert_false(s.log_verbose);
	assert_int_equal(s.lifecycle_log_max_bytes, 5 << 20);
	assert_int_equal(s.lifecycle_log_keep, 5);
	assert_int_equal(s.delivery_log_max_bytes, 5 << 20);
	assert_int_equal(s.delivery_log_keep, 5);
	assert_int_equal(s.panelog_max_bytes, 16 << 20);
	assert_int_equal(s.panelog_keep, 2);
	assert_string_equal(s.tmux_bin, "");
	settings_text(&s, text, sizeof text);
	assert_string_equal(text, "");
}

static void who_sends_does_not_set_its_own_limits(void **state)
{
	struct tmproot *t = *state;
	struct settings s;

	setenv("IAPEER_MAX_HOPS", "64", 1);
	setenv("IAPEER_PAIR_MAX", "200", 1);
	setenv("IAPEER_PAIR_WINDOW_SECS", "1", 1);
	s = loaded(t);
	assert_int_equal(s.max_hops, 8);
	assert_int_equal(s.pair_max, 20);
	assert_int_equal(s.pair_window_ms, 600000);
	assert_int_equal(tmproot_write(t, "root/" LAYOUT_CONFIG, "{\"IAPEER_PAIR_MAX\": 3}"), 0);
	s = loaded(t);
	assert_int_equal(s.pair_max, 3);
}

/* The name of every setting counts, in the environment and in the file; the text names each that
 * differs. */
static void every_name_is_read(void **state)
{
	AUTO(buf_done) struct buf json = BUF_INIT(CAP_LINE);
	struct tmproot *t = *state;
	struct settings s;
	char text[800], again[800];

	buf_str(&json, "{");
	for (size_t i = 0; i < 16; i++) {
		const char *value = strcmp(names[i], "IAPEER_CANARY") == 0                  ? "off"
				    : strcmp(names[i], "IAPEER_SUPERVISE_LOG_VERBOSE") == 0 ? "on"
											    : "7";

		buf_fmt(&json, "%s\"%s\": \"%s\"", i ? ", " : "", names[i], value);
		setenv(names[i], value, 1);
	}
	buf_str(&json, "}");
	s = loaded(t);
	settings_text(&s, text, sizeof text);
	assert_string_equal(
	    text,
	    "idle=7 boot_deadline=7 boot_parallel=7 ready_gate=7 crashloop_max=7 "
	    "crashloop_window=7 ephemeral_quiet=7 ephemeral_unarmed_idle=7 canary=off "
	    "log_verbose=on lifecycle_log_max_bytes=7 lifecycle_log_keep=7 "
	    "delivery_log_max_bytes=7 delivery_log_keep=7 panelog_max_bytes=7 panelog_keep=7");
	for (size_t i = 0; i < N_NAMES; i++)
		unsetenv(names[i]);
	assert_int_equal(tmproot_write(t, "root/config.json", buf_cstr(&json)), 0);
	s = loaded(t);
	settings_text(&s, again, sizeof again);
	assert_string_equal(again, text);
	assert_string_equal(tmproot_logged(t), "");
}

static void the_environment_wins_over_the_file_and_the_file_over_the_default(void **state)
{
	struct tmproot *t = *state;
	struct settings s;

	assert_int_equal(
	    tmproot_write(t, "root/config.json",
			  "{\"IAPEER_IDLE_SECS\": 60, \"IAPEER_BOOT_PARALLEL\": \"4\", "
			  "\"IAPEER_CANARY\": false, \"on_attention\": \"notify\", "
			  "\"IAPEER_TMUX_BIN\": \"/opt/t\"}"),
	    0);
	setenv("IAPEER_IDLE_SECS", "61", 1);
	setenv("IAPEER_BOOT_PARALLEL", "", 1); /* blank is unset */
	s = loaded(t);
	assert_int_equal(s.idle_ms, 61000);
	assert_int_equal(s.boot_parallel, 4);
	assert_false(s.canary);
	assert_string_equal(s.tmux_bin, "/opt/t");
	setenv("IAPEER_TMUX_BIN", "/usr/local/bin/t", 1);
	s = loaded(t);
	assert_string_equal(s.tmux_bin, "/usr/local/bin/t");
}

static void a_bad_value_is_named_and_the_default_used(void **state)
{
	static const char *const bad[] = {
	    "0", "-1", "60s", "1.5", " 60", "0x10", "99999999999999999999", "\x1b[31m"};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("IAPEER_IDLE_SECS", bad[i], 1);
		assert_int_equal(loaded(t).idle_ms, 3600000);

		const char *logged = tmproot_logged(t);
		assert_non_null(strstr(logged, "IAPEER_IDLE_SECS in the environment"));
		assert_null(strchr(logged, '\x1b'));
	}
	/* also when the file had a good one: the default is what the contract says */
	assert_int_equal(tmproot_write(t, "root/config.json", "{\"IAPEER_IDLE_SECS\": 60}"), 0);
	assert_int_equal(loaded(t).idle_ms, 3600000);
}

static void a_bad_value_in_the_file_is_named_too(void **state)
{
	static const char *const bad[] = {"0",  "-1", "1.5",  "\"soon\"",
					  "[]", "{}", "true", "1e300"};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char json[100];

		snprintf(json, sizeof json, "{\"IAPEER_BOOT_PARALLEL\": %s}", bad[i]);
		assert_int_equal(tmproot_write(t, "root/config.json", json), 0);
		assert_int_equal(loaded(t).boot_parallel, 2);
		if (!strstr(tmproot_logged(t), "IAPEER_BOOT_PARALLEL in config.json"))
			fail_msg("%s", bad[i]);
	}
}

static void the_canary_is_switched_by_words(void **state)
{
	static const struct {
		const char *word;
		bool on;
	} rows[] = {{"off", false},   {"OFF", false}, {"0", false},   {"no", false},
		    {"false", false}, {"on", true},   {"On", true},   {"1", true},
		    {"yes", true},    {"true", true}, {"maybe", true}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		setenv("IAPEER_CANARY", rows[i].word, 1);
		if (loaded(*state).canary != rows[i].on)
			fail_msg("%s", rows[i].word);
	}
	assert_non_null(strstr(tmproot_logged(*state), "\"maybe\" will not do"));
}

static void a_config_that_cannot_be_parsed_is_corrupt(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "{\"a\":1,\"a\":2}", "7"};
	struct tmproot *t = *state;
	struct settings s;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;

		assert_int_equal(tmproot_write(t, "root/config.json", bad[i]), 0);
		assert_int_equal(settings_load(&t->l, &s, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_non_null(strstr(e.msg, tmproot_path(t, "root/config.json")));
	}
}

static void a_program_of_a_runtime_comes_from_the_file_or_the_environment(void **state)
{
	struct tmproot *t = *state;
	char out[LAYOUT_PATH];

	settings_runtime_bin(&t->l, "claude", out);
	assert_string_equal(out, "");
	assert_int_equal(
	    tmproot_write(t, "root/config.json", "{\"IAPEER_CLAUDE_BIN\": \"/opt/claude\"}"), 0);
	settings_runtime_bin(&t->l, "claude", out);
	assert_string_equal(out, "/opt/claude");
	setenv("IAPEER_CLAUDE_BIN", "/bin/true", 1);
	settings_runtime_bin(&t->l, "claude", out);
	assert_string_equal(out, "/bin/true");
	settings_runtime_bin(&t->l, "codex", out);
	assert_string_equal(out, "");
	unsetenv("IAPEER_CLAUDE_BIN");
	assert_int_equal(tmproot_write(t, "root/config.json", "{"), 0);
	settings_runtime_bin(&t->l, "claude", out);
	assert_string_equal(out, "");
}

static void a_short_buffer_cuts_the_text(void **state)
{
	struct settings s = loaded(*state);
	char text[8];

	s.boot_parallel = 5;
	settings_text(&s, text, sizeof text);
	assert_string_equal(text, "boot_pa");
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, setup, tmproot_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_ROOT(without_a_word_the_defaults_hold),
	    WITH_ROOT(who_sends_does_not_set_its_own_limits),
	    WITH_ROOT(every_name_is_read),
	    WITH_ROOT(the_environment_wins_over_the_file_and_the_file_over_the_default),
	    WITH_ROOT(a_bad_value_is_named_and_the_default_used),
	    WITH_ROOT(a_bad_value_in_the_file_is_named_too),
	    WITH_ROOT(the_canary_is_switched_by_words),
	    WITH_ROOT(a_config_that_cannot_be_parsed_is_corrupt),
	    WITH_ROOT(a_program_of_a_runtime_comes_from_the_file_or_the_environment),
	    WITH_ROOT(a_short_buffer_cuts_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
