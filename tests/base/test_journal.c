#include "iapeer/base/journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOON     1795338000123 /* 2026-11-22T09:00:00.123Z */

static struct {
	char path[64];
	int fd;
} root;

static int enter(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	snprintf(root.path, sizeof(root.path), "%s/iapeer-journal.XXXXXX", P_tmpdir);
	return mkdtemp(root.path) ? fs_open_dir(AT_FDCWD, root.path, &root.fd, &e) : -1;
}

static int leave(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	close(root.fd);
	return fs_remove_tree(AT_FDCWD, root.path, &e);
}

static struct journal in_root(const char *path, int64_t max_bytes, int keep)
{
	return (struct journal){
	    .dirfd = root.fd, .path = path, .max_bytes = max_bytes, .keep = keep};
}

static void write_number(const struct journal *j, int64_t n)
{
	auto_logfmt struct logfmt l;
	struct err e = ERR_INIT;

	logfmt_init(&l, NOON);
	logfmt_i64(&l, "n", n);
	if (journal_write(j, &l, false, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Behind the stamp: one field with that value. */
static void value_is_written(const char *value, const char *expected)
{
	auto_logfmt struct logfmt l;
	const char *space;
	char back[256];

	logfmt_init(&l, NOON);
	logfmt_raw(&l, "k", value);
	space = strchr(buf_cstr(&l.b), ' ');
	assert_non_null(space);
	assert_string_equal(space + 1, expected);
	assert_true(logfmt_get(l.b.p, l.b.len, "k", back, sizeof(back)));
	assert_string_equal(back, value);
}

static void a_value_is_quoted_exactly_when_it_must_be(void **state)
{
	static const struct {
		const char *value, *text;
	} rows[] = {
	    {"plain", "k=plain"},
	    {"a,b;c:d/e'f[g]", "k=a,b;c:d/e'f[g]"},
	    {"ü漢😀", "k=ü漢😀"},
	    {"-5", "k=-5"},
	    {"", "k=\"\""},
	    {" ", "k=\" \""},
	    {"two words", "k=\"two words\""},
	    {"a=b", "k=\"a=b\""},
	    {"say \"hi\"", "k=\"say \\\"hi\\\"\""},
	    {"\"", "k=\"\\\"\""},
	    {"back\\slash", "k=\"back\\\\slash\""},
	    {"trailing\\", "k=\"trailing\\\\\""},
	    {"a\nb", "k=\"a\\nb\""},
	    {"a\tb\rc", "k=\"a\\tb\\rc\""},
	    {"\x1b[31m", "k=\"\\x1b[31m\""},
	    {"\x01\x7f", "k=\"\\x01\\x7f\""},
	    {"\\n", "k=\"\\\\n\""},
	    {"ts=forged n=1", "k=\"ts=forged n=1\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		value_is_written(rows[i].value, rows[i].text);
}

static void the_stamp_is_first_and_fields_keep_their_order(void **state)
{
	auto_logfmt struct logfmt l;
	char iso[CLOCK_ISO_MAX], expected[256];

	(void)state;
	logfmt_init(&l, NOON);
	logfmt_str(&l, "ev", "death");
	logfmt_str(&l, "none", NULL);
	logfmt_str(&l, "empty", "");
	logfmt_i64(&l, "signal", -9);
	logfmt_str(&l, "a", "x");
	clock_iso(NOON, iso);
	snprintf(expected, sizeof(expected), "ts=%s ev=death signal=-9 a=x", iso);
	assert_string_equal(buf_cstr(&l.b), expected);
}

static void a_field_is_found_only_under_its_own_name(void **state)
{
	static const char line[] = "ts=1 a=\"b=2 c=3\" bb=4 b= c=\"\" d=\"x\\\"y\" e=last";
	static const struct {
		const char *key, *value; /* NULL: not there */
	} rows[] = {{"ts", "1"},   {"a", "b=2 c=3"}, {"bb", "4"},   {"b", ""},   {"c", ""},
		    {"d", "x\"y"}, {"e", "last"},    {"las", NULL}, {"s", NULL}, {"", NULL}};
	char out[32];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool found = logfmt_get(line, strlen(line), rows[i].key, out, sizeof(out));

		if (found != (rows[i].value != NULL))
			fail_msg("key \"%s\"", rows[i].key);
		if (found)
			assert_string_equal(out, rows[i].value);
	}
	assert_false(logfmt_get(line, strlen(line), "e", out, 4)); /* does not fit */
	assert_true(logfmt_get(line, strlen(line), "e", out, 5));
	assert_false(logfmt_get(line, strlen(line) - 6, "e", out, sizeof(out)));
}

static void a_line_that_others_broke_is_read_without_harm(void **state)
{
	static const char *const rows[] = {"",        "=",        "a",      "a=\"", "a=\"\\",
					   "a=\"\\x", "a=\"\\x1", "\"\"\"", "a==b", "  "};
	char out[8];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i]);
		char *exact = malloc(len + 1); /* a sanitizer sees a read behind it */

		assert_non_null(exact);
		memcpy(exact, rows[i], len);
		exact[len] = '"'; /* not part of the line */
		assert_false(logfmt_get(exact, len, "missing", out, sizeof(out)));
		(void)logfmt_get(exact, len, "a", out, sizeof(out));
		free(exact);
	}
}

static void a_long_field_does_not_hide_those_behind_it(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	char out[8];

	(void)state;
	buf_str(&b, "a=\"");
	for (int i = 0; i < 20000; i++)
		buf_chr(&b, i % 9 ? 'x' : ' ');
	buf_str(&b, "\" b=found");
	assert_true(logfmt_get(b.p, b.len, "b", out, sizeof(out)));
	assert_string_equal(out, "found");
}

static void the_folder_is_made_and_the_line_is_private(void **state)
{
	struct journal j = in_root("logs/deep/x.log", 0, 0);
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	struct err e = ERR_INIT;
	struct fs_info info;

	(void)state;
	write_number(&j, 1);
	write_number(&j, 2);
	assert_int_equal(fs_stat(root.fd, j.path, &info, &e), 0);
	assert_int_equal(info.mode & 0077, 0);
	assert_int_equal(fs_read(root.fd, j.path, &b, &e), 0);
	assert_non_null(strstr(buf_cstr(&b), " n=1\nts="));
	assert_int_equal(b.p[b.len - 1], '\n');
}

struct seen {
	int64_t numbers[500];
	size_t n, stop_at;
};

static bool see(const char *line, size_t len, void *arg)
{
	struct seen *s = arg;
	char text[32];

	assert_true(len > 3 && memcmp(line, "ts=", 3) == 0);
	assert_true(logfmt_get(line, len, "n", text, sizeof(text)));
	assert_true(s->n < COUNT(s->numbers));
	s->numbers[s->n++] = strtoll(text, NULL, 10);
	return s->n != s->stop_at;
}

static void rotation_moves_to_1_then_2_and_forgets_what_is_beyond_keep(void **state)
{
	struct journal j = in_root("x.log", 400, 2); /* a line is about 40 bytes */
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct seen seen = {.n = 0};
	struct err e = ERR_INIT;
	struct fs_info info;

	(void)state;
	for (int64_t n = 1; n <= 100; n++)
		write_number(&j, n);
	assert_int_equal(fs_list(root.fd, ".", &names, &e), 0);
	assert_true(strv_has(&names, "x.log") && strv_has(&names, "x.log.1") &&
		    strv_has(&names, "x.log.2"));
	assert_false(strv_has(&names, "x.log.3"));
	for (size_t i = 0; i < names.n; i++) {
		assert_int_equal(fs_stat(root.fd, names.v[i], &info, &e), 0);
		assert_true(info.size <= 400);
	}
	assert_int_equal(journal_each(&j, see, &seen, &e), 0);
	assert_true(seen.n > 20 && seen.n < 35);
	assert_int_equal(seen.numbers[seen.n - 1], 100);
	for (size_t i = 1; i < seen.n; i++)
		assert_int_equal(seen.numbers[i], seen.numbers[i - 1] + 1);
}

static void a_reader_who_knows_of_fewer_files_reads_all_that_were_kept(void **state)
{
	struct journal j = in_root("x.log", 100, 6);
	struct seen seen = {.n = 0};
	struct err e = ERR_INIT;

	(void)state;
	for (int64_t n = 1; n <= 12; n++) /* two a file */
		write_number(&j, n);
	j.keep = 1;
	assert_int_equal(journal_each(&j, see, &seen, &e), 0);
	assert_int_equal(seen.n, 12);
	assert_int_equal(seen.numbers[0], 1);
}

static void a_reader_may_stop_early(void **state)
{
	struct journal j = in_root("x.log", 200, 3);
	struct seen seen = {.stop_at = 3};
	struct err e = ERR_INIT;

	(void)state;
	for (int64_t n = 1; n <= 9; n++)
		write_number(&j, n);
	assert_int_equal(journal_each(&j, see, &seen, &e), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.numbers[0], 1);
}

static void a_journal_that_is_not_there_has_no_lines(void **state)
{
	struct journal j = in_root("none/x.log", 100, 2);
	struct seen seen = {.n = 0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(journal_each(&j, see, &seen, &e), 0);
	assert_int_equal(seen.n, 0);
}

static void a_line_over_64_kib_is_passed_over(void **state)
{
	struct journal j = in_root("x.log", 0, 0);
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);
	struct seen seen = {.n = 0};
	struct err e = ERR_INIT;

	(void)state;
	buf_str(&b, "ts=1 n=1\nts=2 n=2 x=");
	for (int i = 0; i < 70000; i++)
		buf_chr(&b, 'x');
	buf_str(&b, "\n\nts=3 n=3\n");
	assert_int_equal(fs_write_soft(root.fd, "x.log", b.p, b.len, 0600, &e), 0);
	assert_int_equal(journal_each(&j, see, &seen, &e), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.numbers[1], 3);
}

static void a_record_that_is_too_long_is_an_error_and_writes_nothing(void **state)
{
	struct journal j = in_root("x.log", 0, 0);
	auto_logfmt struct logfmt l;
	struct err e = ERR_INIT;
	char *value = malloc(100001);

	(void)state;
	assert_non_null(value);
	memset(value, 'v', 100000);
	value[100000] = '\0';
	logfmt_init(&l, NOON);
	logfmt_str(&l, "k", value);
	free(value);
	assert_int_equal(journal_write(&j, &l, true, &e), -1);
	assert_false(fs_exists(root.fd, "x.log"));
}

struct last {
	char line[64];
	int n;
};

static bool keep_last(const char *line, size_t len, void *arg)
{
	struct last *last = arg;

	last->n++;
	snprintf(last->line, sizeof last->line, "%.*s", (int)len, line);
	return true;
}

static void a_line_behind_a_torn_one_is_a_line_of_its_own(void **state)
{
	static const char torn[] = "ts=1 ev=server-exit ident";
	struct journal j = in_root("x.log", 0, 0);
	struct last last = {.n = 0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(fs_write_soft(root.fd, "x.log", torn, strlen(torn), 0600, &e), 0);
	write_number(&j, 7);
	assert_int_equal(journal_each(&j, keep_last, &last, &e), 0);
	assert_int_equal(last.n, 2);
	assert_memory_equal(last.line, "ts=", 3);
	assert_null(strstr(last.line, "ident"));
	write_number(&j, 8);
	last.n = 0;
	assert_int_equal(journal_each(&j, keep_last, &last, &e), 0);
	assert_int_equal(last.n, 3);
}

static void a_journal_is_no_fifo(void **state)
{
	struct journal j = in_root("x.log", 0, 0);
	auto_logfmt struct logfmt l = {.b = BUF_INIT(0)};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mkfifoat(root.fd, "x.log", 0600), 0);
	logfmt_init(&l, NOON);
	assert_int_equal(journal_write(&j, &l, false, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
}

static void a_journal_is_not_written_through_a_link(void **state)
{
	struct journal j = in_root("x.log", 0, 0);
	auto_logfmt struct logfmt l;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(fs_symlink("elsewhere", root.fd, "x.log", &e), 0);
	logfmt_init(&l, NOON);
	assert_int_equal(journal_write(&j, &l, false, &e), -1);
	assert_false(fs_exists(root.fd, "elsewhere"));
}

static void four_writers_lose_and_tear_no_line_while_files_rotate(void **state)
{
	struct journal j = in_root("x.log", 2000, 20);
	struct seen seen = {.n = 0};
	struct err e = ERR_INIT;
	bool there[400] = {false};
	struct fs_info info;
	char name[16];
	int status;

	(void)state;
	for (int w = 0; w < 4; w++) {
		if (fork() == 0) {
			for (int i = 0; i < 100; i++)
				write_number(&j, (int64_t)w * 100 + i);
			_exit(0);
		}
	}
	for (int w = 0; w < 4; w++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(journal_each(&j, see, &seen, &e), 0);
	assert_int_equal(seen.n, 400);
	for (size_t i = 0; i < seen.n; i++) {
		assert_false(there[seen.numbers[i]]);
		there[seen.numbers[i]] = true;
	}
	for (int n = 1; n <= 20; n++) { /* two who rotate at once must not rotate twice */
		snprintf(name, sizeof(name), "x.log.%d", n);
		assert_int_equal(fs_stat(root.fd, name, &info, &e), 0);
		assert_true(!info.exists || info.size > 1800);
	}
}

/* A limit of the file's size cuts a write as a full disk does. */
static void a_line_that_does_not_fit_leaves_nothing_of_itself(void **state)
{
	struct journal j = in_root("small.log", 0, 0);
	auto_logfmt struct logfmt l;
	struct rlimit was, small;
	struct stat before, after;
	struct err e = ERR_INIT;
	int rc;

	(void)state;
	write_number(&j, 1);
	assert_int_equal(fstatat(root.fd, "small.log", &before, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = (rlim_t)before.st_size + 10;
	logfmt_init(&l, NOON);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = journal_write(&j, &l, false, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(rc, -1);
	assert_int_equal(fstatat(root.fd, "small.log", &after, 0), 0);
	assert_int_equal(after.st_size, before.st_size);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

static void a_line_is_taken_apart_field_by_field(void **state)
{
	static const char line[] = "ts=1 ev=wake why=\"a \\\"b\\\" c\" empty=\"\" last=x";
	static const char *const want[][2] = {
	    {"ts", "1"}, {"ev", "wake"}, {"why", "a \"b\" c"}, {"empty", ""}, {"last", "x"}};
	const char *at = line, *end = line + sizeof line - 1;
	char key[16], value[16], tiny[3];

	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		assert_true(logfmt_next(&at, end, key, sizeof key, value, sizeof value));
		assert_string_equal(key, want[i][0]);
		assert_string_equal(value, want[i][1]);
	}
	assert_false(logfmt_next(&at, end, key, sizeof key, value, sizeof value));
	at = line + 5;
	assert_true(logfmt_next(&at, end, key, sizeof key, tiny, sizeof tiny));
	assert_string_equal(tiny, "wa"); /* cut, and the next is found all the same */
	assert_true(logfmt_next(&at, end, key, sizeof key, value, sizeof value));
	assert_string_equal(key, "why");
	at = "no field";
	assert_false(logfmt_next(&at, at + 8, key, sizeof key, value, sizeof value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_value_is_quoted_exactly_when_it_must_be),
	    cmocka_unit_test(the_stamp_is_first_and_fields_keep_their_order),
	    cmocka_unit_test(a_field_is_found_only_under_its_own_name),
	    cmocka_unit_test(a_line_that_others_broke_is_read_without_harm),
	    cmocka_unit_test(a_line_is_taken_apart_field_by_field),
	    cmocka_unit_test(a_long_field_does_not_hide_those_behind_it),
	    TEST(the_folder_is_made_and_the_line_is_private),
	    TEST(rotation_moves_to_1_then_2_and_forgets_what_is_beyond_keep),
	    TEST(a_reader_who_knows_of_fewer_files_reads_all_that_were_kept),
	    TEST(a_reader_may_stop_early),
	    TEST(a_line_that_does_not_fit_leaves_nothing_of_itself),
	    TEST(a_journal_that_is_not_there_has_no_lines),
	    TEST(a_line_over_64_kib_is_passed_over),
	    TEST(a_record_that_is_too_long_is_an_error_and_writes_nothing),
	    TEST(a_line_behind_a_torn_one_is_a_line_of_its_own),
	    TEST(a_journal_is_no_fifo),
	    TEST(a_journal_is_not_written_through_a_link),
	    TEST(four_writers_lose_and_tear_no_line_while_files_rotate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
