/* mcp_tool.h - the one tool, send_to_peer: its description, its arguments, its results. Pure. */
#pragma once
#include "iapeer/base/json.h"

#define MCP_TOOL           "send_to_peer"
#define TOOL_WAIT_MAX_SECS 600

struct tool_call {
	char *personality, *message, *runtime, *topic; /* the latter two may be NULL */
	struct strv attachments;
	int64_t wait_secs; /* 0: do not wait for the answer */
};
void tool_call_done(struct tool_call *c);

/* {"tools":[...]}; with the schema of its results if `structured`. Owned. */
struct json *tool_list(bool structured);
/* ERR_USAGE names the argument that is unknown, missing, of a wrong type or too long. Owned:
 * tool_call_done(). */
int tool_arguments(const struct json *args, struct tool_call *out, struct err *e) NODISCARD;
/* {"content":[{"type":"text"}],"structuredContent"?,"isError"?}. Owned. */
struct json *tool_result(struct json *take_structured, const char *text, bool is_error);
