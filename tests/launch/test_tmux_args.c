/* The exact words that tmux is given: nothing of a name, a folder or a message becomes a command.
 * Without a tmux. */
#include "iapeer/launch/tmux.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* ---- a tmux that only remembers (fake/fake_tmux.c) ---- */

static struct tmux fake(const struct world *w, const char *script)
{
	struct tmux t = {.pane = "%3"};
	char self[LAYOUT_PATH];

	OK(plat_self_exe(self, sizeof self, e));
	*strrchr(self, '/') = '\0';
	snprintf(t.bin, sizeof t.bin, "%.490s/fake_tmux", self);
	str_cut(t.socket, sizeof t.socket, world_path(w, "s"));
	world_write(w, "s.script", script);
	return t;
}

/* Call n of the log as one text, its words parted by |; those of the first three are left out when
 * they are as always. */
static char *call(const struct world *w, size_t n)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_OUTPUT);
	char always[LAYOUT_PATH];

	OK(fs_read(AT_FDCWD, world_path(w, "s.log"), &b, e));
	for (size_t i = 0; i < b.len; i++) {
		if (i > 0 && b.p[i] == '\n' && b.p[i - 1] == '\0') {
			if (n-- == 0)
				break;
			buf_cut(&out, 0);
			continue;
		}
		buf_chr(&out, b.p[i] ? b.p[i] : '|');
	}
	snprintf(always, sizeof always, "tmux|-S|%.250s|", world_path(w, "s"));
	assert_true(str_starts(buf_cstr(&out), always));
	return xstrdup(buf_cstr(&out) + strlen(always));
}

static void called_with(const struct world *w, size_t n, const char *want)
{
	auto_free char *got = call(w, n);

	assert_string_equal(got, want);
}

static int64_t soon(void)
{
	return clock_mono_ms() + 5000;
}

/* ---- the start ---- */

static const char hook[] =
    "run-shell '\"$IAPEER_ROOT/bin/iapeer\" _hook \"$PEER_IDENTITY\" pane-died --pane=#{hook_pane} "
    "--pid=#{pane_pid} --server=#{pid} "
    "--status=#{pane_dead_status} --signal=#{pane_dead_signal}; exit 0' ; kill-ses";

/* What the alias for that word makes of it. */
static void add_alias(struct buf *out, int n, const char *word, const char *command)
{
	buf_fmt(
	    out,
	    ";|set-option|-s|command-alias[%d]|%s=run-shell '\"$IAPEER_ROOT/bin/iapeer\" _hook "
	    "\"$PEER_IDENTITY\" kill-asked --server=#{pid} --command=%s; exit 0' ; run-shell -b "
	    "-d 1 '\"$IAPEER_ROOT/bin/iapeer\" _hook \"$PEER_IDENTITY\" kill-over "
	    "--server=#{pid}; exit 0' ; %s|",
	    n, word, command, command);
}

static void add_aliases(struct buf *out)
{
	/* Behind the hook: its own kill-ses must never be a witness's concern. */
	add_alias(out, 900, "kill-server", "kill-server");
	add_alias(out, 901, "kill-session", "kill-session");
	add_alias(out, 902, "kill-window", "kill-window");
	add_alias(out, 903, "killw", "kill-window");
	add_alias(out, 904, "kill-pane", "kill-pane");
	add_alias(out, 905, "killp", "kill-pane");
}

static void a_start_is_one_call_of_exactly_these_words(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct tmux t = fake(w, "0 out\n1 1 %0 /dev/pts/9\n");
	struct tmux_start s = {.session = "shell-bob",
			       .workdir = "/w",
			       .argv = &argv,
			       .envp = &env,
			       .panelog_max_bytes = 16777216,
			       .panelog_keep = 2};
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_TEXT);
	struct tmux_started out;

	strv_add(&argv, "/bin/bash");
	OK(tmux_new_session(&t, &s, soon(), &out, e));
	buf_fmt(&want,
		"-f|/dev/null|new-session|-d|-s|shell-bob|-x|220|-y|50|-c|/"
		"w|--|env|-u|TMUX|-u|TMUX_PANE|/bin/bash|;|"
		"set-option|-p|remain-on-exit|on|;|set-hook|-p|pane-died|%s|",
		hook);
	add_aliases(&want);
	buf_str(&want, ";|pipe-pane|exec \"$IAPEER_ROOT/bin/iapeer\" _panelog "
		       "\"$PEER_IDENTITY\" --max-bytes=16777216 --keep=2|");
	buf_str(&want, ";|display-message|-p|#{pid} #{pane_pid} #{pane_id} #{pane_tty}|");
	called_with(w, 0, buf_cstr(&want));
	assert_string_equal(out.pane_id, "%0");
	assert_string_equal(out.pane_tty, "/dev/pts/9");
	assert_int_equal(out.server.pid, 1);
	s.conf = "/r/tmux.conf";
	OK(tmux_new_session(&t, &s, soon(), &out, e) == 0 || e->code == ERR_FAILED ? 0 : -1);
	auto_free char *second = call(w, 1);
	assert_true(str_starts(second, "-f|/r/tmux.conf|new-session|"));
}

