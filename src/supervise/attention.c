/* on_attention: the owner's command, run when a peer begins to need a person. Once an episode, also
 * across a restart of the keeper: <identity>.attention remembers which. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/status.h"
#include "iapeer/registry/environment.h"
#include "iapeer/registry/state_file.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define RUN_MS   30000 /* then it is killed */
#define AGAIN_MS 60000 /* the same of the same peer is not told sooner */

/* One run of the command. Freed by its last close callback. */
struct notice {
	struct keeper *k;
	uv_process_t process;
	uv_timer_t deadline;
	int open_handles;
	char identity[PEER_IDENTITY_MAX + 1];
	struct notice *next;
};

struct episode {
	enum peer_status status;
	bool open;
	int64_t told_at_ms; /* UTC; 0: never */
};

/* ---- what was told already ---- */

static void episode_load(const struct keeper *k, const struct peer_id *id, struct episode *out)
{
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH], word[16] = "";
	struct episode ep = {.status = STATUS_UNKNOWN};
	struct err e;

	*out = ep;
	if (state_read(k->layout, id, "attention", path, &j, &e) < 0 ||
	    json_req_str(j, path, "status", word, sizeof word, &e) < 0 ||
	    json_opt_bool(j, path, "open", &ep.open, &e) < 0 ||
	    json_opt_i64(j, path, "toldAtMs", 0, INT64_MAX / 2, &ep.told_at_ms, &e) < 0 ||
	    !status_parse(word, &ep.status))
		return; /* at worst it is told again */
	*out = ep;
}

static void episode_save(const struct keeper *k, const struct peer_id *id, const struct episode *ep)
{
	auto_json struct json *j = json_object();
	struct err e;

	json_set_str(j, "status", status_word(ep->status));
	json_set_bool(j, "open", ep->open);
	json_set_i64(j, "toldAtMs", ep->told_at_ms);
	if (state_write_soft(k->layout, id, "attention", j, &e) < 0)
		log_warn("attention", "%s", e.msg);
}

/* ---- the command ---- */

/* Read again when the file has changed: nobody has to restart us for it. */
static void refresh(struct keeper *k)
{
	struct fs_info info;
	struct err e;

	if (fs_stat(k->layout->root_fd, LAYOUT_CONFIG, &info, &e) < 0 || !info.exists)
		info = (struct fs_info){.exists = false};
	if (info.mtime_ms == k->config_mtime_ms && info.inode == k->config_inode)
		return;
	k->config_mtime_ms = info.mtime_ms;
	k->config_inode = info.inode;
	strv_done(&k->on_attention);
	if (info.exists && settings_on_attention(k->layout, &k->on_attention, &e) < 0)
		log_warn("attention", "%s", e.msg);
}

static void closed(uv_handle_t *h)
{
	struct notice *n = h->data;

	if (--n->open_handles == 0)
		free(n);
}

static void drop(struct notice *n)
{
	for (struct notice **p = &n->k->notices; *p; p = &(*p)->next)
		if (*p == n) {
			*p = n->next;
			break;
		}
	uv_close((uv_handle_t *)&n->process, closed);
	uv_close((uv_handle_t *)&n->deadline, closed);
}

static void on_exit_notice(uv_process_t *p, int64_t status, int sig)
{
	struct notice *n = p->data;

	if (sig)
		log_warn("attention", "identity=%s %s was killed by signal %d", n->identity,
			 "on_attention", sig);
	else if (status)
		log_warn("attention", "identity=%s %s: exit %lld", n->identity, "on_attention",
			 (long long)status);
	drop(n);
	keeper_reap(n->k);
}

static void on_overdue(uv_timer_t *t)
{
	struct notice *n = t->data;

	log_warn("attention", "identity=%s %s runs for more than %d s: killed", n->identity,
		 "on_attention", RUN_MS / 1000);
	if (kill(-n->process.pid, SIGKILL) < 0 && errno != ESRCH)
		log_warn("attention", "kill: %s", strerror(errno));
}

static void environment_of(const struct keeper *k, const struct peer_id *id, const struct status *s,
			   struct strv *env)
{
	AUTO(buf_done) struct buf detail = BUF_INIT(CAP_LINE);
	struct err e;

	if (environment_load(k->layout, env, &e) < 0)
		log_warn("attention", "%s", e.msg);
	str_shown(&detail, s->detail, strlen(s->detail), false);
	environment_set(env, "IAPEER_ROOT", k->layout->root);
	environment_set(env, "IAPEER_PEER", id->name);
	environment_set(env, "IAPEER_RUNTIME", id->runtime);
	environment_set(env, "IAPEER_STATUS", status_word(s->status));
	environment_set(env, "IAPEER_DETAIL", buf_cstr(&detail));
}

