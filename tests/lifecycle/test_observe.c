/* One peer at one instant, out of files and processes: every state that the table knows. */
#include "iapeer/lifecycle/observe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scratch.h"

#include "iapeer/base/str.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

/* Who looks at many sees the same, and who only shows it as much as he shows. */
static void look_at_many(const struct observe_in *alone, const struct observation *o)
{
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	struct observe_in in = *alone;
	struct observation m;

	OK(fleet_scan(in.layout, &f, e));
	in.fleet = &f;
	OK(observe(&in, &m, e));
	assert_int_equal(m.snap.session, o->snap.session);
	assert_int_equal(m.snap.canary, o->snap.canary);
	assert_int_equal(m.snap.ending, o->snap.ending);
	assert_int_equal(m.snap.duty, o->snap.duty);
	assert_int_equal(m.snap.stopped, o->snap.stopped);
	assert_int_equal(m.snap.new_eager, o->snap.new_eager);
	assert_int_equal(m.snap.sending, o->snap.sending);
	assert_int_equal(m.snap.crash_loop, o->snap.crash_loop);
	assert_int_equal(m.queued, o->queued);
	in.brief = true;
	OK(observe(&in, &m, e));
	assert_int_equal(observe_shown(&m), observe_shown(o));
	assert_int_equal(m.queued, o->queued);
	assert_int_equal(m.has_session, o->has_session);
	if (observe_nothing(in.layout, &f, &in.id, true)) {
		assert_int_equal(observe_shown(o), SHOWN_ASLEEP);
		assert_int_equal(o->queued, 0);
	}
}

static struct observation look(struct world *w)
{
	struct observe_in in = {.layout = &w->l,
				.settings = &w->s,
				.record = registry_find(&w->r, w->id.name),
				.id = w->id};
	struct observation o;

	OK(observe(&in, &o, e));
	look_at_many(&in, &o);
	return o;
}

/* A session on record whose server and program are processes of ours. */
struct host {
	struct proc_ref server, pane;
};

static struct host host(struct world *w)
{
	struct host h = {.server = scratch_process(), .pane = scratch_process()};
	struct session s = {.id = w->id,
			    .server = h.server,
			    .pane = h.pane,
			    .pane_id = "%0",
			    .ready = true,
			    .woke_at_ms = 5};
	struct canary c = {.server = h.server};

	OK(plat_boot_id(s.boot_id, e));
	OK(layout_socket(&w->l, &w->id, s.socket, e));
	OK(session_save(&w->l, &s, e));
	peer_identity(&w->id, c.identity);
	OK(canary_arm(&w->l, &c, e));
	return h;
}

static void host_done(const struct host *h)
{
	scratch_end(h->server, SIGKILL);
	scratch_end(h->pane, SIGKILL);
}

static void other_boot(struct world *w)
{
	struct session s = world_session(w);

	str_cut(s.boot_id, sizeof s.boot_id, "0b9f2d2e-0000-0000-0000-000000000000");
	OK(session_save(&w->l, &s, e));
}

/* ---- the session ---- */

static void a_peer_that_sleeps_is_absent(void **state)
{
	struct world *w = *state;
	struct observation o;

	world_peer(w, "bob", NULL);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_ABSENT);
	assert_int_equal(o.snap.ending, ENDING_NONE);
	assert_int_equal(o.snap.canary, MARK_NONE);
	assert_true(o.snap.declared && o.snap.program_found && o.snap.canary_wanted);
	assert_false(o.snap.stopped || o.snap.new_eager || o.snap.ready || o.snap.sending ||
		     o.snap.queued || o.snap.crash_loop);
	assert_int_equal(observe_shown(&o), SHOWN_ASLEEP);
}

static void what_runs_is_live(void **state)
{
	struct world *w = *state;
	struct observation o;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_LIVE);
	assert_int_equal(o.snap.canary, MARK_ARMED);
	assert_true(o.snap.ready && o.has_session);
	assert_int_equal(o.session.server.pid, h.server.pid);
	assert_int_equal(observe_shown(&o), SHOWN_LIVE);
	host_done(&h);
}

