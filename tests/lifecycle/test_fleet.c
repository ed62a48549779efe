/* What is known of many by two listings, and that nobody's files are taken for another's. */
#include "iapeer/lifecycle/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "iapeer/lifecycle/observe.h"

#include "iapeer/base/banned.h"

static struct peer_id id_of(const char *name)
{
	struct peer_id id;

	OK(peer_make("shell", name, &id, e));
	return id;
}

static void file(const struct world *w, const char *name, const char *what)
{
	struct peer_id id = id_of(name);
	char path[LAYOUT_PATH];

	layout_state(&id, what, path);
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_LIFECYCLE, e));
	OK(fs_write_soft(w->l.root_fd, path, "", 0, 0600, e));
}

static void socket_of(const struct world *w, const char *name)
{
	struct peer_id id = id_of(name);
	char path[LAYOUT_PATH];

	OK(layout_socket(&w->l, &id, path, e));
	OK(fs_mkdirs(AT_FDCWD, w->l.socks, e));
	OK(fs_write_soft(AT_FDCWD, path, "", 0, 0600, e));
}

static bool has(const struct fleet *f, const char *name, const char *what)
{
	struct peer_id id = id_of(name);

	return fleet_has(f, &id, what);
}

static bool nothing(const struct world *w, const struct fleet *f, const char *name, bool shown)
{
	struct peer_id id = id_of(name);

	return observe_nothing(&w->l, f, &id, shown);
}

static void files_belong_to_one_identity(void **state)
{
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	struct world *w = *state;

	file(w, "bob", "session");
	file(w, "bob-2", "queue");
	file(w, "bobby", "stopped");
	OK(fleet_scan(&w->l, &f, e));
	assert_true(has(&f, "bob", "session"));
	assert_false(has(&f, "bob", "queue"));
	assert_false(has(&f, "bob", "stopped"));
	assert_false(has(&f, "bob", "sess"));
	assert_true(has(&f, "bob-2", "queue"));
	assert_false(has(&f, "bob-2", "session"));
	assert_true(has(&f, "bobby", "stopped"));
	assert_false(has(&f, "bo", "session"));
	assert_false(has(&f, "zoe", "session"));
}

static void a_socket_is_its_owners(void **state)
{
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	struct world *w = *state;

	socket_of(w, "bob");
	OK(fleet_scan(&w->l, &f, e));
	assert_false(nothing(w, &f, "bob", true));
	assert_true(nothing(w, &f, "bob-2", true));
	assert_true(nothing(w, &f, "bo", true));
}

static void a_fleet_scanned_again_is_as_it_is_then(void **state)
{
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	struct world *w = *state;
	struct peer_id id = id_of("bob");
	char path[LAYOUT_PATH];

	OK(fleet_scan(&w->l, &f, e));
	assert_true(nothing(w, &f, "bob", false));
	file(w, "bob", "queue");
	socket_of(w, "eve");
	OK(fleet_scan(&w->l, &f, e));
	assert_true(has(&f, "bob", "queue"));
	assert_false(nothing(w, &f, "eve", true));
	layout_state(&id, "queue", path);
	OK(fs_unlink(w->l.root_fd, path, e));
	OK(fleet_scan(&w->l, &f, e));
	assert_true(nothing(w, &f, "bob", false));
}

/* What a peer leaves behind for good must not make each look at a thousand of them a long one. */
static void what_is_only_remembered_of_a_peer_is_nothing(void **state)
{
	static const char *const remembered[] = {"flight", "receipts", "reports", "conversation"};
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof remembered / sizeof remembered[0]; i++)
		file(w, "bob", remembered[i]);
	file(w, "eve", "deaths");
	OK(fleet_scan(&w->l, &f, e));
	assert_true(nothing(w, &f, "bob", false));
	assert_true(nothing(w, &f, "eve", true));
	assert_false(nothing(w, &f, "eve", false));
}

static void what_is_shown_or_decided_on_is_something(void **state)
{
	static const char *const shown[] = {"session", "canary", "ending", "queue", "stopped"};
	static const char *const decided[] = {"deaths", "new-eager", "sending", "ephemeral-armed",
					      "ephemeral-done"};
	struct world *w = *state;
	char name[32];

	for (size_t i = 0; i < 5; i++) {
		AUTO(fleet_done) struct fleet f = {.n_manifests = 0};

		snprintf(name, sizeof name, "s%zu", i);
		file(w, name, shown[i]);
		snprintf(name, sizeof name, "d%zu", i);
		file(w, name, decided[i]);
		OK(fleet_scan(&w->l, &f, e));
		assert_false(nothing(w, &f, name, false));
		snprintf(name, sizeof name, "s%zu", i);
		assert_false(nothing(w, &f, name, true));
		assert_false(nothing(w, &f, name, false));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(files_belong_to_one_identity),
	    TEST(a_socket_is_its_owners),
	    TEST(a_fleet_scanned_again_is_as_it_is_then),
	    TEST(what_is_only_remembered_of_a_peer_is_nothing),
	    TEST(what_is_shown_or_decided_on_is_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
