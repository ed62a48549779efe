/* doctor: jobs of others, servers and sockets that nobody owns, deaths. */
#include "iapeer/cli/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/peers.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/lifecycle/apply.h"
#include "iapeer/lifecycle/move.h"
#include "iapeer/lifecycle/remove.h"
#include "iapeer/supervise/client.h"

#include "iapeer/base/banned.h"

#define LOCK_MS     2000
#define KEEPER_MS   5000
#define EXITS_KEEP  5
#define DAY_MS      (INT64_C(24) * 3600 * 1000)
#define SOCK_PREFIX "tmux-iap-"
#define SOCK_SUFFIX ".sock"
#define NAMES_MAX   5

void doctor_services(struct doctor *d)
{
	for (size_t i = 0; i < d->c->registry.n; i++) {
		const char *name = d->c->registry.peers[i].name;
		const struct service_job *j = services_find(&d->services, name);

		if (!j)
			continue;
		if (service_action(j->owner))
			doctor_say(d, FOUND_WARN, "services",
				   "take that job away, or `iapeer remove --force` the peer",
				   "%s is kept by %s, which is not ours: it is read-only for us",
				   name, j->path);
		else
			doctor_say(d, FOUND_WARN, "services",
				   "unload it if the keeper is to do that",
				   "%s has a job of its own, which keeps it up: %s", name, j->path);
	}
}

/* ---- sessions and servers that nobody registered ---- */

/* Servers in the root's own folder are ours by their place; $IAPEER_SOCK_DIR may be shared with
 * another root, so there a server must say that it is this one's. */
static bool is_ours(const struct doctor *d, struct proc_ref server)
{
	const struct layout *l = &d->c->layout;
	AUTO(buf_done) struct buf words = BUF_INIT(CAP_PROC);
	AUTO(buf_done) struct buf env = BUF_INIT(CAP_PROC);
	char want[LAYOUT_PATH + 16];
	size_t root = strlen(l->root);

	if (strncmp(l->socks, l->root, root) == 0 && l->socks[root] == '/')
		return true;
	snprintf(want, sizeof want, "IAPEER_ROOT=%s", l->root);
	if (!plat_proc_words(server.pid, &words, &env) || plat_proc_state(server) == PROC_GONE)
		return false;
	for (size_t at = 0; at < env.len; at += strlen(env.p + at) + 1)
		if (strcmp(env.p + at, want) == 0)
			return true;
	return false;
}

/* Through the one function that ends peers: under the lock, by pid and birth, and nothing is
 * recorded as a death. */
static void end_one(struct doctor *d, const struct peer_id *id, const char *identity, pid_t pid)
{
	struct apply_in in = {.layout = &d->c->layout,
			      .settings = &d->c->settings,
			      .registry = &d->c->registry,
			      .id = *id,
			      .trigger = TRIG_REMOVE,
			      .lock_deadline_ms = clock_mono_ms() + LOCK_MS};
	struct apply_outcome out;
	struct err e;

	if (apply_peer(&in, &out, &e) < 0)
		doctor_say(d, FOUND_BAD, "leftovers", e.hint, "%s (pid %ld): %s", identity,
			   (long)pid, e.msg);
	else
		doctor_fixed(d, "leftovers", "ended %s (pid %ld), which nobody registered",
			     identity, (long)pid);
}

static void stale_socket(struct doctor *d, const struct peer_id *id, const char *path)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	struct proc_ref server;
	struct err e;

	if (tmux_server_of(path, &server, &e) == 0 || e.code != ERR_NOT_FOUND)
		return;
	if (!d->fix) {
		doctor_say(d, FOUND_WARN, "leftovers", "`iapeer doctor --fix` deletes it",
			   "nobody listens on %s", path);
		return;
	}
	/* Whoever starts a server holds this lock. */
	if (peer_lock(d->c, id, "doctor", LOCK_MS, &lock, &e) < 0)
		doctor_say(d, FOUND_WARN, "leftovers", "try again", "%s: %s", path, e.msg);
	else if (tmux_server_of(path, &server, &e) == 0 || e.code != ERR_NOT_FOUND)
		return;
	else if (fs_unlink(AT_FDCWD, path, &e) < 0)
		doctor_say(d, FOUND_BAD, "leftovers", NULL, "%s", e.msg);
	else
		doctor_fixed(d, "leftovers", "deleted %s: nobody listened", path);
}

