/* Commands and a keeper that does not answer: no call waits longer than it was told to. */
#include "iapeer/supervise/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scratch.h"

#include "iapeer/base/lock.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define LINE_MAX_FDS 64

/* Somebody listens where a keeper would, and takes nobody. */
static int deaf(const struct world *w, struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char path[LAYOUT_PATH];

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	OK(fs_mkdirs(w->l.root_fd, LAYOUT_LOCKS, e));
	OK(layout_control_socket(&w->l, path, e));
	assert_true(str_put(addr->sun_path, sizeof addr->sun_path, path));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof *addr), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void one_that_takes_nobody_is_waited_for_until_the_deadline(void **state)
{
	struct keeper_link link = KEEPER_LINK_INIT;
	struct world *w = *state;
	struct sockaddr_un addr;
	int fd = deaf(w, &addr), fds[LINE_MAX_FDS], n = 0;
	int64_t from;

	/* Until its line is full. */
	while (n < LINE_MAX_FDS) {
		fds[n] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(fcntl(fds[n], F_SETFL, O_NONBLOCK), 0);
		if (connect(fds[n++], (struct sockaddr *)&addr, sizeof addr) < 0)
			break;
	}
	if (errno != EAGAIN) {
		print_message("this system refuses instead: nothing to see here\n");
	} else {
		alarm(20); /* a connect() that blocks would wait for ever */
		from = clock_mono_ms();
		FAILS(ERR_TIMEOUT, keeper_connect(&w->l, true, from + 300, &link, e));
		assert_in_range(clock_mono_ms() - from, 300, 10000);
		alarm(0);
	}
	while (n > 0)
		close(fds[--n]);
	close(fd);
}

static void one_that_says_nothing_is_asked_until_the_deadline(void **state)
{
	struct keeper_link link = KEEPER_LINK_INIT;
	auto_json struct json *ask = json_object();
	struct json *reply = NULL;
	struct world *w = *state;
	struct sockaddr_un addr;
	int fd = deaf(w, &addr);
	int64_t from = clock_mono_ms();

	OK(keeper_connect(&w->l, false, from + 5000, &link, e));
	json_set_str(ask, "op", "hello");
	FAILS(ERR_TIMEOUT, keeper_ask(&link, ask, from + 200, &reply, e));
	assert_in_range(clock_mono_ms() - from, 200, 10000);
	HAS(last_err.msg, "no keeper answers"); /* nobody holds the keeper's lock */
	keeper_close(&link);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_that_takes_nobody_is_waited_for_until_the_deadline),
	    TEST(one_that_says_nothing_is_asked_until_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
