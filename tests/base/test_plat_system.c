/* The other half of what plat.h promises: descriptors, sockets, files, the machine. */
#include "iapeer/base/plat.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/proc.h"

#include "iapeer/base/banned.h"

#define LONG_MS 20000 /* a deadline that no healthy machine meets */

static struct {
	char path[64];
} root;

static int enter(void **state)
{
	(void)state;
	snprintf(root.path, sizeof(root.path), "%s/iapeer-plat.XXXXXX", P_tmpdir);
	return mkdtemp(root.path) ? 0 : -1;
}

static int leave(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	return fs_remove_tree(AT_FDCWD, root.path, &e);
}

static void in_root(const char *name, char out[static 128])
{
	snprintf(out, 128, "%s/%s", root.path, name);
}

static bool readable(int fd, int64_t within_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, (int)within_ms) == 1;
}

static bool closed_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && (flags & FD_CLOEXEC);
}

/* ---- descriptors and sockets ---- */

static void every_descriptor_is_closed_on_exec(void **state)
{
	struct err e = ERR_INIT;
	int fds[2], inherited;

	(void)state;
	assert_int_equal(plat_pipe(fds, &e), 0);
	assert_true(closed_on_exec(fds[0]) && closed_on_exec(fds[1]));
	inherited = dup(fds[0]);
	assert_false(closed_on_exec(inherited));
	plat_close_others();
	assert_true(closed_on_exec(inherited));
	assert_false(closed_on_exec(0) && closed_on_exec(1) && closed_on_exec(2));
	close(inherited);
	close(fds[0]);
	close(fds[1]);
}

static int listener(struct sockaddr_un *a)
{
	char path[128];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	in_root("s", path);
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	assert_true(strlen(path) <= plat_socket_max());
	memcpy(a->sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)a, sizeof(*a)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void both_ends_of_a_socket_know_each_other(void **state)
{
	struct sockaddr_un a;
	int listening = listener(&a), server;
	struct err e = ERR_INIT;
	pid_t child, pid = 0;
	uid_t uid = (uid_t)-1;
	int status;

	(void)state;
	child = fork();
	if (child ==
	    0) { /* the client: must see the listener, then waits for the server to close */
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		char c;

		if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
		    plat_peer(fd, &uid, &pid, &e) < 0)
			_exit(1);
		if (read(fd, &c, 1) != 0)
			_exit(2);
		_exit(uid == geteuid() && pid == getppid() ? 0 : 3);
	}
	assert_true(readable(listening, LONG_MS));
	server = accept(listening, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(plat_peer(server, &uid, &pid, &e), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(pid, child);
	close(server);
	close(listening);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_pair_of_sockets_knows_its_maker(void **state)
{
	struct err e = ERR_INIT;
	uid_t uid = (uid_t)-1;
	pid_t pid = 0;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(plat_peer(fds[0], &uid, &pid, &e), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(pid, getpid());
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(plat_peer(0, &uid, &pid, &e), -1); /* no socket */
}

/* ---- files ---- */

static void append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct err e = ERR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text), &e), 0);
	assert_int_equal(plat_fsync(fd), 0);
	close(fd);
}

