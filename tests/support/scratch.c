#include "scratch.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/launch/tmux.h"

#include "iapeer/base/banned.h"

struct proc_ref scratch_process(void)
{
	struct proc_ref ref;
	pid_t parent = getpid(), pid = fork();

	/* A test that fails leaves it behind: it does not outlive the program. */
	if (pid == 0) {
		while (getppid() == parent)
			poll(NULL, 0, 200);
		_exit(0);
	}
	assert_true(pid > 0);
	OK(plat_proc_ref(pid, &ref, e));
	return ref;
}

int scratch_end(struct proc_ref ref, int sig)
{
	int status = -1;

	kill(ref.pid, sig);
	assert_int_equal(waitpid(ref.pid, &status, 0), ref.pid);
	return status;
}

int scratch_swarm(int n, int (*work)(int i, void *arg), void *arg)
{
	pid_t pids[64];
	int failed = 0, status;

	assert_in_range(n, 1, 64);
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(work(i, arg));
	}
	for (int i = 0; i < n; i++)
		failed += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
	return failed;
}

struct scratch_client scratch_attach(const struct world *w)
{
	struct winsize size = {.ws_row = 50, .ws_col = 220};
	struct scratch_client c = {.fd = -1};
	AUTO(strv_done) struct strv argv = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1];
	struct session s = world_session(w);
	struct tmux t = {.pane = ""};

	peer_identity(&w->id, identity);
	snprintf(t.socket, sizeof t.socket, "%s", s.socket);
	tmux_attach_argv(&t, identity, false, NULL, &argv);
	c.pid = forkpty(&c.fd, NULL, NULL, &size);
	if (c.pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		execv(world_tmux_bin(), strv_argv(&argv));
		_exit(127);
	}
	assert_true(c.pid > 0);
	EVENTUALLY(session_attached(&s));
	return c;
}

void scratch_detach(struct scratch_client *c)
{
	int status;

	kill(c->pid, SIGHUP);
	close(c->fd);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
}
