#include "iapeer/lifecycle/remove.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

#define STATE    ROOT_REL(LAYOUT_LIFECYCLE) "/"
#define INTENT   ROOT_REL(LAYOUT_REMOVING) "/reborn"
#define DAMAGED  ROOT_REL(LAYOUT_REMOVING) "/damaged"
#define REGISTRY ROOT_REL(LAYOUT_REGISTRY)

/* A peer with traces of every kind, and neighbours whose names begin or end like its own. */
static void reborn(struct world *w)
{
	world_peer(w, "reborn", NULL);
	world_write(w, "reborn/README", "kept");
	world_write(w, STATE "shell-reborn.stopped", "x");
	world_write(w, STATE "shell-reborn.idle-reaped", "x");
	world_write(w, STATE "shell-reborn.topic", "t\n");
	world_write(w, STATE "shell-reborn.deaths", "[]");
	world_write(w, STATE "claude-reborn.stopped", "x"); /* a runtime that it had once */
	world_write(w, STATE "claude-reborn2.stopped", "x");
	world_write(w, STATE "claude-big-reborn.stopped", "x");
	world_write(w, STATE "shell-reborn2.topic", "x");
	world_send(w, "m1", "x");
	world_send(w, "m2", "x");
}

static const char *const traces[] = {"claude-reborn.stopped",    "shell-reborn.deaths",
				     "shell-reborn.idle-reaped", "shell-reborn.queue",
				     "shell-reborn.stopped",     "shell-reborn.topic"};
#define N_TRACES (sizeof traces / sizeof traces[0])

static void neighbours_are_there(const struct world *w)
{
	assert_true(world_exists(w, STATE "claude-reborn2.stopped"));
	assert_true(world_exists(w, STATE "claude-big-reborn.stopped"));
	assert_true(world_exists(w, STATE "shell-reborn2.topic"));
}

static void all_gone(const struct world *w)
{
	for (size_t i = 0; i < N_TRACES; i++) {
		char path[256];

		snprintf(path, sizeof path, STATE "%s", traces[i]);
		if (world_exists(w, path))
			fail_msg("%s is still there", traces[i]);
	}
	assert_false(world_exists(w, INTENT));
	assert_int_equal(world_lines(w, REGISTRY, "\"reborn\""), 0);
	neighbours_are_there(w);
}

static int removed(struct world *w, const char *name, bool force, struct removal *out,
		   struct err *e)
{
	return remove_peer(&w->l, &w->s, name, force, out, e);
}

/* ---- removing ---- */

static void exactly_the_peers_traces_go_and_are_named_sorted(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal r = {.absent = true};

	reborn(w);
	OK(removed(w, "reborn", false, &r, e));
	assert_false(r.absent);
	assert_int_equal(r.purged.n, N_TRACES);
	for (size_t i = 0; i < N_TRACES; i++)
		assert_string_equal(r.purged.v[i], traces[i]);
	assert_int_equal(r.left.n, 0);
	assert_int_equal(r.undelivered, 2);
	assert_string_equal(r.cwd, world_path(w, "reborn"));
	assert_true(world_exists(w, "reborn/README"));
	all_gone(w);
}

static void removed_twice_is_absent(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal first = {.absent = true};
	AUTO(removal_done) struct removal second = {.absent = false};

	reborn(w);
	OK(removed(w, "reborn", false, &first, e));
	OK(removed(w, "reborn", false, &second, e));
	assert_true(second.absent);
	assert_int_equal(second.purged.n, 0);
	assert_string_equal(second.cwd, "");
}

static void a_name_that_nobody_knows_is_absent(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal r = {.absent = false};

	world_peer(w, "bob", NULL);
	OK(removed(w, "eve", false, &r, e));
	assert_true(r.absent);
	assert_int_equal(world_lines(w, REGISTRY, "\"bob\""), 1);
}

static void traces_without_a_record_go_too(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal r = {.absent = false};

	world_write(w, STATE "shell-reborn.stopped", "x");
	OK(removed(w, "reborn", false, &r, e));
	assert_true(r.absent);
	assert_int_equal(r.purged.n, 1);
	assert_false(world_exists(w, STATE "shell-reborn.stopped"));
}

