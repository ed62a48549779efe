/* Programs that the keeper starts beside its workers: each has a deadline, and nothing waits for
 * what it says. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define RUN_MS 30000 /* then it is killed */

/* One of them. Freed by its last close callback. */
struct aside {
	struct keeper *k;
	uv_process_t process;
	uv_timer_t deadline;
	int open_handles;
	const char *what;
	char identity[PEER_IDENTITY_MAX + 1];
	struct aside *next;
};

static void closed(uv_handle_t *h)
{
	struct aside *a = h->data;

	if (--a->open_handles == 0)
		free(a);
}

static void drop(struct aside *a)
{
	for (struct aside **p = &a->k->asides; *p; p = &(*p)->next)
		if (*p == a) {
			*p = a->next;
			break;
		}
	uv_close((uv_handle_t *)&a->process, closed);
	uv_close((uv_handle_t *)&a->deadline, closed);
}

static void on_exit_aside(uv_process_t *p, int64_t status, int sig)
{
	struct aside *a = p->data;

	if (sig)
		log_warn("aside", "identity=%s %s was killed by signal %d", a->identity, a->what,
			 sig);
	else if (status)
		log_warn("aside", "identity=%s %s: exit %lld", a->identity, a->what,
			 (long long)status);
	drop(a);
	keeper_reap(a->k);
}

static void on_overdue(uv_timer_t *t)
{
	struct aside *a = t->data;

	log_warn("aside", "identity=%s %s runs for more than %d s: killed", a->identity, a->what,
		 RUN_MS / 1000);
	if (kill(-a->process.pid, SIGKILL) < 0 && errno != ESRCH)
		log_warn("aside", "kill: %s", strerror(errno));
}

bool keeper_aside(struct keeper *k, const char *identity, const char *what, struct strv *args,
		  struct strv *env)
{
	struct aside *a = xcalloc(1, sizeof *a);
	uv_stdio_container_t io[3] = {{.flags = UV_IGNORE},
				      {.flags = UV_INHERIT_FD, .data.fd = 2},
				      {.flags = UV_INHERIT_FD, .data.fd = 2}};
	uv_process_options_t o = {.exit_cb = on_exit_aside,
				  .file = args->v[0],
				  .args = strv_argv(args),
				  .env = env ? strv_argv(env) : NULL,
				  .cwd = k->layout->root,
				  .flags = UV_PROCESS_DETACHED,
				  .stdio_count = 3,
				  .stdio = io};
	int rc;

	str_cut(a->identity, sizeof a->identity, identity);
	a->what = what;
	a->k = k;
	a->open_handles = 2;
	uv_timer_init(&k->loop, &a->deadline);
	a->process.data = a->deadline.data = a;
	a->next = k->asides;
	k->asides = a;
	rc = uv_spawn(&k->loop, &a->process, &o);
	if (rc < 0) {
		log_warn("aside", "identity=%s start %s: %s", identity, args->v[0],
			 uv_strerror(rc));
		drop(a);
		return false;
	}
	uv_timer_start(&a->deadline, on_overdue, RUN_MS, 0);
	return true;
}

bool keeper_is_aside(const struct keeper *k, pid_t pid)
{
	for (const struct aside *a = k->asides; a; a = a->next)
		if (a->process.pid == pid)
			return true;
	return false;
}

/* What still runs goes on without us. */
void keeper_leave_asides(struct keeper *k)
{
	while (k->asides)
		drop(k->asides);
}
