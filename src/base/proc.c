#include "iapeer/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fault.h"
#include "iapeer/base/fs.h"

#include "iapeer/base/banned.h"

struct child {
	struct proc_ref ref;
	pid_t pid; /* 0: none, or reaped */
	int exit_fd;
	int in, out, err; /* our ends; -1: closed */
};
#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.exit_fd = -1, .in = -1, .out = -1, .err = -1                                      \
	}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void child_done(struct child *c)
{
	if (c->pid > 0) {
		kill(c->pid, SIGKILL); /* not reaped yet, so the pid is still its own */
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_end(&c->exit_fd);
	close_end(&c->in);
	close_end(&c->out);
	close_end(&c->err);
}

struct ends {
	int in[2], out[2], err[2];
};

static void ends_done(struct ends *p)
{
	int *all[] = {p->in, p->in + 1, p->out, p->out + 1, p->err, p->err + 1};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		close_end(all[i]);
}

static void attributes(posix_spawnattr_t *attr, short more)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(attr);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(
	    attr, &all); /* we ignore SIGPIPE; a program of others must not inherit that */
	posix_spawnattr_setflags(attr,
				 (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | more));
}

static int spawn(const struct proc_opts *o, const struct ends *p, pid_t *out_pid)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int rc;

	posix_spawn_file_actions_init(&fa);
	if (o->input)
		posix_spawn_file_actions_adddup2(&fa, p->in[0], 0);
	else
		posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, p->out[1], 1);
	posix_spawn_file_actions_adddup2(&fa, p->err[1], 2);
	attributes(&attr, 0);
	rc = posix_spawn(out_pid, o->file, &fa, &attr, o->argv, o->envp ? o->envp : plat_environ());
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int start(const struct proc_opts *o, struct child *c, bool *out_started, struct err *e)
{
	AUTO(ends_done) struct ends p = {{-1, -1}, {-1, -1}, {-1, -1}};
	int fault = fault_point("proc.spawn"), rc;

	if (fault)
		return err_set(e, ERR_FAILED, fault, "start %s", o->file);
	if ((o->input && plat_pipe(p.in, e) < 0) || plat_pipe(p.out, e) < 0 ||
	    plat_pipe(p.err, e) < 0)
		return -1;
	rc = spawn(o, &p, &c->pid);
	if (rc) {
		c->pid = 0;
		return err_set(e, ERR_FAILED, rc, "start %s", o->file);
	}
	*out_started = true;
	c->in = take_fd(&p.in[1]);
	c->out = take_fd(&p.out[0]);
	c->err = take_fd(&p.err[0]);
	if (c->in >= 0)
		fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	c->ref.pid = c->pid;
	/* It is our child and not reaped: no other process can have its pid, birth 0 will do. */
	if (plat_exit_fd((struct proc_ref){.pid = c->pid}, &c->exit_fd, e) < 0)
		return err_wrap(e, "start %s", o->file);
	fault = fault_point("proc.spawned");
	return fault ? err_set(e, ERR_FAILED, fault, "start %s", o->file) : 0;
}

/* Take what is there; past the cap it is read and dropped. Closes the end at its end. */
static void drain(int *fd, struct buf *b)
{
	char chunk[8192];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, chunk, sizeof chunk)) != 0) {
		size_t room = b->max - b->len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		buf_add(b, chunk, (size_t)n < room ? (size_t)n : room);
	}
	close_end(fd);
}

static void feed(const struct proc_opts *o, struct child *c, size_t *done)
{
	ssize_t n = write(c->in, (const char *)o->input + *done, o->input_len - *done);

	if (n > 0)
		*done += (size_t)n;
	if (*done == o->input_len || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&c->in);
}

/* One round of waiting. 1: the child has ended. */
static int turn(const struct proc_opts *o, struct child *c, struct proc_result *r, size_t *fed)
{
	struct pollfd p[] = {{.fd = c->exit_fd, .events = POLLIN},
			     {.fd = c->out, .events = POLLIN},
			     {.fd = c->err, .events = POLLIN},
			     {.fd = c->in, .events = POLLOUT}};
	int64_t left = o->deadline_ms - clock_mono_ms();

	if (poll(p, 4, left > 0 ? (int)left : 0) <= 0)
		return 0;
	if (p[1].revents)
		drain(&c->out, &r->out);
	if (p[2].revents)
		drain(&c->err, &r->err);
	if (p[3].revents)
		feed(o, c, fed);
	return p[0].revents != 0;
}

void proc_result_done(struct proc_result *r)
{
	buf_done(&r->out);
	buf_done(&r->err);
}

int proc_run(const struct proc_opts *o, struct proc_result *out, struct err *e)
{
	AUTO(child_done) struct child c = CHILD_INIT;
	size_t cap = o->out_max_bytes ? o->out_max_bytes : CAP_LINE, fed = 0;
	int status;

	proc_result_done(out);
	out->out = (struct buf)BUF_INIT(cap);
	out->err = (struct buf)BUF_INIT(cap);
	out->started = false;
	if (start(o, &c, &out->started, e) < 0)
		return -1;
	while (!turn(o, &c, out, &fed))
		if (clock_mono_ms() >= o->deadline_ms)
			return err_set(e, ERR_TIMEOUT, 0, "%s did not answer in time", o->file);
	while (waitpid(c.pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(e, ERR_FAILED, errno, "wait for %s", o->file);
	c.pid = 0;
	/* What it wrote before it ended; a grandchild may hold the pipe for ever, so no waiting for
	 * the end. */
	drain(&c.out, &out->out);
	drain(&c.err, &out->err);
	out->status = status;
	return 0;
}

int proc_detach(const char *file, char *const *argv, int ready_fd, pid_t *out_pid, struct err *e)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int rc, fault = fault_point("proc.detach");

	if (fault)
		return err_set(e, ERR_FAILED, fault, "start %s", file);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	if (ready_fd >= 0)
		posix_spawn_file_actions_adddup2(&fa, ready_fd, 3);
	attributes(&attr, POSIX_SPAWN_SETSID);
	rc = posix_spawn(out_pid, file, &fa, &attr, argv, plat_environ());
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return rc ? err_set(e, ERR_FAILED, rc, "start %s", file) : 0;
}

int proc_foreground(const char *file, char *const *argv, int *out_status, struct err *e)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
	posix_spawnattr_t attr;
	pid_t pid;
	int rc;

	attributes(&attr, 0);
	rc = posix_spawn(&pid, file, NULL, &attr, argv, plat_environ());
	/* The keys that interrupt it are not meant for us. (What it ignored before it ran, it would
	 * ignore for ever.) */
	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	posix_spawnattr_destroy(&attr);
	while (rc == 0 && waitpid(pid, out_status, 0) < 0)
		if (errno != EINTR)
			rc = errno;
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	return rc ? err_set(e, ERR_FAILED, rc, "start %s", file) : 0;
}
