#include "iapeer/cli/event_line.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/status.h"

#include "iapeer/base/banned.h"

#define VALUE_MAX 512

void event_done(struct event *v)
{
	json_free(v->o);
	v->o = NULL;
}

/* ---- journals ---- */

static bool is_number(const char *key)
{
	static const char *const keys[] = {"bytes", "pid", "server_pid", "exit", "burst"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* Their lines under the names that programs know; whose own word is good stays. */
static void name_event(struct json *o, const char *ev)
{
	bool session = strcmp(ev, "session-exit") == 0;

	if (!session && strcmp(ev, "server-exit") != 0) {
		json_set_str(o, "event",
			     strcmp(ev, "apply") == 0 || strcmp(ev, "tick") == 0 ? "action" : ev);
		return;
	}
	json_set_str(o, "event", "death");
	json_set_str(o, "class", session ? "session-gone" : "server-dead");
}

/* A start is told by its wake, a death by exits.log. */
static bool is_told_elsewhere(const char *path, const char *line, size_t len, const char *ev)
{
	char action[32];

	if (strcmp(path, LAYOUT_LIFECYCLE_LOG) != 0)
		return false;
	if (strcmp(ev, "death") == 0)
		return true;
	return (strcmp(ev, "apply") == 0 || strcmp(ev, "tick") == 0) &&
	       logfmt_get(line, len, "action", action, sizeof action) &&
	       (strcmp(action, "started") == 0 || strcmp(action, "ready") == 0 ||
		strcmp(action, "reaped-gone") == 0 || strcmp(action, "death-recorded") == 0);
}

static void put_field(struct json *o, const char *key, const char *value)
{
	int64_t n;

	if (strcmp(key, "ts") == 0 || strcmp(key, "ev") == 0 || strcmp(key, "identity") == 0 ||
	    strcmp(key, "to") == 0)
		return;
	if (is_number(key) && str_i64(value, INT32_MIN, INT64_C(1) << 50, &n))
		json_set_i64(o, key, n);
	else
		json_set_str_opt(o, key, value);
}

static bool read_journal(const char *path, const char *line, size_t len, struct event *out)
{
	const char *at = line, *end = line + len;
	char ts[CLOCK_ISO_MAX], ev[32], key[32], value[VALUE_MAX];

	if (!logfmt_get(line, len, "ts", ts, sizeof ts) || !clock_parse_iso(ts, &out->at_ms) ||
	    !logfmt_get(line, len, "ev", ev, sizeof ev) || is_told_elsewhere(path, line, len, ev))
		return false;
	if (!logfmt_get(line, len, "identity", out->identity, sizeof out->identity) &&
	    !logfmt_get(line, len, "to", out->identity, sizeof out->identity))
		out->identity[0] = '\0';
	out->o = json_object();
	json_set_str(out->o, "ts", ts);
	name_event(out->o, ev);
	json_set_str_opt(out->o, "identity", out->identity);
	while (logfmt_next(&at, end, key, sizeof key, value, sizeof value))
		put_field(out->o, key, value);
	return true;
}

/* ---- reports ---- */

/* state/lifecycle/<identity>.reports -> the identity */
static bool reporter(const char *path, char out[static PEER_IDENTITY_MAX + 1])
{
	const char *name = strrchr(path, '/'), *what;
	struct peer_id id;

	if (!name || !layout_parse_state(name + 1, &id, &what) || strcmp(what, "reports") != 0)
		return false;
	peer_identity(&id, out);
	return true;
}

static bool read_report(const char *line, size_t len, struct event *out)
{
	auto_json struct json *j = NULL;
	char kind_word[16] = "", by[16] = "", detail[160] = "";
	enum report_kind kind;
	AUTO(strv_done) struct strv ids = STRV_INIT;
	struct err e;

	if (json_parse(line, len, "reports", &j, &e) < 0 || !json_is_object(j) ||
	    json_req_str(j, "", "kind", kind_word, sizeof kind_word, &e) < 0 ||
	    !report_kind_parse(kind_word, &kind) ||
	    json_req_str(j, "", "by", by, sizeof by, &e) < 0 ||
	    json_opt_str(j, "", "detail", detail, sizeof detail, &e) < 0 ||
	    json_opt_strv(j, "", "ids", &ids, &e) < 0 ||
	    json_req_i64(j, "", "at", 0, INT64_MAX / 2, &out->at_ms, &e) < 0)
		return false;
	out->o = json_object();
	json_set_time(out->o, "ts", out->at_ms);
	json_set_str(out->o, "event", "status");
	json_set_str(out->o, "identity", out->identity);
	json_set_str(out->o, "status", status_word(status_of_report(kind, detail)));
	json_set_str(out->o, "report", kind_word);
	json_set_str(out->o, "source", by);
	json_set_str_opt(out->o, "detail", detail);
	if (ids.n > 0)
		json_set_strv(out->o, "ids", &ids);
	return true;
}

bool event_read(const char *path, const char *line, size_t len, struct event *out)
{
	*out = (struct event){.at_ms = 0};
	if (reporter(path, out->identity))
		return read_report(line, len, out);
	return read_journal(path, line, len, out);
}