static void unregistered(struct doctor *d, const struct peer_id *id, struct proc_ref server)
{
	char identity[PEER_IDENTITY_MAX + 1];
	bool proven = is_ours(d, server);

	peer_identity(id, identity);
	if (!proven)
		doctor_say(d, FOUND_WARN, "leftovers", "look at it, then end it by hand",
			   "%s (pid %ld) is not registered, and not proven to be of this root",
			   identity, (long)server.pid);
	else if (d->fix)
		end_one(d, id, identity, server.pid);
	else
		doctor_say(d, FOUND_WARN, "leftovers",
			   "`iapeer create` it again, or `iapeer doctor --fix` ends it",
			   "%s lives (pid %ld), but is not registered", identity, (long)server.pid);
}

/* What cannot be understood goes to the trash, and is kept there for a while: what lives without a
 * record is adopted by the next look, and watched again. */
static int put_aside(struct doctor *d, const struct peer_id *id, bool *out_any, struct err *e)
{
	const struct layout *l = &d->c->layout;
	char path[LAYOUT_PATH], aside[LAYOUT_PATH], entry[PEER_IDENTITY_MAX + 64];
	const char *what;

	while ((what = observe_corrupt(l, id)) != NULL) {
		snprintf(entry, sizeof entry, "%s-%s.%s-%lld", id->runtime, id->name, what,
			 (long long)clock_utc_ms());
		layout_state(id, what, path);
		layout_trash(entry, aside);
		if (fs_mkdirs(l->root_fd, LAYOUT_TRASH, e) < 0 ||
		    fs_rename(l->root_fd, path, aside, e) < 0)
			return -1;
		doctor_fixed(d, "state", "put %s aside, as %s", path, aside);
		*out_any = true;
	}
	return 0;
}

/* What ended while its file could not be read is recorded and tidied up by whoever looks next: a
 * keeper does, when it starts or sees the file go. */
static void have_it_looked_at(struct doctor *d, const struct peer_id *id)
{
	struct err e;

	if (keeper_ensure(&d->c->layout, clock_mono_ms() + KEEPER_MS, &e) < 0)
		doctor_say(d, FOUND_WARN, "state", e.hint,
			   "%s-%s has ended, and that is not on record yet: %s", id->runtime,
			   id->name, e.msg);
}

/* One identity that a file or a socket tells of. */
static void look_at(struct doctor *d, const struct peer_id *id)
{
	const struct peer_record *r = registry_find(&d->c->registry, id->name);
	struct observe_in in = {
	    .layout = &d->c->layout, .settings = &d->c->settings, .record = r, .id = *id};
	struct observation *o = xcalloc(1, sizeof *o);
	char path[LAYOUT_PATH];
	bool aside = false;
	struct err e;

	if (services_guard(&d->services, id->name, NULL, &e) < 0) {
		free(o);
		return;
	}
	if ((d->fix && put_aside(d, id, &aside, &e) < 0) || observe(&in, o, &e) < 0)
		doctor_say(d, FOUND_BAD, "state", e.hint, "%s-%s: %s", id->runtime, id->name,
			   e.msg);
	else if (o->snap.session == SESSION_GONE && aside)
		have_it_looked_at(d, id);
	else if (o->snap.session == SESSION_LIVE && !r)
		unregistered(d, id, o->session.server);
	else if (o->snap.session == SESSION_LEFTOVER && !r)
		unregistered(d, id, o->leftover);
	else if (o->snap.session == SESSION_LIVE && !o->snap.declared)
		doctor_say(d, FOUND_WARN, "leftovers",
			   "`iapeer stop` it, or `iapeer set` its runtimes",
			   "%s lives on %s, which it does not declare", id->name, id->runtime);
	else if (o->snap.session == SESSION_LEFTOVER)
		doctor_say(d, FOUND_WARN, "leftovers",
			   "the next message adopts it, `iapeer stop` ends it",
			   "%s has a server (pid %ld) that no record tells of", id->name,
			   (long)o->leftover.pid);
	else if (o->snap.session == SESSION_UNKNOWN)
		doctor_say(d, FOUND_WARN, "state", "kill -CONT it, or look who stopped it",
			   "%s: its server does not answer", id->name);
	else if (o->snap.session == SESSION_ABSENT && o->canary_state == CANARY_NONE &&
		 layout_socket(&d->c->layout, id, path, &e) == 0 && fs_exists(AT_FDCWD, path))
		stale_socket(d, id, path);
	free(o);
}

