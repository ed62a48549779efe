#include "iapeer/registry/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tmproot.h"

#include "iapeer/base/banned.h"

#define PLIST(inside)                                                                              \
	"<?xml version=\"1.0\"?>\n<plist version=\"1.0\">\n<dict>\n" inside "</dict>\n</plist>\n"
#define LABEL "<key>Label</key><string>com.iapeer.bob</string>\n"
#define OURS  "<key>" SERVICE_OWNER_KEY "</key>\n\t<true/>\n"

/* HOME is the test's folder; nothing of the machine's is looked at but /etc and /usr. */
static int setup(void **state)
{
	struct tmproot *t;

	if (tmproot_setup(state) < 0)
		return -1;
	t = *state;
	setenv("HOME", t->dir, 1);
	unsetenv("IAPEER_LAUNCHAGENTS_DIR");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

static void put(const struct tmproot *t, const char *rel, const char *text)
{
	char folder[LAYOUT_PATH];
	struct err e;

	snprintf(folder, sizeof folder, "%s", tmproot_path(t, rel));
	*strrchr(folder, '/') = '\0';
	if (fs_mkdirs(AT_FDCWD, folder, &e) < 0 || tmproot_write(t, rel, text) < 0)
		fail_msg("%s: cannot be written", rel);
}

/* By both ways: they must agree. */
static enum service_owner owner(const char *name, char path[static LAYOUT_PATH])
{
	enum service_owner one = SERVICE_NONE, all = SERVICE_NONE;
	struct services s;
	const struct service_job *j;
	struct err e = ERR_INIT;

	if (service_owner_of(name, &one, path, LAYOUT_PATH, &e) < 0)
		fail_msg("%s", e.msg);
	services_scan(&s);
	j = services_find(&s, name);
	if (j) {
		all = j->owner;
		assert_string_equal(j->path, path);
	}
	services_done(&s);
	assert_int_equal(one, all);
	return one;
}

#define AGENT "Library/LaunchAgents/com.iapeer.bob.plist"
#define UNIT  ".config/systemd/user/iapeer-bob.service"

/* As if it had been written so many seconds ago. */
static void age(const struct tmproot *t, const char *rel, int s)
{
	struct timespec at[2] = {{.tv_sec = time(NULL) - s}, {.tv_sec = time(NULL) - s}};

	assert_int_equal(utimensat(AT_FDCWD, tmproot_path(t, rel), at, 0), 0);
}

static void what_has_not_changed_is_not_read_again(void **state)
{
	struct tmproot *t = *state;
	struct services s = {.n = 0};

	put(t, UNIT, "[Unit]\n");
	services_refresh(&s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].owner, SERVICE_FOREIGN_UNIT);
	/* Written this very second: read again. */
	s.v[0].owner = SERVICE_OURS;
	services_refresh(&s);
	assert_int_equal(s.v[0].owner, SERVICE_FOREIGN_UNIT);
	age(t, UNIT, 60);
	age(t, ".config/systemd/user", 60);
	services_refresh(&s);
	s.v[0].owner = SERVICE_OURS; /* stays while nothing is read */
	services_refresh(&s);
	assert_int_equal(s.v[0].owner, SERVICE_OURS);
	/* A change of the file alone, then of its mode, then of the folder. */
	age(t, UNIT, 50);
	services_refresh(&s);
	assert_int_equal(s.v[0].owner, SERVICE_FOREIGN_UNIT);
	s.v[0].owner = SERVICE_OURS;
	assert_int_equal(chmod(tmproot_path(t, UNIT), 0640), 0);
	services_refresh(&s);
	assert_int_equal(s.v[0].owner, SERVICE_FOREIGN_UNIT);
	assert_int_equal(unlink(tmproot_path(t, UNIT)), 0);
	services_refresh(&s);
	assert_int_equal(s.n, 0);
	services_done(&s);
}

static void no_file_is_nobodys_job(void **state)
{
	char path[LAYOUT_PATH] = "x";

	(void)state;
	assert_int_equal(owner("bob", path), SERVICE_NONE);
	assert_string_equal(path, "");
}

