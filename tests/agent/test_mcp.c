/* The server as its client meets it: the program, its standard input and output. */
#include "../cli/runbin.h"

#include "iapeer/agent/mcp_proto.h"
#include "iapeer/base/mem.h"
#include "iapeer/registry/layout.h"

#include "iapeer/base/banned.h"

#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"
#define PONG(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}\n"
#define CALL(id, arguments)                                                                        \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":"       \
	"\"send_to_peer\",\"arguments\":" arguments "}}"

static void serve(struct bin *b, const char *input)
{
	b->input = input;
	if (run(b, "mcp") != 0)
		fail_msg("status %d: %s", b->status, err_text_of(b));
	b->input = NULL;
}

static void lines_are_answered_in_their_order_and_the_end_is_no_failure(void **state)
{
	struct bin *b = *state;

	serve(b, PING("1") "\n" PING("\"two\"") "\r\n\n   \n" PING("3") "\n");
	must_have(out(b), PONG("1") PONG("\"two\""));
	must_have(out(b), PONG("3"));
	serve(b, "");
	assert_string_equal(out(b), "");
}

static void a_last_line_without_its_end_counts(void **state)
{
	struct bin *b = *state;

	serve(b, PING("1"));
	assert_string_equal(out(b), PONG("1"));
}

static void a_line_without_end_is_refused_once_and_the_next_one_is_served(void **state)
{
	struct bin *b = *state;
	size_t huge = (size_t)3 * MCP_LINE_MAX;
	char *input = xmalloc(huge + 100);

	memset(input, 'x', huge);
	snprintf(input + huge, 100, "\n" PING("4") "\n");
	serve(b, input);
	assert_string_equal(out(b), "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
				    "\"message\":\"a line longer than 1 MiB\"}}\n" PONG("4"));
	free(input);
}

static void without_a_root_a_call_says_so_and_the_rest_works(void **state)
{
	struct bin *b = *state;

	serve(b, CALL("1", "{\"personality\":\"bob\",\"message\":\"hi\"}") "\n" PING("2") "\n");
	must_have(out(b), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":"
			  "\"text\",\"text\":\"Not sent: ");
	must_have(out(b), "\"isError\":true}}\n" PONG("2"));
	assert_int_not_equal(access(b->root, F_OK), 0);
}

static void a_corrupt_registry_is_named_to_the_agent(void **state)
{
	struct bin *b = *state;
	struct err e;
	auto_fd int fd = -1;

	assert_int_equal(run(b, "create", "bob", "--runtime", "shell"), 0);
	assert_int_equal(fs_open_dir(AT_FDCWD, b->root, &fd, &e), 0);
	assert_int_equal(fs_write_soft(fd, LAYOUT_REGISTRY, "{", 1, 0600, &e), 0);
	serve(b, CALL("1", "{\"personality\":\"bob\",\"message\":\"hi\"}") "\n" PING("2") "\n");
	must_have(out(b), "peers-profiles.json");
	must_have(out(b), "\"isError\":true}}\n" PONG("2"));
}

static void a_refusal_has_words_and_structure_and_writes_nothing(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "create", "bob", "--runtime", "shell"), 0);
	assert_int_equal(run(b, "set", "bob", "accepts=artificial"), 0);
	assert_int_equal(run(b, "stop", "bob"), 0);
	serve(b, CALL("1", "{\"personality\":\"bob\",\"message\":\"hi\"}") "\n");
	must_have(out(b), "\"text\":\"Not sent: bob is stopped. Ask the person you work for to run "
			  "`iapeer start bob`.\"");
	must_have(out(b), "\"structuredContent\":{\"id\":\"m");
	must_have(out(b), "\"status\":\"refused\",\"rung\":\"\",\"woke\":false");
	must_have(out(b), "\"error\":{\"code\":\"stopped\",\"message\":\"bob is stopped\",\"hint\":"
			  "\"iapeer start bob\"},\"summary\":\"Not sent: bob is stopped.");
	must_have(out(b), "\"isError\":true}}\n");
	assert_int_equal(run(b, "queue", "bob", "--json"), 0);
	must_lack(out(b), "\"id\"");
}

static void a_client_of_an_older_revision_gets_no_structure(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "create", "bob", "--runtime", "shell"), 0);
	serve(b, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
		 "\"protocolVersion\":\"2024-11-05\"}}\n" CALL(
		     "1", "{\"personality\":\"bobb\",\"message\":\"hi\"}") "\n");
	must_have(out(b), "Did you mean bob? There are: bob.");
	must_lack(out(b), "structuredContent");
}

/* A program that calls is no person at a shell: what takes only persons does not take it. */
static void outside_of_a_session_the_caller_is_an_artificial_sender(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "create", "bob", "--runtime", "shell"), 0);
	serve(b, CALL("1", "{\"personality\":\"bob\",\"message\":\"hi\"}") "\n");
	must_have(out(b), "bob does not take messages from artificial senders");
	must_have(out(b), "iapeer set bob accepts=artificial,natural,absent");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bin_setup, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lines_are_answered_in_their_order_and_the_end_is_no_failure),
	    TEST(a_last_line_without_its_end_counts),
	    TEST(a_line_without_end_is_refused_once_and_the_next_one_is_served),
	    TEST(without_a_root_a_call_says_so_and_the_rest_works),
	    TEST(a_corrupt_registry_is_named_to_the_agent),
	    TEST(a_refusal_has_words_and_structure_and_writes_nothing),
	    TEST(a_client_of_an_older_revision_gets_no_structure),
	    TEST(outside_of_a_session_the_caller_is_an_artificial_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
