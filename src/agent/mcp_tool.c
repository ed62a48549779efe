#include "iapeer/agent/mcp_tool.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/envelope.h"

#include "iapeer/base/banned.h"

/* ---- what an agent reads about it ---- */

#define PATH_BYTES 4096

static const char description[] =
    "Send a message to another peer of this host, by name: an AI agent, a person or a program. Use "
    "it to answer a message that reached you in an <iap from-personality=\"...\"> envelope (what "
    "you write without it reaches nobody), to hand over work, or to ask. A peer that sleeps is "
    "woken. It returns when the message is delivered, or says why it is not and what to do; it "
    "does "
    "not wait for an answer. An answer comes later, as a message of its own: go on with your work "
    "or end your turn, and do not poll. Do not send the same message twice: what is accepted is "
    "kept on disk and delivered.";

static const char input_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"personality\",\"message\"]"
    ",\"properties\":{"
    "\"personality\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9-]{0,31}$\",\"description\":"
    "\"Name of the peer to send to, as in from-personality.\"},"
    "\"message\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":16000,\"description\":"
    "\"The text. Say all that is needed: the peer does not see your conversation.\"},"
    "\"runtime\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9]{0,31}$\",\"description\":"
    "\"Which of its runtimes (from-runtime), where it has several. Left out: its default.\"},"
    "\"topic\":{\"type\":\"string\",\"maxLength\":200,\"description\":"
    "\"The thread of work it belongs to, one line. Keep the topic of the message you answer.\"},"
    "\"attachments\":{\"type\":\"array\",\"maxItems\":20,\"items\":{\"type\":\"string\","
    "\"minLength\":1,\"maxLength\":4095},\"description\":"
    "\"Absolute paths of files that the peer is to read. They are named to it, not copied.\"},"
    "\"wait_secs\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":600,\"description\":"
    "\"Only if you cannot go on without the answer: wait so many seconds for the peer to end its "
    "turn on this message, and return what it said as `answer`. 0 or left out: do not wait.\"}}}";

