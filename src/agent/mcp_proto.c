#include "iapeer/agent/mcp_proto.h"

#include <string.h>

#include "iapeer/agent/mcp_tool.h"
#include "iapeer/base/build.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* Newest first. What they differ in, for us: results have a structure since 2025-06-18. */
static const char *const revisions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
#define N_REVISIONS     (sizeof revisions / sizeof revisions[0])
#define LAST_STRUCTURED 1

#define INSTRUCTIONS                                                                               \
	"You are one of several peers on this host: AI agents, people and programs, each with a "  \
	"name. A message from another peer reaches you as an <iap from-personality=\"...\"> "      \
	"envelope; " MCP_TOOL " sends one, and is the only way to answer it."

void mcp_in_done(struct mcp_in *in)
{
	json_free(in->id);
	json_free(in->arguments);
	json_free(in->reply);
	*in = (struct mcp_in){.act = MCP_NOTHING};
}

bool mcp_structured(const struct mcp *m)
{
	return m->revision <= LAST_STRUCTURED;
}

bool mcp_same_id(const struct json *a, const struct json *b)
{
	char one[JSON_NUMBER_MAX], other[JSON_NUMBER_MAX];

	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_text(a), json_text(b)) == 0;
	return json_is_number(a) && json_is_number(b) &&
	       strcmp(json_number(a, one), json_number(b, other)) == 0;
}

/* ---- what we write ---- */

static struct json *envelope(const struct json *id)
{
	struct json *o = json_object();

	json_set_str(o, "jsonrpc", "2.0");
	json_set(o, "id", id ? json_copy(id) : json_null());
	return o;
}

struct json *mcp_reply(const struct json *id, struct json *take_result)
{
	struct json *o = envelope(id);

	json_set(o, "result", take_result);
	return o;
}

struct json *mcp_error(const struct json *id, enum mcp_code code, const char *why)
{
	struct json *o = envelope(id);
	struct json *error = json_set(o, "error", json_object());

	json_set_i64(error, "code", code);
	json_set_str(error, "message", why);
	return o;
}

static void refuse(struct mcp_in *out, enum mcp_code code, const char *why)
{
	out->act = MCP_REPLY;
	out->reply = mcp_error(out->id, code, why);
}

static void answer(struct mcp_in *out, struct json *take_result)
{
	out->act = MCP_REPLY;
	out->reply = mcp_reply(out->id, take_result);
}

/* ---- an id in a line that is no JSON ---- */

struct span {
	size_t at, len; /* len 0: none */
};

/* The string that begins at `at`, quotes and all. */
static struct span string_at(const char *s, size_t len, size_t at)
{
	for (size_t i = at + 1; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			return (struct span){at, i + 1 - at};
	}
	return (struct span){at, 0};
}

static size_t past_blanks(const char *s, size_t len, size_t at)
{
	while (at < len && (s[at] == ' ' || s[at] == '\t'))
		at++;
	return at;
}

/* The word behind `"id":`, if that is a member of the outermost object. */
static struct span id_at(const char *s, size_t len, struct span key)
{
	size_t at = past_blanks(s, len, key.at + key.len), end;

	if (key.len != 4 || memcmp(s + key.at, "\"id\"", 4) != 0 || at == len || s[at] != ':')
		return (struct span){at, 0};
	at = past_blanks(s, len, at + 1);
	if (at < len && s[at] == '"')
		return string_at(s, len, at);
	for (end = at; end < len && strchr("+-.0123456789eE", s[end]) && s[end]; end++)
		;
	return (struct span){at, end - at};
}

static struct span find_id(const char *s, size_t len)
{
	struct span none = {0, 0};
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '{' || s[i] == '[')
			depth++;
		if (s[i] == '}' || s[i] == ']')
			depth--;
		if (s[i] != '"')
			continue;
		struct span word = string_at(s, len, i);
		struct span id = depth == 1 ? id_at(s, len, word) : none;

		if (id.len || !word.len)
			return id;
		i += word.len - 1;
	}
	return none;
}

static struct json *salvage_id(const char *line, size_t len)
{
	struct span at = find_id(line, len);
	struct json *id = NULL;
	struct err e;

	if (!at.len || json_parse(line + at.at, at.len, "id", &id, &e) < 0)
		return NULL;
	return id;
}

/* ---- the methods ---- */

