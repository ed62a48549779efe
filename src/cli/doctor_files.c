/* doctor: the files of the root: whose they are, who may read them, what is left over. */
#include "iapeer/cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/fs_path.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/binary_link.h"

#include "iapeer/base/banned.h"

#define DEPTH     4
#define NAMES_MAX 5
#define PATH_ROOM 1024

/* ---- walking ---- */

typedef void visit_fn(const char *path, const struct fs_info *info, void *arg);

/* Everything below a folder of the root, the folder too; links are shown, never followed. */
static void walk(int dirfd, const char *path, unsigned depth, visit_fn *visit, void *arg)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct fs_info info;
	struct err e;

	if (fs_stat(dirfd, path, &info, &e) < 0 || !info.exists)
		return;
	visit(path, &info, arg);
	if (!info.is_dir || depth == 0 || fs_list(dirfd, path, &names, &e) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		char below[PATH_ROOM];
		int n = snprintf(below, sizeof below, "%s/%s", path, names.v[i]);

		if (n > 0 && (size_t)n < sizeof below)
			walk(dirfd, below, depth - 1, visit, arg);
	}
}

/* ---- owners and modes ---- */

struct modes {
	int root_fd;
	bool fix;
	size_t seen;
	struct strv wide, narrowed, foreign, links, failed;
};

static void modes_done(struct modes *m)
{
	strv_done(&m->wide);
	strv_done(&m->narrowed);
	strv_done(&m->foreign);
	strv_done(&m->links);
	strv_done(&m->failed);
}

/* Nobody but us can swap it meanwhile: the folders above it are ours alone. */
static bool narrow(const struct modes *m, const char *path, mode_t mode)
{
	AUTO(fs_place_done) struct fs_place at = FS_PLACE_INIT;
	struct err e;

	return fs_place(m->root_fd, path, &at, &e) == 0 &&
	       fchmodat(at.fd, at.name, mode & 0700, 0) == 0;
}

static void visit_mode(const char *path, const struct fs_info *info, void *arg)
{
	struct modes *m = arg;

	m->seen++;
	if (info->is_link) {
		strv_add(&m->links, path);
		return;
	}
	if (info->uid != geteuid()) {
		strv_fmt(&m->foreign, "%s (uid %lu)", path, (unsigned long)info->uid);
		return;
	}
	if (!(info->mode & 077))
		return;
	if (!m->fix)
		strv_fmt(&m->wide, "%s (%03o)", path, (unsigned)info->mode & 0777);
	else if (narrow(m, path, info->mode))
		strv_fmt(&m->narrowed, "%s", path);
	else
		strv_fmt(&m->failed, "%s (%s)", path, strerror(errno));
}

static void say_names(struct doctor *d, enum finding f, const char *advice, const char *what,
		      const struct strv *names)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	if (names->n == 0)
		return;
	doctor_names(&b, names, NAMES_MAX);
	doctor_say(d, f, "permissions", advice, "%s: %s", what, buf_cstr(&b));
}

void doctor_modes(struct doctor *d)
{
	static const char *const trees[] = {"state", "logs", "runtimes", "fragments", LAYOUT_SOCKS};
	static const char *const files[] = {
	    LAYOUT_REGISTRY, LAYOUT_REGISTRY_BAK, LAYOUT_REGISTRY_LOCK, LAYOUT_ENVIRONMENT,
	    LAYOUT_CONFIG,   LAYOUT_TMUX_CONF,    "IAPEER.md",          "bin",
	    "peers"};
	AUTO(modes_done) struct modes m = {.root_fd = d->c->layout.root_fd, .fix = d->fix};
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		walk(m.root_fd, files[i], 0, visit_mode, &m);
	for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++)
		walk(m.root_fd, trees[i], DEPTH, visit_mode, &m);
	say_names(d, FOUND_WARN, "`iapeer doctor --fix` narrows them", "open to others", &m.wide);
	say_names(d, FOUND_BAD, "chmod go= them", "open to others, and could not be narrowed",
		  &m.failed);
	say_names(d, FOUND_BAD, "chown them back, or move them away", "not ours", &m.foreign);
	say_names(d, FOUND_BAD, "put the file itself there: no link below the root is followed",
		  "links", &m.links);
	if (m.narrowed.n) {
		doctor_names(&b, &m.narrowed, NAMES_MAX);
		doctor_fixed(d, "permissions", "narrowed: %s", buf_cstr(&b));
	}
	if (m.wide.n + m.failed.n + m.foreign.n + m.links.n == 0)
		doctor_say(d, FOUND_OK, "permissions", NULL, "%zu files and folders are ours alone",
			   m.seen);
}

/* ---- <root>/bin/iapeer ---- */

void doctor_binary(struct doctor *d)
{
	static const char advice[] = "`iapeer doctor --fix` makes it lead to this program";
	char target[LAYOUT_PATH], self[LAYOUT_PATH] = "?";
	enum binary_link state;
	struct err e;

	if (plat_self_exe(self, sizeof self, &e) < 0 ||
	    binary_link_look(&d->c->layout, &state, target, &e) < 0) {
		doctor_say(d, FOUND_BAD, LAYOUT_BINARY, NULL, "%s", e.msg);
		return;
	}
	if (state == LINK_FINE) {
		doctor_say(d, FOUND_OK, LAYOUT_BINARY, NULL, "leads to %s", target);
		return;
	}
	if (d->fix && state != LINK_NO_LINK) {
		if (binary_link_set(&d->c->layout, &e) == 0)
			doctor_fixed(d, LAYOUT_BINARY, "leads to %s", self);
		else
			doctor_say(d, FOUND_BAD, LAYOUT_BINARY, NULL, "%s", e.msg);
		return;
	}
	if (state == LINK_OTHER)
		doctor_say(d, FOUND_WARN, LAYOUT_BINARY, advice, "leads to %s, this is %s", target,
			   self);
	else if (state == LINK_DANGLING)
		doctor_say(d, FOUND_BAD, LAYOUT_BINARY, advice, "leads to %s, which cannot be run",
			   target);
	else if (state == LINK_NO_LINK)
		doctor_say(d, FOUND_WARN, LAYOUT_BINARY,
			   "put a link there: an update would miss it", "is no link");
	else
		doctor_say(d, d->c->registry.n ? FOUND_BAD : FOUND_WARN, LAYOUT_BINARY, advice,
			   "is not there: hooks and pane logs of live peers need it");
}