static const char output_schema[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"peer\",\"runtime\",\"status\",\"rung\",\"woke\","
    "\"duplicate\",\"summary\"],\"properties\":{"
    "\"id\":{\"type\":\"string\",\"description\":\"of the message\"},"
    "\"peer\":{\"type\":\"string\"},\"runtime\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"string\",\"enum\":[\"delivered\",\"queued\",\"refused\",\"failed\","
    "\"ambiguous\"],\"description\":\"queued: accepted, will be delivered; refused: not sent; "
    "ambiguous: may or may not have arrived\"},"
    "\"rung\":{\"type\":\"string\",\"description\":\"how far it provably came: accepted, pasted, "
    "submitted, recorded; empty: nowhere\"},"
    "\"woke\":{\"type\":\"boolean\",\"description\":\"it started the peer's session\"},"
    "\"mode\":{\"type\":\"string\",\"description\":\"of that start: fresh or resume\"},"
    "\"cause\":{\"type\":\"string\"},"
    "\"duplicate\":{\"type\":\"boolean\"},"
    "\"reason\":{\"type\":\"string\",\"description\":\"why it is not delivered\"},"
    "\"answer\":{\"type\":\"string\",\"description\":\"with wait_secs: what the peer said\"},"
    "\"error\":{\"type\":\"object\",\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{"
    "\"type\":\"string\"},\"hint\":{\"type\":\"string\"}},\"required\":[\"code\",\"message\"]},"
    "\"summary\":{\"type\":\"string\",\"description\":\"the same in words, and what to do next\"}"
    "}}";

static struct json *constant(const char *text)
{
	struct json *j = NULL;
	struct err e;
	int rc = json_parse(text, strlen(text), "schema", &j, &e);

	assert(rc == 0);
	(void)rc;
	return j;
}

struct json *tool_list(bool structured)
{
	struct json *result = json_object(), *tool, *hints;

	tool = json_push(json_set(result, "tools", json_array()), json_object());
	json_set_str(tool, "name", MCP_TOOL);
	json_set_str(tool, "title", "Send a message to a peer");
	json_set_str(tool, "description", description);
	json_set(tool, "inputSchema", constant(input_schema));
	if (structured)
		json_set(tool, "outputSchema", constant(output_schema));
	hints = json_set(tool, "annotations", json_object());
	json_set_bool(hints, "readOnlyHint", false);
	json_set_bool(hints, "destructiveHint", false);
	json_set_bool(hints, "idempotentHint", false);
	json_set_bool(hints, "openWorldHint", false);
	return result;
}

/* ---- what an agent gives ---- */

void tool_call_done(struct tool_call *c)
{
	free(c->personality);
	free(c->message);
	free(c->runtime);
	free(c->topic);
	strv_done(&c->attachments);
	*c = (struct tool_call){.personality = NULL};
}

static const char *type_of(const struct json *j)
{
	if (json_is_string(j))
		return "a string";
	if (json_is_number(j))
		return "a number";
	if (json_is_bool(j))
		return "true or false";
	if (json_is_array(j))
		return "a list";
	return "an object";
}

static int wrong(struct err *e, const char *name, const char *wanted, const struct json *got)
{
	return err_set(e, ERR_USAGE, 0, "%s: expected %s, got %s", name, wanted, type_of(got));
}

static int take_string(const struct json *args, const char *name, char **out, struct err *e)
{
	const struct json *j = json_get(args, name);

	if (!j)
		return 0;
	if (!json_is_string(j))
		return wrong(e, name, "a string", j);
	*out = xstrdup(json_text(j));
	return 0;
}

static int take_attachments(const struct json *args, struct strv *out, struct err *e)
{
	const struct json *j = json_get(args, "attachments");

	if (!j)
		return 0;
	if (!json_is_array(j))
		return wrong(e, "attachments", "a list of paths", j);
	for (const struct json *one = json_first(j); one; one = json_next(one)) {
		if (!json_is_string(one))
			return err_set(e, ERR_USAGE, 0,
				       "attachments: expected a list of paths, got %s in it",
				       type_of(one));
		if (!*json_text(one) || strlen(json_text(one)) >= PATH_BYTES)
			return err_set(e, ERR_USAGE, 0,
				       "attachments: a path has 1 to %d bytes, this one has %zu",
				       PATH_BYTES - 1, strlen(json_text(one)));
		strv_add(out, json_text(one));
	}
	if (out->n > ATTACHMENTS_MAX)
		return err_set(e, ERR_USAGE, 0, "attachments: %zu paths, the limit is %d", out->n,
			       ATTACHMENTS_MAX);
	return 0;
}

static int take_wait(const struct json *args, int64_t *out, struct err *e)
{
	const struct json *j = json_get(args, "wait_secs");

	if (!j)
		return 0;
	if (!json_is_number(j))
		return wrong(e, "wait_secs", "a whole number", j);
	if (!json_whole(j, out) || *out < 0 || *out > TOOL_WAIT_MAX_SECS)
		return err_set(e, ERR_USAGE, 0, "wait_secs: expected a whole number from 0 to %d",
			       TOOL_WAIT_MAX_SECS);
	return 0;
}

static int check_names(const struct json *args, struct err *e)
{
	static const char *const names[] = {"personality", "message",     "runtime",
					    "topic",       "attachments", "wait_secs"};
	const size_t n = sizeof names / sizeof names[0];

	for (const struct json *j = json_first(args); j; j = json_next(j)) {
		const char *near;
		size_t i = 0;

		while (i < n && strcmp(json_key(j), names[i]) != 0)
			i++;
		if (i < n)
			continue;
		err_set(e, ERR_USAGE, 0, "unknown argument \"%.80s\"", json_key(j));
		near = str_nearest(json_key(j), names, n);
		return near ? err_hint(e, "did you mean %s?", near)
			    : err_hint(e, "there are personality, message, runtime, topic, "
					  "attachments and wait_secs");
	}
	return 0;
}

/* What the sending itself would refuse, but in the words of the schema. */
static int check_values(const struct tool_call *c, struct err *e)
{
	if (!c->personality)
		return err_set(e, ERR_USAGE, 0, "personality: missing");
	if (!c->message)
		return err_set(e, ERR_USAGE, 0, "message: missing");
	if (utf8_chars(c->message, strlen(c->message)) > MESSAGE_MAX_CHARS)
		return err_set(e, ERR_USAGE, 0, "message: %zu characters, the limit is %d",
			       utf8_chars(c->message, strlen(c->message)), MESSAGE_MAX_CHARS);
	if (c->topic && utf8_chars(c->topic, strlen(c->topic)) > TOPIC_MAX_CHARS)
		return err_set(e, ERR_USAGE, 0, "topic: %zu characters, the limit is %d",
			       utf8_chars(c->topic, strlen(c->topic)), TOPIC_MAX_CHARS);
	return 0;
}

int tool_arguments(const struct json *args, struct tool_call *out, struct err *e)
{
	AUTO(tool_call_done) struct tool_call c = {.personality = NULL};

	if (check_names(args, e) < 0 || take_string(args, "personality", &c.personality, e) < 0 ||
	    take_string(args, "message", &c.message, e) < 0 ||
	    take_string(args, "runtime", &c.runtime, e) < 0 ||
	    take_string(args, "topic", &c.topic, e) < 0 ||
	    take_attachments(args, &c.attachments, e) < 0 || take_wait(args, &c.wait_secs, e) < 0 ||
	    check_values(&c, e) < 0)
		return -1;
	*out = c;
	c = (struct tool_call){.personality = NULL};
	return 0;
}

/* ---- what comes back ---- */

struct json *tool_result(struct json *take_structured, const char *text, bool is_error)
{
	struct json *result = json_object();
	struct json *content = json_push(json_set(result, "content", json_array()), json_object());

	json_set_str(content, "type", "text");
	json_set_str(content, "text", text);
	if (take_structured)
		json_set(result, "structuredContent", take_structured);
	if (is_error)
		json_set_bool(result, "isError", true);
	return result;
}