static void a_namesake_inherits_nothing_of_the_removed(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal r = {.absent = true};

	reborn(w);
	OK(removed(w, "reborn", false, &r, e));
	world_peer(w, "reborn", NULL);
	assert_int_equal(queue_depth(&w->l, &w->id), 0);
	assert_false(mark_is_set(&w->l, &w->id, MARK_STOPPED));
	assert_false(mark_is_set(&w->l, &w->id, MARK_IDLE_REAPED));
}

/* ---- the live ---- */

static void a_live_peer_is_refused_and_with_force_ended(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal refused = {.absent = false};
	AUTO(removal_done) struct removal forced = {.absent = false};
	struct session s;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	FAILS(ERR_REFUSED, removed(w, "bob", false, &refused, e));
	HAS(last_err.msg, "bob is live");
	HAS(last_err.hint, "--force bob");
	assert_int_equal(session_liveness(&s), LIVE_YES);
	assert_int_equal(world_lines(w, REGISTRY, "\"bob\""), 1);
	OK(removed(w, "bob", true, &forced, e));
	assert_int_equal(session_liveness(&s), LIVE_NO);
	assert_false(fs_exists(AT_FDCWD, s.socket));
	assert_int_equal(world_lines(w, REGISTRY, "\"bob\""), 0);
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=server-exit"), 0);
}

static void a_death_that_nobody_has_seen_is_recorded_before_its_traces_go(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal r = {.absent = false};
	struct session s;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	OK(plat_signal(s.server, SIGKILL, e));
	assert_true(plat_exit_wait(s.server, clock_mono_ms() + 5000));
	OK(removed(w, "bob", false, &r, e));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=server-exit"), 1);
	assert_false(world_exists(w, world_state(&w->id, "canary")));
	assert_false(world_exists(w, world_state(&w->id, "session")));
}

/* ---- cut short ---- */

static void drop_record(struct world *w)
{
	bool dropped;

	OK(registry_drop(&w->l, "reborn", &dropped, e));
	assert_true(dropped);
}

static void intend(struct world *w)
{
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_REMOVING, e));
	world_write(w, INTENT,
		    "{\"format\":1,\"personality\":\"reborn\",\"identities\":[\"claude-reborn\","
		    "\"shell-reborn\"]}");
}

static void finish(struct world *w, int want)
{
	int n = -1;

	OK(remove_finish(&w->l, 10000, &n, e));
	assert_int_equal(n, want);
}

static void cut_short_after_the_intent_it_is_finished(void **state)
{
	struct world *w = *state;

	reborn(w);
	intend(w);
	finish(w, 1);
	all_gone(w);
	finish(w, 0);
}

/* Its own peer is removed once more; nobody else waits for that. */
static void a_damaged_intent_holds_up_nobody_else(void **state)
{
	struct world *w = *state;
	AUTO(removal_done) struct removal other = {.absent = false};
	AUTO(removal_done) struct removal own = {.absent = false};
	int n = -1;

	reborn(w);
	intend(w);
	world_write(w, DAMAGED, "{\"format\":1,\"pers");
	FAILS(ERR_CORRUPT, remove_finish(&w->l, 10000, &n, e));
	HAS(last_err.msg, "finish the removal of damaged");
	assert_int_equal(n, 1);
	all_gone(w);
	reborn(w);
	OK(removed(w, "reborn", false, &other, e));
	all_gone(w);
	OK(trash_name(&w->l, "reborn", &n, e));
	assert_true(world_exists(w, DAMAGED));
	OK(removed(w, "damaged", false, &own, e));
	assert_true(own.absent);
	assert_false(world_exists(w, DAMAGED));
	world_write(w, DAMAGED, "");
	OK(trash_name(&w->l, "damaged", &n, e));
	assert_false(world_exists(w, DAMAGED));
	finish(w, 0);
}

static void cut_short_after_the_record_it_is_finished(void **state)
{
	struct world *w = *state;

	reborn(w);
	intend(w);
	drop_record(w);
	finish(w, 1);
	all_gone(w);
}

