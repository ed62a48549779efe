#include "iapeer/supervise/request.h"

#include <string.h>

#include "iapeer/base/json.h"

#include "iapeer/base/banned.h"

#define WHERE "request"

static int take_wait(const struct json *j, struct request *r, struct err *e)
{
	struct peer_id id;

	r->wait_ms = REQUEST_WAIT_MS;
	if (json_req_str(j, WHERE, "identity", r->identity, sizeof r->identity, e) < 0 ||
	    peer_parse(r->identity, &id, e) < 0)
		return -1;
	return json_opt_i64(j, WHERE, "timeout_ms", 0, REQUEST_WAIT_MAX_MS, &r->wait_ms, e);
}

static int take_deliver(const struct json *j, struct request *r, struct err *e)
{
	if (json_req_str(j, WHERE, "id", r->message_id, sizeof r->message_id, e) < 0 ||
	    json_opt_bool(j, WHERE, "turn", &r->turn, e) < 0 ||
	    json_opt_bool(j, WHERE, "once", &r->once, e) < 0)
		return -1;
	return take_wait(j, r, e);
}

static int take_apply(const struct json *j, struct request *r, struct err *e)
{
	char word[16] = "";

	if (json_req_str(j, WHERE, "trigger", word, sizeof word, e) < 0)
		return -1;
	if (!trigger_parse(word, &r->trigger) || r->trigger == TRIG_STOP ||
	    r->trigger == TRIG_REMOVE)
		return err_set(e, ERR_USAGE, 0, "no trigger %s", word);
	return take_wait(j, r, e);
}

static int take_nothing(const struct json *j, struct request *r, struct err *e)
{
	(void)j;
	(void)r;
	(void)e;
	return 0;
}

int request_parse(const char *line, size_t len, struct request *out, struct err *e)
{
	static const struct {
		const char *word;
		int (*take)(const struct json *, struct request *, struct err *);
	} ops[] = {
	    [REQUEST_HELLO] = {"hello", take_nothing},
	    [REQUEST_DELIVER] = {"deliver", take_deliver},
	    [REQUEST_APPLY] = {"apply", take_apply},
	    [REQUEST_TICK] = {"tick", take_nothing},
	    [REQUEST_LEAVE] = {"leave", take_nothing},
	};
	auto_json struct json *j = NULL;
	char op[16] = "";

	*out = (struct request){.wait_ms = 0};
	if (json_parse(line, len, WHERE, &j, e) < 0 ||
	    json_req_str(j, WHERE, "op", op, sizeof op, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (strcmp(op, ops[i].word) == 0) {
			out->op = (enum request_op)i;
			return ops[i].take(j, out, e);
		}
	return err_set(e, ERR_USAGE, 0, "no request %s", op);
}
