/* mcp_proto.h - JSON-RPC 2.0 and the Model Context Protocol, as far as one tool needs them: a line
 * in, what to do about it. Pure.
 *
 * Nothing that a client writes is fatal: junk, a batch, bad UTF-8, an unknown method get the error
 * that JSON-RPC has for it, with the request's id wherever one can be found in the line, so that
 * nobody waits for an answer in vain. Ids are echoed as they came.
 */
#pragma once
#include "iapeer/base/json.h"

#define MCP_LINE_MAX                                                                               \
	(1U << 20) /* 16,000 characters, each escaped as two \uXXXX, and 20 paths fit in a third   \
		    */

/* What JSON-RPC calls these failures. */
enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_METHOD_NOT_FOUND = -32601,
	MCP_INVALID_PARAMS = -32602
};

enum mcp_act {
	MCP_NOTHING, /* a notification, or an answer that nobody asked for */
	MCP_REPLY,   /* write `reply` */
	MCP_CALL,    /* the tool is called: `id`, `arguments` */
	MCP_CANCEL   /* the answer to the request `id` is not wanted any more */
};

struct mcp {
	size_t revision; /* of the protocol, since initialize; 0: the newest */
};

struct mcp_in {
	enum mcp_act act;
	struct json *id, *arguments, *reply; /* owned: mcp_in_done() */
};
void mcp_in_done(struct mcp_in *in);

/* One line, without its newline. */
void mcp_read(struct mcp *m, const char *line, size_t len, struct mcp_in *out);
/* Does the client know of structured results? */
bool mcp_structured(const struct mcp *m);
/* The same string, or the same number. */
bool mcp_same_id(const struct json *a, const struct json *b);
/* {"jsonrpc","id","result"} and {"jsonrpc","id","error"}; a NULL id is null. Owned. */
struct json *mcp_reply(const struct json *id, struct json *take_result);
struct json *mcp_error(const struct json *id, enum mcp_code code, const char *why);
