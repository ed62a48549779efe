/* send, ask, queue: what is refused before anything is queued, and what is done with what waits. No
 * keeper is needed. */
#include "runbin.h"

#include "iapeer/base/mem.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/sending.h"
#include "iapeer/launch/session.h"

#include "iapeer/base/banned.h"

static int with_bob(void **state)
{
	if (bin_setup(state) < 0)
		return -1;
	return run((struct bin *)*state, "create", "bob", "--runtime", "shell");
}

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

static void open_root(const struct bin *b, struct layout *l)
{
	struct err e = ERR_INIT;

	setenv("IAPEER_ROOT", b->root, 1);
	*l = (struct layout)LAYOUT_INIT;
	if (layout_open(l, false, &e) < 0)
		fail_msg("%s", e.msg);
}

static size_t waiting(const struct bin *b)
{
	AUTO(layout_done) struct layout l;

	open_root(b, &l);
	return queue_depth(&l, &bob);
}

static void put_item(const struct bin *b, const char *id, const char *body)
{
	AUTO(layout_done) struct layout l;
	AUTO(queue_item_done)
	struct queue_item m = {.kind = ITEM_MESSAGE, .accepted_at_ms = 1767225600000};
	struct err e = ERR_INIT;

	open_root(b, &l);
	snprintf(m.id, sizeof m.id, "%s", id);
	m.from = (struct peer_id){.name = "ann", .runtime = "cli"};
	m.body = xstrdup(body);
	if (queue_put(&l, &bob, &m, &e) < 0)
		fail_msg("%s", e.msg);
}

/* A delivery of that message has begun. */
static void begin(const struct bin *b, const char *id)
{
	AUTO(layout_done) struct layout l;
	struct sending s = {.length = 1};
	struct err e = ERR_INIT;

	open_root(b, &l);
	snprintf(s.id, sizeof s.id, "%s", id);
	if (sending_save(&l, &bob, &s, &e) < 0)
		fail_msg("%s", e.msg);
}

static void put_receipt(const struct bin *b, const char *id, enum delivery_status status,
			enum rung rung)
{
	AUTO(layout_done) struct layout l;
	struct receipt r = {.status = status,
			    .rung = rung,
			    .accepted_at_ms = clock_utc_ms(),
			    .submitted_at_ms = clock_utc_ms()};
	struct err e = ERR_INIT;

	open_root(b, &l);
	snprintf(r.id, sizeof r.id, "%s", id);
	if (receipt_save(&l, &bob, &r, &e) < 0)
		fail_msg("%s", e.msg);
}

static void what_is_wrong_is_refused_before_anything_is_queued(void **state)
{
	static const struct {
		const char *words[7];
		int status;
		const char *said;
	} rows[] = {{{"send", "bbo", "hi"}, 3, "did you mean bob?"},
		    {{"send", "Bob", "hi"}, 2, "did you mean bob?"},
		    {{"send", "bob"}, 2, "empty"},
		    {{"send", "bob", ""}, 2, "empty"},
		    {{"send", "bob", "--message="}, 2, "empty"},
		    {{"send", "bob", "hi", "--message", "ho"}, 2, "one text only"},
		    {{"send", "bob", "--message=a", "--message=b"}, 2, "one text only"},
		    {{"send", "bob", "--message-file", "/no/such/file"}, 2, "/no/such/file"},
		    {{"send", "bob", "hi", "--runtime", "claude"}, 5, "undeclared runtime"},
		    {{"send", "bob", "hi", "--wait", "recorded"}, 2, "no more than submitted"},
		    {{"send", "bob", "hi", "--wait", "soon"}, 2, "no rung"},
		    {{"send", "bob", "hi", "--timeout", "-1"}, 2, "whole number"},
		    {{"send", "bob", "hi", "--id", "a b"}, 2, "no message id"},
		    {{"send", "bob", "hi", "--from", "shell-alice"}, 3, "no such sender"},
		    {{"send", "bob", "hi", "--from", "Not Valid"}, 2, "invalid sender"},
		    {{"send", "bob", "hi", "--from", "shell-bob"}, 5, "does not send to itself"},
		    {{"send", "bob", "hi", "--attachment", "/no/such/file"}, 2, "/no/such/file"},
		    {{"send", "bob", "\xff"}, 2, "not UTF-8"},
		    {{"ask", "bob", "hi", "--wait", "accepted"}, 2, "no option --wait"}};
	struct bin *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (bin_run_env(b, NULL, rows[i].words) != rows[i].status)
			fail_msg("%s %s: exit %d, %s", rows[i].words[2], rows[i].words[3],
				 b->status, err_text_of(b));
		must_have(err_text_of(b), rows[i].said);
		assert_int_equal(waiting(b), 0);
	}
}