static void a_server_of_somebody_elses_is_told_the_same(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_TEXT);
	struct tmux t = fake(w, "");

	OK(tmux_retrofit(&t, "/a root;", "shell-bob", soon(), e));
	buf_fmt(
	    &want,
	    "set-environment|-g|IAPEER_ROOT|/a root\\;|;|set-option|-g|@iapeer_root|/a root\\;|;|"
	    "set-environment|-g|PEER_IDENTITY|shell-bob|;|set-option|-p|-t|%%3|remain-on-exit|on|;|"
	    "set-hook|-p|-t|%%3|pane-died|%s|",
	    hook);
	add_aliases(&want);
	called_with(w, 0, buf_cstr(&want));
}

static void hostile_words_stay_words(void **state)
{
	static const struct {
		const char *dir, *dir_sent, *arg, *arg_sent;
	} rows[] = {
	    {"/a#(touch pwned) 'b\"c", "/a##(touch pwned) 'b\"c", "plain", "plain"},
	    {"/#{pid}/##", "/##{pid}/####", "ends;", "ends\\;"},
	    {"/ends;", "/ends\\;", ";", "\\;"},
	    {"/%H$HOME`id`", "/%H$HOME`id`", "a;b", "a;b"},
	    {"/a\nb", "/a\nb", "back\\;", "back\\\\;"},
	    {"/;;", "/;\\;", "", ""},
	    {"/#", "/##", "#(id)", "#(id)"},
	    {"/#[a]##[b]#", "/#[a]##[b]##", "x", "x"},
	    {"/x", "/x", "--", "--"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(strv_done) struct strv argv = STRV_INIT;
		AUTO(strv_done) struct strv env = STRV_INIT;
		AUTO(buf_done) struct buf dir = BUF_INIT(CAP_TEXT);
		AUTO(buf_done) struct buf args = BUF_INIT(CAP_TEXT);
		struct tmux t = fake(w, "");
		struct tmux_start s = {
		    .session = "shell-bob", .workdir = rows[i].dir, .argv = &argv, .envp = &env};
		struct tmux_started out;

		strv_add(&argv, "/bin/sh");
		strv_add(&argv, rows[i].arg);
		FAILS(ERR_FAILED,
		      tmux_new_session(&t, &s, soon(), &out, e)); /* it answers nothing */
		auto_free char *got = call(w, i);
		buf_fmt(&dir, "|-c|%s|--|env|", rows[i].dir_sent);
		buf_fmt(&args, "|/bin/sh|%s|;|set-option|", rows[i].arg_sent);
		HAS(got, buf_cstr(&dir));
		HAS(got, buf_cstr(&args));
	}
}

/* ---- text and keys ---- */

static void a_message_goes_by_standard_input_only(void **state)
{
	static const char text[] = "kill-server ; #(touch pwned)\n$(id)\033[201~";
	struct world *w = *state;
	struct tmux t = fake(w, "");

	OK(tmux_paste(&t, text, sizeof text - 1, soon(), e));
	called_with(w, 0,
		    "load-buffer|-b|iapeer|-|;|copy-mode|-q|-t|%3|;|if-shell|-F|-t|%3|#{pane_dead}|"
		    "delete-buffer -b iapeer ; display-message -p dead|"
		    "paste-buffer -p -r -d -b iapeer -t %3|");
	auto_free char *input = world_read(w, "s.stdin");
	assert_string_equal(input, text);
}

static void keys_are_pressed_behind_the_end_of_copy_mode(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv keys = STRV_INIT;
	struct tmux t = fake(w, "");

	strv_add(&keys, "Enter");
	strv_add(&keys, ";");
	OK(tmux_keys(&t, &keys, soon(), e));
	called_with(w, 0, "copy-mode|-q|-t|%3|;|send-keys|-t|%3|Enter|\\;|");
}

static void the_session_is_named_exactly(void **state)
{
	struct world *w = *state;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	struct tmux t = fake(w, "0 out\n--\n0 out\n");

	OK(tmux_kill_session(&t, "shell-bob", soon(), e));
	called_with(w, 0, "kill-ses|-t|=shell-bob:|");
	tmux_attach_argv(&t, "shell-bob", true, "hi", &argv);
	assert_int_equal(argv.n, 12);
	assert_string_equal(argv.v[3], "attach-session");
	assert_string_equal(argv.v[4], "-r");
	assert_string_equal(argv.v[6], "=shell-bob:");
	assert_string_equal(argv.v[7], ";");
	assert_string_equal(argv.v[11], "hi");
	assert_null(argv.v[12]);
}

static void a_look_is_one_call(void **state)
{
	struct world *w = *state;
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};
	struct tmux t = fake(w, "0 out\n7 3 50 1 2 01699999990 01700000000\n\n  first row\n--\n0 "
				"out\n0 0 50 0 0 0 01700000000\nx\n");

	OK(tmux_look(&t, false, soon(), &k, e));
	called_with(w, 0,
		    "display-message|-p|-t|%3|#{cursor_x} #{cursor_y} #{pane_height} "
		    "#{pane_in_mode} #{session_attached} 0#{session_last_attached} "
		    "0#{session_activity}|"
		    ";|capture-pane|-p|-e|-t|%3|");
	assert_int_equal(k.cursor_x, 7);
	assert_int_equal(k.cursor_y, 3);
	assert_int_equal(k.height, 50);
	assert_true(k.in_mode && k.attached);
	assert_int_equal(k.last_input_ms, INT64_C(1700000000000));
	assert_string_equal(buf_cstr(&k.screen),
			    "\n  first row\n"); /* an empty first row is a row */
	OK(tmux_look(&t, true, soon(), &k, e));
	auto_free char *history = call(w, 1);
	assert_true(str_ends(history, "|-S|-|"));
	assert_false(k.in_mode || k.attached);
	assert_int_equal(k.last_input_ms, 0); /* nobody ever attached: its activity is its start */
}

