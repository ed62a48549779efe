#include "iapeer/registry/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pwd.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "iapeer/base/plat.h"
#include "tmproot.h"

#include "iapeer/base/banned.h"

static mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void opened(bool make, struct layout *l)
{
	struct err e = ERR_INIT;

	*l = (struct layout)LAYOUT_INIT;
	if (layout_open(l, make, &e) < 0)
		fail_msg("%s", e.msg);
}

static void not_opened(bool make, enum err_code code, const char *says)
{
	struct layout l = LAYOUT_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(layout_open(&l, make, &e), -1);
	assert_int_equal(l.root_fd, -1);
	if (e.code != code || !strstr(e.msg, says))
		fail_msg("%d: %s", (int)e.code, e.msg);
}

/* ---- opening ---- */

static void a_root_is_made_with_its_folders_all_of_them_0700(void **state)
{
	static const char *const folders[] = {"root",
					      "root/state/lifecycle",
					      "root/state/iapeer/locks",
					      "root/state/iapeer/removing",
					      "root/logs/iapeer/server-deaths",
					      "root/logs/lifecycle",
					      "root/socks",
					      "root/bin"};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		assert_int_equal(mode_of(tmproot_path(t, folders[i])), 0700);
	assert_string_equal(t->l.root, tmproot_path(t, "root"));
	assert_string_equal(t->l.socks, tmproot_path(t, "root/socks"));
	assert_string_equal(tmproot_logged(t), "");
}

static void a_missing_root_is_not_made_by_looking(void **state)
{
	struct tmproot *t = *state;

	setenv("IAPEER_ROOT", tmproot_path(t, "none"), 1);
	not_opened(false, ERR_NOT_FOUND, "none");
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, "none")));
}

static void without_iapeer_root_the_home_of_the_environment_holds_it(void **state)
{
	struct tmproot *t = *state;
	char old[LAYOUT_PATH];
	struct layout l;

	snprintf(old, sizeof old, "%s", getenv("HOME") ? getenv("HOME") : "");
	setenv("IAPEER_ROOT", "  ", 1); /* blank is unset */
	setenv("HOME", t->dir, 1);
	opened(true, &l);
	assert_string_equal(l.root, tmproot_path(t, ".iapeer"));
	layout_done(&l);
	setenv("HOME", old, 1);
}

static void a_root_may_be_reached_by_a_link(void **state)
{
	struct tmproot *t = *state;
	struct layout l;

	assert_int_equal(symlink("root", tmproot_path(t, "link")), 0);
	setenv("IAPEER_ROOT", tmproot_path(t, "link"), 1);
	opened(true, &l);
	assert_string_equal(l.root, tmproot_path(t, "root"));
	layout_done(&l);
	assert_int_equal(unlink(tmproot_path(t, "link")), 0);
	assert_int_equal(symlink("nowhere", tmproot_path(t, "link")), 0);
	not_opened(true, ERR_REFUSED, "a link to nothing");
}

static void a_folder_of_the_root_may_not_be_a_link(void **state)
{
	struct tmproot *t = *state;

	assert_int_equal(mkdir(tmproot_path(t, "elsewhere"), 0700), 0);
	assert_int_equal(rmdir(tmproot_path(t, "root/state/iapeer/locks")), 0);
	assert_int_equal(rmdir(tmproot_path(t, "root/state/iapeer/removing")), 0);
	assert_int_equal(rmdir(tmproot_path(t, "root/state/iapeer")), 0);
	assert_int_equal(symlink("../../elsewhere", tmproot_path(t, "root/state/iapeer")), 0);
	not_opened(true, ERR_REFUSED, "is a link");
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, "elsewhere/locks")));
}

static void hostile_characters_in_the_path_of_a_root_are_only_characters(void **state)
{
	static const char *const names[] = {"a b",  "it's", "\"q\"", "#(touch x)", "$HOME",
					    "%s%n", "`id`", "a\\b",  "-r",         "é"};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct layout l;

		setenv("IAPEER_ROOT", tmproot_path(t, names[i]), 1);
		opened(true, &l);
		assert_string_equal(l.root, tmproot_path(t, names[i]));
		layout_done(&l);
	}
	setenv("IAPEER_ROOT", tmproot_path(t, "a\nb"), 1);
	not_opened(true, ERR_USAGE, "line break");
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, "a\nb")));
}