static void a_stopped_peer_takes_no_message(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	run(b, "stop", "bob");
	assert_int_equal(run(b, "send", "bob", "hi", "--id", "m1", "--json"), 4);
	j = reply(b);
	assert_string_equal(text_of(j, "id"), "m1");
	assert_string_equal(text_of(j, "peer"), "bob");
	assert_string_equal(text_of(j, "runtime"), "shell");
	assert_string_equal(text_of(j, "status"), "refused");
	assert_string_equal(text_of(json_get(j, "error"), "code"), "stopped");
	assert_string_equal(text_of(json_get(j, "error"), "hint"), "iapeer start bob");
	assert_non_null(json_get(j, "woke"));
	assert_non_null(json_get(j, "duplicate"));
	assert_int_equal(waiting(b), 0);
}

static void an_agents_words_are_not_run_by_a_shell(void **state)
{
	struct bin *b = *state;

	run(b, "create", "al", "--runtime", "claude");
	assert_int_equal(run(b, "send", "bob", "hi", "--from", "claude-al"), 5);
	must_have(err_text_of(b), "does not take messages from artificial");
	assert_int_equal(run(b, "send", "bob", "hi", "--from", "al"), 5);
	assert_int_equal(waiting(b), 0);
}

static void a_sender_is_who_its_environment_claims_where_nothing_is_proven(void **state)
{
	struct bin *b = *state;

	run(b, "create", "al", "--runtime", "claude");
	run(b, "stop", "bob");
	assert_int_equal(run_env(b, "PEER_IDENTITY=claude-al", "send", "bob", "hi"), 5);
	must_have(err_text_of(b), "claude-al");
	assert_int_equal(run_env(b, "PEER_IDENTITY=claude-nobody", "send", "bob", "hi"), 4);
	assert_int_equal(run_env(b, "PEER_IDENTITY=%%%", "send", "bob", "hi"), 4);
}

