/* start, stop, errors, help and output: the built program on a private root, no keeper needed. */
#include "runbin.h"

#include "iapeer/base/banned.h"

#define STOPPED "root/state/lifecycle/shell-bob.stopped"

static int with_bob(void **state)
{
	if (bin_setup(state) < 0)
		return -1;
	return run((struct bin *)*state, "create", "bob", "--runtime", "shell");
}

static void stop_leaves_a_flag_and_may_be_said_twice(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	assert_int_equal(run(b, "stop", "bob", "--json"), 0);
	j = reply(b);
	assert_string_equal(text_of(json_at(json_get(j, "results"), 0), "action"), "stopped");
	assert_true(exists(b, STOPPED));
	assert_int_equal(run(b, "stop", "bob"), 0);
	assert_string_equal(out(b), "bob (shell): stopped\n");
}

static void start_clears_the_flag_and_leaves_the_park_mark(void **state)
{
	struct bin *b = *state;

	run(b, "stop", "bob");
	put_file(b, "root/state/lifecycle/shell-bob.idle-reaped", "2026-01-01T00:00:00Z");
	put_file(b, "root/state/lifecycle/shell-bob.deaths", "[1,2,3]");
	assert_int_equal(run(b, "start", "bob", "--json"), 0);
	must_have(out(b), "\"action\":\"started\"");
	assert_false(exists(b, STOPPED));
	assert_true(exists(b, "root/state/lifecycle/shell-bob.idle-reaped"));
	assert_int_equal(run(b, "start", "bob"), 0);
	must_have(out(b), "asleep, wakes with the next message");
}

static void all_means_every_registered_peer_and_no_other(void **state)
{
	struct bin *b = *state;

	run(b, "create", "ann", "--runtime", "shell", "--tag", "t");
	assert_int_equal(run(b, "stop", "--all"), 0);
	put_file(b, "root/state/lifecycle/shell-gone.stopped", "x");
	assert_int_equal(run(b, "start", "--all"), 0);
	assert_false(exists(b, STOPPED));
	assert_false(exists(b, "root/state/lifecycle/shell-ann.stopped"));
	assert_true(exists(b, "root/state/lifecycle/shell-gone.stopped"));
	assert_int_equal(run(b, "stop", "@t"), 0);
	assert_true(exists(b, "root/state/lifecycle/shell-ann.stopped"));
	assert_false(exists(b, STOPPED));
}

static void a_wrong_target_changes_nothing(void **state)
{
	static const struct {
		const char *words[4];
		int status;
		const char *said;
	} rows[] = {{{"stop"}, 2, "name a peer"},
		    {{"start"}, 2, "name a peer"},
		    {{"stop", "bob", "--all"}, 2, "which"},
		    {{"stop", "bbo"}, 3, "did you mean bob?"},
		    {{"start", "bbo"}, 3, "did you mean bob?"},
		    {{"new", "bbo"}, 3, "did you mean bob?"},
		    {{"stop", "bob", "claude"}, 5, "undeclared runtime"},
		    {{"new", "bob", "claude"}, 5, "undeclared runtime"},
		    {{"stop", "bob", "bob"}, 5, "bob is a peer: one at a time"},
		    {{"stop", "@none"}, 3, "no peer has the tag"},
		    {{"stop", "@none", "shell"}, 2, "not with a tag"}};
	struct bin *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (bin_run_env(b, NULL, rows[i].words) != rows[i].status)
			fail_msg("%s %s: exit %d", rows[i].words[0], rows[i].words[1], b->status);
		must_have(err_text_of(b), rows[i].said);
		assert_false(exists(b, STOPPED));
	}
}

static void new_on_wake_only_marks(void **state)
{
	struct bin *b = *state;

	run(b, "stop", "bob");
	assert_int_equal(run(b, "new", "bob", "--on-wake", "--json"), 0);
	must_have(out(b), "\"action\":\"fresh-next\"");
	assert_true(exists(b, "root/state/lifecycle/shell-bob.fresh-next"));
	assert_true(exists(b, STOPPED));
}

