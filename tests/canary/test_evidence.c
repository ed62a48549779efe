#include "iapeer/canary/evidence.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_machine_is_described_and_fast),
	    TEST(processes_are_sorted_by_size),
	    TEST(no_arguments_of_anybody_are_in_it),
	    TEST(the_last_two_kibibytes_of_the_pane_with_controls_made_visible),
	    TEST(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
