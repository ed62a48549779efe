#include "iapeer/base/proc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LONG_MS  20000 /* a deadline that no healthy machine meets */

/* A fixed script with arguments behind it, run by the shell that every system has. */
static int run_script(const char *script, const struct strv *more, struct proc_opts opts,
		      struct proc_result *r, struct err *e)
{
	AUTO(strv_done) struct strv argv = STRV_INIT;

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	strv_add(&argv, "sh");
	for (size_t i = 0; more && i < more->n; i++)
		strv_add(&argv, more->v[i]);
	opts.file = "/bin/sh";
	opts.argv = strv_argv(&argv);
	if (!opts.deadline_ms)
		opts.deadline_ms = clock_mono_ms() + LONG_MS;
	return proc_run(&opts, r, e);
}

/* The script must run to its end; its output is in *r. */
static void script(const char *text, struct proc_result *r)
{
	struct err e = ERR_INIT;

	if (run_script(text, NULL, (struct proc_opts){.file = NULL}, r, &e) < 0)
		fail_msg("%s", e.msg);
}

static void output_error_and_status_come_back_apart(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;

	(void)state;
	script("echo out; echo err >&2; exit 3", &r);
	assert_string_equal(buf_cstr(&r.out), "out\n");
	assert_string_equal(buf_cstr(&r.err), "err\n");
	assert_true(WIFEXITED(r.status));
	assert_int_equal(WEXITSTATUS(r.status), 3);
	script("kill -TERM $$", &r);
	assert_true(WIFSIGNALED(r.status));
	assert_int_equal(WTERMSIG(r.status), SIGTERM);
	assert_int_equal(r.out.len, 0); /* a result that is used again is empty */
}

static void arguments_arrive_unchanged(void **state)
{
	static const char *const args[] = {
	    "",          "two words", "-n",          "--",        "$HOME `id` $(id)",
	    "a\"b'c\\d", "*",         "line\nbreak", "\x1b[31m",  "ü漢😀",
	    "; exit 9",  "~",         "\xff\xfe",    "trailing\\"};
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv v = STRV_INIT;
	AUTO(buf_done) struct buf expected = BUF_INIT(CAP_LINE);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(args); i++) {
		strv_add(&v, args[i]);
		buf_fmt(&expected, "<%s>", args[i]);
	}
	assert_int_equal(run_script("for a do printf '<%s>' \"$a\"; done", &v,
				    (struct proc_opts){.file = NULL}, &r, &e),
			 0);
	assert_string_equal(buf_cstr(&r.out), buf_cstr(&expected));
}

static void the_environment_is_exactly_the_given_one(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(setenv("IAPEER_TEST_LEAK", "leaked", 1), 0);
	strv_add(&env, "A=one two");
	assert_int_equal(run_script("echo \"$A/$IAPEER_TEST_LEAK\"", NULL,
				    (struct proc_opts){.envp = strv_argv(&env)}, &r, &e),
			 0);
	assert_string_equal(buf_cstr(&r.out), "one two/\n");
	script("echo \"$IAPEER_TEST_LEAK\"", &r);
	assert_string_equal(buf_cstr(&r.out), "leaked\n");
}

static void input_arrives_whole_and_a_child_that_reads_none_is_no_failure(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(buf_done) struct buf in = BUF_INIT(CAP_TEXT);
	struct proc_opts opts = {.out_max_bytes = CAP_TEXT};
	struct err e = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as main does */
	for (int i = 0; i < 60000; i++)
		buf_fmt(&in, "line %d\n", i); /* more than a pipe holds */
	opts.input = in.p;
	opts.input_len = in.len;
	assert_int_equal(run_script("cat", NULL, opts, &r, &e), 0);
	assert_int_equal(r.out.len, in.len);
	assert_memory_equal(r.out.p, in.p, in.len);
	assert_int_equal(run_script("exec <&-; exit 4", NULL, opts, &r, &e), 0);
	assert_int_equal(WEXITSTATUS(r.status), 4);
	opts.input_len = 0;
	assert_int_equal(run_script("cat; echo end", NULL, opts, &r, &e), 0);
	assert_string_equal(buf_cstr(&r.out), "end\n");
	script("cat; echo end", &r); /* no input: /dev/null */
	assert_string_equal(buf_cstr(&r.out), "end\n");
}