static void a_dead_server_is_gone_and_its_canary_dead(void **state)
{
	struct world *w = *state;
	struct observation o;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	host_done(&h);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_GONE);
	assert_int_equal(o.snap.canary, MARK_DEAD);
	assert_int_equal(observe_shown(&o), SHOWN_ASLEEP);
}

static void a_dead_program_in_a_living_server_is_a_dead_pane(void **state)
{
	struct world *w = *state;
	struct observation o;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	scratch_end(h.pane, SIGKILL);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_PANE_DEAD);
	assert_int_equal(o.snap.canary, MARK_ARMED);
	scratch_end(h.server, SIGKILL);
}

static void a_stopped_server_is_unknown_and_nothing_else(void **state)
{
	struct world *w = *state;
	struct observation o;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	kill(h.server.pid, SIGSTOP);
	EVENTUALLY(plat_proc_state(h.server) == PROC_STOPPED);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_UNKNOWN);
	assert_int_equal(observe_shown(&o), SHOWN_UNKNOWN);
	scratch_end(h.pane, SIGKILL); /* still: nothing is known before it answers */
	assert_int_equal(look(w).snap.session, SESSION_UNKNOWN);
	kill(h.server.pid, SIGCONT);
	scratch_end(h.server, SIGKILL);
}

static void a_session_of_an_earlier_boot_is_gone(void **state)
{
	struct world *w = *state;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	other_boot(w);
	assert_int_equal(look(w).snap.session, SESSION_GONE);
	host_done(&h);
}

static void a_pid_that_was_given_to_another_is_gone(void **state)
{
	struct world *w = *state;
	struct session s;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	s = world_session(w);
	s.server.birth++;
	OK(session_save(&w->l, &s, e));
	assert_int_equal(look(w).snap.session, SESSION_GONE);
	host_done(&h);
}

static void a_session_file_that_cannot_be_read_is_an_error(void **state)
{
	struct world *w = *state;
	struct observe_in in = {.layout = &w->l, .settings = &w->s};
	struct observation o;

	world_peer(w, "bob", NULL);
	in.id = w->id;
	world_write(w, world_state(&w->id, "session"), "{");
	FAILS(ERR_CORRUPT, observe(&in, &o, e));
	HAS(last_err.msg, "shell-bob.session");
}

/* ---- a server that no record tells of ---- */

/* Listen where the peer's server would. */
static int listen_there(const struct world *w)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[LAYOUT_PATH];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	OK(layout_socket(&w->l, &w->id, path, e));
	assert_true(str_put(addr.sun_path, sizeof addr.sun_path, path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof addr), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void who_listens_on_our_socket_without_a_record_is_a_leftover(void **state)
{
	struct world *w = *state;
	struct observation o;
	int fd;

	world_peer(w, "bob", NULL);
	fd = listen_there(w);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_LEFTOVER);
	assert_int_equal(o.leftover.pid, getpid());
	assert_false(o.has_session);
	close(fd);
	assert_int_equal(look(w).snap.session, SESSION_ABSENT); /* its file is still there: stale */
}

static void a_plain_file_at_the_place_of_a_socket_is_nobody(void **state)
{
	struct world *w = *state;
	char path[LAYOUT_PATH];

	world_peer(w, "bob", NULL);
	OK(layout_socket(&w->l, &w->id, path, e));
	OK(fs_write_soft(AT_FDCWD, path, "x", 1, 0600, e));
	assert_int_equal(look(w).snap.session, SESSION_ABSENT);
	OK(fs_unlink(AT_FDCWD, path, e));
}

/* ---- the canary's record ---- */

