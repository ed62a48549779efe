#include "iapeer/cli/bursts.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

struct deaths {
	struct burst_death *v;
	size_t n, cap;
};

static int by_time(const void *a, const void *b)
{
	const struct burst_death *x = a, *y = b;

	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static bool is_among(const struct burst_death *v, size_t n, uint64_t who)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].who == who)
			return true;
	return false;
}

void bursts_group(struct burst_death *v, size_t n, struct bursts *out)
{
	*out = (struct bursts){.v = xcalloc(n + 1, sizeof *out->v)};
	if (n > 1)
		qsort(v, n, sizeof *v, by_time);
	for (size_t i = 0; i < n; i++) {
		struct burst *last = out->n ? &out->v[out->n - 1] : NULL;

		if (!last || v[i].at_ms - last->to_ms > BURST_MS ||
		    is_among(v + i - last->n, last->n, v[i].who)) {
			last = &out->v[out->n++];
			last->from_ms = v[i].at_ms;
		}
		last->to_ms = v[i].at_ms;
		last->n++;
	}
}

static bool each(const char *line, size_t len, void *arg)
{
	struct deaths *d = arg;
	char ev[32], ts[CLOCK_ISO_MAX], identity[128];
	int64_t at;

	if (!logfmt_get(line, len, "ev", ev, sizeof ev) || strcmp(ev, "server-exit") != 0 ||
	    !logfmt_get(line, len, "identity", identity, sizeof identity) ||
	    !logfmt_get(line, len, "ts", ts, sizeof ts) || !clock_parse_iso(ts, &at))
		return true;
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 256;
		d->v = xrealloc(d->v, d->cap * sizeof *d->v);
	}
	d->v[d->n++] =
	    (struct burst_death){.at_ms = at, .who = str_hash(identity, strlen(identity))};
	return true;
}

int bursts_read(const struct layout *l, struct bursts *out, struct err *e)
{
	struct journal j = {.dirfd = l->root_fd, .path = LAYOUT_EXITS_LOG, .keep = 5};
	struct deaths d = {.n = 0};
	int rc = journal_each(&j, each, &d, e);

	if (rc == 0)
		bursts_group(d.v, d.n, out);
	free(d.v);
	return rc;
}

void bursts_done(struct bursts *b)
{
	free(b->v);
	*b = (struct bursts){.n = 0};
}

const struct burst *burst_of(const struct bursts *b, int64_t at_ms)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->v[mid].to_ms < at_ms)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == b->n || b->v[low].from_ms > at_ms || b->v[low].n < 2)
		return NULL;
	return &b->v[low];
}
