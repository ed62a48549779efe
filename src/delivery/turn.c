#include "iapeer/delivery/turn.h"

#include <string.h>

#include "iapeer/base/json.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

int turn_save(const struct layout *l, const struct peer_id *id, const struct turn *t, struct err *e)
{
	auto_json struct json *j = json_object();

	json_set_i64(j, "format", 1);
	json_set_str(j, "id", t->id);
	json_set_i64(j, "offset", t->offset);
	json_set_i64(j, "reportsAt", t->reports_at);
	json_set_i64(j, "untilMs", t->until_ms);
	json_set_i64(j, "wokeAtMs", t->woke_ms);
	return state_write_soft(l, id, "turn", j, e);
}

int turn_load(const struct layout *l, const struct peer_id *id, struct turn *out, struct err *e)
{
	auto_json struct json *j = NULL;
	struct turn t = {.offset = 0};
	char path[LAYOUT_PATH];

	if (state_read(l, id, "turn", path, &j, e) < 0 ||
	    json_req_str(j, path, "id", t.id, sizeof t.id, e) < 0 ||
	    json_req_i64(j, path, "offset", 0, INT64_MAX / 2, &t.offset, e) < 0 ||
	    json_req_i64(j, path, "reportsAt", 0, INT64_MAX / 2, &t.reports_at, e) < 0 ||
	    json_req_i64(j, path, "untilMs", 0, INT64_MAX / 2, &t.until_ms, e) < 0 ||
	    json_req_i64(j, path, "wokeAtMs", 0, INT64_MAX / 2, &t.woke_ms, e) < 0)
		return -1;
	*out = t;
	return 0;
}

int turn_drop(const struct layout *l, const struct peer_id *id, struct err *e)
{
	return state_drop(l, id, "turn", e);
}

bool turn_waits(const struct layout *l, const struct peer_id *id, const char *message_id)
{
	struct turn t;
	struct err e;

	return turn_load(l, id, &t, &e) == 0 && strcmp(t.id, message_id) == 0;
}

int turn_extend(const struct layout *l, const struct peer_id *id, const char *message_id,
		int64_t until_ms, struct err *e)
{
	struct turn t;
	char file[64];

	if (queue_find(l, id, message_id, file, e) == 0)
		return queue_wait_turn(l, id, file, until_ms, e);
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (turn_load(l, id, &t, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (strcmp(t.id, message_id) != 0 || t.until_ms >= until_ms)
		return 0;
	t.until_ms = until_ms;
	return turn_save(l, id, &t, e);
}
