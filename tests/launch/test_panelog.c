#include "iapeer/launch/panelog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

#define LOG ROOT_REL(LAYOUT_PANE_LOGS) "/shell-bob.log"

/* A writer at the end of a pipe, as tmux starts one. */
struct writer {
	pid_t pid;
	int fd;
};

static struct writer writer(const struct world *w, int64_t max_bytes, int keep)
{
	struct writer p;
	int fds[2];

	OK(plat_pipe(fds, e));
	p.pid = fork();
	if (p.pid == 0) {
		struct err e = ERR_INIT;

		close(fds[1]);
		if (dup2(fds[0], STDIN_FILENO) < 0)
			_exit(2);
		_exit(panelog_run(&w->l, &bob, max_bytes, keep, &e) < 0);
	}
	assert_true(p.pid > 0);
	close(fds[0]);
	p.fd = fds[1];
	return p;
}

/* Send it and see it in the log: one read, so one place where it may turn over. */
static void say(const struct world *w, const struct writer *p, const char *text)
{
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
	EVENTUALLY(world_lines(w, LOG, text) == 1);
}

static void done(struct writer *p)
{
	int status = -1;

	close(p->fd);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

static void what_comes_in_is_in_the_log_byte_by_byte(void **state)
{
	static const char bytes[] = "a\0b\r\n\033[31m\xff\n";
	struct world *w = *state;
	struct writer p = writer(w, 1000, 2);
	AUTO(buf_done) struct buf got = BUF_INIT(CAP_TEXT);
	struct stat st;

	assert_int_equal(write(p.fd, bytes, sizeof bytes - 1), sizeof bytes - 1);
	done(&p);
	OK(fs_read(AT_FDCWD, world_path(w, LOG), &got, e));
	assert_int_equal(got.len, sizeof bytes - 1);
	assert_memory_equal(got.p, bytes, sizeof bytes - 1);
	assert_int_equal(stat(world_path(w, LOG), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void an_old_log_is_gone_on_with(void **state)
{
	struct world *w = *state;
	struct writer p = writer(w, 1000, 2);

	say(w, &p, "first");
	done(&p);
	p = writer(w, 1000, 2);
	assert_int_equal(write(p.fd, " second", 7), 7);
	done(&p);
	auto_free char *text = world_read(w, LOG);
	assert_string_equal(text, "first second");
}

static void at_its_bound_it_turns_over_and_keeps_as_many_as_it_should(void **state)
{
	struct world *w = *state;
	struct writer p = writer(w, 10, 2);

	for (int i = 1; i <= 5; i++) {
		char text[16];

		snprintf(text, sizeof text, "line %d....", i);
		say(w, &p, text);
	}
	done(&p);
	assert_int_equal(world_lines(w, LOG, "line 5"), 1);
	assert_int_equal(world_lines(w, LOG ".1", "line 4"), 1);
	assert_int_equal(world_lines(w, LOG ".2", "line 3"), 1);
	assert_false(world_exists(w, LOG ".3"));
}

static void keeping_none_it_begins_anew(void **state)
{
	struct world *w = *state;
	struct writer p = writer(w, 10, 0);

	say(w, &p, "line 1....");
	say(w, &p, "line 2....");
	done(&p);
	assert_int_equal(world_lines(w, LOG, "line"), 1);
	assert_false(world_exists(w, LOG ".1"));
}

static void one_piece_larger_than_the_bound_is_kept_whole(void **state)
{
	struct world *w = *state;
	struct writer p = writer(w, 10, 1);

	say(w, &p, "a line that is much longer than ten bytes");
	done(&p);
}

static void no_bound_is_no_bound(void **state)
{
	struct world *w = *state;
	struct writer p = writer(w, 0, 1);

	say(w, &p, "one");
	say(w, &p, "two");
	done(&p);
	assert_false(world_exists(w, LOG ".1"));
}

static void a_link_in_its_place_is_not_followed(void **state)
{
	struct world *w = *state;
	struct writer p;
	int status = -1;

	OK(fs_mkdirs(w->l.root_fd, LAYOUT_PANE_LOGS, e));
	world_write(w, "elsewhere", "precious");
	assert_int_equal(symlink(world_path(w, "elsewhere"), world_path(w, LOG)), 0);
	p = writer(w, 1000, 1);
	close(p.fd);
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	assert_int_not_equal(status, 0);
	auto_free char *text = world_read(w, "elsewhere");
	assert_string_equal(text, "precious");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_comes_in_is_in_the_log_byte_by_byte),
	    TEST(an_old_log_is_gone_on_with),
	    TEST(at_its_bound_it_turns_over_and_keeps_as_many_as_it_should),
	    TEST(keeping_none_it_begins_anew),
	    TEST(one_piece_larger_than_the_bound_is_kept_whole),
	    TEST(no_bound_is_no_bound),
	    TEST(a_link_in_its_place_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
