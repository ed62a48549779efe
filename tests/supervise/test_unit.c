#include "iapeer/supervise/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/registry/service.h"

#include "iapeer/base/banned.h"

static char text[16384];

/* The text for a program and at most one variable. */
static const char *printed(enum manager m, const char *program, const char *variable)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(sizeof text - 1);
	struct unit_spec s = {.program = program, .log = "/r/log", .env = &env};
	struct err e = ERR_INIT;

	if (variable)
		strv_add(&env, variable);
	if (unit_print(m, &s, &b, &e) < 0)
		fail_msg("%s", e.msg);
	memcpy(text, buf_cstr(&b), b.len + 1);
	return text;
}

static void has(const char *in, const char *part)
{
	if (!strstr(in, part))
		fail_msg("no \"%s\" in:\n%s", part, in);
}

static void a_unit_leaves_the_peers_alone_and_is_ours(void **state)
{
	static const char *const lines[] = {"\n[Service]\n",
					    "\nExecStart=\"/r/bin/iapeer\" supervise",
					    "\nRestart=always\n",
					    "\nKillMode=process\n",
					    "\nOOMPolicy=continue\n",
					    "\nDelegate=yes\n",
					    "\nWantedBy=default.target\n"};
	const char *unit = printed(MANAGER_SYSTEMD, "/r/bin/iapeer", NULL);

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		has(unit, lines[i]);
	assert_true(service_unit_is_ours(unit));
	assert_null(strstr(unit, "\nEnvironment="));
}

