/* What a program says of itself, whatever is in the files: the same reports in one go and one by
 * one, those of earlier sessions before them; a report that is added is the last, and what was torn
 * before it is not part of it. The second part of the input is the file of the sessions before. */
#include <stdint.h>

#include "iapeer/delivery/report.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define NOW    LAYOUT_LIFECYCLE "/shell-bob.reports"
#define BEFORE LAYOUT_LIFECYCLE "/shell-bob.reports.1"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

struct told {
	struct buf all;
	size_t n;
	bool one; /* stop behind each */
};

static void told_done(struct told *t)
{
	buf_done(&t->all);
}

static bool note(const struct report *r, void *arg)
{
	struct told *t = arg;

	must(r->kind < REPORT_KIND_COUNT && r->source < REPORT_SOURCE_COUNT && r->at_ms >= 0);
	must(memchr(r->detail, '\0', sizeof r->detail));
	buf_fmt(&t->all, "%s %s %lld %s|%s|%s|%s%s|%lld", report_kind_word(r->kind),
		report_source_word(r->source), (long long)r->at_ms, r->detail, r->conversation,
		r->transcript, r->text ? r->text : "", r->cut ? "..." : "",
		(long long)r->transcript_size);
	for (size_t i = 0; i < r->ids.n; i++) {
		must(report_has(r, r->ids.v[i]));
		buf_fmt(&t->all, " %s", r->ids.v[i]);
	}
	buf_chr(&t->all, '\n');
	t->n++;
	return !t->one;
}

static void read_on(int64_t *at, struct told *t)
{
	struct err e;

	must(report_each(&l, &bob, at, note, t, &e) == 0);
	must(*at >= 0 && *at <= report_size(&l, &bob));
}

static void one_by_one(const struct told *all)
{
	AUTO(told_done) struct told t = {.all = BUF_INIT(CAP_OUTPUT), .one = true};
	int64_t at = 0;

	for (size_t before = t.n + 1; t.n != before;) {
		before = t.n;
		read_on(&at, &t);
	}
	must(same_bytes(&t.all, &all->all));
}

static void add(const struct told *old)
{
	AUTO(told_done) struct told t = {.all = BUF_INIT(CAP_OUTPUT)};
	char text[] = "\x01\n";
	struct report r = {.kind = REPORT_TURN, .source = REPORT_BY_VERB, .at_ms = 7, .text = text};
	AUTO(told_done) struct told ours = {.all = BUF_INIT(CAP_OUTPUT)};
	int64_t at = 0;
	struct err e;

	note(&r, &ours);
	must(report_add(&l, &bob, &r, &e) == 0);
	read_on(&at, &t);
	/* What lacked only its newline has it now. */
	must(t.n == old->n + 1 || t.n == old->n + 2);
	must(at == report_size(&l, &bob));
	must(memcmp(buf_cstr(&t.all), buf_cstr(&old->all), old->all.len) == 0);
	must(memcmp(buf_cstr(&t.all) + t.all.len - ours.all.len, ours.all.p, ours.all.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(told_done) struct told now = {.all = BUF_INIT(CAP_OUTPUT)};
	AUTO(told_done) struct told earlier = {.all = BUF_INIT(CAP_OUTPUT)};
	AUTO(told_done) struct told history = {.all = BUF_INIT(2 * CAP_OUTPUT)};
	struct part file = {.size = 0}, old;
	const uint8_t *at = data;
	int64_t from = 0;
	struct err e;

	enter(LAYOUT_LIFECYCLE);
	next_part(&at, data + size, &file);
	drop_file(BEFORE);
	if (next_part(&at, data + size, &old)) {
		put_file(NOW, old.data, old.size);
		read_on(&from, &earlier);
		put_file(BEFORE, old.data, old.size);
	}
	put_file(NOW, file.data, file.size);
	from = 0;
	read_on(&from, &now);
	must(report_history(&l, &bob, note, &history, &e) == 0);
	must(history.n == earlier.n + now.n && history.all.len == earlier.all.len + now.all.len);
	must(memcmp(buf_cstr(&history.all), buf_cstr(&earlier.all), earlier.all.len) == 0);
	one_by_one(&now);
	add(&now);
	return 0;
}
