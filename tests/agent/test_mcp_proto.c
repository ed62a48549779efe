#include "iapeer/agent/mcp_proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/agent/mcp_tool.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/envelope.h"

#include "iapeer/base/banned.h"

/* What is done about a line, and the reply as it is written: "" when there is none. */
static enum mcp_act said(struct mcp *m, const char *line, size_t len, struct buf *out)
{
	AUTO(mcp_in_done) struct mcp_in in;

	mcp_read(m, line, len, &in);
	buf_cut(out, 0);
	if (in.reply)
		json_print(in.reply, false, out);
	assert_true((in.act == MCP_REPLY) == (in.reply != NULL));
	assert_true((in.act == MCP_CALL) == (in.arguments != NULL));
	return in.act;
}

#define INIT(version)                                                                              \
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
	"\"" version "\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}"

struct frame {
	const char *line;
	enum mcp_act act;
	const char *reply; /* its beginning; NULL: none */
};

static void every_frame_gets_the_answer_that_the_protocol_has_for_it(void **state)
{
	static const struct frame frames[] = {
	    /* claude's first request, with the id that it chose */
	    {"{\"jsonrpc\":\"2.0\",\"id\":\"server-discover-probe-1\",\"method\":\"server/"
	     "discover\"}",
	     MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":\"server-discover-probe-1\",\"error\":{\"code\":-32601,"
	     "\"message\":\"method not found: server/discover\"}}"},
	    {INIT("2025-06-18"), MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\","
	     "\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"iapeer\","},
	    {INIT("2024-11-05"), MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2024-11-05\""},
	    {INIT("2025-03-26"), MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-03-26\""},
	    {INIT("2025-11-25"), MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\""},
	    {INIT("2031-01-01"), MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\""},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":"
	     "\"protocolVersion:"},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", MCP_NOTHING, NULL},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"send_to_peer\"}"
	     "}",
	     MCP_NOTHING, NULL},
	    {" {\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"ping\"}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"result\":{}}"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":18446744073709551616,\"method\":\"ping\"}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":18446744073709551616,\"result\":{}}"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1.50,\"method\":\"ping\",\"params\":{\"_meta\":{}}}",
	     MCP_REPLY, "{\"jsonrpc\":\"2.0\",\"id\":1.50,\"result\":{}}"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"id:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"},
	    {"{\"jsonrpc\":\"1.0\",\"id\":4,\"method\":\"ping\"}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32600,\"message\":\"jsonrpc:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":7}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32600,\"message\":\"method:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":4}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32600,\"message\":\"method:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"ping\",\"params\":[]}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32602,\"message\":\"params:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{}}", MCP_NOTHING, NULL},
	    {"[{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"ping\"}]", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"batches"},
	    {"7", MCP_REPLY, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"},
	    {"junk", MCP_REPLY, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"resources/list\"}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32601,"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{}}", MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32602,\"message\":\"name:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/"
	     "call\",\"params\":{\"name\":\"rm\"}}",
	     MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32602,\"message\":\"no such tool; "
	     "there is send_to_peer\"}}"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
	     "\"send_to_peer\",\"arguments\":[]}}",
	     MCP_REPLY,
	     "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32602,\"message\":\"arguments:"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
	     "\"send_to_peer\"}}",
	     MCP_CALL, NULL},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
	     "\"requestId\":5,\"reason\":\"x\"}}",
	     MCP_CANCEL, NULL},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{}}",
	     MCP_NOTHING, NULL},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}", MCP_NOTHING, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		AUTO(buf_done) struct buf reply = BUF_INIT(CAP_STATE);
		struct mcp m = {.revision = 0};
		const struct frame *f = &frames[i];

		assert_int_equal(said(&m, f->line, strlen(f->line), &reply), f->act);
		if (!str_starts(buf_cstr(&reply), f->reply ? f->reply : ""))
			fail_msg("%s\n  got %s", f->line, buf_cstr(&reply));
	}
}