static void an_ending_is_open_overdue_or_done(void **state)
{
	struct world *w = *state;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", clock_utc_ms() + 60000, e));
	assert_int_equal(look(w).snap.ending, ENDING_OPEN);
	assert_int_equal(look(w).snap.canary, MARK_NONE);
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "park", clock_utc_ms() - 1, e));
	assert_int_equal(look(w).snap.ending, ENDING_OVERDUE);
	host_done(&h);
	assert_int_equal(look(w).snap.ending, ENDING_DONE);
}

static void a_death_without_a_session_is_seen(void **state)
{
	struct world *w = *state;
	struct observation o;
	struct host h;

	world_peer(w, "bob", NULL);
	h = host(w);
	OK(session_drop(&w->l, &w->id, e));
	host_done(&h);
	o = look(w);
	assert_int_equal(o.snap.session, SESSION_ABSENT);
	assert_int_equal(o.snap.canary, MARK_DEAD);
}

/* ---- marks, queue, deaths ---- */

static void files_are_flags(void **state)
{
	struct world *w = *state;
	struct observation o;

	world_peer(w, "bob", NULL);
	OK(mark_set(&w->l, &w->id, MARK_STOPPED, e));
	OK(mark_set(&w->l, &w->id, MARK_NEW_EAGER, e));
	world_write(w, world_state(&w->id, "sending"), "{}");
	world_send(w, "m1", "x");
	o = look(w);
	assert_true(o.snap.stopped && o.snap.new_eager && o.snap.sending && o.snap.queued);
	assert_int_equal(observe_shown(&o), SHOWN_STOPPED);
	assert_string_equal(shown_state_word(observe_shown(&o)), "stopped");
}

static void an_item_put_aside_is_not_queued(void **state)
{
	struct world *w = *state;

	world_peer(w, "bob", NULL);
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_LIFECYCLE "/shell-bob.queue", e));
	world_write(w, ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.queue/0000000001.json.bad", "x");
	assert_false(look(w).snap.queued);
}

static void three_own_deaths_in_the_window_are_a_loop(void **state)
{
	struct world *w = *state;
	struct death_entry d = {.class = DEATH_SESSION_GONE, .cause = "exit-1"};

	world_peer(w, "bob", NULL);
	d.at_ms = clock_utc_ms() - w->s.crashloop_window_ms - 1000;
	OK(deaths_add(&w->l, &w->id, &d, e));
	d.at_ms = clock_utc_ms() - 1000;
	OK(deaths_add(&w->l, &w->id, &d, e));
	OK(deaths_add(&w->l, &w->id, &d, e));
	assert_false(look(w).snap.crash_loop);
	OK(deaths_add(&w->l, &w->id, &d, e));
	assert_true(look(w).snap.crash_loop);
}

static void who_is_not_registered_has_declared_nothing(void **state)
{
	struct world *w = *state;

	world_peer(w, "bob", NULL);
	OK(peer_make("claude", "bob", &w->id, e));
	assert_false(look(w).snap.declared);
	OK(peer_make("shell", "nobody", &w->id, e));
	assert_false(look(w).snap.declared);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_peer_that_sleeps_is_absent),
	    TEST(what_runs_is_live),
	    TEST(a_dead_server_is_gone_and_its_canary_dead),
	    TEST(a_dead_program_in_a_living_server_is_a_dead_pane),
	    TEST(a_stopped_server_is_unknown_and_nothing_else),
	    TEST(a_session_of_an_earlier_boot_is_gone),
	    TEST(a_pid_that_was_given_to_another_is_gone),
	    TEST(a_session_file_that_cannot_be_read_is_an_error),
	    TEST(who_listens_on_our_socket_without_a_record_is_a_leftover),
	    TEST(a_plain_file_at_the_place_of_a_socket_is_nobody),
	    TEST(an_ending_is_open_overdue_or_done),
	    TEST(a_death_without_a_session_is_seen),
	    TEST(files_are_flags),
	    TEST(an_item_put_aside_is_not_queued),
	    TEST(three_own_deaths_in_the_window_are_a_loop),
	    TEST(who_is_not_registered_has_declared_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
