#include "iapeer/canary/evidence.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scratch.h"

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static int count(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text += strlen(part);
	}
	return n;
}

static void the_machine_is_described_and_fast(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_EVIDENCE);
	int64_t from = clock_mono_ms();

	(void)state;
	evidence_machine(&out);
	print_message("evidence: %lld ms, %zu bytes\n", (long long)(clock_mono_ms() - from),
		      out.len);
	assert_false(out.failed);
	assert_true(str_starts(buf_cstr(&out), "memory: total="));
	HAS(buf_cstr(&out), "swap_total=");
	HAS(buf_cstr(&out), "processes: ");
	assert_in_range(count(buf_cstr(&out), " KiB  pid "), 1, 25);
}

static void processes_are_sorted_by_size(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_EVIDENCE);
	long last = LONG_MAX, kib;

	(void)state;
	evidence_machine(&out);
	for (const char *s = strstr(buf_cstr(&out), "the largest:\n"); s;
	     s = strstr(s + 1, "\n  ")) {
		kib = strtol(s[0] == '\n' ? s : strchr(s, '\n'), NULL, 10);
		assert_true(kib <= last);
		last = kib;
	}
}

static void no_arguments_of_anybody_are_in_it(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_EVIDENCE);

	NEEDS_TMUX();
	world_peer(
	    w, "bob",
	    world_script(w, "prog", "#!/bin/sh\nprintf '> '\nexec cat -- - --secret=hunter2\n"));
	world_put(w, &(struct note){.id = "w1", .kind = ITEM_WAKE});
	world_apply(w, TRIG_MESSAGE);
	evidence_machine(&out);
	assert_null(strstr(buf_cstr(&out), "hunter2"));
}

static void the_last_two_kibibytes_of_the_pane_with_controls_made_visible(void **state)
{
	struct world *w = *state;
	struct peer_id id = {.name = "bob", .runtime = "shell"};
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_EVIDENCE);
	char log[LAYOUT_PATH], rel[LAYOUT_PATH + 8], text[5000];

	layout_pane_log(&id, log);
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_PANE_LOGS, e));
	memset(text, 'x', sizeof text);
	snprintf(text + sizeof text - 40, 40, "\nred \033[31m and \007 bell\nlast\n");
	snprintf(rel, sizeof rel, "r/%s", log);
	world_write(w, rel, text);
	evidence_pane(&w->l, "shell-bob", &out);
	HAS(buf_cstr(&out), "pane: last 2048 bytes:\n");
	HAS(buf_cstr(&out), "last\n");
	HAS(buf_cstr(&out), "\\x1b[31m");
	assert_null(strchr(buf_cstr(&out), '\033'));
	assert_null(strchr(buf_cstr(&out), '\007'));
	assert_in_range(count(buf_cstr(&out), "x"), 1990, 2048);
}

static void what_is_missing_is_named(void **state)
{
	struct world *w = *state;
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_EVIDENCE);

	evidence_pane(&w->l, "shell-nobody", &out);
	evidence_pane(&w->l, "any.server", &out);
	assert_int_equal(count(buf_cstr(&out), "pane: missing ("), 2);
}

/* One file of evidence, so many seconds old. */
static void evidence_of_age(const struct world *w, int i, int64_t now_ms, int64_t age_s)
{
	const struct timespec t = {.tv_sec = now_ms / 1000 - age_s};
	char rel[LAYOUT_PATH];

	snprintf(rel, sizeof rel, "r/" LAYOUT_DEATHS_DIR "/%d.txt", i);
	world_write(w, rel, "x");
	assert_int_equal(utimensat(AT_FDCWD, world_path(w, rel), (struct timespec[]){t, t}, 0), 0);
}

static size_t kept(const struct world *w)
{
	AUTO(strv_done) struct strv names = STRV_INIT;

	OK(fs_list(w->l.root_fd, LAYOUT_DEATHS_DIR, &names, e));
	return names.n;
}

static void a_thousand_are_kept_and_those_of_the_last_day(void **state)
{
	const int64_t now = INT64_C(1800000000000), day = 24 * 3600;
	struct world *w = *state;

	OK(fs_mkdirs(w->l.root_fd, LAYOUT_DEATHS_DIR, e));
	for (int i = 0; i < 1000; i++)
		evidence_of_age(w, i, now, 400 * day + i);
	OK(evidence_expire(&w->l, now, e));
	assert_int_equal(kept(w), 1000); /* however old */
	evidence_of_age(w, 1000, now, day / 2);
	evidence_of_age(w, 1001, now, 2 * day);
	OK(evidence_expire(&w->l, now, e));
	assert_int_equal(kept(w), 1000);
	assert_true(world_exists(w, "r/" LAYOUT_DEATHS_DIR "/1001.txt"));
	assert_false(world_exists(w, "r/" LAYOUT_DEATHS_DIR "/999.txt")); /* the oldest two */
	assert_false(world_exists(w, "r/" LAYOUT_DEATHS_DIR "/998.txt"));
	for (int i = 0; i < 1010; i++)
		evidence_of_age(w, i, now, day / 2);
	OK(evidence_expire(&w->l, now, e));
	assert_int_equal(kept(w), 1010);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_machine_is_described_and_fast),
	    TEST(processes_are_sorted_by_size),
	    TEST(no_arguments_of_anybody_are_in_it),
	    TEST(the_last_two_kibibytes_of_the_pane_with_controls_made_visible),
	    TEST(what_is_missing_is_named),
	    TEST(a_thousand_are_kept_and_those_of_the_last_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
