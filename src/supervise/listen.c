/* The control socket in its folder. Somebody may delete it, or put something else in its place: no
 * command would reach the keeper any more, and no other keeper could start beside it. So the folder
 * is watched, and the socket is made again. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define BACKLOG 128

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static int make(struct keeper *k, struct err *e)
{
	mode_t old;
	int rc;

	/* We hold the keeper's lock: whatever is at that path is a dead one's. */
	if (unlink(k->socket) < 0 && access(k->socket, F_OK) == 0)
		return err_set(e, ERR_FAILED, 0, "the control socket %s cannot be replaced",
			       k->socket);
	old = umask(0177);
	rc = uv_pipe_bind(&k->listener, k->socket);
	umask(old);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&k->listener, BACKLOG, keeper_on_connect);
	k->socket_inode = rc == 0 ? inode_of(k->socket) : 0;
	return rc < 0 ? err_set(e, ERR_FAILED, -rc, "listen on %s", k->socket) : 0;
}

static void on_closed(uv_handle_t *h)
{
	struct keeper *k = h->data;
	struct err e;

	if (k->leaving)
		return;
	uv_pipe_init(&k->loop, &k->listener, 0);
	if (make(k, &e) < 0)
		log_warn("listen", "%s", e.msg);
	else
		log_info("listen", "%s was gone, and is there again", k->socket);
}

void keeper_look_listener(struct keeper *k)
{
	uv_handle_t *h = (uv_handle_t *)&k->listener;

	if (k->leaving || uv_is_closing(h) ||
	    (k->socket_inode && inode_of(k->socket) == k->socket_inode))
		return;
	uv_close(h, on_closed); /* which unlinks what is at that path: libuv does */
}

static void on_folder(uv_fs_event_t *h, const char *name, int events, int status)
{
	struct keeper *k = h->data;

	(void)events;
	if (status < 0 || !name || strcmp(name, strrchr(k->socket, '/') + 1) == 0)
		keeper_look_listener(k);
}

int keeper_listen(struct keeper *k, struct err *e)
{
	char folder[LAYOUT_PATH];
	int rc;

	if (layout_control_socket(k->layout, k->socket, e) < 0)
		return -1;
	uv_pipe_init(&k->loop, &k->listener, 0);
	uv_fs_event_init(&k->loop, &k->socket_events);
	k->listener.data = k->socket_events.data = k;
	if (make(k, e) < 0)
		return -1;
	str_cut(folder, sizeof folder, k->socket);
	*strrchr(folder, '/') = '\0';
	rc = uv_fs_event_start(&k->socket_events, on_folder, folder, 0);
	return rc < 0 ? err_set(e, ERR_FAILED, -rc, "watch %s", folder) : 0;
}

/* libuv unlinks the socket when the listener is closed; we still hold the lock then, so it is ours.
 */
void keeper_listen_no_more(struct keeper *k)
{
	uv_handle_t *own[] = {(uv_handle_t *)&k->listener, (uv_handle_t *)&k->socket_events};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (!uv_is_closing(own[i]))
			uv_close(own[i], NULL);
}
