/* tmux.c against the tmux that is installed, on private sockets. */
#include "iapeer/launch/tmux.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scratch.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/session.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

static int64_t soon(void)
{
	return clock_mono_ms() + 10000;
}

/* What a start needs. */
struct boot {
	struct tmux t;
	struct strv argv, env;
	struct tmux_start start;
	struct tmux_started out;
};

static void boot_done(struct boot *b)
{
	strv_done(&b->argv);
	strv_done(&b->env);
}

static void prepare(struct world *w, struct boot *b, const char *dir, const char *const *argv)
{
	static const char *const fixed[] = {
	    "A=1", "B=two words", "C=#{pid} $HOME ;", "PEER_IDENTITY=shell-bob", "TMUX=/other,1,0",
	    NULL};

	world_peer(w, "bob", NULL);
	*b = (struct boot){.t = {.pane = ""}};
	str_cut(b->t.bin, sizeof b->t.bin, world_tmux_bin());
	OK(layout_socket(&w->l, &w->id, b->t.socket, e));
	for (size_t i = 0; fixed[i]; i++)
		strv_add(&b->env, fixed[i]);
	strv_fmt(&b->env, "PATH=%s", getenv("PATH"));
	strv_fmt(&b->env, "IAPEER_ROOT=%s", w->l.root);
	strv_add(&b->env, "IAPEER_TEST_SANDBOX=1");
	strv_fmt(&b->env, "HOME=%s", world_path(w, "home"));
	for (; *argv; argv++)
		strv_add(&b->argv, *argv);
	b->start = (struct tmux_start){.session = "shell-bob",
				       .workdir = dir,
				       .argv = &b->argv,
				       .envp = &b->env,
				       .panelog_max_bytes = 1 << 20,
				       .panelog_keep = 1};
}

static void boot(struct boot *b)
{
	OK(tmux_new_session(&b->t, &b->start, soon(), &b->out, e));
	str_cut(b->t.pane, sizeof b->t.pane, b->out.pane_id);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char *proc_file(pid_t pid, const char *what, size_t *out_len)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	char path[64];

	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, what);
	OK(fs_read(AT_FDCWD, path, &b, e));
	*out_len = b.len;
	return memcpy(xcalloc(1, b.len + 1), buf_cstr(&b), b.len);
}

/* NUL separated -> lines. */
static char *proc_words(pid_t pid, const char *what)
{
	size_t n;
	char *s = proc_file(pid, what, &n);

	for (size_t i = 0; i < n; i++)
		if (!s[i])
			s[i] = '\n';
	return s;
}

static bool runs(const struct tmux_started *s, const char *program)
{
	struct proc_info info;

	OK(plat_proc_info(s->pane.pid, &info, e));
	return strcmp(info.name, program) == 0;
}

/* ---- the start ---- */

static void a_hostile_folder_is_a_folder(void **state)
{
	static const char *const dirs[] = {"a#(touch pwned) 'b\"c",
					   "#{pid}##[bold]",
					   "%H %Y",
					   "ends;",
					   "-c",
					   "$HOME `id`",
					   "~",
					   "new\nline",
					   "\xc3\xa9\xf0\x9f\x8e\x89"};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		AUTO(boot_done) struct boot b;
		char cwd[LAYOUT_PATH] = "", link[64];
		const char *dir = world_path(w, dirs[i]);

		OK(fs_mkdirs(AT_FDCWD, dir, e));
		prepare(w, &b, dir, WORDS("/bin/cat"));
		boot(&b);
		snprintf(link, sizeof link, "/proc/%ld/cwd", (long)b.out.pane.pid);
		/* The child goes there between fork and exec. */
		EVENTUALLY(runs(&b.out, "cat"));
		assert_true(readlink(link, cwd, sizeof cwd - 1) > 0);
		assert_string_equal(cwd, world_path(w, dirs[i]));
		assert_false(world_exists(w, "pwned"));
		OK(tmux_kill_session(&b.t, "shell-bob", soon(), e));
		assert_true(plat_exit_wait(b.out.server, soon()));
	}
}