static void new_is_not_for_services(void **state)
{
	struct bin *b = *state;

	run(b, "create", "svc", "--runtime", "notifier");
	assert_int_equal(run(b, "new", "svc"), 5);
	must_have(err_text_of(b), "iapeer stop svc && iapeer start --now svc");
	assert_false(exists(b, "root/state/lifecycle/notifier-svc.new-eager"));
}

static void help_runs_nothing(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "stop", "bob", "--help"), 0);
	must_have(out(b), "usage: iapeer stop");
	assert_int_equal(run(b, "stop", "-h", "bob"), 0);
	assert_false(exists(b, STOPPED));
	assert_int_equal(run(b, "remove", "bob", "-h"), 0);
	assert_int_equal(run(b, "show", "bob"), 0);
	assert_int_equal(run(b, "version", "--help"), 0);
	must_have(out(b), "usage: iapeer version");
	assert_int_equal(run(b, "supervise", "--help"), 0);
}

static void help_has_four_names(void **state)
{
	struct bin *b = *state;
	char page[8192];

	assert_int_equal(run(b, "help"), 0);
	snprintf(page, sizeof page, "%s", out(b));
	must_have(page, "\n  send ");
	assert_int_equal(run(b, "-h"), 0);
	assert_string_equal(out(b), page);
	assert_int_equal(run(b, "--help"), 0);
	assert_string_equal(out(b), page);
	assert_int_equal(run(b, "help", "help"), 0);
	assert_int_equal(run(b, "help", "sned"), 2);
	must_have(err_text_of(b), "iapeer help send");
}

static void a_verb_that_there_is_not_is_a_usage_error(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "lst"), 2);
	assert_string_equal(err_text_of(b),
			    "iapeer: lst: no such verb\n  did you mean `iapeer list`?\n");
	assert_string_equal(out(b), "");
	assert_int_equal(run(b, "lst", "--json"), 2);
	must_have(out(b), "{\"error\":{\"code\":\"usage\",\"message\":\"lst: no such "
			  "verb\",\"hint\":\"did you mean");
	must_have(err_text_of(b), "iapeer: lst: no such verb\n");
	assert_int_equal(bin_run_env(b, NULL, (const char *const[]){NULL}), 2);
	assert_int_equal(run(b, "--json", "list"), 2);
	must_have(err_text_of(b), "options stand behind the verb");
}

static void an_error_is_one_line_and_a_hint(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "show", "bbo\n\x1b[31m"), 2);
	must_lack(err_text_of(b), "\x1b");
	assert_int_equal(run(b, "show", "bbo"), 3);
	assert_string_equal(err_text_of(b),
			    "iapeer: show bbo: no such peer: bbo\n  did you mean bob?\n");
	assert_int_equal(run(b, "show", "bbo", "--json"), 3);
	must_have(out(b),
		  "{\"error\":{\"code\":\"not-found\",\"message\":\"show bbo: no such peer: bbo\"");
}

static void version_names_its_build(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	assert_int_equal(run(b, "version", "--json"), 0);
	j = reply(b);
	assert_int_equal(strlen(text_of(j, "build")), 12);
	must_have(text_of(j, "compiler"), " ");
	must_have(text_of(j, "libuv"), "1.");
	must_have(text_of(j, "cjson"), "1.");
	must_have(text_of(j, "ncurses"), ".");
	assert_int_equal(run(b, "--version"), 0);
	must_have(out(b), "iapeer 0.");
}

/* The program with its standard output somewhere else: the shell opens it. */
static int run_into(struct bin *b, const char *script)
{
	AUTO(strv_done) struct strv argv = STRV_INIT, env = STRV_INIT;
	struct err e = ERR_INIT;
	struct proc_opts o = {.file = "/bin/sh"};

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	strv_add(&argv, getenv("IAPEER_BIN"));
	bin_env(b, &env);
	o.argv = strv_argv(&argv);
	o.envp = strv_argv(&env);
	o.deadline_ms = clock_mono_ms() + 30000;
	proc_result_done(&b->r);
	b->r = (struct proc_result)PROC_RESULT_INIT;
	if (proc_run(&o, &b->r, &e) < 0)
		fail_msg("%s", e.msg);
	return WEXITSTATUS(b->r.status);
}