/* This test's process plays the tmux server of a session: the program runs below it. */
static void inside_a_session_the_sender_is_that_peer(void **state)
{
	AUTO(layout_done) struct layout l;
	struct bin *b = *state;
	struct session s = {.id = {.name = "al", .runtime = "shell"}, .socket = "/tmp/none"};
	struct err e = ERR_INIT;

	run(b, "create", "al", "--runtime", "shell");
	run(b, "stop", "bob");
	open_root(b, &l);
	snprintf(s.cwd, sizeof s.cwd, "%s", b->dir);
	snprintf(s.pane_id, sizeof s.pane_id, "%%0");
	if (plat_proc_ref(getpid(), &s.server, &e) < 0 ||
	    plat_proc_ref(getpid(), &s.pane, &e) < 0 || plat_boot_id(s.boot_id, &e) < 0 ||
	    session_save(&l, &s, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(run(b, "send", "al", "hi"), 5);
	must_have(err_text_of(b), "does not send to itself");
	assert_int_equal(run(b, "send", "bob", "hi", "--from", "shell-bob"), 5);
	must_have(err_text_of(b), "inside the session of shell-al");
	assert_int_equal(run_env(b, "PEER_IDENTITY=shell-bob", "send", "bob", "hi"), 5);
	assert_int_equal(run(b, "send", "bob", "hi", "--from", "shell-al"), 4);
	s.server.birth++;
	if (session_save(&l, &s, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(run(b, "send", "bob", "hi", "--from", "shell-bob"), 5);
	must_have(err_text_of(b), "does not send to itself");
}

static void a_crash_loop_is_refused_with_its_count_and_its_way_out(void **state)
{
	struct bin *b = *state;
	char text[512];
	long long now = (long long)clock_utc_ms();

	snprintf(
	    text, sizeof text,
	    "[{\"at\":%lld,\"class\":\"session-gone\",\"cause\":\"exit-1\"},{\"at\":%lld,\"class\":"
	    "\"session-gone\","
	    "\"cause\":\"exit-1\"},{\"at\":%lld,\"class\":\"session-gone\",\"cause\":\"exit-1\"}]",
	    now - 3000, now - 2000, now - 1000);
	put_file(b, "root/state/lifecycle/shell-bob.deaths", text);
	assert_int_equal(run(b, "send", "bob", "hi"), 5);
	must_have(err_text_of(b), "crash loop");
	must_have(err_text_of(b), "3 times");
	must_have(err_text_of(b), "iapeer start bob");
	assert_int_equal(waiting(b), 0);
	assert_int_equal(run(b, "show", "bob"), 0);
	must_have(out(b), "`iapeer start bob` clears it");
	assert_int_equal(run(b, "why", "bob"), 0);
	must_have(out(b), "in a crash loop: `iapeer start bob` lets it wake again.");
	assert_int_equal(run(b, "start", "bob"), 0);
	assert_int_equal(run(b, "show", "bob"), 0);
	assert_null(strstr(out(b), "crash loop"));
	must_have(out(b), "exit-1");
}

static void a_missing_program_is_said_before_anything_is_queued(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run_env(b, "IAPEER_SHELL_BIN=/no/such/shell", "send", "bob", "hi"), 1);
	must_have(err_text_of(b), "/no/such/shell");
	assert_int_equal(waiting(b), 0);
}

static void the_same_id_gives_the_first_receipt(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	put_receipt(b, "m1", DELIVERY_DELIVERED, RUNG_SUBMITTED);
	put_receipt(b, "m2", DELIVERY_AMBIGUOUS, RUNG_PASTED);
	put_receipt(b, "m3", DELIVERY_REFUSED, RUNG_ACCEPTED);
	put_receipt(b, "m4", DELIVERY_FAILED, RUNG_PASTED);
	assert_int_equal(run(b, "send", "bob", "hi", "--id", "m1", "--json"), 0);
	j = reply(b);
	assert_string_equal(text_of(j, "status"), "delivered");
	assert_string_equal(text_of(j, "rung"), "submitted");
	assert_true(json_true(json_get(j, "duplicate")));
	assert_int_equal(run(b, "send", "bob", "hi", "--id", "m2"), 9);
	assert_int_equal(run(b, "send", "bob", "hi", "--id", "m3"), 5);
	assert_int_equal(run(b, "send", "bob", "hi", "--id", "m4"), 6);
	assert_int_equal(waiting(b), 0);
}

static void the_text_may_come_from_words_a_file_or_standard_input(void **state)
{
	struct bin *b = *state;
	char path[400];

	/* A stopped peer refuses after the text was read and found good. */
	run(b, "stop", "bob");
	snprintf(path, sizeof path, "%s/text", b->dir);
	put_file(b, "text", "from a file\n");
	assert_int_equal(run(b, "send", "bob", "several", "words"), 4);
	assert_int_equal(run(b, "send", "bob", "--message-file", path), 4);
	b->input = "from a pipe\n";
	assert_int_equal(run(b, "send", "bob"), 4);
	assert_int_equal(run(b, "send", "bob", "--message-file", "-"), 4);
	assert_int_equal(run(b, "send", "bob", "--", "--json"), 4);
	b->input = "\n";
	assert_int_equal(run(b, "send", "bob"), 2);
}

static void the_queue_is_listed_in_order_and_items_are_dropped(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	const struct json *list;

	assert_int_equal(run(b, "queue", "bob"), 0);
	assert_string_equal(out(b), "nothing waits for bob\n");
	put_item(b, "m1", "first\x1b[31m");
	put_item(b, "m2", "second");
	assert_int_equal(run(b, "queue", "bob"), 0);
	must_have(out(b), "m1 ");
	must_have(out(b), "first\\x1b[31m");
	assert_true(strstr(out(b), "first") < strstr(out(b), "second"));
	assert_int_equal(run(b, "list"), 0);
	must_have(out(b), "(2 queued)");
	begin(b, "m1");
	assert_int_equal(run(b, "queue", "bob", "drop", "m1"), 6);
	begin(b, "m0");
	assert_int_equal(run(b, "queue", "bob", "drop", "m1"), 0);
	assert_int_equal(run(b, "queue", "bob", "drop", "m1"), 1);
	assert_int_equal(run(b, "queue", "bob", "list", "--json"), 0);
	j = reply(b);
	list = json_get(j, "queue");
	assert_int_equal(json_len(list), 1);
	assert_string_equal(text_of(json_at(list, 0), "id"), "m2");
	assert_string_equal(text_of(json_at(list, 0), "from"), "cli-ann");
}

static void a_dropped_message_has_a_receipt_that_says_so(void **state)
{
	struct bin *b = *state;

	put_item(b, "m1", "x");
	assert_int_equal(run(b, "queue", "bob", "drop", "m1"), 0);
	assert_int_equal(run(b, "send", "bob", "x", "--id", "m1"), 6);
	must_have(err_text_of(b), "dropped from the queue");
}

static void queue_says_what_it_does_not_understand(void **state)
{
	static const struct {
		const char *words[5];
		int status;
	} rows[] = {
	    {{"queue", "bob", "frob"}, 2},         {{"queue", "bob", "drop"}, 2},
	    {{"queue", "bob", "list", "m1"}, 2},   {{"queue", "bbo"}, 3},
	    {{"queue", "bob", "drop", "a b"}, 2},  {{"queue", "bob", "list", "--force-next"}, 2},
	    {{"queue", "bob", "--force-next"}, 1}, {{"queue", "bob", "retry", "m1"}, 1}};
	struct bin *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (bin_run_env(b, NULL, rows[i].words) != rows[i].status)
			fail_msg("%s %s: exit %d", rows[i].words[1], rows[i].words[2], b->status);
}

#define T(name) cmocka_unit_test_setup_teardown(name, with_bob, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(what_is_wrong_is_refused_before_anything_is_queued),
	    T(a_stopped_peer_takes_no_message),
	    T(an_agents_words_are_not_run_by_a_shell),
	    T(a_sender_is_who_its_environment_claims_where_nothing_is_proven),
	    T(inside_a_session_the_sender_is_that_peer),
	    T(a_crash_loop_is_refused_with_its_count_and_its_way_out),
	    T(a_missing_program_is_said_before_anything_is_queued),
	    T(the_same_id_gives_the_first_receipt),
	    T(the_text_may_come_from_words_a_file_or_standard_input),
	    T(the_queue_is_listed_in_order_and_items_are_dropped),
	    T(a_dropped_message_has_a_receipt_that_says_so),
	    T(queue_says_what_it_does_not_understand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