static void arguments_arrive_word_by_word(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;

	NEEDS_TMUX();
	prepare(w, &b, w->dir,
		WORDS(world_script(w, "prog", "#!/bin/sh\nexec cat - \"$@\"\n"), "ends;", ";",
		      "#(touch pwned)", "", "a b", "back\\;", "\xc3\xa9", "--", "$HOME"));
	boot(&b);
	auto_free char *words = NULL;
	EVENTUALLY((free(words), words = proc_words(b.out.pane.pid, "cmdline"),
		    strncmp(words, "cat\n", 4) == 0));
	assert_string_equal(
	    words, "cat\n-\nends;\n;\n#(touch pwned)\n\na b\nback\\;\n\xc3\xa9\n--\n$HOME\n");
	assert_false(world_exists(w, "pwned"));
}

static bool of_tmux(const char *line)
{
	static const char *const own[] = {
	    "TERM=", "TERM_PROGRAM=", "TERM_PROGRAM_VERSION=", "COLORTERM=", "PWD=", "SHELL="};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (str_starts(line, own[i]))
			return true;
	return false;
}

static void the_environment_is_what_was_given_and_nothing_else(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	size_t given = 0;

	NEEDS_TMUX();
	setenv("SECRET_OF_THE_CALLER", "hunter2", 1);
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	boot(&b);
	EVENTUALLY(runs(&b.out, "cat"));
	auto_free char *env = proc_words(b.out.pane.pid, "environ");
	assert_null(strstr(env, "hunter2"));
	assert_null(strstr(env, "TMUX="));
	assert_null(strstr(env, "TMUX_PANE="));
	for (char *line = env, *nl; *line; line = nl + 1) {
		nl = line + strcspn(line, "\n");
		*nl = '\0';
		if (strv_has(&b.env, line))
			given++;
		else if (!of_tmux(line))
			fail_msg("not given: %s", line);
	}
	assert_int_equal(given, b.env.n - 1); /* all but TMUX */
	/* Anybody may read a server's arguments, for life. */
	auto_free char *words = proc_words(b.out.server.pid, "cmdline");
	assert_null(strstr(words, "two words"));
	unsetenv("SECRET_OF_THE_CALLER");
}

static void a_second_start_finds_the_first(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	struct tmux_started again;

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	boot(&b);
	FAILS(ERR_REFUSED, tmux_new_session(&b.t, &b.start, soon(), &again, e));
	HAS(last_err.msg, "duplicate session");
	OK(tmux_session_facts(&b.t, "shell-bob", soon(), &again, e));
	assert_int_equal(again.server.pid, b.out.server.pid);
	assert_int_equal(again.server.birth, b.out.server.birth);
	assert_int_equal(again.pane.pid, b.out.pane.pid);
	assert_string_equal(again.pane_id, b.out.pane_id);
	assert_string_equal(again.pane_tty, b.out.pane_tty);
	FAILS(ERR_FAILED, tmux_session_facts(&b.t, "shell-bo", soon(), &again,
					     e)); /* a prefix is another name */
}

/* ---- what watches it ---- */

static void the_log_gets_what_the_program_prints_from_its_first_byte(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	char log[LAYOUT_PATH], rel[LAYOUT_PATH + 8];

	NEEDS_TMUX();
	prepare(w, &b, w->dir,
		WORDS(world_script(w, "prog", "#!/bin/sh\necho first; echo second; exec cat\n")));
	boot(&b);
	layout_pane_log(&w->id, log);
	snprintf(rel, sizeof rel, "r/%s", log);
	EVENTUALLY(world_size(w, rel) >= 15);
	auto_free char *text = world_read(w, rel);
	assert_string_equal(text, "first\r\nsecond\r\n");
}

