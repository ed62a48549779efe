/* doctor, and who dies with what: planted faults are found, and mended where they are ours to mend.
 */
#include "runbin.h"

#include <sys/stat.h>
#include <sys/time.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/fate.h"

#include "iapeer/base/banned.h"

static int with_bob(void **state)
{
	if (bin_setup(state) < 0)
		return -1;
	return run((struct bin *)*state, "create", "bob", "--runtime", "shell");
}

/* Run it; the finding about `what` that has `part` in its text, by level ("fixed" for what was
 * mended); NULL: none. */
static const char *found(struct bin *b, bool fix, const char *what, const char *part)
{
	AUTO(json_freep) struct json *j = NULL;
	static char level[16];

	if (fix)
		run(b, "doctor", "--json", "--fix");
	else
		run(b, "doctor", "--json");
	j = reply(b);
	for (const struct json *o = json_first(json_get(j, "findings")); o; o = json_next(o)) {
		if (strcmp(text_of(o, "what"), what) != 0 || !strstr(text_of(o, "finding"), part))
			continue;
		str_cut(level, sizeof level, json_get(o, "fixed") ? "fixed" : text_of(o, "level"));
		return level;
	}
	return NULL;
}

static void finds(struct bin *b, bool fix, const char *what, const char *part, const char *level)
{
	const char *got = found(b, fix, what, part);

	if (!got || strcmp(got, level) != 0)
		fail_msg("%s: %s: %s, not %s: %s", what, part, got ? got : "nothing", level,
			 out(b));
}

static void finds_not(struct bin *b, const char *what, const char *part)
{
	if (found(b, false, what, part))
		fail_msg("%s: %s: %s", what, part, out(b));
}

static const char *path(const struct bin *b, const char *rel)
{
	static char p[700];

	snprintf(p, sizeof p, "%s/%s", b->dir, rel);
	return p;
}

static void a_healthy_root_has_nothing_bad(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "doctor"), 0);
	must_have(out(b), "ok    bin/iapeer: leads to ");
	must_have(out(b), "ok    profiles: 1, as the registry says");
	must_have(out(b), "ok    keeper: none runs");
	must_lack(out(b), "bad ");
	assert_int_equal(run(b, "doctor", "--json"), 0);
	must_have(out(b), "\"bad\":0");
	assert_false(exists(b, "root/state/iapeer/supervise.lock"));
}

static void without_a_root_it_makes_none(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "doctor"), 0);
	must_have(out(b), "warn  root: there is none yet");
	assert_false(exists(b, "root"));
}

static void a_tmux_that_is_not_there_is_bad(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run_env(b, "IAPEER_TMUX_BIN=/none/tmux", "doctor"), 1);
	must_have(out(b), "bad   tmux: ");
	must_have(err_text_of(b), "wrong");
}

static void an_old_tmux_is_bad(void **state)
{
	struct bin *b = *state;
	char env[800];

	put_file(b, "old-tmux", "#!/bin/sh\necho tmux 2.9a\n");
	assert_int_equal(chmod(path(b, "old-tmux"), 0700), 0);
	snprintf(env, sizeof env, "IAPEER_TMUX_BIN=%s", path(b, "old-tmux"));
	assert_int_equal(run_env(b, env, "doctor"), 1);
	must_have(out(b), "3.2 or later");
}

static void a_runtime_without_its_program_is_bad(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run_env(b, "IAPEER_SHELL_BIN=/none/sh", "doctor"), 1);
	must_have(out(b), "bad   shell: program /none/sh");
}

static void the_version_of_a_program_is_asked_and_waited_for_two_seconds(void **state)
{
	struct bin *b = *state;
	char env[800];

	put_file(b, "agent", "#!/bin/sh\n[ \"$1\" = --version ] && echo agent 1.2.3\n");
	put_file(b, "slow", "#!/bin/sh\nexec sleep 60\n");
	assert_int_equal(chmod(path(b, "agent"), 0700), 0);
	assert_int_equal(chmod(path(b, "slow"), 0700), 0);
	run(b, "create", "cl", "--runtime", "claude");
	snprintf(env, sizeof env, "IAPEER_CLAUDE_BIN=%s", path(b, "agent"));
	assert_int_equal(run_env(b, env, "doctor"), 0);
	must_have(out(b), "agent, agent 1.2.3");
	snprintf(env, sizeof env, "IAPEER_CLAUDE_BIN=%s", path(b, "slow"));
	assert_int_equal(run_env(b, env, "doctor"), 0);
	must_have(out(b), "ok    claude: ");
}