static void wide_modes_are_narrowed_with_a_warning(void **state)
{
	struct tmproot *t = *state;
	struct layout l;

	assert_int_equal(tmproot_write(t, "root/peers-profiles.json", "{}"), 0);
	assert_int_equal(chmod(tmproot_path(t, "root/peers-profiles.json"), 0644), 0);
	assert_int_equal(chmod(tmproot_path(t, "root/state/lifecycle"), 0777), 0);
	assert_int_equal(chmod(tmproot_path(t, "root"), 0755), 0);
	opened(false, &l);
	layout_done(&l);
	assert_int_equal(mode_of(tmproot_path(t, "root")), 0700);
	assert_int_equal(mode_of(tmproot_path(t, "root/state/lifecycle")), 0700);
	assert_int_equal(mode_of(tmproot_path(t, "root/peers-profiles.json")), 0600);

	const char *logged = tmproot_logged(t);
	assert_non_null(strstr(logged, "mode 755"));
	assert_non_null(
	    strstr(logged, "state/lifecycle was open to others (mode 777), narrowed to 700"));
	assert_non_null(
	    strstr(logged, "peers-profiles.json was open to others (mode 644), narrowed to 600"));
}

/* A slip in IAPEER_ROOT: nothing is made there, and no mode is changed. */
static void a_folder_of_other_things_is_no_root(void **state)
{
	struct tmproot *t = *state;
	struct layout l;

	assert_int_equal(setenv("IAPEER_ROOT", tmproot_path(t, "etc"), 1), 0);
	assert_int_equal(mkdir(tmproot_path(t, "etc"), 0755), 0);
	assert_int_equal(tmproot_write(t, "etc/environment", "LANG=C\n"), 0);
	assert_int_equal(tmproot_write(t, "etc/tmux.conf", ""), 0);
	assert_int_equal(chmod(tmproot_path(t, "etc"), 0755), 0);
	assert_int_equal(chmod(tmproot_path(t, "etc/environment"), 0644), 0);
	assert_int_equal(tmproot_write(t, "etc/passwd", ""), 0);
	not_opened(false, ERR_REFUSED, "other things (passwd)");
	not_opened(true, ERR_REFUSED, "is no root of ours");
	assert_int_equal(mode_of(tmproot_path(t, "etc")), 0755);
	assert_int_equal(mode_of(tmproot_path(t, "etc/environment")), 0644);
	assert_int_equal(access(tmproot_path(t, "etc/state"), F_OK), -1);

	/* What its owner put there beforehand is fine, and so is anything in a private folder, and
	 * once it is a root. */
	assert_int_equal(unlink(tmproot_path(t, "etc/passwd")), 0);
	opened(true, &l);
	layout_done(&l);
	assert_int_equal(tmproot_write(t, "etc/passwd", ""), 0);
	opened(false, &l);
	layout_done(&l);
	assert_int_equal(mkdir(tmproot_path(t, "mine"), 0700), 0);
	assert_int_equal(tmproot_write(t, "mine/notes", ""), 0);
	setenv("IAPEER_ROOT", tmproot_path(t, "mine"), 1);
	opened(true, &l);
	layout_done(&l);
}

static void a_root_of_another_user_is_refused(void **state)
{
	struct tmproot *t = *state;

	if (geteuid() != 0) {
		skip();
		return;
	}
	assert_int_equal(chown(tmproot_path(t, "root"), 12345, 12345), 0);
	not_opened(false, ERR_REFUSED, "belongs to uid 12345");
	not_opened(true, ERR_REFUSED, "belongs to uid 12345");
}

static void a_root_that_is_no_folder_is_refused(void **state)
{
	struct tmproot *t = *state;

	assert_int_equal(tmproot_write(t, "file", ""), 0);
	setenv("IAPEER_ROOT", tmproot_path(t, "file"), 1);
	not_opened(true, ERR_REFUSED, "no folder");
}

static void a_root_whose_path_is_too_long_is_a_usage_error(void **state)
{
	struct tmproot *t = *state;
	char path[4 * LAYOUT_PATH];

	memset(path, 'a', sizeof path);
	memcpy(path, t->dir, strlen(t->dir));
	for (size_t i = strlen(t->dir); i < sizeof path; i += 100)
		path[i] = '/';
	path[LAYOUT_ROOT_MAX + 1] = '\0';
	setenv("IAPEER_ROOT", path, 1);
	not_opened(true, ERR_USAGE, "381 bytes, at most 380");
	path[LAYOUT_ROOT_MAX] = '\0';
	setenv("IAPEER_ROOT", path, 1);
	struct layout l;
	char out[LAYOUT_PATH];
	struct err e = ERR_INIT;
	opened(true, &l);
	layout_peer_home(&l, "abcdefghijklmnopqrstuvwxyz012345", out);
	assert_true(strlen(out) > LAYOUT_ROOT_MAX + PEER_NAME_MAX);
	assert_int_equal(layout_abs(&l, LAYOUT_DEATHS_DIR, out, &e), 0);
	layout_done(&l);
	memset(path + LAYOUT_ROOT_MAX, 'a', sizeof path - LAYOUT_ROOT_MAX - 1);
	path[sizeof path - 1] = '\0';
	setenv("IAPEER_ROOT", path, 1);
	not_opened(true, ERR_USAGE, "at most 380");
}