static void paths_are_quoted_as_systemd_reads_them(void **state)
{
	static const struct {
		const char *root, *exec, *env;
	} rows[] = {
	    {"/a b", "=\"/a b/iapeer\" supervise", "\"R=/a b\""},
	    {"/a%n", "=\"/a%%n/iapeer\" supervise", "\"R=/a%%n\""},
	    /* the path of a program is not expanded, an argument is */
	    {"/a$HOME", "=\"/a$HOME/iapeer\" supervise", "\"R=/a$HOME\""},
	    {"/a'b", "=/usr/bin/env \"/a'b/iapeer\" supervise", "\"R=/a'b\""},
	    {"/a\"b", "=/usr/bin/env \"/a\\\"b/iapeer\" supervise", "\"R=/a\\\"b\""},
	    {"/a\\b", "=/usr/bin/env \"/a\\\\b/iapeer\" supervise", "\"R=/a\\\\b\""},
	    {"/a'$x%", "=/usr/bin/env \"/a'$$x%%/iapeer\" supervise", "\"R=/a'$x%%\""},
	    {"/\xd0\x9d;#", "=\"/\xd0\x9d;#/iapeer\" supervise", "\"R=/\xd0\x9d;#\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char program[64], variable[64];
		const char *unit;

		snprintf(program, sizeof program, "%s/iapeer", rows[i].root);
		snprintf(variable, sizeof variable, "R=%s", rows[i].root);
		unit = printed(MANAGER_SYSTEMD, program, variable);
		has(unit, rows[i].exec);
		has(unit, rows[i].env);
		assert_true(unit_starts(MANAGER_SYSTEMD, unit, program));
		assert_false(unit_starts(MANAGER_SYSTEMD, unit, "/other/iapeer"));
	}
}

static void a_plist_keeps_it_running_and_is_ours(void **state)
{
	const char *plist = printed(MANAGER_LAUNCHD, "/r/bin/iapeer", "IAPEER_ROOT=/r");

	(void)state;
	has(plist, "<string>com.iapeer.supervise</string>");
	has(plist, "<key>KeepAlive</key>\n\t<true/>");
	has(plist, "<key>RunAtLoad</key>\n\t<true/>");
	has(plist, "<key>AbandonProcessGroup</key>\n\t<true/>");
	has(plist, "\t\t<string>/r/bin/iapeer</string>\n\t\t<string>supervise</string>");
	has(plist, "<key>IAPEER_ROOT</key>\n\t\t<string>/r</string>");
	assert_true(service_plist_is_ours(plist));
	assert_true(unit_starts(MANAGER_LAUNCHD, plist, "/r/bin/iapeer"));
	assert_false(unit_starts(MANAGER_LAUNCHD, plist, "/r2/bin/iapeer"));
	assert_null(
	    strstr(printed(MANAGER_LAUNCHD, "/r/bin/iapeer", NULL), "EnvironmentVariables"));
}

static void a_plist_is_escaped(void **state)
{
	const char *plist = printed(MANAGER_LAUNCHD, "/a&b<c>\"d'/iapeer", "K=x]]><y=z");

	(void)state;
	has(plist, "<string>/a&amp;b&lt;c&gt;\"d'/iapeer</string>");
	has(plist, "<key>K</key>\n\t\t<string>x]]&gt;&lt;y=z</string>");
	assert_true(unit_starts(MANAGER_LAUNCHD, plist, "/a&b<c>\"d'/iapeer"));
}

static void what_cannot_be_said_is_refused(void **state)
{
	static const char *const programs[] = {"/a\nb/iapeer", "/a\xff/iapeer", "/a\tb/iapeer"};

	(void)state;
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		for (int m = 0; m < MANAGER_COUNT; m++) {
			AUTO(strv_done) struct strv env = STRV_INIT;
			AUTO(buf_done) struct buf b = BUF_INIT(sizeof text);
			struct unit_spec s = {.program = programs[i], .log = "/l", .env = &env};
			struct err e = ERR_INIT;

			assert_int_equal(unit_print((enum manager)m, &s, &b, &e), -1);
			assert_int_equal(e.code, ERR_USAGE);
			assert_int_equal(b.len, 0);
		}
}

static void the_last_setting_in_its_section_counts(void **state)
{
	static const char unit[] = "KillMode=none\n[Unit]\nKillMode=none\n[Service]\n"
				   "#KillMode=none\n;KillMode=none\n KillMode = mixed \r\n"
				   "KillModes=none\nKillMode=process\n[Install]\nKillMode=none\n";
	char value[32] = "unset";

	(void)state;
	assert_true(unit_setting(unit, "Service", "KillMode", value, sizeof value));
	assert_string_equal(value, "process");
	assert_true(unit_setting(" [Service] \n KillMode = mixed \r\n", "Service", "KillMode",
				 value, sizeof value));
	assert_string_equal(value, "mixed");
	assert_false(unit_setting(unit, "Service", "Restart", value, sizeof value));
	assert_false(unit_setting("", "Service", "KillMode", value, sizeof value));
	assert_string_equal(value, "mixed");
}

static void managers_have_names(void **state)
{
	enum manager m;

	(void)state;
	assert_true(manager_parse("launchd", &m));
	assert_string_equal(manager_word(m), "launchd");
	assert_true(manager_parse("systemd", &m));
	assert_string_equal(manager_word(m), "systemd");
	assert_false(manager_parse("upstart", &m));
}

static void a_job_is_not_throttled_and_lives_in_one_session(void **state)
{
	const char *key = "<key>LimitLoadToSessionType</key>";
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(sizeof text - 1);
	struct unit_spec s = {
	    .program = "/r/bin/iapeer", .log = "/r/log", .env = &env, .background = true};
	const char *job = printed(MANAGER_LAUNCHD, "/r/bin/iapeer", NULL);
	struct err e = ERR_INIT;

	(void)state;
	has(job, "<key>ProcessType</key>\n\t<string>Interactive</string>");
	assert_null(strstr(job, key));
	assert_int_equal(unit_print(MANAGER_LAUNCHD, &s, &b, &e), 0);
	has(buf_cstr(&b), "<key>LimitLoadToSessionType</key>\n\t<string>Background</string>");
	assert_true(service_plist_is_ours(buf_cstr(&b)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_unit_leaves_the_peers_alone_and_is_ours),
	    cmocka_unit_test(paths_are_quoted_as_systemd_reads_them),
	    cmocka_unit_test(a_plist_keeps_it_running_and_is_ours),
	    cmocka_unit_test(a_plist_is_escaped),
	    cmocka_unit_test(a_job_is_not_throttled_and_lives_in_one_session),
	    cmocka_unit_test(what_cannot_be_said_is_refused),
	    cmocka_unit_test(the_last_setting_in_its_section_counts),
	    cmocka_unit_test(managers_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
