#include "iapeer/agent/event.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/json.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "world.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "claude"};

#define REPORTS ROOT_REL(LAYOUT_LIFECYCLE) "/claude-bob.reports"
#define COMMON                                                                                     \
	"\"session_id\":\"c-1\",\"transcript_path\":\"/h/c-1.jsonl\",\"cwd\":\"/x\",\"hook_event_" \
	"name\":"

static bool says(const char *json, struct report *r)
{
	return event_report(json, strlen(json), 42, r);
}

static void each_event_has_its_report(void **state)
{
	static const struct {
		const char *json;
		enum report_kind kind;
		const char *detail, *text;
	} cases[] = {
	    {"\"SessionStart\",\"source\":\"startup\"", REPORT_READY, "startup", NULL},
	    {"\"SessionStart\",\"source\":\"resume\"", REPORT_READY, "resume", NULL},
	    {"\"UserPromptSubmit\",\"prompt\":\"hi\"", REPORT_TAKEN, "", NULL},
	    {"\"PreToolUse\",\"tool_name\":\"Bash\",\"tool_input\":{\"tool_name\":\"x\"}",
	     REPORT_TOOL, "Bash", NULL},
	    {"\"PostToolUse\",\"tool_name\":\"Read\",\"tool_response\":[[],{},\"}\\\"]\"]",
	     REPORT_TOOL, "Read", NULL},
	    {"\"PermissionRequest\",\"tool_name\":\"Bash\"", REPORT_ASKS, "Bash", NULL},
	    {"\"Notification\",\"notification_type\":\"permission_prompt\"", REPORT_ASKS,
	     "permission_prompt", NULL},
	    {"\"Notification\",\"notification_type\":\"idle_prompt\"", REPORT_READY, "idle_prompt",
	     NULL},
	    {"\"Stop\",\"last_assistant_message\":\"a\\n\\u00fc\\ud83d\\ude00\"", REPORT_TURN, "",
	     "a\nü😀"},
	    {"\"Stop\"", REPORT_TURN, "", ""},
	    {"\"StopFailure\",\"error\":\"authentication_failed\",\"error_details\":\"401\"",
	     REPORT_FAILED, "auth", "401"},
	    {"\"StopFailure\",\"error\":\"rate_limit\",\"last_assistant_message\":\"limit\"",
	     REPORT_FAILED, "quota", "limit"},
	    {"\"StopFailure\",\"error\":\"billing_error\"", REPORT_FAILED, "quota", NULL},
	    {"\"StopFailure\",\"error\":\"server_error\"", REPORT_FAILED, "overload", NULL},
	    {"\"StopFailure\",\"error\":\"max_output_tokens\"", REPORT_FAILED, "other", NULL},
	    {"\"SessionEnd\",\"reason\":\"other\"", REPORT_LEFT, "other", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(report_done) struct report r = {.at_ms = 0};
		char json[1024];

		snprintf(json, sizeof json, "{" COMMON "%s}\n", cases[i].json);
		if (!says(json, &r))
			fail_msg("nothing came of %s", json);
		assert_int_equal(r.kind, cases[i].kind);
		assert_int_equal(r.source, REPORT_BY_HOOK);
		assert_int_equal(r.at_ms, 42);
		assert_string_equal(r.detail, cases[i].detail);
		assert_string_equal(r.conversation, "c-1");
		assert_string_equal(r.transcript, "/h/c-1.jsonl");
		if (cases[i].text)
			assert_string_equal(r.text, cases[i].text);
		else
			assert_null(r.text);
	}
}

static void what_is_of_no_interest_is_no_report(void **state)
{
	static const char *const cases[] = {
	    "",
	    "[]",
	    "null",
	    "{}",
	    "{\"hook_event_name\":17}",
	    "{\"hook_event_name\":\"Sto",
	    "{" COMMON "\"SubagentStop\",\"last_assistant_message\":\"x\"}",
	    "{" COMMON "\"SessionStart\",\"source\":\"compact\"}",
	    "{" COMMON "\"Notification\",\"notification_type\":\"auth_success\"}",
	    "{\"x\":{\"hook_event_name\":\"Stop\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct report r;

		if (says(cases[i], &r))
			fail_msg("a report came of %s", cases[i]);
	}
}

/* A UserPromptSubmit of that prompt. */
static void prompt_json(const char *prompt, size_t len, struct buf *out)
{
	buf_str(out, "{" COMMON "\"UserPromptSubmit\",\"prompt\":");
	json_quote(out, prompt, len);
	buf_chr(out, '}');
}

static void add_envelope(const char *id, const char *body, struct buf *out)
{
	struct envelope v = {.from = {.name = "ann", .runtime = "cli"}};

	str_cut(v.id, sizeof v.id, id);
	v.message = strdup(body);
	envelope_encode(&v, out);
	envelope_done(&v);
}

static void messages_are_found_by_their_envelope(void **state)
{
	AUTO(report_done) struct report r = {.at_ms = 0};
	AUTO(buf_done)
	struct buf quoted = BUF_INIT(CAP_STATE), prompt = BUF_INIT(CAP_STATE),
		   json = BUF_INIT(CAP_STATE);

	(void)state;
	add_envelope("inner", "q", &quoted);
	buf_str(&prompt, "You are bob.\n\n");
	add_envelope("m-1", buf_cstr(&quoted), &prompt);
	buf_str(&prompt, "\n");
	add_envelope("m-2", "x ]]> </iap> \t", &prompt);
	buf_str(&prompt, "\n<iap id=\"open\"> never closed");
	prompt_json(buf_cstr(&prompt), prompt.len, &json);
	assert_true(event_report(buf_cstr(&json), json.len, 1, &r));
	assert_int_equal(r.ids.n, 2);
	assert_string_equal(r.ids.v[0], "m-1");
	assert_string_equal(r.ids.v[1], "m-2");
	assert_null(r.text); /* what was said stays where it is */
}

static void the_largest_message_is_found(void **state)
{
	AUTO(report_done) struct report r = {.at_ms = 0};
	AUTO(buf_done)
	struct buf body = BUF_INIT(CAP_STATE), prompt = BUF_INIT(CAP_QUEUE_ITEM),
		   json = BUF_INIT(CAP_TEXT);

	(void)state;
	for (int i = 0; i < MESSAGE_MAX_CHARS; i++)
		buf_str(&body, "😀");
	add_envelope("big", buf_cstr(&body), &prompt);
	prompt_json(buf_cstr(&prompt), prompt.len, &json);
	assert_true(event_report(buf_cstr(&json), json.len, 1, &r));
	assert_true(report_has(&r, "big"));
}

/* A tool's output of any size, cut where we stopped reading, with what we would refuse. */
static void what_stands_before_a_cut_counts(void **state)
{
	static const char head[] =
	    "{" COMMON "\"PostToolUse\",\"bad\":\"\\u0000\\ud800\xff\",\"tool_name\":"
	    "\"Bash\",\"tool_response\":\"aaaa";

	(void)state;
	for (size_t n = sizeof head - 1; n > sizeof head - 20; n--) {
		AUTO(report_done) struct report r = {.at_ms = 0};

		assert_true(event_report(head, n, 1, &r));
		assert_string_equal(r.detail, "Bash");
	}
}

/* ---- the program ---- */

static void run_event(const struct world *w, const char *const *words, const char *input)
{
	AUTO(proc_result_done) struct proc_result out = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	const char *bin = getenv("IAPEER_BIN");

	assert_non_null(bin);
	setenv("IAPEER_ROOT", world_path(w, "r"), 1);
	strv_add(&argv, bin);
	strv_add(&argv, "event");
	for (; *words; words++)
		strv_add(&argv, *words);
	OK(proc_run(&(struct proc_opts){.file = bin,
					.argv = strv_argv(&argv),
					.input = input,
					.input_len = strlen(input),
					.deadline_ms = clock_mono_ms() + 10000},
		    &out, e));
	assert_int_equal(out.status, 0);
	assert_string_equal(buf_cstr(&out.out), "");
	assert_string_equal(buf_cstr(&out.err), "");
}
#define EVENT(w, input, ...) run_event(w, (const char *const[]){__VA_ARGS__, NULL}, input)

static void the_verb_appends_and_says_nothing(void **state)
{
	struct world *w = *state;
	static const char stop[] = "{" COMMON "\"Stop\",\"last_assistant_message\":\"done\"}";

	EVENT(w, stop, "claude", "--identity", "claude-bob");
	assert_int_equal(world_lines(w, REPORTS, "\"text\":\"done\""), 1);
	setenv("PEER_IDENTITY", "claude-bob", 1);
	EVENT(w, stop, "claude");
	assert_int_equal(world_lines(w, REPORTS, "\"text\":\"done\""), 2);
	unsetenv("PEER_IDENTITY");
}

static void whatever_is_wrong_it_says_nothing_and_ends_well(void **state)
{
	struct world *w = *state;
	static const char stop[] = "{" COMMON "\"Stop\"}";

	EVENT(w, stop, "claude");
	EVENT(w, stop, "codex", "--identity", "claude-bob");
	EVENT(w, stop, "claude", "--identity", "../../x");
	EVENT(w, stop, "claude", "--nonsense");
	EVENT(w, stop, "claude", "--json");
	EVENT(w, stop, "a", "b", "c");
	EVENT(w, stop, "--identity");
	EVENT(w, "", "claude", "--identity", "claude-bob");
	EVENT(w, "\xff\xfe{{{{", "claude", "--identity", "claude-bob");
	assert_false(world_exists(w, REPORTS));
	world_write(w, ROOT_REL("peers-profiles.json"), "corrupt");
	EVENT(w, stop, "claude", "--identity", "claude-bob");
	assert_true(world_exists(w, REPORTS));
	OK(fs_remove_tree(w->l.root_fd, "state", e));
	EVENT(w, stop, "claude", "--identity", "claude-bob");
}

static void an_input_that_does_not_end_holds_nobody_up(void **state)
{
	struct world *w = *state;
	int64_t began = clock_mono_ms();
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "{" COMMON "\"Stop\"", strlen("{" COMMON "\"Stop\"")),
			 strlen("{" COMMON "\"Stop\""));
	OK(event_take(&w->l, &bob, fds[0], e));
	assert_true(clock_mono_ms() - began < 1000);
	assert_int_equal(world_lines(w, REPORTS, "\"turn\""), 1);
	close(fds[0]);
	close(fds[1]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_event_has_its_report),
	    cmocka_unit_test(what_is_of_no_interest_is_no_report),
	    cmocka_unit_test(messages_are_found_by_their_envelope),
	    cmocka_unit_test(the_largest_message_is_found),
	    cmocka_unit_test(what_stands_before_a_cut_counts),
	    CASE(the_verb_appends_and_says_nothing),
	    CASE(whatever_is_wrong_it_says_nothing_and_ends_well),
	    CASE(an_input_that_does_not_end_holds_nobody_up),
	};

	/* A hook that was called wrongly may be gone before it has read anything. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