static void a_child_past_its_deadline_is_killed_and_reaped(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	struct proc_opts opts = {.deadline_ms = clock_mono_ms() + 300};
	int64_t begin = clock_mono_ms();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    run_script("trap '' TERM INT; while :; do sleep 1; done", NULL, opts, &r, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_true(clock_mono_ms() - begin >= 290 && clock_mono_ms() - begin < 10000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

static void output_beyond_the_cap_is_dropped_and_the_child_not_held_up(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	struct proc_opts opts = {.out_max_bytes = 1000};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
	    run_script(
		"i=0; while [ $i -lt 40000 ]; do echo 0123456789; i=$((i+1)); done; echo done >&2; "
		"exit 5",
		NULL, opts, &r, &e),
	    0);
	assert_int_equal(WEXITSTATUS(r.status), 5);
	assert_int_equal(r.out.len, 1000);
	assert_memory_equal(r.out.p, "0123456789\n0", 12);
	assert_string_equal(buf_cstr(&r.err), "done\n");
}

static void a_flood_does_not_push_the_deadline_away(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	struct proc_opts opts = {.out_max_bytes = 1000, .deadline_ms = clock_mono_ms() + 500};
	int64_t begin = clock_mono_ms();
	struct err e = ERR_INIT;

	(void)state;
	alarm(30); /* a reader that never comes back must fail, not hang */
	assert_int_equal(run_script("exec yes", NULL, opts, &r, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_true(clock_mono_ms() - begin < 10000);
	alarm(0);
}

/* The pid that a script printed; killed by whoever asks. */
static void kill_printed(const struct buf *out)
{
	pid_t pid = (pid_t)strtol(buf_cstr(out), NULL, 10);

	assert_true(pid > 1);
	kill(pid, SIGKILL);
}

static void a_grandchild_that_keeps_the_pipe_does_not_keep_us(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	int64_t begin = clock_mono_ms();

	(void)state;
	script("sleep 60 & echo $!; exit 6", &r);
	assert_true(clock_mono_ms() - begin < 10000);
	assert_int_equal(WEXITSTATUS(r.status), 6);
	kill_printed(&r.out);
}

static void a_grandchild_that_floods_the_pipe_does_not_keep_us(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	int64_t begin = clock_mono_ms();

	(void)state;
	alarm(30);
	script("yes 2>&- & echo $! >&2; exit 6", &r);
	assert_true(clock_mono_ms() - begin < 10000);
	assert_int_equal(WEXITSTATUS(r.status), 6);
	kill_printed(&r.err);
	alarm(0);
}

static void signals_are_reset_for_the_child(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	sigset_t term;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &term, NULL), 0);
	script("kill -PIPE $$; echo survived", &r);
	assert_true(WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGPIPE);
	script("kill -TERM $$; echo survived", &r);
	assert_true(WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGTERM);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &term, NULL), 0);
}

static void what_cannot_be_started_is_an_error(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	char name[] = "none";
	char *const argv[] = {name, NULL};
	struct proc_opts opts = {
	    .file = "/nonexistent/none", .argv = argv, .deadline_ms = clock_mono_ms() + LONG_MS};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(proc_run(&opts, &r, &e), -1);
	assert_int_equal(e.code, ERR_FAILED);
	assert_non_null(strstr(e.msg, "/nonexistent/none"));
}

static void a_hundred_runs_leave_no_descriptor_behind(void **state)
{
	struct err e = ERR_INIT;
	int before[2], after[2];

	(void)state;
	assert_int_equal(plat_pipe(before, &e), 0);
	for (int i = 0; i < 100; i++) {
		AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;

		script(i % 2 ? "echo x" : "exit 1", &r);
	}
	assert_int_equal(plat_pipe(after, &e), 0);
	assert_int_equal(after[0], before[1] + 1);
	for (int i = 0; i < 2; i++) {
		close(before[i]);
		close(after[i]);
	}
}

