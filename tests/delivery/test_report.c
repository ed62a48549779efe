#include "iapeer/delivery/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/mem.h"
#include "world.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "claude"};

#define REPORTS ROOT_REL(LAYOUT_LIFECYCLE) "/claude-bob.reports"

struct seen {
	int n, stop_at;
	struct report last; /* its lists are its own */
};

static void seen_done(struct seen *s)
{
	report_done(&s->last);
}

static bool see(const struct report *r, void *arg)
{
	struct seen *s = arg;

	report_done(&s->last);
	s->last = *r;
	s->last.ids = (struct strv)STRV_INIT;
	for (size_t i = 0; i < r->ids.n; i++)
		strv_add(&s->last.ids, r->ids.v[i]);
	s->last.text = r->text ? xstrdup(r->text) : NULL;
	return ++s->n != s->stop_at;
}

static void add(const struct world *w, enum report_kind kind, const char *detail)
{
	AUTO(report_done) struct report r = {.kind = kind, .at_ms = 17};

	snprintf(r.detail, sizeof r.detail, "%s", detail);
	OK(report_add(&w->l, &bob, &r, e));
}

static int count(const struct world *w, int64_t offset, int64_t *next)
{
	AUTO(seen_done) struct seen s = {.n = 0};

	OK(report_each(&w->l, &bob, &offset, see, &s, e));
	if (next)
		*next = offset;
	return s.n;
}

static void what_is_added_is_read_again(void **state)
{
	struct world *w = *state;
	int64_t from = 0;
	AUTO(seen_done) struct seen s = {.n = 0};
	AUTO(report_done)
	struct report r = {.kind = REPORT_TAKEN,
			   .source = REPORT_BY_SCREEN,
			   .at_ms = 1700000000123,
			   .conversation = "c-1",
			   .transcript = "/srv/x/c-1.jsonl",
			   .detail = "d \"q\"\n"};

	strv_add(&r.ids, "m1");
	strv_add(&r.ids, "m2");
	r.text = xstrdup("line\nline \033 ü");
	OK(report_add(&w->l, &bob, &r, e));
	OK(report_each(&w->l, &bob, &from, see, &s, e));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.last.kind, REPORT_TAKEN);
	assert_int_equal(s.last.source, REPORT_BY_SCREEN);
	assert_int_equal(s.last.at_ms, r.at_ms);
	assert_string_equal(s.last.conversation, r.conversation);
	assert_string_equal(s.last.transcript, r.transcript);
	assert_string_equal(s.last.detail, r.detail);
	assert_string_equal(s.last.text, r.text);
	assert_true(report_has(&s.last, "m1") && report_has(&s.last, "m2"));
	assert_false(report_has(&s.last, "m"));
	assert_false(s.last.cut);
}

static void no_file_is_no_report(void **state)
{
	struct world *w = *state;
	int64_t next = 77;

	assert_int_equal(report_size(&w->l, &bob), 0);
	assert_int_equal(count(w, 0, &next), 0);
	assert_int_equal(next, 0);
	assert_int_equal(count(w, 1000, &next), 0);
}

static void an_offset_shows_what_came_later(void **state)
{
	struct world *w = *state;
	AUTO(seen_done) struct seen s = {.stop_at = 1};
	int64_t first, next;

	add(w, REPORT_READY, "a");
	first = report_size(&w->l, &bob);
	add(w, REPORT_TURN, "b");
	add(w, REPORT_LEFT, "c");
	assert_int_equal(count(w, first, &next), 2);
	assert_int_equal(next, report_size(&w->l, &bob));
	assert_int_equal(count(w, next, NULL), 0);
	assert_int_equal(count(w, first - 3, NULL), 2); /* in the middle of a line */
	assert_int_equal(count(w, next + 1, NULL), 3);  /* it is shorter: a new file */
	next = first;
	OK(report_each(&w->l, &bob, &next, see, &s, e));
	assert_string_equal(s.last.detail, "b");
	assert_int_equal(count(w, next, NULL), 1); /* stopped behind b */
}

static void a_line_that_is_cut_costs_only_itself(void **state)
{
	struct world *w = *state;
	int64_t from = 0;
	AUTO(seen_done) struct seen s = {.n = 0};
	int64_t next;

	add(w, REPORT_READY, "a");
	auto_free char *good = world_read(w, REPORTS);
	auto_free char *bad = xcalloc(1, 2 * strlen(good) + 1);
	snprintf(bad, 2 * strlen(good) + 1, "%s%.*s", good, 30, good);
	world_write(w, REPORTS, bad);
	assert_int_equal(count(w, 0, &next), 1);
	assert_int_equal(next, strlen(good)); /* it may be being written still */
	add(w, REPORT_TURN, "b");
	OK(report_each(&w->l, &bob, &from, see, &s, e));
	assert_int_equal(s.n, 2);
	assert_string_equal(s.last.detail, "b");
}

