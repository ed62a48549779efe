#include "iapeer/cli/bursts.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/mem.h"

#include "iapeer/base/banned.h"

struct times {
	int64_t *v;
	size_t n, cap;
};

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void bursts_group(int64_t *at_ms, size_t n, struct bursts *out)
{
	*out = (struct bursts){.v = xcalloc(n + 1, sizeof *out->v)};
	if (n > 1)
		qsort(at_ms, n, sizeof *at_ms, by_time);
	for (size_t i = 0; i < n; i++) {
		struct burst *last = out->n ? &out->v[out->n - 1] : NULL;

		if (!last || at_ms[i] - last->to_ms > BURST_MS) {
			last = &out->v[out->n++];
			last->from_ms = at_ms[i];
		}
		last->to_ms = at_ms[i];
		last->n++;
	}
}

static bool each(const char *line, size_t len, void *arg)
{
	struct times *t = arg;
	char ev[32], ts[CLOCK_ISO_MAX];
	int64_t at;

	if (!logfmt_get(line, len, "ev", ev, sizeof ev) || strcmp(ev, "server-exit") != 0 ||
	    !logfmt_get(line, len, "ts", ts, sizeof ts) || !clock_parse_iso(ts, &at))
		return true;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->v = xrealloc(t->v, t->cap * sizeof *t->v);
	}
	t->v[t->n++] = at;
	return true;
}

int bursts_read(const struct layout *l, struct bursts *out, struct err *e)
{
	struct journal j = {.dirfd = l->root_fd, .path = LAYOUT_EXITS_LOG, .keep = 5};
	struct times t = {.n = 0};
	int rc = journal_each(&j, each, &t, e);

	if (rc == 0)
		bursts_group(t.v, t.n, out);
	free(t.v);
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
