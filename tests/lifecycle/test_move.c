/* Moves that a crash cut short, and what comes in meanwhile. The whole way: tests/e2e/move.sh. */
#include "iapeer/lifecycle/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/lifecycle/marks.h"
#include "iapeer/lifecycle/move_intent.h"

#include "iapeer/base/banned.h"

#define STATE    ROOT_REL(LAYOUT_LIFECYCLE) "/"
#define INTENT   ROOT_REL(LAYOUT_MOVING) "/bob"
#define DAMAGED  ROOT_REL(LAYOUT_MOVING) "/ann"
#define REGISTRY ROOT_REL(LAYOUT_REGISTRY)

static void put(const struct world *w, const char *rel, const char *text)
{
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_MOVING, e));
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.receipts", e));
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-rob.receipts", e));
	world_write(w, rel, text);
}

/* bob was to become rob. */
static void intend(const struct world *w)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	const char *folder = world_path(w, "bob");

	buf_fmt(&b,
		"{\"format\":1,\"from\":\"bob\",\"to\":\"rob\",\"folderFrom\":\"%s\","
		"\"folderTo\":\"%s\",\"identities\":[\"shell-bob\",\"shell-rob\"],\"profile\":"
		"{\"personality\":\"rob\",\"default_runtime\":\"shell\",\"runtimes\":[\"shell\"]}}",
		folder, folder);
	put(w, INTENT, buf_cstr(&b));
}

static void is_rob_now(struct world *w)
{
	assert_false(world_exists(w, INTENT));
	assert_int_equal(world_lines(w, REGISTRY, "\"bob\""), 0);
	assert_int_equal(world_lines(w, REGISTRY, "\"rob\""), 1);
	assert_false(world_exists(w, STATE "shell-bob.queue"));
	OK(peer_make("shell", "rob", &w->id, e));
}

static void a_damaged_intent_holds_up_nobody_else(void **state)
{
	struct world *w = *state;

	world_peer(w, "bob", NULL);
	world_send(w, "m1", "x");
	intend(w);
	put(w, DAMAGED, "{\"format\":1,");
	FAILS(ERR_CORRUPT, move_finish(&w->l, 10000, e));
	HAS(last_err.msg, "finish the move of ann");
	is_rob_now(w);
	assert_true(world_exists(w, DAMAGED));
	FAILS(ERR_REFUSED, move_intent_none(&w->l, "ann", e));
	OK(move_intent_none(&w->l, "rob", e));
}

static void what_was_accepted_under_the_old_name_meanwhile_goes_along_in_order(void **state)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	static const char *const ids[] = {"m1", "m2", "m3"};
	struct world *w = *state;

	world_peer(w, "bob", NULL);
	world_send(w, "m1", "x");
	world_send(w, "m2", "x");
	intend(w);
	OK(fs_rename(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.queue",
		     LAYOUT_LIFECYCLE "/shell-rob.queue", e));
	put(w, STATE "shell-rob.receipts/a.json", "{}");
	world_send(w, "m3", "x");
	put(w, STATE "shell-bob.receipts/b.json", "{}");
	OK(move_finish(&w->l, 10000, e));
	is_rob_now(w);
	assert_true(world_exists(w, STATE "shell-rob.receipts/a.json"));
	assert_true(world_exists(w, STATE "shell-rob.receipts/b.json"));
	OK(queue_files(&w->l, &w->id, &files, e));
	assert_int_equal(files.n, 3);
	for (size_t i = 0; i < 3; i++) {
		AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};

		OK(queue_read(&w->l, &w->id, files.v[i], &m, e));
		assert_string_equal(m.id, ids[i]);
	}
}

static void nothing_is_started_under_a_name_whose_move_was_cut_short(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	world_send(w, "m1", "x");
	intend(w); /* behind our reading of the registry */
	FAILS(ERR_TIMEOUT, world_try(w, TRIG_MESSAGE, &out, e));
	HAS(last_err.msg, "not finished");
	assert_false(world_exists(w, STATE "shell-bob.session"));
	move_catch_up(&w->l);
	is_rob_now(w);
	assert_int_equal(queue_depth(&w->l, &w->id), 1);
}

static void one_that_cannot_be_finished_lets_a_peer_be_stopped(void **state)
{
	struct world *w = *state;

	NEEDS_TMUX();
	world_peer(w, "bob", NULL);
	put(w, INTENT, "{");
	world_apply(w, TRIG_STOP);
	assert_true(mark_is_set(&w->l, &w->id, MARK_STOPPED));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_damaged_intent_holds_up_nobody_else),
	    TEST(what_was_accepted_under_the_old_name_meanwhile_goes_along_in_order),
	    TEST(nothing_is_started_under_a_name_whose_move_was_cut_short),
	    TEST(one_that_cannot_be_finished_lets_a_peer_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
