/* Starting a program, waiting until it takes input, ending it. */
#include "iapeer/launch/launch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scratch.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/pane.h"
#include "iapeer/launch/ready.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

struct start {
	struct profile profile;
	struct manifest manifest;
	struct session session;
	struct launch_in in;
};

static void start_free(struct start **s)
{
	profile_done(&(*s)->profile);
	manifest_done(&(*s)->manifest);
	free(*s);
}

/* On the heap: a manifest is more than a frame should hold. */
static struct start *prepare(struct world *w, const char *bin)
{
	struct start *s = xcalloc(1, sizeof *s);

	s->in.cause = "first-wake";
	world_peer(w, "bob", bin);
	profile_init(&s->profile);
	OK(manifest_load(&w->l, "shell", &s->manifest, e));
	s->in.layout = &w->l;
	s->in.settings = &w->s;
	s->in.record = registry_find(&w->r, "bob");
	s->in.profile = &s->profile;
	s->in.manifest = &s->manifest;
	s->in.id = w->id;
	return s;
}

/* Start it and put the session on record, so that the teardown finds it. */
static void start(struct world *w, struct start *s)
{
	OK(launch_start(&s->in, clock_mono_ms() + 10000, &s->session, e));
	OK(session_save(&w->l, &s->session, e));
}

static int ready(struct world *w, struct start *s, int64_t ms, struct err *e)
{
	AUTO(pane_done) struct pane p = PANE_INIT;

	if (pane_open(&p, &w->l, &w->s, &s->manifest, &s->session, e) < 0)
		return -1;
	return pane_wait_ready(&p, clock_mono_ms() + ms, e);
}

/* ---- ready ---- */

static void each_shell_is_ready_at_its_prompt(void **state)
{
	static const struct {
		const char *name, *script;
	} rows[] = {
	    {"bash", "#!/bin/sh\nexec bash --norc\n"},
	    {"bash that takes its time",
	     "#!/bin/sh\nread -t 0.2 x </dev/tty 2>/dev/null\nexec bash --norc\n"},
	    {"dash", "#!/bin/sh\nPS1='dash> ' exec dash -i\n"},
	    {"a prompt without a newline", "#!/bin/sh\nprintf 'name: '\nexec cat\n"},
	    {"a banner first", "#!/bin/sh\nseq 200\nexec bash --norc\n"},
	};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(start_free) struct start *s = NULL;
		int64_t from = clock_mono_ms();

		s = prepare(w, world_script(w, "prog", rows[i].script));
		start(w, s);
		if (ready(w, s, 8000, &last_err) < 0)
			fail_msg("%s: %s", rows[i].name, last_err.msg);
		print_message("%s: %lld ms\n", rows[i].name, (long long)(clock_mono_ms() - from));
		assert_int_equal(session_liveness(&s->session), LIVE_YES);
		OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000, e));
	}
}

static void a_program_that_dies_at_once_is_reported_with_what_it_said(void **state)
{
	static const char *const scripts[] = {"#!/bin/sh\necho no licence\nexit 3\n",
					      "#!/bin/sh\necho no licence >&2\nkill -9 $$\n",
					      "#!/bin/sh\nprintf '\\033[31mno licence\\033[0m'\n"};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		AUTO(start_free) struct start *s = NULL;

		s = prepare(w, world_script(w, "prog", scripts[i]));
		start(w, s);
		FAILS(ERR_FAILED, ready(w, s, 8000, e));
		HAS(last_err.msg, "ended while it started");
		HAS(last_err.msg, "no licence");
		assert_null(strchr(last_err.msg, '\033'));
		OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000, e));
	}
}

static void an_earlier_sessions_words_are_not_this_ones(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;

	NEEDS_TMUX();
	s = prepare(w, world_script(w, "prog", "#!/bin/sh\necho of yesterday\nexit 3\n"));
	start(w, s);
	FAILS(ERR_FAILED, ready(w, s, 8000, e));
	OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000, e));
	start_free(&s);
	s = prepare(w, world_script(w, "prog", "#!/bin/sh\nexit 4\n"));
	start(w, s);
	FAILS(ERR_FAILED, ready(w, s, 8000, e));
	assert_null(strstr(last_err.msg, "yesterday"));
}

