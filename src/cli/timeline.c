#include "iapeer/cli/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/flight.h"
#include "iapeer/cli/bursts.h"

#include "iapeer/base/banned.h"

#define SHORTLY_MS 120000 /* two ticks of the recorder */

static const struct {
	const char *path, *word;
} logs[] = {[TIMELINE_LIFECYCLE] = {LAYOUT_LIFECYCLE_LOG, "lifecycle"},
	    [TIMELINE_DELIVERY] = {LAYOUT_DELIVERY_LOG, "delivery"},
	    [TIMELINE_EXITS] = {LAYOUT_EXITS_LOG, "exits"}};
_Static_assert(sizeof logs / sizeof logs[0] == TIMELINE_LOGS, "one row a log");

const char *timeline_log_word(enum timeline_log log)
{
	return logs[log].word;
}

static bool names(const char *line, size_t len, const char *key, const char *name)
{
	char identity[128];
	struct peer_id id;
	struct err e;

	return logfmt_get(line, len, key, identity, sizeof identity) &&
	       peer_parse(identity, &id, &e) == 0 && strcmp(id.name, name) == 0;
}

bool timeline_wanted(const struct timeline_want *want, const char *line, size_t len,
		     int64_t *out_at_ms)
{
	char ts[CLOCK_ISO_MAX];

	if (!logfmt_get(line, len, "ts", ts, sizeof ts) || !clock_parse_iso(ts, out_at_ms) ||
	    *out_at_ms < want->since_ms)
		return false;
	return !want->name || names(line, len, "identity", want->name) ||
	       names(line, len, "to", want->name) ||
	       (want->sent && names(line, len, "from", want->name));
}

struct reading {
	const struct timeline_want *want;
	struct timeline *out;
	enum timeline_log log;
	size_t order;
};

static int by_time(const void *a, const void *b)
{
	const struct timeline_entry *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms > y->at_ms ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

static void keep_newest(struct timeline *t, size_t most)
{
	size_t drop = t->n > most ? t->n - most : 0;

	if (t->n > 1)
		qsort(t->v, t->n, sizeof *t->v, by_time);
	for (size_t i = 0; i < drop; i++)
		free(t->v[i].line);
	if (drop)
		memmove(t->v, t->v + drop, (t->n - drop) * sizeof *t->v);
	t->n -= drop;
}

/* All of it: a crash leaves NULs in a file, and what is behind them is of the line still. */
static char *copy_of(const char *line, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, line, len);
	copy[len] = '\0';
	return copy;
}

static bool each(const char *line, size_t len, void *arg)
{
	struct reading *r = arg;
	struct timeline *t = r->out;
	int64_t at;

	if (!timeline_wanted(r->want, line, len, &at))
		return true;
	if (t->n == t->cap) {
		/* What is older than the newest that are wanted need not be held meanwhile. */
		if (t->n >= r->want->most * 2)
			keep_newest(t, r->want->most);
		if (t->n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : 256;
			t->v = xrealloc(t->v, t->cap * sizeof *t->v);
		}
	}
	t->v[t->n++] = (struct timeline_entry){.at_ms = at,
					       .order = r->order++,
					       .log = r->log,
					       .line = copy_of(line, len),
					       .len = len,
					       .available = -1,
					       .total = -1,
					       .before_available = -1};
	return true;
}

int timeline_read(const struct layout *l, const struct timeline_want *want, struct timeline *out,
		  struct err *e)
{
	struct reading r = {.want = want, .out = out};

	*out = (struct timeline){.n = 0};
	for (int i = 0; i < TIMELINE_LOGS; i++) {
		struct journal j = {.dirfd = l->root_fd, .path = logs[i].path, .keep = 5};

		r.log = (enum timeline_log)i;
		if (journal_each(&j, each, &r, e) < 0) {
			timeline_done(out);
			return -1;
		}
	}
	if (out->n > 0)
		keep_newest(out, want->most);
	return 0;
}

void timeline_done(struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].line);
	free(t->v);
	*t = (struct timeline){.n = 0};
}