static void the_hook_reports_the_end_and_the_server_goes(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	char want[128];

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS(world_script(w, "prog", "#!/bin/sh\nread x; exit 7\n")));
	boot(&b);
	TMUX(w, "send-keys", "-t", "%0", "Enter");
	EVENTUALLY(plat_proc_state(b.out.pane) == PROC_GONE);
	if (!plat_exit_wait(b.out.server, clock_mono_ms() + 1000))
		OK(plat_signal(b.out.server, SIGCHLD,
			       e)); /* tmux 3.3 may have missed it (lifecycle/step_end.c) */
	assert_true(plat_exit_wait(b.out.server, soon()));
	snprintf(want, sizeof want, "ev=session-exit identity=shell-bob pid=%ld status=7",
		 (long)b.out.pane.pid);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), want), 1);
}

static void without_the_binary_the_session_ends_all_the_same(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;

	NEEDS_TMUX();
	OK(fs_unlink(w->l.root_fd, LAYOUT_BINARY, e));
	prepare(w, &b, w->dir, WORDS(world_script(w, "prog", "#!/bin/sh\nread x; exit 7\n")));
	boot(&b);
	TMUX(w, "send-keys", "-t", "%0", "Enter");
	EVENTUALLY(plat_proc_state(b.out.pane) == PROC_GONE);
	if (!plat_exit_wait(b.out.server, clock_mono_ms() + 1000))
		OK(plat_signal(b.out.server, SIGCHLD, e));
	assert_true(plat_exit_wait(b.out.server, soon()));
}

static void a_persons_own_split_ends_without_a_word(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	boot(&b);
	TMUX(w, "split-window", "-t", "%0", "exit 0");
	auto_free char *panes = NULL;
	EVENTUALLY((free(panes), panes = world_tmux(w, WORDS("list-panes", "-F", "#{pane_id}")),
		    strcmp(panes, "%0\n") == 0));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=session-exit"), 0);
	assert_int_equal(plat_proc_state(b.out.pane), PROC_RUNNING);
}

/* ---- look, paste, keys ---- */

static bool screen_has(const struct tmux *t, const char *text)
{
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};

	OK(tmux_look(t, true, soon(), &k, e));
	return strstr(buf_cstr(&k.screen), text) != NULL;
}

static void a_look_shows_screen_cursor_and_mode(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};

	NEEDS_TMUX();
	prepare(
	    w, &b, w->dir,
	    WORDS(world_script(
		w, "prog",
		"#!/bin/sh\nprintf '\\n\\n  caf\\303\\251 \\033[31mred\\033[0m> '\nexec cat\n")));
	boot(&b);
	EVENTUALLY(screen_has(&b.t, ">"));
	OK(tmux_look(&b.t, false, soon(), &k, e));
	assert_int_equal(k.cursor_y, 2);
	assert_int_equal(k.cursor_x, 12);
	assert_int_equal(k.height, 50);
	assert_false(k.in_mode || k.attached);
	assert_true(str_starts(buf_cstr(&k.screen), "\n\n  caf\xc3\xa9 \033[31mred\033[39m>"));
	TMUX(w, "copy-mode", "-t", "%0");
	OK(tmux_look(&b.t, false, soon(), &k, e));
	assert_true(k.in_mode);
}

static void text_and_keys_arrive_also_out_of_copy_mode(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	AUTO(strv_done) struct strv enter = STRV_INIT;

	NEEDS_TMUX();
	strv_add(&enter, "Enter");
	prepare(w, &b, w->dir, WORDS(world_script(w, "prog", "#!/bin/sh\nexec cat >got\n")));
	boot(&b);
	EVENTUALLY(world_exists(w, "got"));
	TMUX(w, "copy-mode", "-t", "%0");
	OK(tmux_paste(&b.t, "; kill-server #{pid}\n\tsecond", 28, soon(), e));
	TMUX(w, "copy-mode", "-t", "%0");
	OK(tmux_keys(&b.t, &enter, soon(), e));
	EVENTUALLY(world_size(w, "got") == 29);
	auto_free char *got = world_read(w, "got");
	assert_string_equal(got, "; kill-server #{pid}\n\tsecond\n");
}