static void the_sandbox_flag_refuses_the_real_root_and_only_that(void **state)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct tmproot *t = *state;
	char real[LAYOUT_PATH], old[LAYOUT_PATH];
	struct layout l;

	if (!pw || !pw->pw_dir) {
		skip();
		return;
	}
	snprintf(real, sizeof real, "%s/.iapeer", pw->pw_dir);
	snprintf(old, sizeof old, "%s", getenv("HOME") ? getenv("HOME") : "");
	bool was_there = fs_exists(AT_FDCWD, real);

	setenv("IAPEER_ROOT", real, 1);
	not_opened(false, ERR_REFUSED, "IAPEER_TEST_SANDBOX");
	not_opened(true, ERR_REFUSED, "IAPEER_TEST_SANDBOX");
	unsetenv("IAPEER_ROOT");
	setenv("HOME", pw->pw_dir, 1);
	not_opened(true, ERR_REFUSED, "IAPEER_TEST_SANDBOX");
	if (fs_exists(AT_FDCWD, pw->pw_dir)) {
		assert_int_equal(symlink(pw->pw_dir, tmproot_path(t, "home")), 0);
		setenv("HOME", tmproot_path(t, "home"), 1);
		not_opened(true, ERR_REFUSED, "IAPEER_TEST_SANDBOX");
	}
	assert_int_equal(fs_exists(AT_FDCWD, real), was_there);

	setenv("HOME", t->dir, 1); /* a diverted home is allowed */
	opened(true, &l);
	layout_done(&l);
	setenv("HOME", old, 1);
}

static void without_the_sandbox_flag_any_root_may_be_looked_at(void **state)
{
	struct tmproot *t = *state;
	struct layout l;

	unsetenv("IAPEER_TEST_SANDBOX");
	setenv("IAPEER_ROOT", tmproot_path(t, "root"), 1);
	opened(false, &l);
	layout_done(&l);
	setenv("IAPEER_TEST_SANDBOX", "0", 1);
	opened(false, &l);
	layout_done(&l);
}

/* ---- sockets ---- */

static void the_folder_of_sockets_can_be_moved(void **state)
{
	struct tmproot *t = *state;
	struct layout l;

	setenv("IAPEER_SOCK_DIR", tmproot_path(t, "s/deep/"), 1);
	opened(true, &l);
	assert_string_equal(l.socks, tmproot_path(t, "s/deep"));
	assert_int_equal(mode_of(l.socks), 0700);
	layout_done(&l);
	setenv("IAPEER_SOCK_DIR", " \t", 1);
	opened(true, &l);
	assert_string_equal(l.socks, tmproot_path(t, "root/socks"));
	layout_done(&l);
	setenv("IAPEER_SOCK_DIR", tmproot_path(t, "unmade"), 1);
	opened(false, &l);
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, "unmade")));
	layout_done(&l);
}

static void a_folder_of_sockets_must_be_absolute_and_ours_alone(void **state)
{
	struct tmproot *t = *state;

	setenv("IAPEER_SOCK_DIR", "s", 1);
	not_opened(true, ERR_USAGE, "absolute");
	assert_int_equal(mkdir(tmproot_path(t, "s"), 0700), 0);
	assert_int_equal(chmod(tmproot_path(t, "s"), 01777), 0);
	setenv("IAPEER_SOCK_DIR", tmproot_path(t, "s"), 1);
	not_opened(true, ERR_REFUSED, "others may write");
	assert_int_equal(mode_of(tmproot_path(t, "s")), 01777);
	assert_int_equal(tmproot_write(t, "file", ""), 0);
	setenv("IAPEER_SOCK_DIR", tmproot_path(t, "file"), 1);
	not_opened(true, ERR_REFUSED, "no folder");
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(tmproot_path(t, "s"), 0700), 0);
	assert_int_equal(chown(tmproot_path(t, "s"), 12345, 12345), 0);
	setenv("IAPEER_SOCK_DIR", tmproot_path(t, "s"), 1);
	not_opened(true, ERR_REFUSED, "belongs to uid 12345");
}

