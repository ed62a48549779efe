#include "iapeer/launch/conversation.h"

#include <ctype.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

bool conversation_id_valid(const char *id)
{
	if (!isalnum((unsigned char)*id) || strlen(id) >= CONVERSATION_ID)
		return false;
	for (; *id; id++)
		if (!isalnum((unsigned char)*id) && *id != '-' && *id != '_')
			return false;
	return true;
}

int conversation_load(const struct layout *l, const struct peer_id *id, struct conversation *out,
		      struct err *e)
{
	auto_json struct json *j = NULL;
	struct conversation c = {.id = ""};
	char path[LAYOUT_PATH];

	if (state_read(l, id, "conversation", path, &j, e) < 0 ||
	    json_opt_str(j, path, "id", c.id, sizeof c.id, e) < 0 ||
	    json_req_str(j, path, "workdir", c.workdir, sizeof c.workdir, e) < 0 ||
	    json_opt_str(j, path, "workdirBefore", c.workdir_before, sizeof c.workdir_before, e) <
		0 ||
	    json_opt_str(j, path, "transcript", c.transcript, sizeof c.transcript, e) < 0 ||
	    json_opt_i64(j, path, "startedAtMs", 0, INT64_MAX / 2, &c.started_at_ms, e) < 0 ||
	    json_opt_i64(j, path, "usedAtMs", 0, INT64_MAX / 2, &c.used_at_ms, e) < 0 ||
	    json_opt_i64(j, path, "reportsFrom", 0, INT64_MAX / 2, &c.reports_from, e) < 0 ||
	    json_opt_bool(j, path, "failed", &c.failed, e) < 0)
		return -1;
	if (c.id[0] && !conversation_id_valid(c.id))
		return err_set(e, ERR_CORRUPT, 0, "%s: id: not the id of a conversation", path);
	*out = c;
	return 0;
}

int conversation_save(const struct layout *l, const struct peer_id *id,
		      const struct conversation *c, struct err *e)
{
	auto_json struct json *j = json_object();

	json_set_i64(j, "format", 1);
	json_set_str_opt(j, "id", c->id);
	json_set_str(j, "workdir", c->workdir);
	json_set_str_opt(j, "workdirBefore", c->workdir_before);
	json_set_str_opt(j, "transcript", c->transcript);
	json_set_i64(j, "startedAtMs", c->started_at_ms);
	json_set_i64(j, "usedAtMs", c->used_at_ms);
	json_set_i64(j, "reportsFrom", c->reports_from);
	if (c->failed)
		json_set_bool(j, "failed", true);
	return state_write(l, id, "conversation", j, e);
}