static void a_full_disk_does_not_look_like_success(void **state)
{
	struct bin *b = *state;

	if (access("/dev/full", W_OK) < 0)
		skip();
	assert_int_equal(run_into(b, "\"$0\" list >/dev/full"), 1);
	must_have(err_text_of(b), "write standard output");
	assert_int_equal(run_into(b, "\"$0\" list >&-"), 1);
}

static void nobody_reading_any_more_is_no_error(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run_into(b, "{ sleep 0.2; \"$0\" help; echo $? >&2; } | true"), 0);
	assert_string_equal(err_text_of(b), "0\n");
}

static void no_old_line_is_wanted_by_who_asks_for_none(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/logs/iapeer/lifecycle.log",
		 "ts=2026-01-01T00:00:00.000Z ev=wake identity=shell-bob\n");
	assert_int_equal(run(b, "logs"), 0);
	must_have(out(b), "ev=wake");
	assert_int_equal(run(b, "logs", "--last", "0"), 0);
	assert_string_equal(out(b), "");
}

static void deaths_are_read_from_the_log(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	const struct json *list;

	assert_int_equal(run(b, "deaths"), 0);
	assert_string_equal(out(b), "no deaths on record\n");
	put_file(
	    b, "root/logs/iapeer/exits.log",
	    "ts=2026-01-01T00:00:00.000+00:00 ev=server-exit identity=shell-bob server_pid=12 "
	    "cause=sigkill evidence=observed "
	    "signal=SIGKILL death_id=x forensics=f\n"
	    "ts=2026-01-01T00:00:01.000+00:00 ev=session-exit identity=shell-bob pid=3 status=3\n"
	    "ts=2026-01-01T00:00:02.000+00:00 ev=session-exit identity=shell-big-bob pid=3 "
	    "signal=SIGSEGV\n"
	    "ts=2026-01-01T00:00:03.000+00:00 ev=other identity=shell-bob\n");
	assert_int_equal(run(b, "deaths", "bob", "--json"), 0);
	j = reply(b);
	list = json_get(j, "deaths");
	assert_int_equal(json_len(list), 2);
	assert_string_equal(text_of(json_at(list, 0), "class"), "server-dead");
	assert_string_equal(text_of(json_at(list, 0), "cause"), "sigkill");
	assert_string_equal(text_of(json_at(list, 1), "class"), "session-gone");
	assert_string_equal(text_of(json_at(list, 1), "cause"), "exit-3");
	assert_int_equal(run(b, "deaths"), 0);
	must_have(out(b), "sigsegv");
	assert_int_equal(run(b, "deaths", "nobody"), 3);
}

static void servers_that_died_together_are_one_line(void **state)
{
	AUTO(buf_done) struct buf log = BUF_INIT(CAP_STATE);
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	const struct json *list;

	assert_int_equal(run(b, "deaths"), 0);
	buf_str(&log, "ts=2026-01-01T00:00:00.000+00:00 ev=server-exit identity=shell-old "
		      "cause=sigkill evidence=observed death_id=o\n");
	for (int i = 0; i < 7; i++)
		buf_fmt(&log,
			"ts=2026-01-01T00:10:0%d.500+00:00 ev=server-exit identity=shell-m%d "
			"cause=sigkill evidence=observed signal=SIGKILL death_id=m%d\n",
			i, i, i);
	buf_str(&log, "ts=2026-01-01T00:10:07.000+00:00 ev=server-exit identity=shell-bob "
		      "cause=kill-server evidence=observed exit=0 command=kill-session "
		      "asker=\"shell-eve: tmux < bash\" death_id=b\n");
	put_file(b, "root/logs/iapeer/exits.log", buf_cstr(&log));
	assert_int_equal(run(b, "deaths"), 0);
	assert_string_equal(
	    out(b),
	    "2026-01-01T00:00:00.000+00:00  shell-old  server   sigkill      observed\n"
	    "2026-01-01T00:10:00.500+00:00  7 at once  servers  sigkill      observed  shell-m0, "
	    "shell-m1, shell-m2, shell-m3, shell-m4 and 2 more\n"
	    "2026-01-01T00:10:07.000+00:00  shell-bob  server   kill-server  observed  "
	    "kill-session, asked by shell-eve: tmux < bash; one of 8 at once\n");
	assert_int_equal(run(b, "deaths", "bob", "--json"), 0);
	j = reply(b);
	list = json_get(j, "deaths");
	assert_int_equal(json_len(list), 1);
	assert_string_equal(text_of(json_at(list, 0), "asker"), "shell-eve: tmux < bash");
	assert_string_equal(text_of(json_at(list, 0), "command"), "kill-session");
	must_have(out(b), "\"burst\":8");
}