static struct layout with_socks(size_t len)
{
	struct layout l = {.root_fd = -1, .root = "/r"};

	memset(l.socks, 's', len);
	l.socks[0] = '/';
	l.socks[len] = '\0';
	return l;
}

/* The exact borders, for the longest legal name and for a short one. */
static void a_socket_has_its_long_name_as_long_as_that_fits(void **state)
{
	static const char *const names[] = {
	    "claude-bob", "abcdefghijklmnopqrstuvwxyz012345-abcdefghijklmnopqrstuvwxyz-12345"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t fixed = strlen("/tmux-iap-.sock") + strlen(names[i]),
		       most = plat_socket_max() - fixed;
		struct layout fits = with_socks(most), over = with_socks(most + 1);
		struct err e = ERR_INIT;
		char out[LAYOUT_PATH], expected[2 * LAYOUT_PATH];
		struct peer_id id;

		assert_int_equal(peer_parse(names[i], &id, &e), 0);
		assert_int_equal(layout_socket(&fits, &id, out, &e), 0);
		snprintf(expected, sizeof expected, "%s/tmux-iap-%s.sock", fits.socks, names[i]);
		assert_string_equal(out, expected);
		assert_int_equal(strlen(out), plat_socket_max());
		assert_int_equal(layout_socket(&over, &id, out, &e), 0);
		assert_int_equal(strlen(out),
				 strlen(over.socks) + strlen("/0123456789abcdef.sock"));
		assert_int_equal(strspn(out + strlen(over.socks) + 1, "0123456789abcdef"), 16);
		assert_string_equal(out + strlen(out) - 5, ".sock");
	}
}