static void a_program_that_never_prompts_is_given_up_in_time(void **state)
{
	static const char *const scripts[] = {"#!/bin/sh\nexec sleep 60\n",
					      "#!/bin/sh\necho loading...\nsleep 60 & wait\n"};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		AUTO(start_free) struct start *s = NULL;
		int64_t from;

		s = prepare(w, world_script(w, "prog", scripts[i]));
		start(w, s);
		from = clock_mono_ms();
		if (i == 0)
			FAILS(ERR_TIMEOUT, ready(w, s, 300, e));
		else if (ready(w, s, 300, &last_err) < 0)
			HAS(last_err.msg, "loading");
		assert_true(clock_mono_ms() - from < 2000);
		OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000, e));
	}
}

/* ---- what is started ---- */

static void the_session_on_record_proves_itself(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;
	char socket[LAYOUT_PATH];

	NEEDS_TMUX();
	s = prepare(w, NULL);
	start(w, s);
	OK(layout_socket(&w->l, &w->id, socket, e));
	assert_string_equal(s->session.socket, socket);
	assert_string_equal(s->session.cwd, world_path(w, "bob"));
	assert_string_equal(s->session.mode, "fresh");
	assert_string_equal(s->session.cause, "first-wake");
	assert_string_equal(s->session.pane_id, "%0");
	assert_true(str_starts(s->session.pane_tty, "/dev/"));
	assert_false(s->session.ready);
	assert_int_equal(session_liveness(&s->session), LIVE_YES);
	assert_int_equal(s->session.log_start, 0);
}

static void the_workdir_of_the_profile_wins_over_the_folder(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;

	NEEDS_TMUX();
	s = prepare(w, NULL);
	OK(fs_mkdirs(AT_FDCWD, world_path(w, "repo"), e));
	str_cut(s->profile.workdir, sizeof s->profile.workdir, world_path(w, "repo"));
	start(w, s);
	assert_string_equal(s->session.cwd, world_path(w, "repo"));
	str_cut(s->profile.workdir, sizeof s->profile.workdir, world_path(w, "nowhere"));
	FAILS(ERR_FAILED, launch_start(&s->in, clock_mono_ms() + 5000, &s->session, e));
	HAS(last_err.msg, "nowhere");
}

static void environment_manifest_and_launch_env_come_together(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;

	s = prepare(w, NULL);
	OK(fs_mkdirs(AT_FDCWD, world_path(w, "bob/.iapeer/runtimes/shell"), e));
	world_write(w, "bob/.iapeer/runtimes/shell/launch.env",
		    "# a comment\nMINE='two "
		    "words'\nPEER_IDENTITY=claude-eve\nTMUX=/"
		    "x\nFROM_MANIFEST=mine\nPEER_START_ARGS=--norc '-x y'\n");
	strv_add(&s->manifest.env, "FROM_MANIFEST=its");
	strv_add(&s->manifest.env, "ALSO=a=b");
	OK(launch_environment(&s->in, &env, &args, e));
	assert_string_equal(environment_get(&env, "MINE"), "two words");
	assert_string_equal(environment_get(&env, "PEER_IDENTITY"), "shell-bob");
	assert_string_equal(environment_get(&env, "PEER_PERSONALITY"), "bob");
	assert_string_equal(environment_get(&env, "PEER_RUNTIME"), "shell");
	assert_string_equal(environment_get(&env, "IAPEER_ROOT"), w->l.root);
	assert_string_equal(environment_get(&env, "FROM_MANIFEST"), "mine");
	assert_string_equal(environment_get(&env, "ALSO"), "a=b");
	assert_string_equal(environment_get(&env, "HOME"), world_path(w, "home"));
	assert_null(environment_get(&env, "TMUX"));
	assert_null(environment_get(&env, "TMUX_PANE"));
	assert_int_equal(args.n, 2);
	assert_string_equal(args.v[1], "-x y");
	/* Somebody else's words are not run as us. */
	assert_int_equal(chmod(world_path(w, "bob/.iapeer/runtimes/shell/launch.env"), 0646), 0);
	FAILS(ERR_REFUSED, launch_environment(&s->in, &env, &args, e));
	assert_int_equal(chmod(world_path(w, "bob/.iapeer/runtimes/shell/launch.env"), 0640), 0);
	OK(launch_environment(&s->in, &env, &args, e));
	world_write(w, "bob/.iapeer/runtimes/shell/launch.env", "no equals sign\n");
	FAILS(ERR_CORRUPT, launch_environment(&s->in, &env, &args, e));
}

