/* A conversation is gone on with by its own id, and only where it may be. */
#include "iapeer/lifecycle/converse.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

#include "iapeer/base/lock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/report.h"
#include "iapeer/lifecycle/death.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

#define OTHER "0f0f0f0f-0000-4000-8000-000000000001"

/* A shell that keeps conversations: the program notes how it was started, makes the file, and where
 * there is a file `fail` it cannot resume. */
static void talker(struct world *w)
{
	char text[2048];

	snprintf(
	    text, sizeof text,
	    "{\"format\":1,\"has_conversations\":true,\"args_fresh\":[\"--id\",\"{conversation}"
	    "\"],\"args_resume\":[\"--resume\",\"{conversation}\"],\"data_folder\":[\"$NOT_SET\","
	    "\"%s/data [*]\"],\"conversation_file\":\"*/{conversation}.jsonl\","
	    "\"process_file\":\"p/*.json\",\"lock_file\":\"l/{conversation}.lock\"}",
	    w->dir);
	OK(fs_mkdirs(w->l.root_fd, "runtimes/shell", e));
	OK(fs_mkdirs(AT_FDCWD, world_path(w, "data [*]/c"), e));
	OK(fs_mkdirs(AT_FDCWD, world_path(w, "data [*]/p"), e));
	OK(fs_mkdirs(AT_FDCWD, world_path(w, "data [*]/l"), e));
	world_write(w, "r/runtimes/shell/runtime.json", text);
	snprintf(text, sizeof text,
		 "#!/bin/sh\ncd '%s'\necho \"$1 $2\" >>started\n"
		 "[ \"$1\" != --resume ] || [ ! -e fail ] || { echo no such thing; exit 1; }\n"
		 ": >>\"data [*]/c/$2.jsonl\"\nexec bash --norc\n",
		 w->dir);
	world_peer(w, "bob", world_script(w, "talker", text));
}

static struct conversation known(const struct world *w)
{
	struct conversation c;

	OK(converse_load(&w->l, &w->id, &c, e));
	return c;
}

static struct apply_outcome wake(struct world *w, const char *id)
{
	struct apply_outcome out;

	world_send(w, id, "true");
	out = world_apply(w, TRIG_MESSAGE);
	assert_int_equal(world_receipt(w, id).status, DELIVERY_DELIVERED);
	return out;
}

static void park(struct world *w)
{
	world_apply(w, TRIG_STOP);
	OK(mark_clear(&w->l, &w->id, MARK_STOPPED, e));
}

static int starts(const struct world *w, const char *how, const char *id)
{
	char line[160];

	snprintf(line, sizeof line, "%s %s", how, id);
	return world_lines(w, "started", line);
}

/* ---- it is gone on with ---- */

static void a_parked_conversation_is_resumed_by_its_id(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct conversation first, second;

	NEEDS_TMUX();
	talker(w);
	out = wake(w, "m1");
	assert_string_equal(out.mode, "fresh");
	first = known(w);
	assert_int_equal(starts(w, "--id", first.id), 1);
	assert_string_equal(first.workdir, world_path(w, "bob"));
	park(w);
	out = wake(w, "m2");
	assert_string_equal(out.mode, "resume");
	assert_string_equal(out.cause, "idle-reaped-resume");
	second = known(w);
	assert_string_equal(second.id, first.id);
	assert_int_equal(second.started_at_ms, first.started_at_ms);
	assert_int_equal(starts(w, "--resume", first.id), 1);
	assert_string_equal(world_session(w).conversation, first.id);
}

static void a_conversation_goes_along_with_its_peers_workdir(void **state)
{
	struct world *w = *state;
	char here[LAYOUT_PATH];
	struct conversation c;

	NEEDS_TMUX();
	talker(w);
	wake(w, "m1");
	park(w);
	str_cut(here, sizeof here, known(w).workdir);
	OK(converse_move(&w->l, &w->id, "/somewhere/else", "/third", e));
	assert_string_equal(known(w).workdir, here); /* another's */
	OK(converse_move(&w->l, &w->id, here, "/new", e));
	assert_string_equal(known(w).workdir, "/new");
	/* The change itself has failed: nothing is lost. */
	assert_string_equal(wake(w, "m2").mode, "resume");
	c = known(w);
	assert_string_equal(c.workdir, here);
	assert_string_equal(c.workdir_before, "");
	park(w);
	OK(converse_move(&w->l, &w->id, here, "/new", e));
	OK(converse_move(&w->l, &w->id, here, "/newer", e));
	OK(converse_move(&w->l, &w->id, "/newer", here, e));
	assert_string_equal(wake(w, "m3").mode, "resume");
}

