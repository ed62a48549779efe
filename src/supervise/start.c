#include "iapeer/supervise/start.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/layout.h"

#include "iapeer/base/banned.h"

#define READY "1"

/* "<word of a code> <message>", at once: it is shorter than a pipe's buffer. */
static int heard(int fd, struct err *e)
{
	char text[sizeof e->msg + 32];
	ssize_t n = read(fd, text, sizeof text - 1);
	char *message;

	if (n <= 0 || text[0] == READY[0])
		return 0;
	text[n] = '\0';
	message = strchr(text, ' ');
	if (!message)
		return 0;
	*message++ = '\0';
	err_set(e, err_from_word(text), 0, "%s", message);
	return err_wrap(e, "start the keeper");
}

int keeper_start(int64_t deadline_ms, struct err *e)
{
	char exe[LAYOUT_PATH], name[] = "iapeer", verb[] = "supervise", demand[] = "--on-demand",
			       ready[] = "--ready-fd=3";
	char *argv[] = {name, verb, demand, ready, NULL};
	int ends[2] = {-1, -1};
	int64_t left;
	pid_t pid;

	if (plat_self_exe(exe, sizeof exe, e) < 0 || plat_pipe(ends, e) < 0)
		return -1;
	auto_fd int in = ends[0];
	auto_fd int out = ends[1];
	if (proc_detach(exe, argv, out, &pid, e) < 0)
		return err_wrap(e, "start the keeper");
	close(take_fd(&out));
	left = deadline_ms - clock_mono_ms();
	struct pollfd p = {.fd = in, .events = POLLIN};
	if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
		return err_set(e, ERR_TIMEOUT, 0, "the keeper did not start in time");
	return heard(in, e);
}

static void tell(int fd, const char *text, size_t len)
{
	if (fd < 0)
		return;
	if (write(fd, text, len) < 0)
		log_warn("supervise", "nobody waits for me: %s", strerror(errno));
	close(fd);
}

void start_tell_ready(int fd)
{
	tell(fd, READY, strlen(READY));
}

void start_tell_failed(int fd, const struct err *why)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	if (why->code == ERR_REFUSED)
		return;
	buf_fmt(&b, "%s %s", err_word(why->code), why->msg);
	tell(fd, buf_cstr(&b), b.len);
}
