/* The half of world.h that has to do with peers, messages and tmux. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

void world_peer(struct world *w, const char *name, const char *bin)
{
	struct peer_record p = {.intelligence = NATURE_ABSENT};
	bool created = false;

	str_cut(p.name, sizeof p.name, name);
	str_cut(p.default_runtime, sizeof p.default_runtime, "shell");
	strv_add(&p.runtimes, "shell");
	p.cwd = world_path(w, name);
	OK(fs_mkdirs(AT_FDCWD, p.cwd, e));
	OK(registry_upsert(&w->l, &(struct registry_change){.record = &p}, &created, e));
	strv_done(&p.runtimes);
	registry_done(&w->r);
	OK(registry_load(&w->l, &w->r, e));
	OK(peer_make("shell", name, &w->id, e));
	setenv("IAPEER_SHELL_BIN", bin ? bin : "/bin/bash", 1);
	world_settings(w);
}

const char *world_reader(void)
{
	static char path[LAYOUT_PATH];

	OK(plat_self_exe(path, sizeof path, e));
	*(strrchr(path, '/') + 1) = '\0';
	snprintf(path + strlen(path), sizeof path - strlen(path), "fake_reader");
	return path;
}

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void world_put(struct world *w, const struct note *n)
{
	AUTO(queue_item_done)
	struct queue_item m = {.kind = n->kind,
			       .wait = n->wait,
			       .force = n->force,
			       .from_verified = true,
			       .from_nature = NATURE_NATURAL};

	str_cut(m.id, sizeof m.id, n->id);
	m.body = dup_or_null(n->body);
	m.topic = dup_or_null(n->topic);
	OK(peer_make("cli", "tester", &m.from, e));
	OK(queue_put(&w->l, &w->id, &m, e));
}

void world_send(struct world *w, const char *id, const char *body)
{
	world_put(w, &(struct note){.id = id, .body = body});
}

int world_try(struct world *w, enum trigger t, struct apply_outcome *out, struct err *e)
{
	struct apply_in in = {.layout = &w->l,
			      .settings = &w->s,
			      .registry = &w->r,
			      .id = w->id,
			      .trigger = t,
			      .keep_parked = true,
			      .lock_deadline_ms = clock_mono_ms() + 10000};

	return apply_peer(&in, out, e);
}

struct apply_outcome world_apply(struct world *w, enum trigger t)
{
	struct apply_outcome out;

	OK(world_try(w, t, &out, e));
	return out;
}

bool world_has_receipt(const struct world *w, const char *id)
{
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct err e = ERR_INIT;

	return receipt_load(&w->l, &w->id, id, &r, &e) == 0;
}

struct receipt world_receipt(const struct world *w, const char *id)
{
	struct receipt r = {.rung = RUNG_NONE};

	OK(receipt_load(&w->l, &w->id, id, &r, e));
	return r;
}

struct session world_session(const struct world *w)
{
	struct session s;

	OK(session_load(&w->l, &w->id, &s, e));
	return s;
}

char *world_tmux(const struct world *w, const char *const *words)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	char socket[LAYOUT_PATH];
	struct proc_opts o = {.file = world_tmux_bin(), .deadline_ms = clock_mono_ms() + 10000};

	OK(layout_socket(&w->l, &w->id, socket, e));
	strv_add(&argv, "tmux");
	strv_add(&argv, "-S");
	strv_add(&argv, socket);
	for (; *words; words++)
		strv_add(&argv, *words);
	o.argv = strv_argv(&argv);
	OK(proc_run(&o, &r, e));
	if (r.status != 0)
		fail_msg("tmux %s: %s", argv.v[3], buf_cstr(&r.err));
	return xstrdup(buf_cstr(&r.out));
}

char *world_screen(const struct world *w)
{
	return world_tmux(w, (const char *const[]){"capture-pane", "-p", "-t", "%0", NULL});
}