/* ---- sockets ---- */

struct sockets {
	size_t n, bad, longest, hashed;
};

static void measure(struct doctor *d, const struct peer_id *id, struct sockets *s)
{
	char path[LAYOUT_PATH];
	struct err e;

	s->n++;
	if (layout_socket(&d->c->layout, id, path, &e) < 0) {
		if (s->bad++ == 0)
			doctor_say(d, FOUND_BAD, "sockets", NULL, "%s", e.msg);
		return;
	}
	s->longest = strlen(path) > s->longest ? strlen(path) : s->longest;
	s->hashed += strstr(path, id->name) == NULL;
}

static void measure_all(struct doctor *d, struct sockets *s)
{
	const struct registry *r = &d->c->registry;
	struct peer_id id;
	struct err e;

	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->peers[i].runtimes.n; k++)
			if (peer_make(r->peers[i].runtimes.v[k], r->peers[i].name, &id, &e) == 0)
				measure(d, &id, s);
}

void doctor_sockets(struct doctor *d)
{
	struct sockets s = {.n = 0};
	char path[LAYOUT_PATH];
	struct err e;

	measure_all(d, &s);
	if (layout_control_socket(&d->c->layout, path, &e) < 0) {
		doctor_say(d, FOUND_BAD, "sockets", NULL, "%s", e.msg);
		s.bad++;
	}
	if (s.bad == 0)
		doctor_say(d, FOUND_OK, "sockets", NULL,
			   "%zu in %s, the longest path has %zu of %zu bytes%s", s.n,
			   d->c->layout.socks, s.longest, plat_socket_max(),
			   s.hashed ? "; some have a short name" : "");
	else if (s.bad > 1)
		doctor_say(d, FOUND_BAD, "sockets", "set IAPEER_SOCK_DIR to a short folder",
			   "%zu of them do not fit", s.bad);
}

/* ---- litter ---- */

struct litter {
	int dirfd;
	bool fix;
	int64_t now_ms;
	struct strv temps, deleted, bad;
};

static void litter_done(struct litter *l)
{
	strv_done(&l->temps);
	strv_done(&l->deleted);
	strv_done(&l->bad);
}

static void visit_litter(const char *path, const struct fs_info *info, void *arg)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct litter *l = arg;
	struct err e;

	if (info->is_dir)
		return;
	if (str_ends(name, ".bad") && strstr(path, ".queue/"))
		strv_add(&l->bad, path);
	/* What is younger may be at work. */
	if (!fs_is_temp(name) || info->mtime_ms > l->now_ms - FS_TEMP_OLD_MS)
		return;
	if (l->fix && fs_unlink(l->dirfd, path, &e) == 0)
		strv_add(&l->deleted, path);
	else
		strv_add(&l->temps, path);
}

/* By absolute paths: the root itself, and the folders of peers, which are their owners'; ours in
 * them is .iapeer alone. */
static void walk_absolute(const struct doctor *d, struct litter *l)
{
	int root_fd = l->dirfd;

	l->dirfd = AT_FDCWD;
	walk(AT_FDCWD, d->c->layout.root, 1, visit_litter, l);
	for (size_t i = 0; i < d->c->registry.n; i++) {
		char path[PATH_ROOM];

		snprintf(path, sizeof path, "%s/" LAYOUT_PEER_FOLDER, d->c->registry.peers[i].cwd);
		walk(AT_FDCWD, path, 3, visit_litter, l);
	}
	l->dirfd = root_fd;
}

void doctor_litter(struct doctor *d)
{
	AUTO(litter_done)
	struct litter l = {.dirfd = d->c->layout.root_fd, .fix = d->fix, .now_ms = clock_utc_ms()};
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	walk(l.dirfd, "state", DEPTH, visit_litter, &l);
	walk(l.dirfd, "logs", DEPTH, visit_litter, &l);
	walk(l.dirfd, "bin", 1, visit_litter, &l);
	walk_absolute(d, &l);
	if (l.deleted.n) {
		doctor_names(&b, &l.deleted, NAMES_MAX);
		doctor_fixed(d, "leftovers", "deleted: %s", buf_cstr(&b));
	}
	buf_cut(&b, 0);
	doctor_names(&b, &l.temps, NAMES_MAX);
	if (l.temps.n)
		doctor_say(d, FOUND_WARN, "leftovers", "`iapeer doctor --fix` deletes them",
			   "files that a killed process did not finish: %s", buf_cstr(&b));
	buf_cut(&b, 0);
	doctor_names(&b, &l.bad, NAMES_MAX);
	if (l.bad.n)
		doctor_say(d, FOUND_WARN, "queues",
			   "read what can be read of them, then delete them",
			   "%zu message%s that could not be read %s put aside: %s", l.bad.n,
			   l.bad.n == 1 ? "" : "s", l.bad.n == 1 ? "was" : "were", buf_cstr(&b));
}
