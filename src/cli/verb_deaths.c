#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/journals.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/lifecycle/death.h"

#include "iapeer/base/banned.h"

#define SHOWN_DEFAULT 50
#define SHOWN_MAX     100000
#define EXITS_KEEP    5

struct reading {
	const char *name; /* NULL: all */
	struct json *list;
};

static int number(const char *line, size_t len, const char *key)
{
	char value[32];
	int64_t n = -1;

	if (!logfmt_get(line, len, key, value, sizeof value) || !str_i64(value, -1, 1 << 24, &n))
		return -1;
	return (int)n;
}

static void put_number(struct json *o, const char *key, int n)
{
	if (n >= 0)
		json_set_i64(o, key, n);
}

/* A server's end that nobody asked for. */
static void server_exit(struct json *o, const char *line, size_t len)
{
	char late[8];

	json_set_str(o, "class", death_class_word(DEATH_SERVER_DEAD));
	log_field(o, "cause", line, len, "cause");
	log_field(o, "evidence", line, len, "evidence");
	log_field(o, "signal", line, len, "signal");
	put_number(o, "exit", number(line, len, "exit"));
	put_number(o, "server_pid", number(line, len, "server_pid"));
	log_field(o, "asker", line, len, "asker");
	if (logfmt_get(line, len, "late", late, sizeof late) && strcmp(late, "true") == 0)
		json_set_bool(o, "late", true);
	log_field(o, "death_id", line, len, "death_id");
	log_field(o, "forensics", line, len, "forensics");
}

/* "SIGSEGV" is the cause "sigsegv". */
static void lower(const char *name, char *out, size_t size)
{
	str_cut(out, size, name);
	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
}

/* A program's own end; its line has no id, so time and identity are one. */
static void session_exit(struct json *o, const char *line, size_t len, const char *ts,
			 const char *identity)
{
	int status = number(line, len, "status"), signal = number(line, len, "signal");
	char cause[32], id[LOG_FIELD_MAX], name[32];

	death_session_cause(status, signal > 0 ? signal : 0, cause);
	if (signal <= 0 && logfmt_get(line, len, "signal", name, sizeof name))
		lower(name, cause, sizeof cause);
	json_set_str(o, "class", death_class_word(DEATH_SESSION_GONE));
	json_set_str(o, "cause", cause);
	json_set_str(o, "evidence", "observed");
	log_field(o, "signal", line, len, "signal");
	put_number(o, "exit", status);
	snprintf(id, sizeof id, "%.120s@%.40s", identity, ts);
	json_set_str(o, "death_id", id);
	log_field(o, "death_id", line, len, "death_id");
}

static bool is_peers(const char *identity, const char *name)
{
	struct err e = ERR_INIT;
	struct peer_id id;

	return !name || (peer_parse(identity, &id, &e) == 0 && strcmp(id.name, name) == 0);
}

static bool each(const char *line, size_t len, void *arg)
{
	struct reading *r = arg;
	char ev[32], ts[CLOCK_ISO_MAX], identity[128];
	struct json *o;

	if (!logfmt_get(line, len, "ev", ev, sizeof ev) ||
	    !logfmt_get(line, len, "ts", ts, sizeof ts) ||
	    !logfmt_get(line, len, "identity", identity, sizeof identity))
		return true;
	if (strcmp(ev, "server-exit") != 0 && strcmp(ev, "session-exit") != 0)
		return true;
	if (!is_peers(identity, r->name))
		return true;
	o = json_push(r->list, json_object());
	json_set_str(o, "ts", ts);
	json_set_str(o, "identity", identity);
	if (strcmp(ev, "server-exit") == 0)
		server_exit(o, line, len);
	else
		session_exit(o, line, len, ts, identity);
	return true;
}

static void cell(struct ctx *c, const struct json *o, const char *key, size_t width)
{
	const char *text = json_text(json_get(o, key));

	text_shown(&c->out, text ? text : "-");
	text_pad(&c->out, text_cells(text ? text : "-"), width + 2);
}

static void print(struct ctx *c, const struct json *list)
{
	for (const struct json *o = json_first(list); o; o = json_next(o)) {
		const char *asker = json_text(json_get(o, "asker")),
			   *late = json_get(o, "late") ? " (found late)" : "";

		cell(c, o, "ts", 29);
		cell(c, o, "identity", 20);
		cell(c, o, "class", 12);
		cell(c, o, "cause", 14);
		text_shown(&c->out, json_text(json_get(o, "evidence"))
					? json_text(json_get(o, "evidence"))
					: "-");
		if (asker) {
			buf_str(&c->out, " asked by ");
			text_shown(&c->out, asker);
		}
		buf_fmt(&c->out, "%s\n", late);
	}
	if (json_len(list) == 0)
		buf_str(&c->out, "no deaths on record\n");
}

int verb_deaths(struct ctx *c, const struct parsed *p, struct err *e)
{
	auto_json struct json *reply = json_object();
	struct reading r = {.name = parsed_arg(p, 0),
			    .list = json_set(reply, "deaths", json_array())};
	struct journal j = {
	    .dirfd = c->layout.root_fd, .path = LAYOUT_EXITS_LOG, .keep = EXITS_KEEP};
	int64_t last = SHOWN_DEFAULT;

	/* A removed peer's deaths are still on record, so the name need not be registered. */
	if ((r.name && peer_name_check(r.name, e) < 0) ||
	    opt_i64(p, "last", 1, SHOWN_MAX, &last, e) < 0)
		return -1;
	if (c->rooted && journal_each(&j, each, &r, e) < 0)
		return -1;
	if (r.name && json_len(r.list) == 0) {
		const struct peer_record *record;

		if (registry_need(&c->registry, r.name, &record, e) < 0)
			return -1;
	}
	while ((int64_t)json_len(r.list) > last)
		json_remove_at(r.list, 0);
	if (!c->json)
		print(c, r.list);
	c->reply = reply;
	reply = NULL;
	return 0;
}