static void what_is_no_report_is_passed_over(void **state)
{
	static const char *const junk[] = {
	    "",
	    "junk",
	    "[]",
	    "{}",
	    "{\"at\":1,\"kind\":\"dance\",\"by\":\"hook\"}",
	    "{\"at\":1,\"kind\":\"turn\",\"by\":\"me\"}",
	    "{\"at\":-1,\"kind\":\"turn\",\"by\":\"hook\"}",
	    "{\"at\":1,\"kind\":\"turn\",\"by\":\"hook\",\"ids\":[1]}",
	    "{\"at\":1,\"kind\":\"turn\",\"by\":\"hook\",\"text\":{}}",
	    "{\"at\":1,\"kind\":\"turn\",\"by\":\"hook\"} x",
	};
	struct world *w = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++)
		buf_fmt(&b, "%s\n", junk[i]);
	buf_str(&b, "{\"at\":1,\"kind\":\"turn\",\"by\":\"hook\",\"new\":[1,{}]}\n");
	world_write(w, REPORTS, buf_cstr(&b));
	assert_int_equal(count(w, 0, NULL), 1);
}

static void a_line_without_end_is_passed_over(void **state)
{
	struct world *w = *state;
	size_t n = 5 << 20;
	auto_free char *long_line = xmalloc(n + 1);

	memset(long_line, 'x', n);
	long_line[n - 1] = '\n';
	long_line[n] = '\0';
	world_write(w, REPORTS, long_line);
	add(w, REPORT_TURN, "b");
	assert_int_equal(count(w, 0, NULL), 1);
}

static void a_huge_text_is_cut_at_a_character(void **state)
{
	struct world *w = *state;
	int64_t from = 0;
	AUTO(seen_done) struct seen s = {.n = 0};
	AUTO(report_done) struct report r = {.kind = REPORT_TURN};
	size_t n = 200000;

	r.text = xmalloc(n + 1);
	r.text[0] = '-'; /* so that 64 KiB end inside a character */
	for (size_t i = 1; i < n; i += 2)
		memcpy(r.text + i, "ü", i + 2 <= n ? 2 : 1);
	r.text[n - 1] = '\0';
	OK(report_add(&w->l, &bob, &r, e));
	memset(r.text, '\001', n - 1); /* six bytes each in JSON */
	OK(report_add(&w->l, &bob, &r, e));
	s.stop_at = 1;
	OK(report_each(&w->l, &bob, &from, see, &s, e));
	assert_true(s.last.cut);
	assert_int_equal(strlen(s.last.text), REPORT_TEXT_MAX - 1);
	assert_memory_equal(s.last.text + REPORT_TEXT_MAX - 3, "ü", 2);
	assert_int_equal(count(w, 0, NULL), 2);
}

static void a_long_file_is_set_aside_when_a_session_begins(void **state)
{
	struct world *w = *state;
	AUTO(report_done) struct report r = {.kind = REPORT_TURN};
	int64_t before;

	add(w, REPORT_READY, "a");
	OK(report_begin(&w->l, &bob, e));
	assert_int_equal(count(w, 0, NULL), 1);
	r.text = xcalloc(1, 60001);
	memset(r.text, 'x', 60000);
	for (int i = 0; i < 20; i++)
		OK(report_add(&w->l, &bob, &r, e));
	before = report_size(&w->l, &bob);
	OK(report_begin(&w->l, &bob, e));
	assert_int_equal(report_size(&w->l, &bob), 0);
	assert_int_equal(world_size(w, REPORTS ".1"), before);
	add(w, REPORT_READY, "b");
	assert_int_equal(count(w, before, NULL), 1); /* an offset of the old file */
	AUTO(seen_done) struct seen all = {.n = 0};
	OK(report_history(&w->l, &bob, see, &all, e));
	assert_int_equal(all.n, 22);
	assert_string_equal(all.last.detail, "b");
	AUTO(seen_done) struct seen few = {.stop_at = 2};
	OK(report_history(&w->l, &bob, see, &few, e));
	assert_int_equal(few.n, 2);
}

static void many_writers_lose_and_mix_nothing(void **state)
{
	struct world *w = *state;
	enum { WRITERS = 8, EACH = 60 };
	pid_t pids[WRITERS];
	int status;

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct report r = {.kind = REPORT_TURN};
			struct err e;

			r.text = xcalloc(1, 20001);
			memset(r.text, 'a' + i, 20000);
			for (int k = 0; k < EACH; k++)
				if (report_add(&w->l, &bob, &r, &e) < 0)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count(w, 0, NULL), WRITERS * EACH);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(what_is_added_is_read_again),
	    CASE(no_file_is_no_report),
	    CASE(an_offset_shows_what_came_later),
	    CASE(a_line_that_is_cut_costs_only_itself),
	    CASE(what_is_no_report_is_passed_over),
	    CASE(a_line_without_end_is_passed_over),
	    CASE(a_huge_text_is_cut_at_a_character),
	    CASE(a_long_file_is_set_aside_when_a_session_begins),
	    CASE(many_writers_lose_and_mix_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