static void cut_short_among_the_files_it_is_finished(void **state)
{
	struct world *w = *state;

	reborn(w);
	intend(w);
	drop_record(w);
	OK(fs_remove_tree(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-reborn.queue", e));
	OK(fs_unlink(w->l.root_fd, LAYOUT_LIFECYCLE "/claude-reborn.stopped", e));
	finish(w, 1);
	all_gone(w);
}

static void an_unfinished_removal_does_not_take_the_new_namesake(void **state)
{
	struct world *w = *state;
	int n;

	reborn(w);
	intend(w);
	OK(trash_name(&w->l, "reborn", &n, e)); /* what `create` does first */
	assert_int_equal(n, 0);
	all_gone(w);
	world_peer(w, "reborn", NULL);
	finish(w, 0);
	assert_int_equal(world_lines(w, REGISTRY, "\"reborn\""), 1);
}

/* ---- what an earlier owner of the name left ---- */

static size_t in_trash(const struct world *w, char *dir, size_t size)
{
	AUTO(strv_done) struct strv dirs = STRV_INIT;
	AUTO(strv_done) struct strv files = STRV_INIT;

	OK(fs_list(w->l.root_fd, LAYOUT_TRASH, &dirs, e));
	if (dirs.n == 0)
		return 0;
	assert_int_equal(dirs.n, 1);
	snprintf(dir, size, LAYOUT_TRASH "/%s", dirs.v[0]);
	OK(fs_list(w->l.root_fd, dir, &files, e));
	return files.n;
}

static void state_of_a_vanished_owner_goes_to_the_trash(void **state)
{
	struct world *w = *state;
	char dir[LAYOUT_PATH];
	int n = -1;

	reborn(w);
	drop_record(w); /* by other hands: an edit, a restore */
	OK(trash_name(&w->l, "reborn", &n, e));
	assert_int_equal(n, N_TRACES);
	all_gone(w);
	assert_int_equal(in_trash(w, dir, sizeof dir), N_TRACES);
	assert_true(strncmp(dir, LAYOUT_TRASH "/reborn-", strlen(LAYOUT_TRASH) + 8) == 0);
	OK(trash_name(&w->l, "reborn", &n, e));
	assert_int_equal(n, 0);
}

static void the_state_of_a_registered_peer_stays(void **state)
{
	struct world *w = *state;
	char dir[LAYOUT_PATH];
	int n = -1;

	reborn(w);
	OK(trash_name(&w->l, "reborn", &n, e));
	assert_int_equal(n, 0);
	assert_int_equal(in_trash(w, dir, sizeof dir), 0);
	assert_true(world_exists(w, STATE "shell-reborn.topic"));
}

static void a_session_of_a_vanished_owner_is_ended_before_a_namesake_comes(void **state)
{
	struct world *w = *state;
	struct session s;
	int n = -1;

	NEEDS_TMUX();
	world_peer(w, "reborn", NULL);
	world_send(w, "m1", "true");
	world_apply(w, TRIG_MESSAGE);
	s = world_session(w);
	drop_record(w);
	OK(trash_name(&w->l, "reborn", &n, e));
	assert_int_equal(session_liveness(&s), LIVE_NO);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=server-exit"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(exactly_the_peers_traces_go_and_are_named_sorted),
	    TEST(removed_twice_is_absent),
	    TEST(a_name_that_nobody_knows_is_absent),
	    TEST(traces_without_a_record_go_too),
	    TEST(a_namesake_inherits_nothing_of_the_removed),
	    TEST(a_live_peer_is_refused_and_with_force_ended),
	    TEST(a_death_that_nobody_has_seen_is_recorded_before_its_traces_go),
	    TEST(cut_short_after_the_intent_it_is_finished),
	    TEST(a_damaged_intent_holds_up_nobody_else),
	    TEST(cut_short_after_the_record_it_is_finished),
	    TEST(cut_short_among_the_files_it_is_finished),
	    TEST(an_unfinished_removal_does_not_take_the_new_namesake),
	    TEST(state_of_a_vanished_owner_goes_to_the_trash),
	    TEST(the_state_of_a_registered_peer_stays),
	    TEST(a_session_of_a_vanished_owner_is_ended_before_a_namesake_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
