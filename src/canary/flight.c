#include "iapeer/canary/flight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define SUM_AT (FLIGHT_LINE - 18) /* " 0123456789abcdef\n" is the end of each line */
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)

/* Names of processes may hold anything; here they are words. */
static void plain(const char *name, char out[static 24])
{
	size_t n = 0;

	for (; name[n] && n < 23; n++) {
		out[n] = '_';
		if (name[n] > ' ' && name[n] < 127 && !strchr("\"=\\", name[n]))
			out[n] = name[n];
	}
	out[n] = '\0';
}

void flight_line(const struct flight_sample *s, char out[static FLIGHT_LINE + 1])
{
	char grew[24], most[24], sum[32], state[24];
	int n;

	plain(s->state[0] ? s->state : "-", state);
	plain(s->grew[0] ? s->grew : "-", grew);
	plain(s->most[0] ? s->most : "-", most);
	n = snprintf(out, SUM_AT,
		     "n=%llu at=%lld server=%ld rss=%lld procs=%lld avail=%lld psi=%lld out=%lld "
		     "said=%lld att=%d state=%s grew=%s by=%lld most=%s most_by=%lld",
		     (unsigned long long)s->number, (long long)s->at_ms, (long)s->server,
		     (long long)(s->rss_bytes / KIB), (long long)s->processes,
		     (long long)(s->available_bytes < 0 ? -1 : s->available_bytes / KIB),
		     (long long)s->pressure, (long long)s->printed_at_ms,
		     (long long)s->reported_at_ms, s->attached, state, grew,
		     (long long)(s->grew_bytes / KIB), most, (long long)(s->most_bytes / KIB));
	if (n < 0 || n >= SUM_AT)
		n = SUM_AT - 1;
	memset(out + n, ' ', (size_t)(SUM_AT - n));
	snprintf(sum, sizeof sum, " %016llx\n", (unsigned long long)str_hash(out, SUM_AT));
	memcpy(out + SUM_AT, sum, FLIGHT_LINE - SUM_AT);
	out[FLIGHT_LINE] = '\0';
}

static bool number(const char *line, const char *key, int64_t *out)
{
	char text[24];

	return logfmt_get(line, SUM_AT, key, text, sizeof text) &&
	       str_i64(text, -1, INT64_MAX / KIB, out);
}

static void word(const char *line, const char *key, char out[static 24])
{
	if (!logfmt_get(line, SUM_AT, key, out, 24) || strcmp(out, "-") == 0)
		out[0] = '\0';
}