static void a_killed_servers_conversation_comes_back(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct session s;
	struct err e;

	NEEDS_TMUX();
	talker(w);
	wake(w, "m1");
	s = world_session(w);
	assert_int_equal(plat_signal(s.server, SIGKILL, &e), 0);
	assert_true(plat_exit_wait(s.server, clock_mono_ms() + 5000));
	out = wake(w, "m2");
	assert_string_equal(out.mode, "resume");
	assert_int_equal(strncmp(out.cause, "resume-after-", 13), 0);
	assert_int_equal(starts(w, "--resume", s.conversation), 1);
}

static void what_the_program_reports_is_believed(void **state)
{
	struct world *w = *state;
	struct report r = {.kind = REPORT_READY, .source = REPORT_BY_HOOK, .at_ms = clock_utc_ms()};
	struct conversation c;

	NEEDS_TMUX();
	talker(w);
	wake(w, "m1");
	/* Who reads the screen does not know, and what is no id is none. */
	str_cut(r.conversation, sizeof r.conversation, "--version");
	OK(report_add(&w->l, &w->id, &r, e));
	r.source = REPORT_BY_SCREEN;
	str_cut(r.conversation, sizeof r.conversation, "screen");
	OK(report_add(&w->l, &w->id, &r, e));
	c = known(w);
	assert_string_equal(c.id, world_session(w).conversation);
	r.source = REPORT_BY_HOOK;
	str_cut(r.conversation, sizeof r.conversation, OTHER);
	str_cut(r.transcript, sizeof r.transcript, world_path(w, "told.jsonl"));
	OK(report_add(&w->l, &w->id, &r, e));
	world_write(w, "told.jsonl", "");
	park(w);
	wake(w, "m2");
	assert_int_equal(starts(w, "--resume", OTHER), 1);
	assert_string_equal(known(w).id, OTHER);
}

static void attach_resumes_and_starts_nothing_fresh(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct conversation c;

	NEEDS_TMUX();
	talker(w);
	FAILS(ERR_FAILED, world_try(w, TRIG_ATTACH, &out, e));
	HAS(last_err.msg, "no conversation to attach to: there is none");
	wake(w, "m1");
	c = known(w);
	park(w);
	OK(mark_set(&w->l, &w->id, MARK_FRESH_NEXT, e));
	out = world_apply(w, TRIG_ATTACH);
	assert_string_equal(out.mode, "resume");
	assert_string_equal(out.cause, "attach");
	assert_int_equal(starts(w, "--resume", c.id), 1);
	assert_true(mark_is_set(&w->l, &w->id, MARK_FRESH_NEXT));
}

static void a_fresh_start_replaces_it(void **state)
{
	struct world *w = *state;
	struct conversation first;

	NEEDS_TMUX();
	talker(w);
	world_put(w, &(struct note){.id = "m1", .body = "true", .topic = "release"});
	world_apply(w, TRIG_MESSAGE);
	first = known(w);
	park(w);
	OK(mark_set(&w->l, &w->id, MARK_NEW_EAGER, e));
	assert_string_equal(world_apply(w, TRIG_NEW).mode, "fresh");
	assert_string_not_equal(known(w).id, first.id);
	assert_false(world_exists(w, world_state(&w->id, "topic")));
}

/* ---- it is not ---- */

/* Parked, spoiled by `spoil`; then the message wakes it fresh, with the reason on record. */
static void is_not_resumed(struct world *w, void (*spoil)(struct world *, struct conversation *),
			   const char *reason)
{
	struct apply_outcome out;
	struct conversation c;

	talker(w);
	wake(w, "m1");
	park(w);
	c = known(w);
	spoil(w, &c);
	out = wake(w, "m2");
	assert_string_equal(out.mode, "fresh");
	assert_string_equal(out.cause, "idle-reaped-resume-no-resume");
	assert_int_equal(world_lines(w, "started", "--resume"), 0);
	assert_true(world_lines(w, ROOT_REL(LAYOUT_LIFECYCLE_LOG), reason) > 0);
}

static void move_it(struct world *w, struct conversation *c)
{
	str_cut(c->workdir, sizeof c->workdir, "/elsewhere");
	OK(conversation_save(&w->l, &w->id, c, e));
}

static void one_that_was_held_in_another_folder_is_not_resumed(void **state)
{
	NEEDS_TMUX();
	is_not_resumed(*state, move_it, "it was held in /elsewhere");
}

static void lose_it(struct world *w, struct conversation *c)
{
	char rel[160];

	snprintf(rel, sizeof rel, "data [*]/c/%s.jsonl", c->id);
	OK(fs_unlink(AT_FDCWD, world_path(w, rel), e));
}

static void one_without_a_file_is_not_resumed(void **state)
{
	NEEDS_TMUX();
	is_not_resumed(*state, lose_it, "no file of it");
}

static struct proc_ref holder;

static void write_process(struct world *w, const struct conversation *c, const char *start)
{
	char text[256];

	snprintf(text, sizeof text, "{\"pid\":%ld,\"sessionId\":\"%s\",\"procStart\":\"%s\"}",
		 (long)holder.pid, c->id, start);
	world_write(w, "data [*]/p/1.json", text);
}