static void a_watch_fires_when_the_file_grows_and_again_after_draining(void **state)
{
	struct err e = ERR_INIT;
	char path[128];
	int fd = -1;

	(void)state;
	in_root("log", path);
	assert_int_equal(plat_watch(path, &fd, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	append(path, "one\n");
	assert_int_equal(plat_watch(path, &fd, &e), 0);
	assert_true(closed_on_exec(fd));
	assert_false(readable(fd, 30));
	for (int i = 0; i < 3; i++) {
		append(path, "more\n");
		assert_true(readable(fd, LONG_MS));
		plat_watch_drain(fd);
		assert_false(readable(fd, 30));
	}
	assert_int_equal(rename(path, root.path), -1); /* nothing happened to it */
	assert_int_equal(unlink(path), 0);
	assert_true(readable(fd, LONG_MS));
	close(fd);
}

static void a_watch_fires_when_a_name_comes_or_goes_in_a_folder(void **state)
{
	struct err e = ERR_INIT;
	char path[128];
	int fd = -1;

	(void)state;
	in_root("new", path);
	assert_int_equal(plat_watch(root.path, &fd, &e), 0);
	assert_false(readable(fd, 30));
	append(path, "x");
	assert_true(readable(fd, LONG_MS));
	plat_watch_drain(fd);
	assert_int_equal(unlink(path), 0);
	assert_true(readable(fd, LONG_MS));
	close(fd);
}

static void a_folder_does_not_tell_what_is_written_into_its_files(void **state)
{
	struct err e = ERR_INIT;
	char path[128];
	int fd = -1;

	(void)state;
	in_root("there", path);
	append(path, "x");
	assert_int_equal(plat_watch(root.path, &fd, &e), 0);
	append(path, "more");
	assert_false(readable(fd, 30));
	assert_int_equal(plat_watch_add(fd, path, &e), 0);
	append(path, "more");
	assert_true(readable(fd, LONG_MS));
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void one_watch_tells_of_several_files(void **state)
{
	struct err e = ERR_INIT;
	char one[128], two[128];
	int fd = -1;

	(void)state;
	in_root("one", one);
	in_root("two", two);
	append(one, "x");
	assert_int_equal(plat_watch(one, &fd, &e), 0);
	assert_int_equal(plat_watch_add(fd, two, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	append(two, "x");
	assert_false(readable(fd, 30));
	for (int i = 0; i < 2; i++) /* again changes nothing */
		assert_int_equal(plat_watch_add(fd, two, &e), 0);
	append(two, "more");
	assert_true(readable(fd, LONG_MS));
	plat_watch_drain(fd);
	append(one, "more");
	assert_true(readable(fd, LONG_MS));
	plat_watch_drain(fd);
	assert_false(readable(fd, 30));
	close(fd);
	assert_int_equal(unlink(one), 0);
	assert_int_equal(unlink(two), 0);
}

static void watching_again_and_again_leaves_no_descriptor_behind(void **state)
{
	struct err e = ERR_INIT;
	int first = dup(0), last;

	(void)state;
	for (int i = 0; i < 200; i++) {
		int fd = -1;

		assert_int_equal(plat_watch(root.path, &fd, &e), 0);
		close(fd);
	}
	last = dup(0);
	assert_true(last <= first + 3); /* macOS keeps one until the next watch */
	close(first);
	close(last);
}

static void the_time_of_a_file_is_near_the_clocks(void **state)
{
	struct stat st;
	char path[128];

	(void)state;
	in_root("f", path);
	append(path, "x");
	assert_int_equal(stat(path, &st), 0);
	assert_true(llabs(plat_mtime_ms(&st) - clock_utc_ms()) < LONG_MS);
}

/* ---- the machine ---- */

static void the_boot_id_and_our_own_file_do_not_change(void **state)
{
	char id[64], again[64], exe[4096];
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(plat_boot_id(id, &e), 0);
	assert_int_equal(plat_boot_id(again, &e), 0);
	assert_string_equal(id, again);
	assert_true(strlen(id) >= 32 && !strchr(id, '\n'));
	assert_int_equal(plat_self_exe(exe, sizeof(exe), &e), 0);
	assert_int_equal(exe[0], '/');
	assert_int_equal(access(exe, X_OK), 0);
	assert_non_null(strstr(exe, "test_plat"));
	assert_ptr_equal(plat_self_again(), plat_self_again());
}

static void what_starts_us_again_is_this_program(void **state)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	char name[] = "again", arg[] = "--say-hello";
	char *const argv[] = {name, arg, NULL};
	struct proc_opts opts = {
	    .file = plat_self_again(), .argv = argv, .deadline_ms = clock_mono_ms() + LONG_MS};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(proc_run(&opts, &r, &e), 0);
	assert_string_equal(buf_cstr(&r.out), "hello\n");
}

static void time_that_we_are_awake_never_goes_back(void **state)
{
	int64_t last = plat_mono_ns();

	(void)state;
	assert_true(last > 0);
	for (int i = 0; i < 10000; i++) {
		int64_t now = plat_mono_ns();

		assert_true(now >= last);
		last = now;
	}
	assert_true(llabs(plat_mono_ns() / 1000000 - clock_mono_ms()) < LONG_MS);
}

static void a_line_of_the_promised_length_passes_a_terminal_whole(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	size_t len = (size_t)plat_canonical_max(), got = 0;
	struct termios t;
	char line[8192];

	(void)state;
	assert_true(len + 1 < sizeof(line));
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &t), 0);
	t.c_lflag &= ~(tcflag_t)ECHO;
	assert_int_equal(tcsetattr(slave, TCSANOW, &t), 0);
	memset(line, 'x', len);
	line[len] = '\n';
	assert_int_equal(write(master, line, len + 1), len + 1);
	while (got < len + 1 && readable(slave, LONG_MS)) {
		ssize_t n = read(slave, line, sizeof(line));

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_int_equal(got, len + 1);
	close(slave);
	close(master);
}

static void memory_and_evidence_are_told(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_EVIDENCE);
	struct mem_info m;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(plat_mem_info(&m, &e), 0);
	assert_true(m.total > (64 << 20));
	assert_true(m.available >= -1 && m.available <= m.total);
	assert_true(m.swap_free <= m.swap_total);
	if (plat_memory_ample()) { /* what is free is available, but for what the kernel reserves */
		assert_int_equal(plat_mem_info(&m, &e), 0);
		assert_true(m.available > m.total / 8);
	}
	plat_evidence(getpid(), &b);
	plat_evidence(0, &b);
	assert_int_equal(buf_check(&b, "evidence", &e), 0);
	assert_true(b.len > 20);
	assert_int_equal(b.p[b.len - 1], '\n');
	assert_non_null(strstr(b.p, ": "));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_descriptor_is_closed_on_exec),
	    TEST(both_ends_of_a_socket_know_each_other),
	    cmocka_unit_test(a_pair_of_sockets_knows_its_maker),
	    TEST(a_watch_fires_when_the_file_grows_and_again_after_draining),
	    TEST(a_watch_fires_when_a_name_comes_or_goes_in_a_folder),
	    TEST(a_folder_does_not_tell_what_is_written_into_its_files),
	    TEST(one_watch_tells_of_several_files),
	    TEST(watching_again_and_again_leaves_no_descriptor_behind),
	    TEST(the_time_of_a_file_is_near_the_clocks),
	    cmocka_unit_test(the_boot_id_and_our_own_file_do_not_change),
	    cmocka_unit_test(what_starts_us_again_is_this_program),
	    cmocka_unit_test(time_that_we_are_awake_never_goes_back),
	    cmocka_unit_test(a_line_of_the_promised_length_passes_a_terminal_whole),
	    cmocka_unit_test(memory_and_evidence_are_told),
	};

	if (argc == 2 && strcmp(argv[1], "--say-hello") == 0) {
		printf("hello\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
