/* on_attention: the owner's command, run when a peer begins to need a person. Once an episode, also
 * across a restart of the keeper: <identity>.attention remembers which. */
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

#define AGAIN_MS 60000 /* the same of the same peer is not told sooner */

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
	char program[LAYOUT_PATH], identity[PEER_IDENTITY_MAX + 1];
	struct err e;

	peer_identity(id, identity);
	environment_of(k, id, s, &env);
	if (proc_find(k->on_attention.v[0], environment_get(&env, "PATH"), program, sizeof program,
		      &e) < 0) {
		log_warn("attention", "identity=%s %s: %s", identity, "on_attention", e.msg);
		return;
	}
	command_of(k, program, &args);
	if (keeper_aside(k, identity, "on_attention", &args, &env))
		log_info("attention", "identity=%s status=%s", identity, status_word(s->status));
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