static void open_it(struct world *w, struct conversation *c)
{
	char birth[32];

	holder = scratch_process();
	snprintf(birth, sizeof birth, "%llu", (unsigned long long)holder.birth);
	write_process(w, c, birth);
}

static void one_that_another_process_has_open_is_not_resumed(void **state)
{
	NEEDS_TMUX();
	is_not_resumed(*state, open_it, "has it open");
	scratch_end(holder, SIGKILL);
}

static struct lock held = LOCK_INIT;

static void lock_it(struct world *w, struct conversation *c)
{
	char rel[160];

	snprintf(rel, sizeof rel, "data [*]/l/%s.lock", c->id);
	OK(lock_take(&held, AT_FDCWD, world_path(w, rel), "test", 0, e));
}

static void one_whose_lock_is_held_is_not_resumed(void **state)
{
	NEEDS_TMUX();
	is_not_resumed(*state, lock_it, "another process has it open");
	lock_done(&held);
}

static void share_it(struct world *w, struct conversation *c)
{
	struct session s = {.server = scratch_process(), .pane_id = "%0", .socket = "/none"};

	holder = s.server;
	s.pane = s.server;
	OK(peer_make("shell", "alice", &s.id, e));
	OK(plat_boot_id(s.boot_id, e));
	OK(session_save(&w->l, &s, e));
	OK(conversation_save(&w->l, &s.id, c, e));
}

static void one_that_another_peer_is_in_is_not_resumed(void **state)
{
	NEEDS_TMUX();
	is_not_resumed(*state, share_it, "shell-alice has it open");
	scratch_end(holder, SIGKILL);
}

static void what_a_dead_process_left_behind_stops_nothing(void **state)
{
	struct world *w = *state;
	struct conversation c;

	NEEDS_TMUX();
	talker(w);
	wake(w, "m1");
	park(w);
	c = known(w);
	holder = scratch_process();
	write_process(w, &c, "1"); /* its number was given to another process */
	assert_string_equal(wake(w, "m2").mode, "resume");
	scratch_end(holder, SIGKILL);
	park(w);
	write_process(w, &c, "1");
	assert_string_equal(wake(w, "m3").mode, "resume");
}

/* ---- it cannot be ---- */

static void a_resume_that_dies_at_once_steps_down_once_and_does_not_count(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;
	struct conversation first;

	NEEDS_TMUX();
	talker(w);
	wake(w, "m1");
	first = known(w);
	park(w);
	world_write(w, "fail", "");
	out = wake(w, "m2");
	assert_string_equal(out.mode, "fresh");
	assert_string_equal(out.cause, "idle-reaped-resume-no-resume");
	assert_int_equal(world_lines(w, "started", "--resume"), 1);
	assert_int_equal(world_lines(w, "started", "--id"), 2);
	assert_string_not_equal(known(w).id, first.id);
	assert_false(known(w).failed);
	assert_false(world_exists(w, world_state(&w->id, "deaths")));
	/* Its end is on record all the same. */
	assert_int_equal(world_lines(w, ROOT_REL(LAYOUT_EXITS_LOG), "ev=session-exit"), 1);
}

static void an_attach_that_dies_at_once_is_an_error(void **state)
{
	struct world *w = *state;
	struct apply_outcome out;

	NEEDS_TMUX();
	talker(w);
	wake(w, "m1");
	park(w);
	world_write(w, "fail", "");
	FAILS(ERR_FAILED, world_try(w, TRIG_ATTACH, &out, e));
	HAS(last_err.msg, "no such thing");
	assert_int_equal(world_lines(w, "started", "--id"), 1);
	assert_false(world_exists(w, world_state(&w->id, "session")));
	/* Whoever sits there may try again. */
	OK(fs_unlink(AT_FDCWD, world_path(w, "fail"), e));
	assert_string_equal(world_apply(w, TRIG_ATTACH).mode, "resume");
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_WORLD(a_parked_conversation_is_resumed_by_its_id),
	    WITH_WORLD(a_conversation_goes_along_with_its_peers_workdir),
	    WITH_WORLD(a_killed_servers_conversation_comes_back),
	    WITH_WORLD(what_the_program_reports_is_believed),
	    WITH_WORLD(attach_resumes_and_starts_nothing_fresh),
	    WITH_WORLD(a_fresh_start_replaces_it),
	    WITH_WORLD(one_that_was_held_in_another_folder_is_not_resumed),
	    WITH_WORLD(one_without_a_file_is_not_resumed),
	    WITH_WORLD(one_that_another_process_has_open_is_not_resumed),
	    WITH_WORLD(one_whose_lock_is_held_is_not_resumed),
	    WITH_WORLD(one_that_another_peer_is_in_is_not_resumed),
	    WITH_WORLD(what_a_dead_process_left_behind_stops_nothing),
	    WITH_WORLD(a_resume_that_dies_at_once_steps_down_once_and_does_not_count),
	    WITH_WORLD(an_attach_that_dies_at_once_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
