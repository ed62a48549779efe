/* Many processes write one registry; some are killed. IAPEER_TEST_UPDATES: updates of each writer
 * (default 60). */
#include "iapeer/registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tmproot.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define WRITERS 16
#define KILLS   60
#define EVERY   10 /* of how many updates one makes a new peer */

static int updates_each(void)
{
	const char *given = getenv("IAPEER_TEST_UPDATES");
	int64_t n = 60;

	return given && str_i64(given, 1, 100000, &n) ? (int)n : 60;
}

static void record_done(struct peer_record *p)
{
	strv_done(&p->runtimes);
}

static int put(const struct layout *l, const char *name, const char *description, struct err *e)
{
	AUTO(record_done) struct peer_record p = {.intelligence = NATURE_ARTIFICIAL};
	struct registry_change c = {.record = &p};
	char cwd[64];
	bool created;

	str_cut(p.name, sizeof p.name, name);
	p.description = description;
	str_cut(p.default_runtime, sizeof p.default_runtime, "claude");
	snprintf(cwd, sizeof cwd, "/%s", name);
	p.cwd = cwd;
	return registry_upsert(l, &c, &created, e);
}

/* Is what this writer has written so far all there, unchanged? */
static int check_mine(const struct layout *l, int writer, int done, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	const struct peer_record *p;
	char name[33], last[33];

	if (registry_load(l, &r, e) < 0)
		return -1;
	for (int i = 0; i < done; i += EVERY) {
		snprintf(name, sizeof name, "w%d-%d", writer, i);
		if (!registry_find(&r, name))
			return err_set(e, ERR_FAILED, 0, "%s is lost after %d updates", name, done);
	}
	snprintf(name, sizeof name, "w%d", writer);
	snprintf(last, sizeof last, "update %d", done - 1);
	p = registry_find(&r, name);
	if (done && (done - 1) % EVERY != 0 && (!p || strcmp(p->description, last) != 0))
		return err_set(e, ERR_FAILED, 0, "%s says \"%s\", not \"%s\"", name,
			       p ? p->description : "", last);
	return 0;
}

static int write_all(const struct layout *l, int writer, int n, struct err *e)
{
	char name[33], text[33];

	for (int i = 0; i < n; i++) {
		if (check_mine(l, writer, i, e) < 0)
			return -1;
		if (i % EVERY == 0)
			snprintf(name, sizeof name, "w%d-%d", writer, i);
		else
			snprintf(name, sizeof name, "w%d", writer);
		snprintf(text, sizeof text, "update %d", i);
		if (put(l, name, text, e) < 0)
			return -1;
	}
	return check_mine(l, writer, n, e);
}

static int readable(const struct layout *l, size_t *peers, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_REGISTRY);
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(registry_done) struct registry backup = {.n = 0};

	if (registry_load(l, &r, e) < 0)
		return -1;
	if (r.n < *peers)
		return err_set(e, ERR_FAILED, 0, "%zu peers where there were %zu", r.n, *peers);
	*peers = r.n;
	if (fs_read(l->root_fd, LAYOUT_REGISTRY_BAK, &text, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	return registry_parse(buf_cstr(&text), text.len, LAYOUT_REGISTRY_BAK, &backup, e);
}

/* Reads without a lock until the other end of the pipe is closed. */
static int read_on(const struct layout *l, int until, struct err *e)
{
	struct pollfd p = {.fd = until, .events = POLLIN};
	size_t peers = 0;

	while (poll(&p, 1, 0) == 0)
		if (readable(l, &peers, e) < 0)
			return -1;
	return 0;
}

/* The end of a child: its error is said, its status is the answer. */
static void leave(int result, const struct err *e)
{
	if (result < 0)
		fprintf(stderr, "pid %ld: %s\n", (long)getpid(), e->msg);
	fflush(stderr);
	_exit(result < 0 ? 1 : 0);
}

static int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void sixteen_writers_lose_nothing_and_a_reader_never_sees_half_a_file(void **state)
{
	struct tmproot *t = *state;
	int n = updates_each(), stop[2], failed = 0;
	pid_t writers[WRITERS], reader;
	int64_t start = clock_mono_ms(), took;
	struct err e = ERR_INIT;
	AUTO(registry_done) struct registry r = {.n = 0};

	assert_int_equal(plat_pipe(stop, &e), 0);
	reader = fork();
	if (reader == 0) {
		close(stop[1]);
		leave(read_on(&t->l, stop[0], &e), &e);
	}
	close(stop[0]);
	for (int w = 0; w < WRITERS; w++) {
		writers[w] = fork();
		if (writers[w] == 0)
			leave(write_all(&t->l, w, n, &e), &e);
	}
	for (int w = 0; w < WRITERS; w++)
		failed += status_of(writers[w]) != 0;
	took = clock_mono_ms() - start;
	close(stop[1]);
	assert_int_equal(status_of(reader), 0);
	assert_int_equal(failed, 0);
	for (int w = 0; w < WRITERS; w++)
		assert_int_equal(check_mine(&t->l, w, n, &e), 0);
	assert_int_equal(registry_load(&t->l, &r, &e), 0);
	assert_int_equal(r.n, (size_t)WRITERS * (size_t)((n + EVERY - 1) / EVERY + (n > 1)));
	print_message("%d writers, %d updates in %lld ms: %lld updates a second\n", WRITERS,
		      WRITERS * n, (long long)took,
		      (long long)WRITERS * n * 1000 / (took ? took : 1));
}

static void write_for_ever(const struct layout *l, int round)
{
	struct err e = ERR_INIT;
	char name[33], text[33];

	for (int i = 0;; i++) {
		snprintf(name, sizeof name, "k%d-%d", round, i % 20);
		snprintf(text, sizeof text, "update %d", i);
		if (put(l, name, text, &e) < 0)
			leave(-1, &e);
	}
}

static void a_writer_killed_at_any_moment_leaves_a_good_registry_and_no_lock(void **state)
{
	struct tmproot *t = *state;
	struct err e = ERR_INIT;
	size_t peers = 0;
	uint64_t seed = (uint64_t)clock_utc_ms();

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < KILLS; round++) {
		pid_t pid = fork();

		if (pid == 0)
			write_for_ever(&t->l, round);
		seed = str_hash(&seed, sizeof seed);
		poll(NULL, 0, (int)(seed % 20)); /* the moment is what is random here */
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_true(WIFSIGNALED(status_of(pid)));
		if (readable(&t->l, &peers, &e) < 0 ||
		    put(&t->l, "after", "the next one gets the lock", &e) < 0)
			fail_msg("%s", e.msg);
	}
	assert_true(peers > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		sixteen_writers_lose_nothing_and_a_reader_never_sees_half_a_file, tmproot_setup,
		tmproot_teardown),
	    cmocka_unit_test_setup_teardown(
		a_writer_killed_at_any_moment_leaves_a_good_registry_and_no_lock, tmproot_setup,
		tmproot_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