static int64_t number_of(const char *line, size_t len, const char *key)
{
	char value[32];
	int64_t n;

	return logfmt_get(line, len, key, value, sizeof value) && str_i64(value, 0, INT64_MAX, &n)
		   ? n
		   : -1;
}

/* "memory: total=... available=..." */
static void take_memory(const char *text, struct timeline_entry *t)
{
	const char *line = strstr(text, "\nmemory: ");
	size_t len;

	if (!line)
		return;
	line += strlen("\nmemory: ");
	len = strcspn(line, "\n");
	t->total = number_of(line, len, "total");
	t->available = number_of(line, len, "available");
}

/* "oom: not proven; kernel log: missing (...); kills in its memory cgroup: 3 when armed, 4 now" */
static void take_kills(const char *text, struct timeline_entry *t)
{
	static const char group[] = "kills in its memory cgroup: ", then[] = " when armed, ";
	const char *line = strstr(text, "\noom: not proven; "), *at;
	char part[256], *end;
	int64_t armed, now;

	if (!line)
		return;
	str_cut(part, sizeof part, line + 1);
	part[strcspn(part, "\n")] = '\0';
	at = strstr(part, group);
	if (!at || strstr(part, "does not name it"))
		return;
	armed = strtoll(at + strlen(group), &end, 10);
	if (!str_starts(end, then))
		return; /* one of them is missing */
	now = strtoll(end + strlen(then), NULL, 10);
	if (armed >= 0 && now > armed)
		t->memory_kills = now - armed;
}

/* What the evidence says of memory. */
static void memory_of(const struct layout *l, struct timeline_entry *t)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_EVIDENCE);
	char file[256], path[LAYOUT_PATH];
	struct err e;

	/* A name, never a path: the line is no reason to read elsewhere. */
	if (!logfmt_get(t->line, t->len, "forensics", file, sizeof file) || strchr(file, '/'))
		return;
	snprintf(path, sizeof path, "%s/%.255s", LAYOUT_DEATHS_DIR, file);
	if (fs_read(l->root_fd, path, &text, &e) < 0)
		return;
	take_memory(buf_cstr(&text), t);
	take_kills(buf_cstr(&text), t);
}

/* A program's end has no evidence of its own; its peer's flight recorder may have been awake. */
static void flight_of(const struct layout *l, struct timeline_entry *t)
{
	struct flight_sample s[FLIGHT_SAMPLES];
	char identity[128], signal[32];
	struct peer_id id;
	struct err e;
	size_t n;

	if (!logfmt_get(t->line, t->len, "signal", signal, sizeof signal) ||
	    strcmp(signal, "SIGKILL") != 0 ||
	    !logfmt_get(t->line, t->len, "identity", identity, sizeof identity) ||
	    peer_parse(identity, &id, &e) < 0)
		return;
	n = flight_load(l, &id, s);
	while (n > 0 && s[n - 1].at_ms > t->at_ms)
		n--;
	if (n == 0 || t->at_ms - s[n - 1].at_ms > SHORTLY_MS)
		return;
	t->before_available = s[n - 1].available_bytes;
	t->before_grew_bytes = s[n - 1].most_bytes;
	str_cut(t->before_grew, sizeof t->before_grew, s[n - 1].most);
}

int timeline_details(const struct layout *l, struct timeline *t, struct err *e)
{
	AUTO(bursts_done) struct bursts bursts = {.n = 0};

	if (bursts_read(l, &bursts, e) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		struct timeline_entry *entry = &t->v[i];
		const struct burst *b;
		char ev[32];

		if (!logfmt_get(entry->line, entry->len, "ev", ev, sizeof ev))
			continue;
		if (strcmp(ev, "session-exit") == 0)
			flight_of(l, entry);
		if (strcmp(ev, "server-exit") != 0)
			continue;
		b = burst_of(&bursts, entry->at_ms);
		entry->burst = b ? b->n : 1;
		memory_of(l, entry);
	}
	return 0;
}