static void what_is_detached_has_its_own_session_and_the_ready_end_as_3(void **state)
{
	char sh[] = "sh", c[] = "-c", text[] = "read x; echo $$ >&3; sleep 60";
	char *const argv[] = {sh, c, text, NULL};
	struct err e = ERR_INIT;
	char said[32] = "";
	int ready[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(plat_pipe(ready, &e), 0);
	assert_int_equal(proc_detach("/bin/sh", argv, ready[1], &pid, &e), 0);
	close(ready[1]);
	assert_true(read(ready[0], said, sizeof(said) - 1) > 0);
	assert_int_equal(strtol(said, NULL, 10), pid);
	assert_int_equal(getsid(pid), pid);
	assert_int_equal(kill(-pid, SIGKILL), 0); /* it leads its group */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
}

/* ---- proc_find, proc_split, texts ---- */

static void put_program(const char *dir, const char *name, mode_t mode)
{
	struct err e = ERR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(fs_write_soft(AT_FDCWD, path, "", 0, 0600, &e), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void a_program_is_found_along_the_path_only_if_it_can_run(void **state)
{
	char dir[64], path[200], expected[128], found[128] = "";
	struct err e = ERR_INIT;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/iapeer-proc.XXXXXX", P_tmpdir);
	assert_non_null(mkdtemp(dir));
	put_program(dir, "tool", 0700);
	put_program(dir, "text", 0600);
	snprintf(path, sizeof(path), "/nonexistent::%s:/bin", dir);
	snprintf(expected, sizeof(expected), "%s/tool", dir);
	assert_int_equal(proc_find("tool", path, found, sizeof(found), &e), 0);
	assert_string_equal(found, expected);
	assert_int_equal(proc_find(expected, NULL, found, sizeof(found), &e), 0);
	assert_string_equal(found, expected);
	assert_int_equal(proc_find("text", path, found, sizeof(found), &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(proc_find("tool", "", found, sizeof(found), &e), -1);
	assert_int_equal(proc_find("tool", NULL, found, sizeof(found), &e), -1);
	assert_int_equal(proc_find("", path, found, sizeof(found), &e), -1);
	assert_int_equal(proc_find("/nonexistent/tool", path, found, sizeof(found), &e), -1);
	assert_int_equal(fs_remove_tree(AT_FDCWD, dir, &e), 0);
}

static void words_are_split_as_a_shell_splits_them(void **state)
{
	static const struct {
		const char *text, *words; /* each in <>; NULL: refused */
	} rows[] = {
	    {"", ""},
	    {"  \t\n", ""},
	    {"a b", "<a><b>"},
	    {"  a   b  ", "<a><b>"},
	    {"a\tb\nc", "<a><b><c>"},
	    {"\"two words\" x", "<two words><x>"},
	    {"'two words' x", "<two words><x>"},
	    {"'' \"\"", "<><>"},
	    {"a\"b c\"d", "<ab cd>"},
	    {"a'b c'd", "<ab cd>"},
	    {"'a\\b'", "<a\\b>"},
	    {"\"a\\\"b\"", "<a\"b>"},
	    {"\"a\\\\b\"", "<a\\b>"},
	    {"\"a\\nb\"", "<a\\nb>"},
	    {"a\\ b", "<a b>"},
	    {"\\\"", "<\">"},
	    {"\\'", "<'>"},
	    {"'it'\\''s'", "<it's>"},
	    {"$HOME `id` *", "<$HOME><`id`><*>"},
	    {"--model x --flag=\"a b\"", "<--model><x><--flag=a b>"},
	    {"ü '漢 字'", "<ü><漢 字>"},
	    {"a # b", "<a><#><b>"},
	    {"\"open", NULL},
	    {"'open", NULL},
	    {"a 'b\"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(strv_done) struct strv v = STRV_INIT;
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
		struct err e = ERR_INIT;
		int rc = proc_split(rows[i].text, &v, &e);

		if (rc != (rows[i].words ? 0 : -1))
			fail_msg("%s: %d", rows[i].text, rc);
		assert_int_equal(e.code, rc ? ERR_CORRUPT : ERR_NONE);
		for (size_t k = 0; !rc && k < v.n; k++)
			buf_fmt(&b, "<%s>", v.v[k]);
		if (!rc)
			assert_string_equal(buf_cstr(&b), rows[i].words);
	}
}

static void an_end_is_told_in_words(void **state)
{
	static const struct {
		const char *script, *text;
	} rows[] = {{"exit 0", "exit 0"},
		    {"exit 3", "exit 3"},
		    {"kill -KILL $$", "killed by signal 9 (SIGKILL)"},
		    {"kill -TERM $$", "killed by signal 15 (SIGTERM)"},
		    {"kill -HUP $$", "killed by signal 1 (SIGHUP)"}};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;

		script(rows[i].script, &r);
		proc_status_text(r.status, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
	}
	assert_string_equal(proc_signal_name(SIGKILL), "SIGKILL");
	assert_string_equal(proc_signal_name(SIGSEGV), "SIGSEGV");
	assert_null(proc_signal_name(0));
	assert_null(proc_signal_name(40));
	assert_null(proc_signal_name(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(output_error_and_status_come_back_apart),
	    cmocka_unit_test(arguments_arrive_unchanged),
	    cmocka_unit_test(the_environment_is_exactly_the_given_one),
	    cmocka_unit_test(input_arrives_whole_and_a_child_that_reads_none_is_no_failure),
	    cmocka_unit_test(a_child_past_its_deadline_is_killed_and_reaped),
	    cmocka_unit_test(output_beyond_the_cap_is_dropped_and_the_child_not_held_up),
	    cmocka_unit_test(a_flood_does_not_push_the_deadline_away),
	    cmocka_unit_test(a_grandchild_that_keeps_the_pipe_does_not_keep_us),
	    cmocka_unit_test(a_grandchild_that_floods_the_pipe_does_not_keep_us),
	    cmocka_unit_test(signals_are_reset_for_the_child),
	    cmocka_unit_test(what_cannot_be_started_is_an_error),
	    cmocka_unit_test(a_hundred_runs_leave_no_descriptor_behind),
	    cmocka_unit_test(what_is_detached_has_its_own_session_and_the_ready_end_as_3),
	    cmocka_unit_test(a_program_is_found_along_the_path_only_if_it_can_run),
	    cmocka_unit_test(words_are_split_as_a_shell_splits_them),
	    cmocka_unit_test(an_end_is_told_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