static void a_socket_that_does_not_even_fit_with_its_short_name_is_refused(void **state)
{
	size_t most = plat_socket_max() - strlen("/0123456789abcdef.sock");
	struct layout fits = with_socks(most), over = with_socks(most + 1);
	char out[LAYOUT_PATH], needs[64], least[64], takes[64];
	struct err e = ERR_INIT;
	struct peer_id id;

	(void)state;
	assert_int_equal(peer_parse("claude-bob", &id, &e), 0);
	assert_int_equal(layout_socket(&fits, &id, out, &e), 0);
	assert_int_equal(strlen(out), plat_socket_max());
	assert_int_equal(layout_socket(&over, &id, out, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	snprintf(needs, sizeof needs, " %zu bytes", most + 1 + strlen("/tmux-iap-claude-bob.sock"));
	snprintf(least, sizeof least, "(%zu at the least)", plat_socket_max() + 1);
	snprintf(takes, sizeof takes, "takes %zu:", plat_socket_max());
	assert_non_null(strstr(e.msg, needs));
	assert_non_null(strstr(e.msg, least));
	assert_non_null(strstr(e.msg, takes));
	assert_non_null(strstr(e.msg, "IAPEER_SOCK_DIR"));
}

static void two_identities_have_two_short_names(void **state)
{
	struct layout l = with_socks(plat_socket_max() - 22);
	char a[LAYOUT_PATH], b[LAYOUT_PATH], again[LAYOUT_PATH];
	struct err e = ERR_INIT;
	struct peer_id bob, rob;

	(void)state;
	assert_int_equal(peer_parse("claude-bob", &bob, &e), 0);
	assert_int_equal(peer_parse("codex-bob", &rob, &e), 0);
	assert_int_equal(layout_socket(&l, &bob, a, &e) | layout_socket(&l, &rob, b, &e), 0);
	assert_int_equal(layout_socket(&l, &bob, again, &e), 0);
	assert_string_not_equal(a, b);
	assert_string_equal(a, again);
}

static void the_control_socket_lies_below_the_root_or_has_a_short_name(void **state)
{
	struct layout l = with_socks(20);
	char out[LAYOUT_PATH];
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(layout_control_socket(&l, out, &e), 0);
	assert_string_equal(out, "/r/state/iapeer/supervise.sock");
	memset(l.root + 1, 'r', 200);
	l.root[201] = '\0';
	assert_int_equal(layout_control_socket(&l, out, &e), 0);
	assert_int_equal(strlen(out), 20 + strlen("/0123456789abcdef.sock"));
}

/* ---- names of files ---- */

static void paths_of_a_peer_hold_its_identity(void **state)
{
	struct layout l = {.root_fd = -1, .root = "/r"};
	struct err e = ERR_INIT;
	char out[LAYOUT_PATH];
	struct peer_id id;

	(void)state;
	assert_int_equal(peer_parse("claude-big-bob", &id, &e), 0);
	layout_state(&id, "stopped", out);
	assert_string_equal(out, "state/lifecycle/claude-big-bob.stopped");
	layout_lock(&id, out);
	assert_string_equal(out, "state/iapeer/locks/claude-big-bob");
	layout_queue_lock(&id, out);
	assert_string_equal(out, "state/iapeer/locks/claude-big-bob.queue");
	layout_pane_log(&id, out);
	assert_string_equal(out, "logs/lifecycle/claude-big-bob.log");
	layout_removing("big-bob", out);
	assert_string_equal(out, "state/iapeer/removing/big-bob");
	layout_peer_home(&l, "big-bob", out);
	assert_string_equal(out, "/r/peers/big-bob");
	layout_runtime_manifest("claude", out);
	assert_string_equal(out, "runtimes/claude/runtime.json");
	layout_launch_env("claude", out);
	assert_string_equal(out, ".iapeer/runtimes/claude/launch.env");
	assert_int_equal(layout_abs(&l, LAYOUT_BINARY, out, &e), 0);
	assert_string_equal(out, "/r/bin/iapeer");
}

static void a_state_file_tells_whose_it_is_and_what(void **state)
{
	static const char *const bad[] = {"claude-bob",
					  "claude-bob.",
					  ".claude-bob.stopped.12.0.tmp",
					  "claude.stopped",
					  "claude-bob.x.tmp",
					  "claude-bob.tmp-12",
					  "Claude-bob.x",
					  "claude-bob..x",
					  "claude-bob.stopped.",
					  "claude-bob.St",
					  "claude-bob.a/b",
					  ".",
					  "..",
					  "",
					  "claude-bob.x\n",
					  "abcdefghijklmnopqrstuvwxyz0123456-bob.stopped"};
	static const char *const whats[] = {"session", "stopped", "idle-reaped", "system-prompt.md",
					    "queue"};
	const char *what = NULL;
	struct peer_id id;

	(void)state;
	for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
		char name[128];

		snprintf(name, sizeof name, "claude-big-bob.%s", whats[i]);
		assert_true(layout_parse_state(name, &id, &what));
		assert_string_equal(id.name, "big-bob");
		assert_string_equal(id.runtime, "claude");
		assert_string_equal(what, whats[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (layout_parse_state(bad[i], &id, &what))
			fail_msg("%s", bad[i]);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, tmproot_setup, tmproot_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_ROOT(a_root_is_made_with_its_folders_all_of_them_0700),
	    WITH_ROOT(a_missing_root_is_not_made_by_looking),
	    WITH_ROOT(without_iapeer_root_the_home_of_the_environment_holds_it),
	    WITH_ROOT(a_root_may_be_reached_by_a_link),
	    WITH_ROOT(a_folder_of_the_root_may_not_be_a_link),
	    WITH_ROOT(hostile_characters_in_the_path_of_a_root_are_only_characters),
	    WITH_ROOT(wide_modes_are_narrowed_with_a_warning),
	    WITH_ROOT(a_folder_of_other_things_is_no_root),
	    WITH_ROOT(a_root_of_another_user_is_refused),
	    WITH_ROOT(a_root_that_is_no_folder_is_refused),
	    WITH_ROOT(a_root_whose_path_is_too_long_is_a_usage_error),
	    WITH_ROOT(the_sandbox_flag_refuses_the_real_root_and_only_that),
	    WITH_ROOT(without_the_sandbox_flag_any_root_may_be_looked_at),
	    WITH_ROOT(the_folder_of_sockets_can_be_moved),
	    WITH_ROOT(a_folder_of_sockets_must_be_absolute_and_ours_alone),
	    cmocka_unit_test(a_socket_has_its_long_name_as_long_as_that_fits),
	    cmocka_unit_test(a_socket_that_does_not_even_fit_with_its_short_name_is_refused),
	    cmocka_unit_test(two_identities_have_two_short_names),
	    cmocka_unit_test(the_control_socket_lies_below_the_root_or_has_a_short_name),
	    cmocka_unit_test(paths_of_a_peer_hold_its_identity),
	    cmocka_unit_test(a_state_file_tells_whose_it_is_and_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