/* The owner's command, with the limit of descriptors that we were given ourselves. */
static void command_of(const struct keeper *k, const char *program, struct strv *out)
{
	char files[24];

	if (k->files_given > 0) {
		snprintf(files, sizeof files, "%lld", (long long)k->files_given);
		strv_add(out, "/bin/sh");
		strv_add(out, "-c");
		strv_add(out, "ulimit -S -n \"$0\"; exec \"$@\"");
		strv_add(out, files);
	}
	strv_add(out, program);
	for (size_t i = 1; i < k->on_attention.n; i++)
		strv_add(out, k->on_attention.v[i]);
}

static void run(struct keeper *k, const struct peer_id *id, const struct status *s)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	struct notice *n = xcalloc(1, sizeof *n);
	uv_stdio_container_t io[3] = {{.flags = UV_IGNORE},
				      {.flags = UV_INHERIT_FD, .data.fd = 2},
				      {.flags = UV_INHERIT_FD, .data.fd = 2}};
	uv_process_options_t o = {.exit_cb = on_exit_notice,
				  .cwd = k->layout->root,
				  .flags = UV_PROCESS_DETACHED,
				  .stdio_count = 3,
				  .stdio = io};
	char program[LAYOUT_PATH];
	struct err e;
	int rc;

	peer_identity(id, n->identity);
	environment_of(k, id, s, &env);
	o.env = strv_argv(&env);
	if (proc_find(k->on_attention.v[0], environment_get(&env, "PATH"), program, sizeof program,
		      &e) < 0) {
		log_warn("attention", "identity=%s %s: %s", n->identity, "on_attention", e.msg);
		free(n);
		return;
	}
	command_of(k, program, &args);
	o.args = strv_argv(&args);
	o.file = args.v[0];
	n->k = k;
	n->open_handles = 2;
	uv_timer_init(&k->loop, &n->deadline);
	n->process.data = n->deadline.data = n;
	n->next = k->notices;
	k->notices = n;
	rc = uv_spawn(&k->loop, &n->process, &o);
	if (rc < 0) {
		log_warn("attention", "identity=%s start %s: %s", n->identity, program,
			 uv_strerror(rc));
		drop(n);
		return;
	}
	uv_timer_start(&n->deadline, on_overdue, RUN_MS, 0);
	log_info("attention", "identity=%s status=%s", n->identity, status_word(s->status));
}

/* ---- when ---- */

static bool status_of(const struct keeper *k, const struct peer_id *id, struct status *out)
{
	struct manifest *m = xcalloc(1, sizeof *m);
	struct session s;
	bool known = false;
	struct err e;

	if (session_load(k->layout, id, &s, &e) == 0 && session_liveness(&s) == LIVE_YES &&
	    manifest_load(k->layout, id->runtime, m, &e) == 0) {
		status_look(k->layout, &k->settings, &s, m, out);
		known = true;
	}
	manifest_done(m);
	free(m);
	return known;
}

static void on_again(uv_timer_t *t)
{
	struct keeper *k = t->data;

	for (struct watched *w = k->watched; w; w = w->next)
		keeper_attention(k, w->canary.identity);
}

/* It was told within the last minute: later, if it is still so then. */
static void later(struct keeper *k, int64_t ms)
{
	if (!uv_is_active((uv_handle_t *)&k->attention_timer))
		uv_timer_start(&k->attention_timer, on_again, (uint64_t)ms, 0);
}

void keeper_attention(struct keeper *k, const char *identity)
{
	struct status s = {.status = STATUS_UNKNOWN};
	struct episode ep;
	struct peer_id id;
	int64_t since_told;
	struct err e;

	if (k->leaving || peer_parse(identity, &id, &e) < 0)
		return;
	refresh(k);
	if (k->on_attention.n == 0 || !status_of(k, &id, &s))
		return;
	episode_load(k, &id, &ep);
	if (!status_needs_person(s.status)) {
		if (ep.open) {
			ep.open = false;
			episode_save(k, &id, &ep);
		}
		return;
	}
	if (ep.open && ep.status == s.status)
		return;
	since_told = clock_utc_ms() - ep.told_at_ms;
	if (ep.status == s.status && since_told >= 0 && since_told < AGAIN_MS) {
		later(k, AGAIN_MS - since_told);
		return;
	}
	/* On record first: killed in between, it is not told twice. */
	ep = (struct episode){.status = s.status, .open = true, .told_at_ms = clock_utc_ms()};
	episode_save(k, &id, &ep);
	run(k, &id, &s);
}

bool keeper_is_notice(const struct keeper *k, pid_t pid)
{
	for (const struct notice *n = k->notices; n; n = n->next)
		if (n->process.pid == pid)
			return true;
	return false;
}

/* What still runs is the owner's program, and goes on without us. */
void keeper_leave_notices(struct keeper *k)
{
	while (k->notices)
		drop(k->notices);
}