/* tmux-iap-<identity>.sock */
static bool socket_identity(const char *file, struct peer_id *out)
{
	size_t len = strlen(file), around = strlen(SOCK_PREFIX SOCK_SUFFIX);
	char identity[PEER_IDENTITY_MAX + 1];
	struct err e;

	if (!str_starts(file, SOCK_PREFIX) || !str_ends(file, SOCK_SUFFIX) || len <= around ||
	    len - around >= sizeof identity)
		return false;
	memcpy(identity, file + strlen(SOCK_PREFIX), len - around);
	identity[len - around] = '\0';
	return peer_parse(identity, out, &e) == 0;
}

static void note_identity(struct strv *all, const struct peer_id *id)
{
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(id, identity);
	strv_add(all, identity);
}

/* Everybody whom a record, a socket or (where sockets may have short names) the registry tells of;
 * some twice. */
static void collect(const struct registry *r, const struct fleet *f, struct strv *all)
{
	struct peer_id id;
	const char *what;
	struct err e;

	for (size_t i = 0; i < f->state.v.n; i++)
		if (layout_parse_state(f->state.v.v[i], &id, &what) && strcmp(what, "session") == 0)
			note_identity(all, &id);
	for (size_t i = 0; i < f->socks.v.n; i++)
		if (socket_identity(f->socks.v.v[i], &id))
			note_identity(all, &id);
	for (size_t i = 0; i < r->n && f->socks.v.n; i++)
		for (size_t k = 0; k < r->peers[i].runtimes.n; k++)
			if (peer_make(r->peers[i].runtimes.v[k], r->peers[i].name, &id, &e) == 0)
				note_identity(all, &id);
}

static int finish_removals(const struct layout *l, int64_t wait_ms, struct err *e)
{
	int n;

	return remove_finish(l, wait_ms, &n, e);
}

/* Until that is done a peer is under two names, its folder under none, or half of it is gone. */
static void unfinished(struct doctor *d, const char *folder, const char *what,
		       int (*finish)(const struct layout *l, int64_t wait_ms, struct err *e))
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err e;

	if (fs_list(d->c->layout.root_fd, folder, &names, &e) < 0 || names.n == 0)
		return;
	doctor_names(&b, &names, NAMES_MAX);
	if (!d->fix)
		doctor_say(d, FOUND_BAD, "leftovers",
			   "`iapeer doctor --fix` tries again, and says what is in its way",
			   "a %s is not finished: %s", what, buf_cstr(&b));
	else if (finish(&d->c->layout, LOCK_MS, &e) < 0)
		doctor_say(d, FOUND_BAD, "leftovers", "`iapeer remove` of that peer gives it up",
			   "%s", e.msg);
	else
		doctor_fixed(d, "leftovers", "finished the %s of %s", what, buf_cstr(&b));
}

