#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/bursts.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/journals.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/death.h"

#include "iapeer/base/banned.h"

#define SHOWN_DEFAULT 50
#define SHOWN_MAX     100000
#define EXITS_KEEP    5

struct reading {
	const char *name; /* NULL: all */
	struct json *list;
	struct bursts bursts;
};

static void reading_done(struct reading *r)
{
	bursts_done(&r->bursts);
}

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
static void server_exit(const struct reading *r, struct json *o, const char *line, size_t len)
{
	const struct burst *burst = NULL;
	char late[8];
	int64_t at;

	if (clock_parse_iso(json_text(json_get(o, "ts")), &at))
		burst = burst_of(&r->bursts, at);

	json_set_str(o, "class", death_class_word(DEATH_SERVER_DEAD));
	log_field(o, "cause", line, len, "cause");
	log_field(o, "evidence", line, len, "evidence");
	log_field(o, "signal", line, len, "signal");
	put_number(o, "exit", number(line, len, "exit"));
	put_number(o, "server_pid", number(line, len, "server_pid"));
	log_field(o, "command", line, len, "command");
	log_field(o, "asker", line, len, "asker");
	if (burst)
		json_set_i64(o, "burst", (int64_t)burst->n);
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

	death_session_cause(status, signal > 0 ? signal : 0, false, cause);
	if (logfmt_get(line, len, "cause", name, sizeof name))
		str_cut(cause, sizeof cause, name);
	else if (signal <= 0 && logfmt_get(line, len, "signal", name, sizeof name))
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
		server_exit(r, o, line, len);
	else
		session_exit(o, line, len, ts, identity);
	return true;
}

/* ---- for a person ---- */

#define COLUMNS    5
#define CLUB_MIN   3 /* so many servers at once are one line */
#define NAMES_MOST 5

struct row {
	struct buf cell[COLUMNS], detail;
};

struct table {
	struct row *rows;
	size_t n;
};

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < COLUMNS; k++)
			buf_done(&t->rows[i].cell[k]);
		buf_done(&t->rows[i].detail);
	}
	free(t->rows);
}

static const char *text(const struct json *o, const char *key)
{
	const char *s = json_text(json_get(o, key));

	return s ? s : "-";
}

static void when(const struct ctx *c, const char *ts, struct buf *out)
{
	int64_t at, age;
	char ago[32];

	age = clock_parse_iso(ts, &at) ? clock_utc_ms() - at : -1;
	if (!c->term.out_tty || age < 0) {
		text_shown(out, ts);
		return;
	}
	words_ago(age, ago, sizeof ago);
	buf_str(out, ago);
}

/* What is worth knowing beyond its cause: who asked, how late it was found, who died with it. */
static void details(const struct json *o, struct buf *out)
{
	const char *asker = json_text(json_get(o, "asker")),
		   *command = json_text(json_get(o, "command"));
	int64_t burst = 0;

	if (command)
		text_shown(out, command);
	if (asker) {
		buf_str(out, command ? ", asked by " : "asked by ");
		text_shown(out, asker);
	}
	if (json_whole(json_get(o, "burst"), &burst))
		buf_fmt(out, "%sone of %lld at once", out->len ? "; " : "", (long long)burst);
	if (json_get(o, "late"))
		buf_fmt(out, "%sfound late", out->len ? "; " : "");
}

static bool same(const struct json *a, const struct json *b, const char *key)
{
	return strcmp(text(a, key), text(b, key)) == 0;
}

/* From o on, how many stand in one line: servers that died at once, of the same cause. */
static size_t club(const struct json *o)
{
	int64_t burst = 0;
	size_t n = 1;

	if (!json_whole(json_get(o, "burst"), &burst))
		return 1;
	for (const struct json *next = json_next(o); next && n < (size_t)burst;
	     next = json_next(next), n++)
		if (!same(o, next, "cause") || !same(o, next, "evidence") ||
		    !same(o, next, "asker") || same(o, next, "identity") ||
		    !json_get(next, "burst"))
			break;
	return n >= CLUB_MIN ? n : 1;
}

static void names_of(const struct json *o, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n && i < NAMES_MOST; i++, o = json_next(o)) {
		buf_str(out, i ? ", " : "");
		text_shown(out, text(o, "identity"));
	}
	if (n > NAMES_MOST)
		buf_fmt(out, " and %zu more", n - NAMES_MOST);
}

static void fill(const struct ctx *c, const struct json *o, size_t n, struct row *row)
{
	bool server = strcmp(text(o, "class"), "server-dead") == 0;

	for (size_t k = 0; k < COLUMNS; k++)
		row->cell[k] = (struct buf)BUF_INIT(CAP_STATE);
	row->detail = (struct buf)BUF_INIT(CAP_STATE);
	when(c, text(o, "ts"), &row->cell[0]);
	if (n > 1)
		buf_fmt(&row->cell[1], "%zu at once", n);
	else
		text_shown(&row->cell[1], text(o, "identity"));
	buf_str(&row->cell[2], !server ? "program" : n > 1 ? "servers" : "server");
	text_shown(&row->cell[3], text(o, "cause"));
	text_shown(&row->cell[4], text(o, "evidence"));
	if (n > 1)
		names_of(o, n, &row->detail);
	else
		details(o, &row->detail);
}

static void print(struct ctx *c, const struct json *list)
{
	AUTO(table_done) struct table t = {.rows = xcalloc(json_len(list) + 1, sizeof *t.rows)};
	size_t width[COLUMNS] = {0};

	for (const struct json *o = json_first(list); o;) {
		size_t n = club(o);

		fill(c, o, n, &t.rows[t.n++]);
		for (; n > 0; n--)
			o = json_next(o);
	}
	for (size_t i = 0; i < t.n; i++)
		for (size_t k = 0; k < COLUMNS; k++) {
			size_t cells = text_cells(buf_cstr(&t.rows[i].cell[k]));

			width[k] = cells > width[k] ? cells : width[k];
		}
	for (size_t i = 0; i < t.n; i++) {
		const struct row *r = &t.rows[i];

		for (size_t k = 0; k < COLUMNS; k++) {
			buf_str(&c->out, buf_cstr(&r->cell[k]));
			if (k + 1 < COLUMNS || r->detail.len)
				text_pad(&c->out, text_cells(buf_cstr(&r->cell[k])), width[k] + 2);
		}
		buf_fmt(&c->out, "%s\n", buf_cstr(&r->detail));
	}
	if (t.n == 0)
		buf_str(&c->out, "no deaths on record\n");
}

int verb_deaths(struct ctx *c, const struct parsed *p, struct err *e)
{
	auto_json struct json *reply = json_object();
	AUTO(reading_done)
	struct reading r = {.name = parsed_arg(p, 0),
			    .list = json_set(reply, "deaths", json_array())};
	struct journal j = {
	    .dirfd = c->layout.root_fd, .path = LAYOUT_EXITS_LOG, .keep = EXITS_KEEP};
	int64_t last = SHOWN_DEFAULT;

	/* A removed peer's deaths are still on record, so the name need not be registered. */
	if ((r.name && peer_name_check(r.name, e) < 0) ||
	    opt_i64(p, "last", 1, SHOWN_MAX, &last, e) < 0)
		return -1;
	if (c->rooted &&
	    (bursts_read(&c->layout, &r.bursts, e) < 0 || journal_each(&j, each, &r, e) < 0))
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