bool flight_parse(const char *line, struct flight_sample *out)
{
	struct flight_sample s = {.number = 0};
	int64_t n, server, att;
	char sum[32], state[24];

	snprintf(sum, sizeof sum, " %016llx\n", (unsigned long long)str_hash(line, SUM_AT));
	if (memcmp(line + SUM_AT, sum, FLIGHT_LINE - SUM_AT) != 0 || !number(line, "n", &n) ||
	    n < 1 || !number(line, "at", &s.at_ms) || !number(line, "server", &server) ||
	    server > INT32_MAX || !number(line, "rss", &s.rss_bytes) ||
	    !number(line, "procs", &s.processes) || !number(line, "avail", &s.available_bytes) ||
	    !number(line, "psi", &s.pressure) || !number(line, "out", &s.printed_at_ms) ||
	    !number(line, "said", &s.reported_at_ms) || !number(line, "att", &att) ||
	    !number(line, "by", &s.grew_bytes) || !number(line, "most_by", &s.most_bytes))
		return false;
	s.number = (uint64_t)n;
	s.server = (pid_t)server;
	s.attached = att == 1;
	s.rss_bytes *= KIB;
	s.grew_bytes *= KIB;
	s.most_bytes *= KIB;
	if (s.available_bytes > 0)
		s.available_bytes *= KIB;
	word(line, "state", state);
	str_cut(s.state, sizeof s.state, state);
	word(line, "grew", s.grew);
	word(line, "most", s.most);
	*out = s;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct flight_sample *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

size_t flight_load(const struct layout *l, const struct peer_id *id,
		   struct flight_sample out[static FLIGHT_SAMPLES])
{
	AUTO(buf_done) struct buf b = BUF_INIT(FLIGHT_SAMPLES * FLIGHT_LINE + 1);
	char path[LAYOUT_PATH];
	size_t n = 0;
	struct err e;

	layout_state(id, "flight", path);
	if (fs_read_at(l->root_fd, path, 0, (size_t)FLIGHT_SAMPLES * FLIGHT_LINE, &b, &e) < 0)
		return 0;
	for (size_t at = 0; at + FLIGHT_LINE <= b.len; at += FLIGHT_LINE)
		if (flight_parse(b.p + at, &out[n]))
			n++;
	qsort(out, n, sizeof *out, by_number);
	return n;
}

int flight_add(const struct layout *l, const struct peer_id *id, struct flight_sample *s,
	       uint64_t *last, struct err *e)
{
	struct flight_sample old[FLIGHT_SAMPLES];
	char path[LAYOUT_PATH], line[FLIGHT_LINE + 1];

	if (!*last) {
		size_t n = flight_load(l, id, old);

		*last = n ? old[n - 1].number : 0;
	}
	s->number = *last + 1;
	flight_line(s, line);
	layout_state(id, "flight", path);
	if (fs_write_at(l->root_fd, path, (int64_t)(s->number % FLIGHT_SAMPLES) * FLIGHT_LINE, line,
			FLIGHT_LINE, e) < 0)
		return -1;
	*last = s->number;
	return 0;
}

static void add_ago(struct buf *out, int64_t then, int64_t now)
{
	if (then <= 0)
		buf_fmt(out, " %8s", "-");
	else
		buf_fmt(out, " %6llds", (long long)(now > then ? (now - then) / 1000 : 0));
}

static void add_growth(struct buf *out, const char *name, int64_t bytes)
{
	if (name[0])
		buf_fmt(out, "  %s +%lld", name, (long long)(bytes / KIB));
	else
		buf_str(out, "  -");
}

void flight_table(const struct layout *l, const char *identity, pid_t server, struct buf *out)
{
	struct flight_sample s[FLIGHT_SAMPLES];
	struct peer_id id;
	struct err e;
	size_t n = 0, shown = 0;
	char at[CLOCK_ISO_MAX];

	if (peer_parse(identity, &id, &e) == 0)
		n = flight_load(l, &id, s);
	for (size_t i = 0; i < n; i++) {
		if (s[i].server != server)
			continue;
		if (shown++ == 0)
			buf_str(out, "flight: time, KiB and processes of its tree, MiB available, "
				     "memory pressure, since output and report, state, who grew "
				     "(of it; of all; KiB):\n");
		clock_iso(s[i].at_ms, at);
		buf_fmt(out, "flight: %s %9lld %3lld %7lld %3lld.%02lld%%", at,
			(long long)(s[i].rss_bytes / KIB), (long long)s[i].processes,
			(long long)(s[i].available_bytes / MIB), (long long)(s[i].pressure / 100),
			(long long)(s[i].pressure < 0 ? 0 : s[i].pressure % 100));
		add_ago(out, s[i].printed_at_ms, s[i].at_ms);
		add_ago(out, s[i].reported_at_ms, s[i].at_ms);
		buf_fmt(out, " %s%s", s[i].state[0] ? s[i].state : "-",
			s[i].attached ? ",attached" : "");
		add_growth(out, s[i].grew, s[i].grew_bytes);
		add_growth(out, s[i].most, s[i].most_bytes);
		buf_chr(out, '\n');
	}
	if (!shown)
		buf_str(out, "flight: missing (no tick has seen this server)\n");
}