static void a_session_that_somebody_else_started_is_taken(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;
	struct session second;

	NEEDS_TMUX();
	s = prepare(w, NULL);
	start(w, s);
	OK(launch_start(&s->in, clock_mono_ms() + 10000, &second, e));
	assert_int_equal(second.server.pid, s->session.server.pid);
	assert_int_equal(second.pane.pid, s->session.pane.pid);
}

/* ---- the end ---- */

static void whatever_ignores_its_end_is_ended(void **state)
{
	static const char *const scripts[] = {
	    "#!/bin/sh\nprintf '> '\nexec cat\n",
	    "#!/bin/sh\ntrap '' HUP TERM INT\nprintf '> '\nwhile :; do read x; done\n"};
	struct world *w = *state;

	NEEDS_TMUX();
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		AUTO(start_free) struct start *s = NULL;

		s = prepare(w, world_script(w, "prog", scripts[i]));
		start(w, s);
		OK(ready(w, s, 8000, e));
		OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000, e));
		assert_int_equal(plat_proc_state(s->session.server), PROC_GONE);
		assert_int_equal(plat_proc_state(s->session.pane), PROC_GONE);
		assert_false(fs_exists(AT_FDCWD, s->session.socket));
		OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000,
			      e)); /* twice is once */
	}
}

static void a_server_without_its_socket_is_ended(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;

	NEEDS_TMUX();
	s = prepare(w, NULL);
	start(w, s);
	OK(fs_unlink(AT_FDCWD, s->session.socket, e));
	OK(launch_end(&w->l, &w->s, &s->session, clock_mono_ms() + 5000, e));
	assert_int_equal(plat_proc_state(s->session.server), PROC_GONE);
}

static void a_deleted_socket_is_made_again(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;
	AUTO(pane_done) struct pane p = PANE_INIT;
	AUTO(tmux_look_done) struct tmux_look k = {.cursor_x = -1};

	NEEDS_TMUX();
	s = prepare(w, NULL);
	start(w, s);
	OK(ready(w, s, 8000, e));
	OK(fs_unlink(AT_FDCWD, s->session.socket, e));
	OK(pane_open(&p, &w->l, &w->s, &s->manifest, &s->session, e));
	assert_true(fs_exists(AT_FDCWD, s->session.socket));
	OK(tmux_look(&p.tmux, false, clock_mono_ms() + 5000, &k, e));
}

/* A folder tells of names alone, on Linux too as it is asked here: the log itself is watched. */
static void output_ends_a_wait(void **state)
{
	struct world *w = *state;
	AUTO(start_free) struct start *s = NULL;
	AUTO(pane_done) struct pane p = PANE_INIT;
	int64_t from;

	NEEDS_TMUX();
	s = prepare(w, NULL);
	start(w, s);
	OK(pane_open(&p, &w->l, &w->s, &s->manifest, &s->session, e));
	OK(pane_wait_ready(&p, clock_mono_ms() + 8000, e));
	do /* until it is quiet */
		from = clock_mono_ms();
	while (pane_wait(&p, 300) && clock_mono_ms() - from < 300);
	OK(tmux_paste(&p.tmux, "x", 1, clock_mono_ms() + 5000, e));
	from = clock_mono_ms();
	assert_true(pane_wait(&p, 20000));
	assert_true(clock_mono_ms() - from < 20000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_shell_is_ready_at_its_prompt),
	    TEST(a_program_that_dies_at_once_is_reported_with_what_it_said),
	    TEST(an_earlier_sessions_words_are_not_this_ones),
	    TEST(a_program_that_never_prompts_is_given_up_in_time),
	    TEST(the_session_on_record_proves_itself),
	    TEST(the_workdir_of_the_profile_wins_over_the_folder),
	    TEST(environment_manifest_and_launch_env_come_together),
	    TEST(a_session_that_somebody_else_started_is_taken),
	    TEST(whatever_ignores_its_end_is_ended),
	    TEST(a_server_without_its_socket_is_ended),
	    TEST(a_deleted_socket_is_made_again),
	    TEST(output_ends_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