static void nothing_is_said_where_no_program_listens(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	boot(&b);
	TMUX(w, "set-hook", "-p", "-u", "-t", "%0", "pane-died");
	OK(plat_signal(b.out.pane, SIGKILL, e));
	EVENTUALLY(tmux_paste(&b.t, "x", 1, soon(), &last_err) < 0); /* tmux 3.3a dies of that */
	assert_int_equal(last_err.code, ERR_NOT_FOUND);
	str_cut(b.t.pane, sizeof b.t.pane, "%9");
	FAILS(ERR_NOT_FOUND, tmux_paste(&b.t, "x", 1, soon(), e));
	FAILS(ERR_NOT_FOUND, tmux_look(&b.t, false, soon(), &k, e));
	OK(tmux_kill_session(&b.t, "shell-bob", soon(), e));
	assert_true(plat_exit_wait(b.out.server, soon()));
	FAILS(ERR_NOT_FOUND, tmux_look(&b.t, false, soon(), &k, e));
	OK(tmux_kill_session(&b.t, "shell-bob", soon(), e)); /* gone is done */
}

/* ---- servers ---- */

static void who_listens_is_found_without_a_tmux(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	struct proc_ref server = {.pid = 0};

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	FAILS(ERR_NOT_FOUND, tmux_server_of(b.t.socket, &server, e));
	boot(&b);
	OK(tmux_server_of(b.t.socket, &server, e));
	assert_int_equal(server.pid, b.out.server.pid);
	assert_int_equal(server.birth, b.out.server.birth);
	OK(plat_signal(server, SIGKILL, e));
	assert_true(plat_exit_wait(server, soon()));
	assert_true(fs_exists(AT_FDCWD, b.t.socket));
	FAILS(ERR_NOT_FOUND, tmux_server_of(b.t.socket, &server, e));
	world_write(w, "plain", "x");
	FAILS(ERR_NOT_FOUND, tmux_server_of(world_path(w, "plain"), &server, e));
}

static void a_stopped_server_is_given_up_in_time(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};
	int64_t from;

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	boot(&b);
	OK(tmux_look(&b.t, false, soon(), &k, e));
	OK(plat_signal(b.out.server, SIGSTOP, e));
	EVENTUALLY(plat_proc_state(b.out.server) == PROC_STOPPED);
	from = clock_mono_ms();
	FAILS(ERR_TIMEOUT, tmux_look(&b.t, false, from + 200, &k, e));
	assert_in_range(clock_mono_ms() - from, 190, 2000);
	OK(plat_signal(b.out.server, SIGCONT, e));
	OK(tmux_look(&b.t, false, soon(), &k, e));
}

static void a_lost_pipe_is_set_again(void **state)
{
	struct world *w = *state;
	AUTO(boot_done) struct boot b;
	bool lost = true;

	NEEDS_TMUX();
	prepare(w, &b, w->dir, WORDS("/bin/cat"));
	boot(&b);
	OK(tmux_heal_pipe(&b.t, 1 << 20, 1, soon(), &lost, e));
	assert_false(lost);
	TMUX(w, "pipe-pane", "-t", "%0");
	OK(tmux_heal_pipe(&b.t, 1 << 20, 1, soon(), &lost, e));
	assert_true(lost);
	OK(tmux_heal_pipe(&b.t, 1 << 20, 1, soon(), &lost, e));
	assert_false(lost);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_hostile_folder_is_a_folder),
	    TEST(arguments_arrive_word_by_word),
	    TEST(the_environment_is_what_was_given_and_nothing_else),
	    TEST(a_second_start_finds_the_first),
	    TEST(the_log_gets_what_the_program_prints_from_its_first_byte),
	    TEST(the_hook_reports_the_end_and_the_server_goes),
	    TEST(without_the_binary_the_session_ends_all_the_same),
	    TEST(a_persons_own_split_ends_without_a_word),
	    TEST(a_look_shows_screen_cursor_and_mode),
	    TEST(text_and_keys_arrive_also_out_of_copy_mode),
	    TEST(nothing_is_said_where_no_program_listens),
	    TEST(who_listens_is_found_without_a_tmux),
	    TEST(a_stopped_server_is_given_up_in_time),
	    TEST(a_lost_pipe_is_set_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