static void a_file_open_to_others_is_narrowed(void **state)
{
	struct bin *b = *state;
	struct stat st;

	run(b, "stop", "bob");
	assert_int_equal(chmod(path(b, "root/state/lifecycle/shell-bob.stopped"), 0644), 0);
	finds(b, false, "permissions", "shell-bob.stopped (644)", "warn");
	finds(b, true, "permissions", "shell-bob.stopped", "fixed");
	assert_int_equal(stat(path(b, "root/state/lifecycle/shell-bob.stopped"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	finds_not(b, "permissions", "shell-bob.stopped");
}

static void a_link_below_the_root_is_bad(void **state)
{
	struct bin *b = *state;

	put_file(b, "elsewhere", "x");
	assert_int_equal(
	    symlink("../../../elsewhere", path(b, "root/state/lifecycle/shell-bob.topic")), 0);
	finds(b, false, "permissions", "shell-bob.topic", "bad");
	finds(b, true, "permissions", "shell-bob.topic", "bad");
	assert_string_equal(file_text(b, "elsewhere"), "x");
}

static void a_dangling_binary_link_is_mended(void **state)
{
	struct bin *b = *state;
	char target[700] = "";

	assert_int_equal(unlink(path(b, "root/bin/iapeer")), 0);
	finds(b, false, "bin/iapeer", "is not there", "bad");
	assert_int_equal(symlink("/none/iapeer", path(b, "root/bin/iapeer")), 0);
	finds(b, false, "bin/iapeer", "/none/iapeer, which cannot be run", "bad");
	assert_int_equal(b->status, 1);
	finds(b, true, "bin/iapeer", "leads to ", "fixed");
	assert_int_equal(b->status, 0);
	assert_true(readlink(path(b, "root/bin/iapeer"), target, sizeof target - 1) > 0);
	assert_int_equal(access(target, X_OK), 0);
}

static void another_build_behind_the_link_is_a_warning(void **state)
{
	struct bin *b = *state;

	assert_int_equal(unlink(path(b, "root/bin/iapeer")), 0);
	assert_int_equal(symlink("/bin/sh", path(b, "root/bin/iapeer")), 0);
	finds(b, false, "bin/iapeer", "leads to /bin/sh, this is ", "warn");
	finds(b, true, "bin/iapeer", "leads to ", "fixed");
	finds(b, false, "bin/iapeer", "leads to ", "ok");
}

static void the_environment_file_is_looked_at(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/environment",
		 "HOME=/none\nSHELL=/bin/sh\nPATH=/usr/bin:/bin:/none/bin\n");
	finds(b, false, "environment", "HOME=/none is no folder", "bad");
	finds(b, false, "environment", "PATH names what is no folder: /none/bin", "warn");
	finds(b, false, "environment", "HOME is /none for peers", "warn");
	put_file(b, "root/environment", "HOME\n");
	finds(b, false, "environment", "line 1", "bad");
	finds_not(b, "tmux", "line 1"); /* said once, with the advice that helps */
	assert_int_equal(unlink(path(b, "root/environment")), 0);
	finds(b, false, "environment", "is not there", "warn");
	finds(b, true, "environment", "made out of this shell's", "fixed");
	assert_true(exists(b, "root/environment"));
}

static void fix_adds_folders_and_keeps_what_the_user_wrote(void **state)
{
	struct bin *b = *state;
	const char *text;

	put_file(b, "root/environment",
		 "# mine\nHOME=/none\nexport EDITOR='vi -e'\nSHELL=/bin/sh\nPATH=/bin\n");
	finds(b, false, "environment", "PATH lacks folders", "warn");
	finds(b, true, "environment", "HOME is ", "fixed");
	text = file_text(b, "root/environment");
	must_have(text, "# mine\n");
	must_have(text, "export EDITOR='vi -e'\n");
	must_have(text, "PATH=/bin:");
	must_lack(text, "/none");
	finds_not(b, "environment", "PATH lacks folders");
	/* What runs inside a peer has no say in it. */
	put_file(b, "root/environment", "HOME=/tmp\nSHELL=/bin/sh\nPATH=/bin\n");
	run_env(b, "PEER_IDENTITY=shell-bob", "doctor", "--fix");
	assert_string_equal(file_text(b, "root/environment"),
			    "HOME=/tmp\nSHELL=/bin/sh\nPATH=/bin\n");
}

static void an_old_temporary_file_is_deleted_a_young_one_is_not(void **state)
{
	static const struct timeval old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	struct bin *b = *state;

	put_file(b, "root/state/lifecycle/.shell-bob.topic.77.1.tmp", "x");
	put_file(b, "root/state/lifecycle/.shell-bob.topic.77.2.tmp", "x");
	put_file(b, "root/state/lifecycle/not.tmp", "x");
	assert_int_equal(utimes(path(b, "root/state/lifecycle/.shell-bob.topic.77.1.tmp"), old), 0);
	assert_int_equal(utimes(path(b, "root/state/lifecycle/not.tmp"), old), 0);
	finds(b, false, "leftovers", ".shell-bob.topic.77.1.tmp", "warn");
	finds(b, true, "leftovers", ".shell-bob.topic.77.1.tmp", "fixed");
	assert_false(exists(b, "root/state/lifecycle/.shell-bob.topic.77.1.tmp"));
	assert_true(exists(b, "root/state/lifecycle/.shell-bob.topic.77.2.tmp"));
	assert_true(exists(b, "root/state/lifecycle/not.tmp"));
}

static void messages_put_aside_are_counted(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/state/lifecycle/shell-bob.queue/0000000001.json.bad", "x");
	finds(b, false, "queues", "1 message that could not be read was put aside", "warn");
	finds(b, true, "queues", "put aside", "warn");
	assert_true(exists(b, "root/state/lifecycle/shell-bob.queue/0000000001.json.bad"));
}

static void the_registry_follows_the_profile(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/peers/bob/.iapeer/peer-profile.json",
		 "{\"personality\":\"bob\",\"default_runtime\":\"shell\",\"runtimes\":[\"shell\","
		 "\"notifier\"],\"description\":\"by hand\"}");
	finds(b, false, "bob", "registry and profile differ: runtimes, description", "warn");
	finds(b, true, "bob", "the registry says what the profile says", "fixed");
	must_have(file_text(b, "root/peers-profiles.json"), "by hand");
	must_have(file_text(b, "root/peers-profiles.json"), "notifier");
	finds_not(b, "bob", "differ");
}

static void a_profile_that_is_wrong_is_bad(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/peers/bob/.iapeer/peer-profile.json", "{\"personality\":\"eve\"}");
	finds(b, false, "bob", "is eve's", "bad");
	put_file(b, "root/peers/bob/.iapeer/peer-profile.json", "{");
	finds(b, false, "bob", "peer-profile.json", "bad");
	assert_int_equal(unlink(path(b, "root/peers/bob/.iapeer/peer-profile.json")), 0);
	finds(b, false, "bob", "has no profile", "warn");
}

static void a_corrupt_registry_is_bad_and_left_alone(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/peers-profiles.json", "{");
	finds(b, true, "registry", "peers-profiles.json", "bad");
	assert_int_equal(b->status, 1);
	assert_string_equal(file_text(b, "root/peers-profiles.json"), "{");
}

static void a_lost_registry_comes_back_from_the_profiles(void **state)
{
	struct bin *b = *state;

	run(b, "create", "eve", "--runtime", "shell");
	assert_int_equal(unlink(path(b, "root/peers-profiles.json")), 0);
	finds(b, false, "registry", "it is gone, but there are profiles: bob, eve", "bad");
	finds(b, true, "bob", "registered again", "fixed");
	assert_int_equal(run(b, "show", "eve"), 0);
	/* Who removed a peer meant it. */
	assert_int_equal(run(b, "remove", "eve"), 0);
	assert_int_equal(run(b, "doctor", "--fix"), 0);
	assert_int_equal(run(b, "show", "eve"), 3);
}

static void the_daemon_of_the_reference_is_found_and_refused(void **state)
{
	struct bin *b = *state;
	char json[64];

	snprintf(json, sizeof json, "{\"pid\": %ld}", (long)getpid());
	put_file(b, "root/state/iapeer/router.json", json);
	finds(b, false, "daemon", "serves this root too", "bad");
	assert_int_equal(run(b, "supervise"), 5);
	snprintf(json, sizeof json, "pid %ld", (long)getpid());
	must_have(err_text_of(b), json);
	assert_int_equal(run(b, "supervise", "--install"), 5);
	assert_int_equal(run(b, "start", "bob", "--now"), 5);
	put_file(b, "root/state/iapeer/router.json", "{\"pid\": 2147483646}");
	finds_not(b, "daemon", "serves");
}

static void a_job_of_others_is_named(void **state)
{
	struct bin *b = *state;

	put_file(b, "Library/LaunchAgents/com.iapeer.bob.plist", "<plist><dict></dict></plist>");
	finds(b, false, "services", "bob is kept by ", "warn");
}

/* Which of the two depends on who we are. */
static void whether_a_death_by_memory_can_be_told_is_said(void **state)
{
	struct bin *b = *state;

	run(b, "doctor");
	must_have(out(b), "memory kills: they are recorded as ");
}

static void deaths_of_the_last_day_are_counted(void **state)
{
	struct bin *b = *state;
	char now[CLOCK_ISO_MAX], log[1024];

	clock_iso(clock_utc_ms(), now);
	snprintf(
	    log, sizeof log,
	    "ts=2020-01-01T00:00:00.000+00:00 ev=server-exit identity=shell-old cause=sigkill\n"
	    "ts=%s ev=server-exit identity=shell-bob cause=sigkill\n"
	    "ts=%s ev=session-exit identity=shell-bob status=0\n"
	    "ts=%s ev=session-exit identity=shell-eve status=1\n",
	    now, now, now);
	put_file(b, "root/logs/iapeer/exits.log", log);
	finds(b, false, "deaths", "1 of a tmux server, 1 of a program (shell-bob, shell-eve)",
	      "warn");
}

static void a_unit_that_would_end_the_peers_is_bad(void **state)
{
	struct bin *b = *state;

	put_file(b, ".config/systemd/user/iapeer.service",
		 "[Unit]\nX-Iapeer-Managed=true\n[Service]\nExecStart=/x supervise\n");
	finds(b, false, "service", "KillMode=control-group", "bad");
	assert_int_equal(run(b, "supervise", "--install"), 5); /* of another root */
	assert_int_equal(unlink(path(b, ".config/systemd/user/iapeer.service")), 0);
	assert_int_equal(run(b, "supervise", "--install"), 0);
	finds(b, false, "service", "KillMode=process", "ok");
	put_file(b, ".config/systemd/user/iapeer.service.d/x.conf", "[Service]\nKillMode=mixed\n");
	finds(b, false, "service", "KillMode=mixed", "bad");
}

/* ---- what dies with what ---- */

static void the_place_in_the_tree_says_what_ends_it(void **state)
{
	static const struct {
		const char *text;
		enum fate fate;
		const char *unit;
	} rows[] = {
	    {"0::/\n", FATE_MACHINE, ""},
	    {"0::/init.scope\n", FATE_MACHINE, ""},
	    {"", FATE_MACHINE, ""},
	    {"0::/user.slice/user-1000.slice/session-4.scope\n", FATE_LOGIN, "session-4.scope"},
	    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/iapeer.service\n",
	     FATE_USER_UNIT, "iapeer.service"},
	    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/iapeer.service/"
	     "shell-bob\n",
	     FATE_USER_UNIT, "iapeer.service"},
	    {"0::/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1.scope\n",
	     FATE_USER_MANAGER, "tmux-spawn-1.scope"},
	    {"0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", FATE_USER_MANAGER,
	     "init.scope"},
	    {"0::/system.slice/ssh.service\n", FATE_SYSTEM_UNIT, "ssh.service"},
	    {"0::/system.slice/docker-0123.scope\n", FATE_SYSTEM_UNIT, "docker-0123.scope"},
	    {"0::/docker/0123\n", FATE_MACHINE, ""},
	    {"4:memory:/user.slice\n1:name=systemd:/system.slice/cron.service\n0::/\n",
	     FATE_SYSTEM_UNIT, "cron.service"},
	    {"1:name=systemd:/\n0::/user.slice/user-1.slice/session-2.scope\n", FATE_LOGIN,
	     "session-2.scope"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fate_place p;
		char cgroup[256];

		fate_path(rows[i].text, cgroup, sizeof cgroup);
		fate_of(cgroup, &p);
		if (p.fate != rows[i].fate || strcmp(p.unit, rows[i].unit) != 0)
			fail_msg("%s: %d %s", rows[i].text, (int)p.fate, p.unit);
	}
}

static void what_may_surprise_is_a_warning_with_a_way_out(void **state)
{
	static const struct {
		enum fate fate;
		bool linger;
		const char *kill_mode;
		bool warns;
		const char *says;
	} rows[] = {
	    {FATE_MACHINE, false, "", false, "nothing but the end of the machine"},
	    {FATE_LOGIN, true, "", true, "one login, u"},
	    {FATE_USER_MANAGER, false, "", true, "last logout ends them"},
	    {FATE_USER_MANAGER, true, "", false, "logging out leaves them"},
	    {FATE_USER_UNIT, true, "process", false, "restarting u leaves them"},
	    {FATE_USER_UNIT, false, "process", true, "last logout ends them"},
	    {FATE_USER_UNIT, true, "control-group", true, "restarting u ends them"},
	    {FATE_USER_UNIT, true, "mixed", true, "restarting u ends them"},
	    {FATE_USER_UNIT, true, "", true, "restarting u ends them"},
	    {FATE_SYSTEM_UNIT, true, "", true, "restarting u may end them"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
		struct fate_place p = {.fate = rows[i].fate, .unit = "u"};
		struct fate_facts f = {
		    .linger = rows[i].linger, .kill_mode = rows[i].kill_mode, .user = "me"};
		const char *advice = "unset";
		bool warns = fate_text(&p, &f, &b, &advice);

		if (warns != rows[i].warns || (advice != NULL) != warns)
			fail_msg("row %zu: %s", i, buf_cstr(&b));
		must_have(buf_cstr(&b), rows[i].says);
	}
}

#define BOB(f) cmocka_unit_test_setup_teardown(f, with_bob, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    BOB(a_healthy_root_has_nothing_bad),
	    cmocka_unit_test_setup_teardown(without_a_root_it_makes_none, bin_setup, bin_teardown),
	    BOB(a_tmux_that_is_not_there_is_bad),
	    BOB(an_old_tmux_is_bad),
	    BOB(a_runtime_without_its_program_is_bad),
	    BOB(the_version_of_a_program_is_asked_and_waited_for_two_seconds),
	    BOB(a_file_open_to_others_is_narrowed),
	    BOB(a_link_below_the_root_is_bad),
	    BOB(a_dangling_binary_link_is_mended),
	    BOB(another_build_behind_the_link_is_a_warning),
	    BOB(the_environment_file_is_looked_at),
	    BOB(fix_adds_folders_and_keeps_what_the_user_wrote),
	    BOB(an_old_temporary_file_is_deleted_a_young_one_is_not),
	    BOB(messages_put_aside_are_counted),
	    BOB(the_registry_follows_the_profile),
	    BOB(a_profile_that_is_wrong_is_bad),
	    BOB(a_corrupt_registry_is_bad_and_left_alone),
	    BOB(a_lost_registry_comes_back_from_the_profiles),
	    BOB(the_daemon_of_the_reference_is_found_and_refused),
	    BOB(a_job_of_others_is_named),
	    BOB(whether_a_death_by_memory_can_be_told_is_said),
	    BOB(deaths_of_the_last_day_are_counted),
	    BOB(a_unit_that_would_end_the_peers_is_bad),
	    cmocka_unit_test(the_place_in_the_tree_says_what_ends_it),
	    cmocka_unit_test(what_may_surprise_is_a_warning_with_a_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