/* Nobody waits in vain: a request that is no JSON is answered under its id. */
static void an_id_is_found_in_what_cannot_be_parsed(void **state)
{
	static const struct {
		const char *line, *id;
	} lines[] = {
	    {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\",\"params\":{\"id\":8,\"m\":"
	     "\"\\u0000\"}}",
	     "7"},
	    {"{\"params\":{\"id\":8,\"m\":\"\xff\"},\"id\" : \"a-1\"}", "\"a-1\""},
	    {"{\"params\":{\"m\":\"\\ud800\",\"x\":[\"\\\"id\\\":3\"]},\"id\":-12.5e3,", "-12.5e3"},
	    {"{\"params\":{\"id\":8,\"m\":\"\xff\"}}", "null"},
	    {"{\"id\":7,\"id\":8}", "7"},
	    {"{\"id\":{\"id\":1},", "null"},
	    {"{\"id\":01}", "null"},
	    {"{\"id\":\"half", "null"},
	    {"{\"id\"", "null"},
	    {"{\"id\":", "null"},
	    {"\"id\":7", "null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		AUTO(buf_done) struct buf reply = BUF_INIT(CAP_STATE);
		AUTO(buf_done) struct buf wanted = BUF_INIT(CAP_STATE);
		struct mcp m = {.revision = 0};

		buf_fmt(&wanted, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32700,",
			lines[i].id);
		assert_int_equal(said(&m, lines[i].line, strlen(lines[i].line), &reply), MCP_REPLY);
		if (!str_starts(buf_cstr(&reply), buf_cstr(&wanted)))
			fail_msg("%s\n  got %s", lines[i].line, buf_cstr(&reply));
	}
}

static void a_nul_in_a_line_is_a_parse_error(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"pi\0ng\"}";
	AUTO(buf_done) struct buf reply = BUF_INIT(CAP_STATE);
	struct mcp m = {.revision = 0};

	(void)state;
	assert_int_equal(said(&m, line, sizeof line - 1, &reply), MCP_REPLY);
	assert_true(str_starts(buf_cstr(&reply),
			       "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32700,"));
}

static void ids_are_the_same_only_if_type_and_value_are(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {{"1", "1", true},
		     {"1", "2", false},
		     {"\"1\"", "1", false},
		     {"\"a\"", "\"a\"", true},
		     {"\"a\"", "\"b\"", false}};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		auto_json struct json *a = NULL, *b = NULL;
		struct err e;

		assert_int_equal(json_parse(pairs[i].a, strlen(pairs[i].a), "a", &a, &e), 0);
		assert_int_equal(json_parse(pairs[i].b, strlen(pairs[i].b), "b", &b, &e), 0);
		assert_int_equal(mcp_same_id(a, b), pairs[i].same);
	}
}

static void the_result_has_a_structure_only_for_those_who_know_of_it(void **state)
{
	AUTO(buf_done) struct buf reply = BUF_INIT(CAP_STATE);
	static const char list[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
	struct mcp m = {.revision = 0};

	(void)state;
	said(&m, list, sizeof list - 1, &reply);
	assert_non_null(strstr(buf_cstr(&reply), "\"outputSchema\""));
	assert_true(mcp_structured(&m));
	said(&m, INIT("2025-03-26"), strlen(INIT("2025-03-26")), &reply);
	said(&m, list, sizeof list - 1, &reply);
	assert_null(strstr(buf_cstr(&reply), "\"outputSchema\""));
	assert_false(mcp_structured(&m));
	said(&m, INIT("2025-06-18"), strlen(INIT("2025-06-18")), &reply);
	assert_true(mcp_structured(&m));
}

/* ---- the tool ---- */

static const struct json *member(const struct json *j, const char *a, const char *b, const char *c)
{
	return json_get(json_get(json_get(j, a), b), c);
}

static void the_schema_has_the_limits_that_are_checked(void **state)
{
	auto_json struct json *list = tool_list(true);
	const struct json *tool = json_first(json_get(list, "tools"));
	const struct json *schema = json_get(tool, "inputSchema");
	int64_t n = 0;

	(void)state;
	assert_string_equal(json_text(json_get(tool, "name")), "send_to_peer");
	assert_false(json_true(json_get(schema, "additionalProperties")));
	assert_non_null(json_get(schema, "additionalProperties"));
	assert_int_equal(json_len(json_get(schema, "properties")), 6);
	assert_int_equal(json_len(json_get(schema, "required")), 2);
	assert_true(json_whole(member(schema, "properties", "message", "maxLength"), &n));
	assert_int_equal(n, MESSAGE_MAX_CHARS);
	assert_true(json_whole(member(schema, "properties", "topic", "maxLength"), &n));
	assert_int_equal(n, TOPIC_MAX_CHARS);
	assert_true(json_whole(member(schema, "properties", "attachments", "maxItems"), &n));
	assert_int_equal(n, ATTACHMENTS_MAX);
	assert_true(json_whole(member(schema, "properties", "wait_secs", "maximum"), &n));
	assert_int_equal(n, TOOL_WAIT_MAX_SECS);
}

static int arguments(const char *text, struct tool_call *out, struct err *e)
{
	auto_json struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), "arguments", &j, e), 0);
	return tool_arguments(j, out, e);
}

