/* Lines from a client, one after the other: each gets at most one answer, which is one line of
 * JSON, and never one that was not asked for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/agent/mcp_proto.h"
#include "iapeer/agent/mcp_tool.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/envelope.h"

#include "must.h"

#include "iapeer/base/banned.h"

static void look_at_reply(const struct json *reply)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);
	auto_json struct json *again = NULL;
	struct err e;

	json_print(reply, false, &b);
	must(!b.failed && !memchr(b.p, '\n', b.len));
	must(json_parse(b.p, b.len, "reply", &again, &e) == 0);
	must(strcmp(json_text(json_get(again, "jsonrpc")), "2.0") == 0);
	must(!json_get(again, "result") != !json_get(again, "error"));
}

static void look_at_call(const struct json *arguments)
{
	AUTO(tool_call_done) struct tool_call c = {.personality = NULL};
	struct err e = ERR_INIT;

	if (tool_arguments(arguments, &c, &e) < 0) {
		must(e.code == ERR_USAGE && e.msg[0]);
		return;
	}
	must(c.personality && c.message && c.attachments.n <= ATTACHMENTS_MAX);
	must(c.wait_secs >= 0 && c.wait_secs <= TOOL_WAIT_MAX_SECS);
	must(utf8_chars(c.message, strlen(c.message)) <= MESSAGE_MAX_CHARS);
}

static void one_line(struct mcp *m, const char *line, size_t len)
{
	AUTO(mcp_in_done) struct mcp_in in;

	mcp_read(m, line, len, &in);
	must((in.act == MCP_REPLY) == (in.reply != NULL));
	must((in.act == MCP_CALL) == (in.arguments != NULL));
	must((in.act != MCP_CALL && in.act != MCP_CANCEL) || in.id);
	must(!in.id || mcp_same_id(in.id, in.id));
	if (in.reply)
		look_at_reply(in.reply);
	if (in.arguments)
		look_at_call(in.arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct mcp m = {.revision = 0};

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = nl ? (size_t)(nl - at) : (size_t)(end - at);

		one_line(&m, at, len);
		at += len + 1;
	}
	return 0;
}
