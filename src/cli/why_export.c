/* why --export: the story and what it is made of, as one file for whoever is asked for help. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/mask.h"
#include "iapeer/cli/ustar.h"
#include "iapeer/cli/why_export.h"
#include "iapeer/cli/words.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

#define PANE_TAIL (64 << 10)

struct export
{
	struct ctx *c;
	const char *name;
	struct strv secrets; /* values that are masked wherever they stand */
	struct buf tar;
	int64_t now_s;
};

static void export_done(struct export *x)
{
	strv_done(&x->secrets);
	buf_done(&x->tar);
}

/* Every value under a secret's name, of what peers are given. */
static void take_secrets(struct export *x, const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++) {
		size_t n = strcspn(env->v[i], "=");

		if (env->v[i][n] && mask_is_secret(env->v[i], n))
			strv_add(&x->secrets, env->v[i] + n + 1);
	}
}

static void find_secrets(struct export *x)
{
	const struct peer_record *record = registry_find(&x->c->registry, x->name);
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct err e;

	if (environment_load(&x->c->layout, &env, &e) == 0)
		take_secrets(x, &env);
	for (size_t i = 0; record && i < record->runtimes.n; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
		AUTO(strv_done) struct strv own = STRV_INIT;
		AUTO(strv_done) struct strv args = STRV_INIT;
		char rel[LAYOUT_PATH], path[LAYOUT_PATH * 2];

		layout_launch_env(record->runtimes.v[i], rel);
		snprintf(path, sizeof path, "%s/%s", record->cwd, rel);
		if (fs_read(AT_FDCWD, path, &text, &e) == 0 &&
		    environment_parse(buf_cstr(&text), text.len, path, &own, &args, &e) == 0)
			take_secrets(x, &own);
	}
}

static int add(struct export *x, const char *name, const struct buf *text, struct err *e)
{
	AUTO(buf_done) struct buf masked = BUF_INIT(CAP_OUTPUT);
	char path[160];

	mask_text(buf_cstr(text), text->len, &x->secrets, &masked);
	if (buf_check(&masked, name, e) < 0)
		return -1;
	snprintf(path, sizeof path, "iapeer-%.60s/%.80s", x->name, name);
	return ustar_add(&x->tar, path, buf_cstr(&masked), masked.len, x->now_s, e);
}

static int add_versions(struct export *x, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char bin[LAYOUT_PATH], tmux[64] = "";
	struct utsname host;
	struct err soft = ERR_INIT;

	if (launch_tmux_bin(&x->c->layout, &x->c->settings, bin, &soft) < 0 ||
	    tmux_version(bin, clock_mono_ms() + 5000, tmux, sizeof tmux, &soft) < 0)
		str_cut(tmux, sizeof tmux, soft.msg);
	buf_fmt(&text, "iapeer %s build %s\n%s\n", build_version, build_id, tmux);
	if (uname(&host) == 0) /* not its name: that is nobody's business */
		buf_fmt(&text, "%s %s %s\n", host.sysname, host.release, host.machine);
	return add(x, "versions.txt", &text, e);
}

static int add_evidence(struct export *x, const struct timeline_entry *t, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_EVIDENCE);
	char file[256], path[LAYOUT_PATH];
	struct err soft;

	if (!logfmt_get(t->line, t->len, "forensics", file, sizeof file) || strchr(file, '/'))
		return 0;
	snprintf(path, sizeof path, "%s/%.255s", LAYOUT_DEATHS_DIR, file);
	if (fs_read(x->c->layout.root_fd, path, &text, &soft) < 0)
		return 0; /* deleted: the line stands */
	return add(x, file, &text, e);
}

static int add_panes(struct export *x, struct err *e)
{
	const struct peer_record *record = registry_find(&x->c->registry, x->name);

	for (size_t i = 0; record && i < record->runtimes.n; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(PANE_TAIL + 1);
		char path[LAYOUT_PATH], name[PEER_IDENTITY_MAX + 16],
		    identity[PEER_IDENTITY_MAX + 1];
		struct peer_id id;
		struct err soft;

		if (peer_make(record->runtimes.v[i], x->name, &id, &soft) < 0)
			continue;
		layout_pane_log(&id, path);
		if (fs_read_at(x->c->layout.root_fd, path, -PANE_TAIL, PANE_TAIL, &text, &soft) < 0)
			continue;
		peer_identity(&id, identity);
		snprintf(name, sizeof name, "pane-%s.log", identity);
		if (add(x, name, &text, e) < 0)
			return -1;
	}
	return 0;
}

static int fill(struct export *x, const struct timeline *t, const struct buf *story, struct err *e)
{
	AUTO(buf_done) struct buf lines = BUF_INIT(CAP_OUTPUT);

	for (size_t i = 0; i < t->n; i++)
		buf_fmt(&lines, "%s\n", t->v[i].line);
	if (add(x, "story.txt", story, e) < 0 || add(x, "lines.log", &lines, e) < 0 ||
	    add_versions(x, e) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (add_evidence(x, &t->v[i], e) < 0)
			return -1;
	return add_panes(x, e);
}

int why_export(struct ctx *c, const char *name, const char *file, const struct timeline *t,
	       const struct buf *story, struct err *e)
{
	AUTO(export_done)
	struct export x = {.c = c,
			   .name = name,
			   .secrets = STRV_INIT,
			   .tar = BUF_INIT(CAP_OUTPUT),
			   .now_s = clock_utc_ms() / 1000};
	char path[LAYOUT_PATH];
	bool created = false;

	if (words_path(file, path, e) < 0)
		return -1;
	find_secrets(&x);
	if (fill(&x, t, story, e) < 0)
		return -1;
	ustar_end(&x.tar);
	if (buf_check(&x.tar, file, e) < 0 ||
	    fs_publish(AT_FDCWD, path, x.tar.p, x.tar.len, 0600, &created, e) < 0)
		return -1;
	return created ? 0 : err_set(e, ERR_REFUSED, 0, "%s is there already", file);
}
