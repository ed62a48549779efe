#include "iapeer/launch/pane.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/launch.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

/* A cleaner of temporary files took the socket: tmux makes it again on SIGUSR1. */
int pane_heal_socket(const struct session *s, struct err *e)
{
	int64_t deadline = clock_mono_ms() + 1000;

	if (fs_exists(AT_FDCWD, s->socket))
		return 0;
	log_info("launch", "socket %s was deleted; asking its server to make it again", s->socket);
	if (plat_signal(s->server, SIGUSR1, e) < 0)
		return -1;
	while (!fs_exists(AT_FDCWD, s->socket)) {
		if (clock_mono_ms() >= deadline)
			return err_set(e, ERR_TIMEOUT, 0,
				       "socket %s was deleted and did not come back", s->socket);
		poll(NULL, 0, 5);
	}
	return 0;
}

/* The folder tells that there is a log, or that another one took its place; the log that something
 * was written. */
static void watch_log(const struct pane *p)
{
	char path[LAYOUT_PATH];
	struct err e;

	if (layout_abs(p->layout, p->log, path, &e) < 0 ||
	    (plat_watch_add(p->watch_fd, path, &e) < 0 && e.code != ERR_NOT_FOUND))
		log_debug("launch", "%s", e.msg);
}

/* Before the caller looks, so that nothing happens in between. */
static void drain(const struct pane *p)
{
	plat_watch_drain(p->watch_fd);
	watch_log(p);
}

int pane_open(struct pane *p, const struct layout *l, const struct settings *s,
	      const struct manifest *m, const struct session *session, struct err *e)
{
	char dir[LAYOUT_PATH];

	pane_done(p);
	p->layout = l;
	p->manifest = m;
	p->session = session;
	str_cut(p->tmux.socket, sizeof p->tmux.socket, session->socket);
	str_cut(p->tmux.pane, sizeof p->tmux.pane, session->pane_id);
	layout_pane_log(&session->id, p->log);
	if (launch_tmux_bin(l, s, p->tmux.bin, e) < 0 || pane_heal_socket(session, e) < 0)
		return -1;
	if (plat_exit_fd(session->pane, &p->exit_fd, e) < 0 && e->code != ERR_NOT_FOUND)
		return -1;
	if (fs_mkdirs(l->root_fd, LAYOUT_PANE_LOGS, e) < 0 ||
	    layout_abs(l, LAYOUT_PANE_LOGS, dir, e) < 0)
		return -1;
	if (plat_watch(dir, &p->watch_fd, e) < 0)
		return -1;
	watch_log(p);
	return 0;
}

void pane_done(struct pane *p)
{
	if (p->watch_fd >= 0)
		close(p->watch_fd);
	if (p->exit_fd >= 0)
		close(p->exit_fd);
	p->watch_fd = p->exit_fd = -1;
}

bool pane_ended(const struct pane *p)
{
	return plat_proc_state(p->session->pane) == PROC_GONE;
}

bool pane_wait(struct pane *p, int64_t ms)
{
	struct pollfd fds[] = {{.fd = p->watch_fd, .events = POLLIN},
			       {.fd = p->exit_fd, .events = POLLIN}};

	if (ms < 0)
		ms = 0;
	if (poll(fds, 2, ms > 60000 ? 60000 : (int)ms) > 0 && fds[0].revents)
		drain(p);
	return p->exit_fd >= 0 && !fds[1].revents;
}

void pane_wait_log(struct pane *p, int64_t ms)
{
	struct pollfd fd = {.fd = p->watch_fd, .events = POLLIN};

	if (poll(&fd, 1, (int)ms) > 0)
		drain(p);
}

int64_t pane_log_size(const struct pane *p)
{
	struct fs_info info;
	struct err e;

	return fs_stat(p->layout->root_fd, p->log, &info, &e) == 0 && info.exists ? info.size : 0;
}

int pane_log_from(const struct pane *p, int64_t offset, struct buf *out, struct err *e)
{
	size_t room = out->max - out->len;

	/* Rotated meanwhile: what is there is newer than the offset. */
	if (pane_log_size(p) < offset)
		offset = 0;
	if (fs_read_at(p->layout->root_fd, p->log, offset, room, out, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	return 0;
}

void pane_tail(const struct pane *p, char *out, size_t size)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8192);
	AUTO(buf_done) struct buf plain = BUF_INIT(16384);
	int64_t end = pane_log_size(p), from = end > 4096 ? end - 4096 : 0;
	struct err e;

	out[0] = '\0';
	/* An earlier session's last words are not this one's. */
	if (p->session->log_start <= end && from < p->session->log_start)
		from = p->session->log_start;
	if (fs_read_at(p->layout->root_fd, p->log, from, 4096, &b, &e) < 0)
		return;
	screen_rows(buf_cstr(&b), b.len, &plain);
	screen_tail(buf_cstr(&plain), plain.len, out, size);
}