static void the_owner_key_alone_makes_a_plist_ours(void **state)
{
	static const struct {
		const char *text;
		bool ours;
	} rows[] = {
	    {PLIST(LABEL OURS), true},
	    {PLIST(OURS LABEL), true},
	    {PLIST(LABEL "<key> " SERVICE_OWNER_KEY " </key><true />"), true},
	    {PLIST(LABEL "<key>" SERVICE_OWNER_KEY "</key><!-- x --><true/>"), true},
	    {PLIST("<!-- <dict> -->" LABEL OURS), true},
	    {PLIST("<key>E</key><dict><key>a</key><string>b</string></dict>" OURS), true},
	    {PLIST(LABEL), false},
	    {PLIST(LABEL "<key>" SERVICE_OWNER_KEY "</key><false/>"), false},
	    {PLIST(LABEL "<key>" SERVICE_OWNER_KEY ".not</key><true/>"), false},
	    {PLIST(LABEL "<key>x" SERVICE_OWNER_KEY "</key><true/>"), false},
	    {PLIST(LABEL "<!-- " OURS " -->"), false},
	    {PLIST(LABEL "<!-- " OURS), false},
	    {PLIST("<key>a</key><string><![CDATA[" OURS "]]></string>"), false},
	    {PLIST("<key>E</key><dict>" OURS "</dict>"), false},
	    {PLIST("<key>a</key><string>" SERVICE_OWNER_KEY "</string><true/>"), false},
	    {PLIST("<key>a</key><string>&lt;key>" SERVICE_OWNER_KEY "</string>"), false},
	    {OURS, false},
	    {"bplist00", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (service_plist_is_ours(rows[i].text) != rows[i].ours)
			fail_msg("row %zu: %s", i, rows[i].text);
}

static void a_line_of_its_own_makes_a_unit_ours(void **state)
{
	static const struct {
		const char *text;
		bool ours;
	} rows[] = {{"[Unit]\n" SERVICE_UNIT_MARKER "\n", true},
		    {"[Unit]\n" SERVICE_UNIT_MARKER, true},
		    {"[Unit]\r\n" SERVICE_UNIT_MARKER " \r\n", true},
		    {"[Unit]\n# " SERVICE_UNIT_MARKER "\n", false},
		    {"[Unit]\nDescription=" SERVICE_UNIT_MARKER "\n", false},
		    {"[Unit]\n" SERVICE_UNIT_MARKER "x\n", false},
		    {"", false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (service_unit_is_ours(rows[i].text) != rows[i].ours)
			fail_msg("row %zu: %s", i, rows[i].text);
}

static void a_plist_without_the_key_is_foreign_and_named(void **state)
{
	struct tmproot *t = *state;
	enum service_owner o = SERVICE_NONE;
	char path[LAYOUT_PATH];
	struct err e = ERR_INIT;

	put(t, AGENT, PLIST(LABEL));
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_LAUNCHD);
	assert_string_equal(path, tmproot_path(t, AGENT));
	assert_int_equal(service_guard("bob", &o, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(o, SERVICE_FOREIGN_LAUNCHD);
	assert_non_null(strstr(e.msg, path));
	assert_string_equal(service_action(o), "refused-foreign-launchd");
	assert_int_equal(owner("bo", path), SERVICE_NONE);
	assert_int_equal(owner("bob-2", path), SERVICE_NONE);
	put(t, AGENT, PLIST(LABEL OURS));
	assert_int_equal(owner("bob", path), SERVICE_OURS);
	assert_int_equal(service_guard("bob", &o, &e), 0);
	assert_null(service_action(o));
}

static void a_unit_without_the_marker_is_foreign(void **state)
{
	struct tmproot *t = *state;
	char path[LAYOUT_PATH];

	put(t, UNIT, "[Service]\nExecStart=/bin/x\n");
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_UNIT);
	assert_string_equal(path, tmproot_path(t, UNIT));
	assert_string_equal(service_action(SERVICE_FOREIGN_UNIT), "refused-foreign-unit");
	put(t, UNIT, "[Unit]\n" SERVICE_UNIT_MARKER "\n");
	assert_int_equal(owner("bob", path), SERVICE_OURS);
}

static void a_foreign_job_counts_for_more_than_one_of_ours(void **state)
{
	struct tmproot *t = *state;
	char path[LAYOUT_PATH];

	put(t, AGENT, PLIST(LABEL OURS));
	put(t, UNIT, "[Service]\n");
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_UNIT);
	put(t, AGENT, PLIST(LABEL));
	put(t, UNIT, SERVICE_UNIT_MARKER "\n");
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_LAUNCHD);
}

static void what_cannot_be_read_is_foreign(void **state)
{
	struct tmproot *t = *state;
	char path[LAYOUT_PATH];
	struct err e = ERR_INIT;

	put(t, "Library/LaunchAgents/x", "");
	assert_int_equal(symlink("nowhere", tmproot_path(t, AGENT)), 0);
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_LAUNCHD);
	assert_int_equal(service_guard("bob", NULL, &e), -1);
	assert_non_null(strstr(e.msg, "cannot be read"));
	assert_int_equal(unlink(tmproot_path(t, AGENT)), 0);
	put(t, AGENT "/file", "");
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_LAUNCHD);
}