/* ---- what it says ---- */

static void what_tmux_says_becomes_a_code(void **state)
{
	static const struct {
		const char *script;
		enum err_code code;
	} rows[] = {
	    {"1 err\nno server running on /x\n", ERR_NOT_FOUND},
	    {"1 err\nerror connecting to /x (No such file or directory)\n", ERR_NOT_FOUND},
	    {"1 err\ncan't find session: x\n", ERR_NOT_FOUND},
	    {"1 err\ncan't find pane: %3\n", ERR_NOT_FOUND},
	    {"1 err\nduplicate session: x\n", ERR_REFUSED},
	    {"1 err\nsomething else\nsecond line\n", ERR_FAILED},
	    {"1 err\nserver exited unexpectedly\n", ERR_FAILED}, /* it may have heard us */
	    {"1 out\nsays it on the wrong side\n", ERR_FAILED},
	    {"0 out\ndead\n", ERR_NOT_FOUND}, /* asked before the paste: nothing went in */
	    {"3 out\n", ERR_FAILED},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tmux t = fake(w, rows[i].script);

		OK(fs_unlink(AT_FDCWD, world_path(w, "s.log"), e));
		FAILS(rows[i].code, tmux_paste(&t, "x", 1, soon(), e));
		assert_null(strchr(last_err.msg, '\n'));
		HAS(last_err.msg, "tmux paste-buffer: ");
	}
}

static void a_limit_of_the_machine_is_named(void **state)
{
	struct world *w = *state;
	struct tmux t =
	    fake(w, "1 err\ncreate window failed: fork failed: No space left on device\n"
		    "--\n1 err\nfork failed: Resource temporarily unavailable\n");

	FAILS(ERR_FAILED, tmux_paste(&t, "x", 1, soon(), e));
	HAS(last_err.msg, "kernel.pty.max");
	FAILS(ERR_FAILED, tmux_paste(&t, "x", 1, soon(), e));
	HAS(last_err.msg, "ulimit -u");
}

static void a_server_that_is_gone_has_no_session_to_kill(void **state)
{
	struct world *w = *state;
	struct tmux t = fake(w, "1 err\nno server running on /x\n--\n1 err\ncan't find session: "
				"shell-bob\n--\n1 err\nno\n");

	OK(tmux_kill_session(&t, "shell-bob", soon(), e));
	OK(tmux_kill_session(&t, "shell-bob", soon(), e));
	FAILS(ERR_FAILED, tmux_kill_session(&t, "shell-bob", soon(), e));
}

static void a_tmux_that_does_not_answer_is_given_up(void **state)
{
	struct world *w = *state;
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};
	struct tmux t = fake(w, "hang\n");
	int64_t from = clock_mono_ms();

	FAILS(ERR_TIMEOUT, tmux_look(&t, false, from + 200, &k, e));
	assert_in_range(clock_mono_ms() - from, 190, 2000);
}