static void what_is_wrong_with_the_arguments_is_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"{}", "personality: missing"},
	    {"{\"personality\":\"bob\"}", "message: missing"},
	    {"{\"personality\":null,\"message\":\"x\"}", "personality: missing"},
	    {"{\"personality\":7,\"message\":\"x\"}",
	     "personality: expected a string, got a number"},
	    {"{\"personality\":\"bob\",\"message\":[\"x\"]}",
	     "message: expected a string, got a list"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"mesage\":\"y\"}",
	     "unknown argument \"mesage\""},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"wait_secs\":\"60\"}",
	     "wait_secs: expected a whole number, got a string"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"wait_secs\":601}",
	     "wait_secs: expected a whole number from 0 to 600"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"wait_secs\":-1}",
	     "wait_secs: expected a whole number from 0 to 600"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"wait_secs\":1.5}",
	     "wait_secs: expected a whole number from 0 to 600"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"attachments\":\"/a\"}",
	     "attachments: expected a list of paths, got a string"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"attachments\":[\"/a\",true]}",
	     "attachments: expected a list of paths, got true or false in it"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"attachments\":[\"\"]}",
	     "attachments: a path has 1 to 4095 bytes, this one has 0"},
	    {"{\"personality\":\"bob\",\"message\":\"x\",\"topic\":{}}",
	     "topic: expected a string, got an object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tool_call c = {.personality = NULL};
		struct err e = ERR_INIT;

		assert_int_equal(arguments(cases[i].text, &c, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_string_equal(e.msg, cases[i].message);
		assert_null(c.personality);
	}
}

static void good_arguments_are_taken_and_null_is_not_given(void **state)
{
	AUTO(tool_call_done) struct tool_call c = {.personality = NULL};
	AUTO(tool_call_done) struct tool_call least = {.personality = NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(arguments("{\"personality\":\"bob\",\"message\":\"hi\",\"runtime\":"
				   "\"shell\",\"topic\":\"t\",\"attachments\":[\"/a\",\"/b\"],"
				   "\"wait_secs\":600}",
				   &c, &e),
			 0);
	assert_string_equal(c.personality, "bob");
	assert_string_equal(c.message, "hi");
	assert_string_equal(c.runtime, "shell");
	assert_string_equal(c.topic, "t");
	assert_int_equal(c.attachments.n, 2);
	assert_int_equal(c.wait_secs, 600);
	assert_int_equal(arguments("{\"personality\":\"bob\",\"message\":\"hi\",\"runtime\":null,"
				   "\"topic\":null,\"attachments\":null,\"wait_secs\":null}",
				   &least, &e),
			 0);
	assert_null(least.runtime);
	assert_null(least.topic);
	assert_int_equal(least.attachments.n, 0);
	assert_int_equal(least.wait_secs, 0);
}

static void a_text_at_the_limit_is_taken_and_one_above_is_not(void **state)
{
	for (size_t n = MESSAGE_MAX_CHARS; n <= MESSAGE_MAX_CHARS + 1; n++) {
		AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
		struct tool_call c = {.personality = NULL};
		struct err e = ERR_INIT;

		buf_str(&text, "{\"personality\":\"bob\",\"message\":\"");
		for (size_t i = 0; i < n; i++)
			buf_str(&text, "\\ud83d\\ude00");
		buf_str(&text, "\"}");
		assert_true(text.len < MCP_LINE_MAX / 3);
		assert_int_equal(arguments(buf_cstr(&text), &c, &e),
				 n == MESSAGE_MAX_CHARS ? 0 : -1);
		tool_call_done(&c);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_frame_gets_the_answer_that_the_protocol_has_for_it),
	    cmocka_unit_test(an_id_is_found_in_what_cannot_be_parsed),
	    cmocka_unit_test(a_nul_in_a_line_is_a_parse_error),
	    cmocka_unit_test(ids_are_the_same_only_if_type_and_value_are),
	    cmocka_unit_test(the_result_has_a_structure_only_for_those_who_know_of_it),
	    cmocka_unit_test(the_schema_has_the_limits_that_are_checked),
	    cmocka_unit_test(what_is_wrong_with_the_arguments_is_named),
	    cmocka_unit_test(good_arguments_are_taken_and_null_is_not_given),
	    cmocka_unit_test(a_text_at_the_limit_is_taken_and_one_above_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