static void a_link_to_a_job_is_followed(void **state)
{
	struct tmproot *t = *state;
	char path[LAYOUT_PATH];

	put(t, "dotfiles/ours", PLIST(LABEL OURS));
	put(t, "Library/LaunchAgents/x", "");
	assert_int_equal(symlink(tmproot_path(t, "dotfiles/ours"), tmproot_path(t, AGENT)), 0);
	assert_int_equal(owner("bob", path), SERVICE_OURS);
}

static void a_masked_unit_is_nobodys_and_hides_the_others(void **state)
{
	struct tmproot *t = *state;
	char path[LAYOUT_PATH];

	put(t, ".local/share/systemd/user/iapeer-bob.service", "[Service]\n");
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_UNIT);
	put(t, ".config/systemd/user/x", "");
	assert_int_equal(symlink("/dev/null", tmproot_path(t, UNIT)), 0);
	assert_int_equal(owner("bob", path), SERVICE_NONE);
	assert_false(service_unit_file("iapeer-bob.service", path));
}

static void the_folders_can_be_moved(void **state)
{
	struct tmproot *t = *state;
	char path[LAYOUT_PATH];

	put(t, "agents/com.iapeer.bob.plist", PLIST(LABEL));
	put(t, "conf/systemd/user/iapeer-eve.service", "[Service]\n");
	put(t, "run/systemd/transient/iapeer-dan.service", "[Service]\n");
	setenv("IAPEER_LAUNCHAGENTS_DIR", tmproot_path(t, "agents"), 1);
	setenv("XDG_CONFIG_HOME", tmproot_path(t, "conf"), 1);
	setenv("XDG_RUNTIME_DIR", tmproot_path(t, "run"), 1);
	assert_int_equal(owner("bob", path), SERVICE_FOREIGN_LAUNCHD);
	assert_int_equal(owner("eve", path), SERVICE_FOREIGN_UNIT);
	assert_int_equal(owner("dan", path), SERVICE_FOREIGN_UNIT);
	assert_true(service_units_dir(path));
	assert_string_equal(path, tmproot_path(t, "conf/systemd/user"));
}

static void a_name_that_is_none_is_refused(void **state)
{
	enum service_owner o;
	char path[LAYOUT_PATH];
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(service_owner_of("../bob", &o, path, sizeof path, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(no_file_is_nobodys_job, setup, tmproot_teardown),
	    cmocka_unit_test_setup_teardown(what_has_not_changed_is_not_read_again, setup,
					    tmproot_teardown),
	    cmocka_unit_test(the_owner_key_alone_makes_a_plist_ours),
	    cmocka_unit_test(a_line_of_its_own_makes_a_unit_ours),
	    cmocka_unit_test_setup_teardown(a_plist_without_the_key_is_foreign_and_named, setup,
					    tmproot_teardown),
	    cmocka_unit_test_setup_teardown(a_unit_without_the_marker_is_foreign, setup,
					    tmproot_teardown),
	    cmocka_unit_test_setup_teardown(a_foreign_job_counts_for_more_than_one_of_ours, setup,
					    tmproot_teardown),
	    cmocka_unit_test_setup_teardown(what_cannot_be_read_is_foreign, setup,
					    tmproot_teardown),
	    cmocka_unit_test_setup_teardown(a_link_to_a_job_is_followed, setup, tmproot_teardown),
	    cmocka_unit_test_setup_teardown(a_masked_unit_is_nobodys_and_hides_the_others, setup,
					    tmproot_teardown),
	    cmocka_unit_test_setup_teardown(the_folders_can_be_moved, setup, tmproot_teardown),
	    cmocka_unit_test_setup_teardown(a_name_that_is_none_is_refused, setup,
					    tmproot_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