void doctor_leftovers(struct doctor *d)
{
	AUTO(strv_done) struct strv all = STRV_INIT;
	struct peer_id id;
	AUTO(fleet_done) struct fleet f = {.n_manifests = 0};
	struct err e;

	unfinished(d, LAYOUT_REMOVING, "removal", finish_removals);
	unfinished(d, LAYOUT_MOVING, "move", move_finish);
	/* Who cannot read the registry cannot say who is not in it. */
	if (!d->registry_ok || fleet_scan(&d->c->layout, &f, &e) < 0)
		return;
	collect(&d->c->registry, &f, &all);
	strv_sort(&all);
	for (size_t i = 0; i < all.n; i++)
		if ((i == 0 || strcmp(all.v[i], all.v[i - 1]) != 0) &&
		    peer_parse(all.v[i], &id, &e) == 0)
			look_at(d, &id);
}

/* ---- deaths ---- */

struct tally {
	int64_t since_ms;
	size_t servers, programs;
	struct strv who;
};

static bool count(const char *line, size_t len, void *arg)
{
	char ev[32], ts[CLOCK_ISO_MAX], identity[128], status[16] = "";
	struct tally *t = arg;
	int64_t at;
	bool server;

	if (!logfmt_get(line, len, "ev", ev, sizeof ev) ||
	    !logfmt_get(line, len, "ts", ts, sizeof ts) ||
	    !logfmt_get(line, len, "identity", identity, sizeof identity) ||
	    !clock_parse_iso(ts, &at) || at < t->since_ms)
		return true;
	server = strcmp(ev, "server-exit") == 0;
	if (!server && strcmp(ev, "session-exit") != 0)
		return true;
	/* Who typed `exit` meant it. */
	if (!server && logfmt_get(line, len, "status", status, sizeof status) &&
	    strcmp(status, "0") == 0)
		return true;
	t->servers += server;
	t->programs += !server;
	if (!strv_has(&t->who, identity))
		strv_add(&t->who, identity);
	return true;
}

void doctor_deaths(struct doctor *d)
{
	struct journal j = {
	    .dirfd = d->c->layout.root_fd, .path = LAYOUT_EXITS_LOG, .keep = EXITS_KEEP};
	struct tally t = {.since_ms = clock_utc_ms() - DAY_MS};
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err e;

	if (journal_each(&j, count, &t, &e) < 0)
		doctor_say(d, FOUND_WARN, "deaths", NULL, "%s", e.msg);
	else if (t.servers + t.programs == 0)
		doctor_say(d, FOUND_OK, "deaths", NULL, "none in the last day");
	else {
		doctor_names(&b, &t.who, NAMES_MAX);
		doctor_say(d, FOUND_WARN, "deaths", "iapeer deaths",
			   "in the last day: %zu of a tmux server, %zu of a program (%s)",
			   t.servers, t.programs, buf_cstr(&b));
	}
	strv_done(&t.who);
}

static void no_line(const char *line, size_t len, void *arg)
{
	(void)line;
	(void)len;
	(void)arg;
}

/* Who may not read the kernel's log sees a SIGKILL and nothing else. */
void doctor_memory(struct doctor *d)
{
	bool our_pids = false;
	struct err e;

	if (plat_kernel_log(no_line, NULL, &our_pids, &e) < 0)
		doctor_say(d, FOUND_OK, "memory kills", NULL,
			   "they are recorded as sigkill, for the kernel's log is closed to us "
			   "(%s; where it is Linux, sysctl kernel.dmesg_restrict=0 opens it)",
			   e.msg);
	else if (!our_pids)
		doctor_say(d, FOUND_OK, "memory kills", NULL,
			   "they are recorded as sigkill, for the kernel's log names the pids of "
			   "another namespace than ours");
	else
		doctor_say(d, FOUND_OK, "memory kills", NULL,
			   "they are recorded as oom-kill: the kernel's log can be read");
}
