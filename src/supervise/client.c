#include "iapeer/supervise/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/binary_link.h"
#include "iapeer/registry/settings.h"
#include "iapeer/supervise/reference.h"
#include "iapeer/supervise/start.h"

#include "iapeer/base/banned.h"

#define HELLO_MS 1000

void keeper_close(struct keeper_link *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

int keeper_pid(const struct layout *l, pid_t *out, struct err *e)
{
	char what[64];

	return lock_holder(l->root_fd, LAYOUT_KEEPER_LOCK, out, what, sizeof what, e);
}

static bool is_stopped(const struct layout *l, pid_t *out_pid)
{
	struct proc_ref keeper;
	struct err e;

	*out_pid = 0;
	return keeper_pid(l, out_pid, &e) == 0 && *out_pid &&
	       plat_proc_ref(*out_pid, &keeper, &e) == 0 && plat_proc_state(keeper) == PROC_STOPPED;
}

int keeper_silent(const struct layout *l, struct err *e)
{
	pid_t pid;

	if (is_stopped(l, &pid)) {
		err_set(e, ERR_TIMEOUT, 0,
			"the keeper does not answer: its process (pid %ld) is stopped by a signal",
			(long)pid);
		return err_hint(e, "let it go on: kill -CONT %ld", (long)pid);
	}
	if (!pid)
		return err_set(e, ERR_TIMEOUT, 0, "no keeper answers");
	err_set(e, ERR_TIMEOUT, 0, "the keeper (pid %ld) did not answer in time", (long)pid);
	return err_hint(e, "`iapeer doctor` says what is wrong with it");
}

/* Connected without waiting: a keeper that takes nobody any more has a full line, and a connect()
 * that blocks would wait in it for ever. */
static int reach(int fd, const struct sockaddr_un *addr, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set(e, ERR_FAILED, errno, "make a socket");
	if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0)
		return err_set(e,
			       errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND
			       : errno == EAGAIN                        ? ERR_TIMEOUT
									: ERR_FAILED,
			       errno, "reach the keeper");
	return fcntl(fd, F_SETFL, flags) < 0 ? err_set(e, ERR_FAILED, errno, "make a socket") : 0;
}