static void an_answer_that_makes_no_sense_is_an_error(void **state)
{
	static const char *const answers[] = {"0 out\n", "0 out\nx\n", "0 out\n0 0 %0 /dev/pts/1\n",
					      "0 out\n-5 7 %0 /dev/pts/1\n", "0 out\n1 1\n"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};
		struct tmux t = fake(w, answers[i]);
		struct tmux_started s;

		OK(fs_unlink(AT_FDCWD, world_path(w, "s.log"), e));
		FAILS(ERR_FAILED, tmux_session_facts(&t, "shell-bob", soon(), &s, e));
		OK(fs_unlink(AT_FDCWD, world_path(w, "s.log"), e));
		FAILS(ERR_FAILED, tmux_look(&t, false, soon(), &k, e));
	}
}

static void how_a_dead_pane_ended_is_read_with_either_number_missing(void **state)
{
	static const struct {
		const char *answer;
		int status, signal;
	} rows[] = {{"0 out\ns3 g\n", 3, -1},
		    {"0 out\ns g11\n", -1, 11},
		    {"0 out\ns g\n", -1, -1},
		    {"0 out\ns0 g\n", 0, -1},
		    {"0 out\n\n", -1, -1}};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tmux t = fake(w, rows[i].answer);
		int status = 99, signal = 99;

		OK(fs_unlink(AT_FDCWD, world_path(w, "s.log"), e));
		OK(tmux_dead_pane(&t, soon(), &status, &signal, e));
		assert_int_equal(status, rows[i].status);
		assert_int_equal(signal, rows[i].signal);
	}
}

static void a_lost_pipe_is_set_again_and_a_good_one_left_alone(void **state)
{
	struct world *w = *state;
	struct tmux t = fake(w, "0 out\n1\n--\n0 out\n0\n--\n0 out\n");
	bool lost = true;

	OK(tmux_heal_pipe(&t, 1000, 2, soon(), &lost, e));
	assert_false(lost);
	OK(tmux_heal_pipe(&t, 1000, 2, soon(), &lost, e));
	assert_true(lost);
	called_with(
	    w, 2,
	    "pipe-pane|-t|%3|r=#{q:@iapeer_root}; IAPEER_ROOT=\"${r:-$IAPEER_ROOT}\"; export "
	    "IAPEER_ROOT; exec \"$IAPEER_ROOT/bin/iapeer\" _panelog #{session_name} "
	    "--max-bytes=1000 --keep=2|");
}

/* ---- the binary ---- */

static void an_old_tmux_is_refused(void **state)
{
	static const struct {
		const char *says;
		bool good;
	} rows[] = {{"tmux 3.3a", true},   {"tmux 3.2", true},   {"tmux next-3.5", true},
		    {"tmux 4.0", true},    {"tmux 3.1c", false}, {"tmux 2.9a", false},
		    {"tmux master", true}, {"tmux 3.10", true}};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[128], version[64];
		const char *bin;
		struct err e = ERR_INIT;

		snprintf(text, sizeof text, "#!/bin/sh\necho '%s'\n", rows[i].says);
		bin = world_script(w, "tmux", text);
		if ((tmux_version(bin, soon(), version, sizeof version, &e) == 0) != rows[i].good)
			fail_msg("%s", rows[i].says);
		assert_string_equal(version, rows[i].says);
		assert_int_equal(e.code, rows[i].good ? ERR_NONE : ERR_REFUSED);
	}
}

static void the_binary_is_found_along_the_path_or_where_it_is_said(void **state)
{
	struct world *w = *state;
	char out[LAYOUT_PATH];
	const char *bin = world_script(w, "tmux", "#!/bin/sh\n");

	OK(tmux_find("", w->dir, out, e));
	assert_string_equal(out, bin);
	OK(tmux_find(bin, "/nowhere", out, e));
	assert_string_equal(out, bin);
	FAILS(ERR_NOT_FOUND, tmux_find("tmux-that-nobody-has", w->dir, out, e));
	HAS(last_err.hint, "IAPEER_TMUX_BIN");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_start_is_one_call_of_exactly_these_words),
	    TEST(a_server_of_somebody_elses_is_told_the_same),
	    TEST(hostile_words_stay_words),
	    TEST(a_message_goes_by_standard_input_only),
	    TEST(keys_are_pressed_behind_the_end_of_copy_mode),
	    TEST(the_session_is_named_exactly),
	    TEST(a_look_is_one_call),
	    TEST(what_tmux_says_becomes_a_code),
	    TEST(a_limit_of_the_machine_is_named),
	    TEST(a_server_that_is_gone_has_no_session_to_kill),
	    TEST(a_tmux_that_does_not_answer_is_given_up),
	    TEST(an_answer_that_makes_no_sense_is_an_error),
	    TEST(how_a_dead_pane_ended_is_read_with_either_number_missing),
	    TEST(a_lost_pipe_is_set_again_and_a_good_one_left_alone),
	    TEST(an_old_tmux_is_refused),
	    TEST(the_binary_is_found_along_the_path_or_where_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