static void initialize(struct mcp *m, const struct json *params, struct mcp_in *out)
{
	const char *asked = json_text(json_get(params, "protocolVersion"));
	struct json *result, *info;

	if (!asked) {
		refuse(out, MCP_INVALID_PARAMS, "protocolVersion: expected a string");
		return;
	}
	m->revision = 0;
	for (size_t i = 0; i < N_REVISIONS; i++)
		if (strcmp(asked, revisions[i]) == 0)
			m->revision = i;
	result = json_object();
	json_set_str(result, "protocolVersion", revisions[m->revision]);
	json_set(json_set(result, "capabilities", json_object()), "tools", json_object());
	info = json_set(result, "serverInfo", json_object());
	json_set_str(info, "name", "iapeer");
	json_set_str(info, "version", build_version);
	json_set_str(result, "instructions", INSTRUCTIONS);
	answer(out, result);
}

static void ping(struct mcp *m, const struct json *params, struct mcp_in *out)
{
	(void)m;
	(void)params;
	answer(out, json_object());
}

static void tools_list(struct mcp *m, const struct json *params, struct mcp_in *out)
{
	(void)params;
	answer(out, tool_list(mcp_structured(m)));
}

static void tools_call(struct mcp *m, const struct json *params, struct mcp_in *out)
{
	const char *name = json_text(json_get(params, "name"));
	const struct json *arguments = json_get(params, "arguments");

	(void)m;
	if (!name)
		refuse(out, MCP_INVALID_PARAMS, "name: expected the name of a tool");
	else if (strcmp(name, MCP_TOOL) != 0)
		refuse(out, MCP_INVALID_PARAMS, "no such tool; there is " MCP_TOOL);
	else if (arguments && !json_is_object(arguments))
		refuse(out, MCP_INVALID_PARAMS, "arguments: expected an object");
	if (out->act == MCP_REPLY)
		return;
	out->act = MCP_CALL;
	out->arguments = arguments ? json_copy(arguments) : json_object();
}

static const struct {
	const char *name;
	void (*run)(struct mcp *m, const struct json *params, struct mcp_in *out);
} methods[] = {{"initialize", initialize},
	       {"ping", ping},
	       {"tools/list", tools_list},
	       {"tools/call", tools_call}};

static void request(struct mcp *m, const char *method, const struct json *params,
		    struct mcp_in *out)
{
	char why[128];

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(method, methods[i].name) == 0) {
			methods[i].run(m, params, out);
			return;
		}
	str_cut(why, sizeof why, "method not found: ");
	str_cut(why + strlen(why), sizeof why - strlen(why), method);
	refuse(out, MCP_METHOD_NOT_FOUND, why);
}

static bool is_id(const struct json *id)
{
	return json_is_string(id) || json_is_number(id);
}

static void notification(const char *method, const struct json *params, struct mcp_in *out)
{
	const struct json *id = json_get(params, "requestId");

	if (strcmp(method, "notifications/cancelled") != 0 || !id || !is_id(id))
		return;
	out->act = MCP_CANCEL;
	out->id = json_copy(id);
}

/* Is it there, be it null? */
static bool has(const struct json *o, const char *key)
{
	for (const struct json *j = json_first(o); j; j = json_next(j))
		if (strcmp(json_key(j), key) == 0)
			return true;
	return false;
}

static void understand(struct mcp *m, const struct json *j, struct mcp_in *out)
{
	const struct json *id = json_get(j, "id"), *params = json_get(j, "params");
	const char *version = json_text(json_get(j, "jsonrpc"));
	const char *method = json_text(json_get(j, "method"));

	if (has(j, "method") && !has(j, "id") && method) {
		notification(method, params, out);
		return;
	}
	if (!has(j, "method") && (has(j, "result") || has(j, "error")))
		return; /* an answer, and we ask nothing */
	if (id && is_id(id))
		out->id = json_copy(id);
	if (!out->id)
		refuse(out, MCP_INVALID_REQUEST, "id: expected a string or a number");
	else if (!version || strcmp(version, "2.0") != 0)
		refuse(out, MCP_INVALID_REQUEST, "jsonrpc: expected \"2.0\"");
	else if (!method)
		refuse(out, MCP_INVALID_REQUEST, "method: expected a string");
	else if (params && !json_is_object(params))
		refuse(out, MCP_INVALID_PARAMS, "params: expected an object");
	else
		request(m, method, params, out);
}

void mcp_read(struct mcp *m, const char *line, size_t len, struct mcp_in *out)
{
	auto_json struct json *j = NULL;
	struct err e = ERR_INIT;

	*out = (struct mcp_in){.act = MCP_NOTHING};
	if (json_parse(line, len, "the request", &j, &e) < 0) {
		out->id = salvage_id(line, len);
		refuse(out, MCP_PARSE_ERROR, e.msg);
	} else if (json_is_array(j)) {
		refuse(out, MCP_INVALID_REQUEST, "batches are not taken: one request a line");
	} else if (!json_is_object(j)) {
		refuse(out, MCP_INVALID_REQUEST, "expected an object");
	} else {
		understand(m, j, out);
	}
}