static void attach_needs_a_terminal_and_run_a_peers_folder(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "attach", "bob"), 2);
	must_have(err_text_of(b), "iapeer read");
	assert_int_equal(chdir(b->dir), 0);
	assert_int_equal(run(b, "run"), 3);
	must_have(err_text_of(b), "iapeer init");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(run(b, "interrupt", "bob"), 1);
	must_have(err_text_of(b), "is not live");
	assert_int_equal(run(b, "read", "bob"), 1);
	assert_int_equal(run(b, "read", "bob", "--screen"), 1);
}

static void read_shows_the_end_of_the_log_without_controls(void **state)
{
	struct bin *b = *state;

	put_file(b, "root/logs/lifecycle/shell-bob.log",
		 "one\r\n\x1b[31mtwo\x1b[0m\r\nthree\r\n\r\n");
	assert_int_equal(run(b, "read", "bob", "--last", "2"), 0);
	assert_string_equal(out(b), "two\nthree\n");
	assert_int_equal(run(b, "read", "bob"), 0);
	assert_string_equal(out(b), "one\ntwo\nthree\n");
	assert_int_equal(run(b, "read", "bob", "--last", "0"), 2);
}

static void a_watch_over_any_server_is_asked_for_in_words(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "canary", "status", "--identity", "x-y", "--socket", "/tmp/none"),
			 0);
	assert_string_equal(out(b), "none\n");
	assert_int_equal(run(b, "canary", "disarm", "--identity", "x-y", "--socket", "/tmp/none"),
			 0);
	assert_string_equal(out(b), "none\n");
	assert_int_equal(run(b, "canary", "ensure", "--identity", "x-y", "--socket", "/tmp/none"),
			 0);
	assert_string_equal(out(b), "skipped\n");
	assert_int_equal(run_env(b, "IAPEER_CANARY=off", "canary", "ensure", "--identity=x-y",
				 "--socket=/tmp/none", "--log-dir=/tmp"),
			 0);
	assert_string_equal(out(b), "skipped\n");
	assert_int_equal(run(b, "canary", "ensure", "--identity=x-y",
			     "--socket=/tmp/no-such-socket", "--log-dir=/tmp"),
			 1);
	assert_string_equal(out(b), "failed\n");
	assert_int_equal(
	    run(b, "canary", "end-session", "--identity=x-y", "--socket=/tmp/no-such-socket"), 0);
	assert_string_equal(out(b), "none\n");
	assert_int_equal(run(b, "canary", "status", "--identity", "x-y"), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, with_bob, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(stop_leaves_a_flag_and_may_be_said_twice),
	    T(start_clears_the_flag_and_leaves_the_park_mark),
	    T(all_means_every_registered_peer_and_no_other),
	    T(a_wrong_target_changes_nothing),
	    T(new_on_wake_only_marks),
	    T(new_is_not_for_services),
	    T(help_runs_nothing),
	    T(help_has_four_names),
	    T(a_verb_that_there_is_not_is_a_usage_error),
	    T(an_error_is_one_line_and_a_hint),
	    T(version_names_its_build),
	    T(a_full_disk_does_not_look_like_success),
	    T(nobody_reading_any_more_is_no_error),
	    T(no_old_line_is_wanted_by_who_asks_for_none),
	    T(deaths_are_read_from_the_log),
	    T(servers_that_died_together_are_one_line),
	    T(attach_needs_a_terminal_and_run_a_peers_folder),
	    T(read_shows_the_end_of_the_log_without_controls),
	    T(a_watch_over_any_server_is_asked_for_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
