#include "iapeer/delivery/sending.h"

#include "iapeer/base/json.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

static struct json *to_json(const struct sending *s)
{
	struct json *j = json_object();

	json_set_i64(j, "format", 1);
	json_set_str(j, "id", s->id);
	json_set_str(j, "file", s->file);
	json_set_i64(j, "length", s->length);
	json_set_str(j, "hash", s->hash);
	json_set_str(j, "pane", s->pane);
	json_set_i64(j, "server", s->server);
	json_set_i64(j, "atMs", s->at_ms);
	json_set_i64(j, "reportsAt", s->reports_at);
	json_set_i64(j, "pastedAtMs", s->pasted_at_ms);
	json_set_i64(j, "submittedAtMs", s->submitted_at_ms);
	json_set_i64(j, "logBefore", s->log_before);
	json_set_i64(j, "enteredLog", s->entered_log);
	return j;
}

int sending_save(const struct layout *l, const struct peer_id *id, const struct sending *s,
		 struct err *e)
{
	auto_json struct json *j = to_json(s);

	return state_write(l, id, "sending", j, e);
}

int sending_note(const struct layout *l, const struct peer_id *id, const struct sending *s,
		 struct err *e)
{
	auto_json struct json *j = to_json(s);

	return state_write_soft(l, id, "sending", j, e);
}

int sending_drop(const struct layout *l, const struct peer_id *id, struct err *e)
{
	return state_drop(l, id, "sending", e);
}

static int read_times(const struct json *j, const char *path, struct sending *s, struct err *e)
{
	if (json_opt_i64(j, path, "atMs", 0, INT64_MAX / 2, &s->at_ms, e) < 0 ||
	    json_opt_i64(j, path, "reportsAt", 0, INT64_MAX / 2, &s->reports_at, e) < 0 ||
	    json_opt_i64(j, path, "pastedAtMs", 0, INT64_MAX / 2, &s->pasted_at_ms, e) < 0 ||
	    json_opt_i64(j, path, "submittedAtMs", 0, INT64_MAX / 2, &s->submitted_at_ms, e) < 0 ||
	    json_opt_i64(j, path, "logBefore", -1, INT64_MAX / 2, &s->log_before, e) < 0 ||
	    json_opt_i64(j, path, "enteredLog", ENTERED_UNKNOWN, INT64_MAX / 2, &s->entered_log,
			 e) < 0)
		return -1;
	return 0;
}

int sending_load(const struct layout *l, const struct peer_id *id, struct sending *out,
		 struct err *e)
{
	auto_json struct json *j = NULL;
	struct sending s = {.log_before = -1, .entered_log = ENTERED_UNKNOWN};
	char path[LAYOUT_PATH];

	if (state_read(l, id, "sending", path, &j, e) < 0 ||
	    json_req_str(j, path, "id", s.id, sizeof s.id, e) < 0 ||
	    json_opt_str(j, path, "file", s.file, sizeof s.file, e) < 0 ||
	    json_opt_i64(j, path, "length", 0, INT32_MAX, &s.length, e) < 0 ||
	    json_opt_str(j, path, "hash", s.hash, sizeof s.hash, e) < 0 ||
	    json_opt_str(j, path, "pane", s.pane, sizeof s.pane, e) < 0 ||
	    json_opt_i64(j, path, "server", 0, INT32_MAX, &s.server, e) < 0 ||
	    read_times(j, path, &s, e) < 0)
		return -1;
	*out = s;
	return 0;
}