/* ERR_NOT_FOUND: none is there. ERR_TIMEOUT: too many wait for it. */
static int connect_once(const struct layout *l, int *out_fd, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[LAYOUT_PATH];
	auto_fd int fd = -1;
	uid_t uid;
	pid_t pid;

	if (layout_control_socket(l, path, e) < 0)
		return -1;
	if (!str_put(addr.sun_path, sizeof addr.sun_path, path))
		return err_set(e, ERR_REFUSED, ENAMETOOLONG, "control socket %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return err_set(e, ERR_FAILED, errno, "make a socket");
	if (reach(fd, &addr, e) < 0 || plat_peer(fd, &uid, &pid, e) < 0)
		return -1;
	if (uid != geteuid())
		return err_set(e, ERR_REFUSED, 0,
			       "the control socket is served by user %ld, not by us", (long)uid);
	*out_fd = take_fd(&fd);
	return 0;
}

static int send_line(int fd, const struct json *request, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	json_print(request, false, &b);
	if (!str_ends(buf_cstr(&b), "\n"))
		buf_chr(&b, '\n');
	if (buf_check(&b, "request", e) < 0)
		return -1;
	if (fs_write_all(fd, b.p, b.len, e) < 0)
		return err_set(e, ERR_NOT_FOUND, 0, "the keeper went away");
	return 0;
}

static int read_line(const struct keeper_link *k, int64_t deadline_ms, struct buf *out,
		     struct err *e)
{
	char chunk[4096];

	for (;;) {
		struct pollfd p = {.fd = k->fd, .events = POLLIN};
		int64_t left = deadline_ms - clock_mono_ms();
		ssize_t n;

		if (left <= 0)
			return keeper_silent(k->layout, e);
		if (poll(&p, 1, left > 3600000 ? 3600000 : (int)left) <= 0)
			continue;
		n = read(k->fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, ERR_NOT_FOUND, 0, "the keeper went away");
		buf_add(out, chunk, (size_t)n);
		if (buf_check(out, "answer", e) < 0)
			return -1;
		if (memchr(chunk, '\n', (size_t)n))
			return 0;
	}
}

int keeper_request(struct keeper_link *k, const struct json *request, struct err *e)
{
	return send_line(k->fd, request, e);
}

int keeper_reply(const char *line, struct json **out_reply, struct err *e)
{
	auto_json struct json *j = NULL;
	const struct json *error;
	const char *text;

	if (json_parse(line, strcspn(line, "\n"), "the keeper's answer", &j, e) < 0)
		return -1;
	error = json_get(j, "error");
	if (error) {
		text = json_text(json_get(error, "message"));
		err_set(e, err_from_word(json_text(json_get(error, "code"))), 0, "%s",
			text ? text : "failed");
		text = json_text(json_get(error, "hint"));
		return text ? err_hint(e, "%s", text) : -1;
	}
	*out_reply = j;
	j = NULL;
	return 0;
}

int keeper_ask(struct keeper_link *k, const struct json *request, int64_t deadline_ms,
	       struct json **out_reply, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	if (send_line(k->fd, request, e) < 0 || read_line(k, deadline_ms, &b, e) < 0)
		return -1;
	return keeper_reply(buf_cstr(&b), out_reply, e);
}

/* It answers at once. One that is stopped will not, however long it is waited for; but it may be
 * for a moment only, so it is given one. */
static int say_hello(struct keeper_link *k, int64_t deadline_ms, struct json **out_reply,
		     struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	auto_json struct json *ask = json_object();
	int64_t moment = clock_mono_ms() + HELLO_MS;
	pid_t pid;
	int rc;

	json_set_str(ask, "op", "hello");
	if (send_line(k->fd, ask, e) < 0)
		return -1;
	rc = read_line(k, moment < deadline_ms ? moment : deadline_ms, &b, e);
	if (rc < 0 && e->code == ERR_TIMEOUT && moment < deadline_ms &&
	    !is_stopped(k->layout, &pid))
		rc = read_line(k, deadline_ms, &b, e);
	return rc < 0 ? -1 : keeper_reply(buf_cstr(&b), out_reply, e);
}

/* The build that <root>/bin/iapeer names is the one that should keep: an older keeper is asked to
 * hand over to it. */
static bool installed_build(const struct layout *l)
{
	char target[LAYOUT_PATH], self[LAYOUT_PATH];
	struct err e;

	return fs_readlink(l->root_fd, LAYOUT_BINARY, target, sizeof target, &e) == 0 &&
	       plat_self_exe(self, sizeof self, &e) == 0 && strcmp(target, self) == 0;
}

/* 1: it left, connect again. 0: it is fine. */
static int greet(const struct layout *l, struct keeper_link *k, int64_t deadline_ms, struct err *e)
{
	auto_json struct json *reply = NULL;
	auto_json struct json *leave = json_object();
	auto_json struct json *left = NULL;
	static bool said; /* once a command is enough */
	struct settings mine;
	char text[512];
	const char *build, *theirs;

	/* What a wake starts outlives every command and finds us by that link: a file that is gone
	 * altogether would leave panes without a log. */
	if (binary_link_ensure(l, e) < 0)
		return -1;
	if (say_hello(k, deadline_ms, &reply, e) < 0)
		return -1;
	build = json_text(json_get(reply, "build"));
	if (build && strcmp(build, build_id) != 0 && installed_build(l)) {
		log_warn("client", "the keeper is build %s, this is %s: it hands over", build,
			 build_id);
		json_set_str(leave, "op", "leave");
		return keeper_ask(k, leave, deadline_ms, &left, e) < 0 && e->code != ERR_NOT_FOUND
			   ? -1
			   : 1;
	}
	theirs = json_text(json_get(reply, "settings"));
	if (settings_load(l, &mine, e) < 0)
		return -1;
	settings_text(&mine, text, sizeof text);
	if (theirs && strcmp(theirs, text) != 0 && !said)
		log_warn("client",
			 "the keeper runs with other settings than this command has: it has %s, "
			 "this command %s (`iapeer supervise --stop`, then the next command "
			 "starts one with its own)",
			 theirs[0] ? theirs : "the defaults", text[0] ? text : "the defaults");
	said = true;
	return 0;
}

/* 1: not yet, ask again. 0: *out is connected. */
static int try_connect(const struct layout *l, bool start, int64_t deadline_ms,
		       struct keeper_link *out, struct err *e)
{
	AUTO(keeper_close) struct keeper_link k = {.fd = -1, .layout = l};
	int rc;

	if (connect_once(l, &k.fd, e) < 0) {
		if (e->code == ERR_TIMEOUT)
			return 1;
		if (e->code != ERR_NOT_FOUND || !start)
			return -1;
		if (reference_refuse(l, e) < 0) /* our keeper would only say so to nobody */
			return -1;
		return keeper_start(deadline_ms, e) < 0 ? -1 : 1;
	}
	rc = start ? greet(l, &k, deadline_ms, e) : 0;
	if (rc < 0)
		return e->code == ERR_NOT_FOUND ? 1 : -1;
	if (rc == 0)
		out->fd = take_fd(&k.fd);
	return rc;
}

int keeper_connect(const struct layout *l, bool start, int64_t deadline_ms, struct keeper_link *out,
		   struct err *e)
{
	struct err why;
	int rc;

	out->layout = l;
	while ((rc = try_connect(l, start, deadline_ms, out, &why)) > 0) {
		if (clock_mono_ms() >= deadline_ms)
			return keeper_silent(l, e);
		poll(NULL, 0, 5); /* it leaves, or another command's keeper is about to listen */
	}
	if (rc < 0) {
		*e = why;
		if (start && e->code == ERR_TIMEOUT && !e->hint[0])
			return err_hint(e, "`iapeer doctor` says what is wrong with it");
	}
	return rc;
}

int keeper_ensure(const struct layout *l, int64_t deadline_ms, struct err *e)
{
	AUTO(keeper_close) struct keeper_link k = KEEPER_LINK_INIT;

	return keeper_connect(l, true, deadline_ms, &k, e);
}

/* Ask until somebody answers: what is asked stands on disk, so a keeper that dies is only a reason
 * to ask the next one. */
static int ask_on(const struct layout *l, struct json *request, int64_t deadline_ms,
		  struct json **out_reply, struct err *e)
{
	for (;;) {
		AUTO(keeper_close) struct keeper_link k = KEEPER_LINK_INIT;
		int64_t left = deadline_ms - clock_mono_ms();

		if (left <= 0)
			return keeper_silent(l, e);
		json_set_i64(request, "timeout_ms", left);
		/* A little longer than we asked it to wait: its answer says why, ours could not. */
		if (keeper_connect(l, true, deadline_ms + KEEPER_GRACE_MS, &k, e) == 0 &&
		    keeper_ask(&k, request, deadline_ms + KEEPER_GRACE_MS, out_reply, e) == 0)
			return 0;
		if (e->code != ERR_NOT_FOUND)
			return -1;
		poll(NULL, 0, 10);
	}
}

int keeper_apply(const struct layout *l, const struct peer_id *id, const char *trigger,
		 int64_t deadline_ms, struct json **out_reply, struct err *e)
{
	auto_json struct json *ask = json_object();
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(id, identity);
	json_set_str(ask, "op", "apply");
	json_set_str(ask, "identity", identity);
	json_set_str(ask, "trigger", trigger);
	return ask_on(l, ask, deadline_ms, out_reply, e);
}
