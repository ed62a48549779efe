/* Files and folders that are watched for a while. libuv's own watches of folders are not for that:
 * on macOS each that comes or goes makes all of them deaf for a moment, they hear of a file when
 * somebody closes it, and those of files miss what is written while they tell. */
#include <stdlib.h>
#include <unistd.h>

#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

struct file_watch {
	uv_poll_t poll;
	int fd;
	file_watch_fn *fn;
	void *arg;
};

static void on_change(uv_poll_t *poll, int status, int events)
{
	struct file_watch *w = poll->data;

	(void)status;
	(void)events;
	plat_watch_drain(w->fd);
	w->fn(w->arg);
}

static void closed(uv_handle_t *h)
{
	struct file_watch *w = h->data;

	close(w->fd);
	free(w);
}

struct file_watch *file_watch_new(uv_loop_t *loop, const char *path, file_watch_fn *fn, void *arg)
{
	struct file_watch *w;
	int fd = -1;
	struct err e;

	if (plat_watch(path, &fd, &e) < 0) {
		log_debug("filewatch", "%s", e.msg);
		return NULL;
	}
	w = xcalloc(1, sizeof *w);
	*w = (struct file_watch){.fd = fd, .fn = fn, .arg = arg};
	uv_poll_init(loop, &w->poll, fd);
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_change);
	return w;
}

void file_watch_add(struct file_watch *w, const char *path)
{
	struct err e;

	if (plat_watch_add(w->fd, path, &e) < 0)
		log_debug("filewatch", "%s", e.msg);
}

void file_watch_free(struct file_watch **w)
{
	if (*w)
		uv_close((uv_handle_t *)&(*w)->poll, closed);
	*w = NULL;
}
