/* doctor: the registry is a projection of the profiles; where it says something else, the profile
 * is right. */
#include "iapeer/cli/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define NAMES_MAX 5

static bool same_list(const struct strv *a, const struct strv *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strv_has(b, a->v[i]))
			return false;
	return a->n == b->n;
}

/* What the two say differently; nothing is appended when they agree. The profile is complete. */
static void differences(const struct peer_record *r, const struct profile *p, struct strv *out)
{
	if (strcmp(r->default_runtime, p->default_runtime) != 0)
		strv_add(out, "default runtime");
	if (!same_list(&r->runtimes, &p->runtimes))
		strv_add(out, "runtimes");
	if (strcmp(r->description, p->description) != 0)
		strv_add(out, "description");
	if (r->intelligence != p->intelligence)
		strv_add(out, "intelligence");
}

static int project(const struct doctor *d, const struct peer_record *r, const struct profile *p,
		   struct err *e)
{
	struct peer_record wanted = *r; /* lists are borrowed */
	struct registry_change change = {.record = &wanted, .replace = true};
	bool created;

	memcpy(wanted.default_runtime, p->default_runtime, sizeof wanted.default_runtime);
	wanted.runtimes = p->runtimes;
	wanted.description = p->description;
	wanted.intelligence = p->intelligence;
	return registry_upsert(&d->c->layout, &change, &created, e);
}

static bool look_at_folder(struct doctor *d, const struct peer_record *r)
{
	struct fs_info info;
	struct err e;

	if (fs_stat(AT_FDCWD, r->cwd, &info, &e) == 0 && !info.exists) {
		doctor_say(d, FOUND_BAD, r->name, "make it again, or `iapeer remove` the peer",
			   "its folder %s is not there", r->cwd);
		return false;
	}
	return true;
}

static bool look_at_profile(struct doctor *d, const struct peer_record *r)
{
	AUTO(profile_done) struct profile p;
	AUTO(strv_done) struct strv differ = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err e = ERR_INIT;

	profile_init(&p);
	if (!look_at_folder(d, r))
		return false;
	if (profile_load(r->cwd, &p, &e) < 0) {
		doctor_say(d, e.code == ERR_NOT_FOUND ? FOUND_WARN : FOUND_BAD, r->name,
			   e.code == ERR_NOT_FOUND ? "`iapeer create` it once more: nothing is lost"
						   : "put that file right",
			   "%s", e.code == ERR_NOT_FOUND ? "its folder has no profile" : e.msg);
		return false;
	}
	if (p.name[0] && strcmp(p.name, r->name) != 0) {
		doctor_say(d, FOUND_BAD, r->name,
			   "one of the two names is wrong: edit that profile",
			   "the profile in its folder %s is %s's", r->cwd, p.name);
		return false;
	}
	profile_complete(&p, r);
	differences(r, &p, &differ);
	if (differ.n == 0)
		return true;
	doctor_names(&b, &differ, NAMES_MAX);
	if (!d->fix)
		doctor_say(d, FOUND_WARN, r->name,
			   "`iapeer doctor --fix` takes what the profile says",
			   "registry and profile differ: %s", buf_cstr(&b));
	else if (project(d, r, &p, &e) < 0)
		doctor_say(d, FOUND_BAD, r->name, e.hint, "%s", e.msg);
	else
		doctor_fixed(d, r->name, "the registry says what the profile says: %s",
			     buf_cstr(&b));
	return d->fix;
}

/* ---- a registry that is gone ---- */

/* The peer that a folder below <root>/peers tells of. */
static bool profile_in(const struct doctor *d, const char *name, struct profile *p,
		       char folder[static LAYOUT_PATH])
{
	struct err e;

	profile_init(p);
	if (!peer_name_valid(name))
		return false;
	layout_peer_home(&d->c->layout, name, folder);
	if (profile_load(folder, p, &e) < 0)
		return false;
	return peer_name_valid(p->name) && p->runtimes.n > 0;
}

static void enter(struct doctor *d, const struct profile *p, const char *folder)
{
	struct peer_record r = {.intelligence = p->intelligence, .telegram = p->telegram};
	struct registry_change change = {.record = &r};
	bool created;
	struct err e;

	memcpy(r.name, p->name, sizeof r.name);
	memcpy(r.default_runtime, p->default_runtime, sizeof r.default_runtime);
	r.description = p->description;
	r.cwd = folder;
	r.runtimes = p->runtimes; /* borrowed */
	if (registry_upsert(&d->c->layout, &change, &created, &e) < 0)
		doctor_say(d, FOUND_BAD, p->name, e.hint, "%s", e.msg);
	else
		doctor_fixed(d, p->name, "registered again, by its profile in %s", folder);
}

/* Folders of removed peers are kept, so this is done only where there is no registry at all. */
static void lost_registry(struct doctor *d)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	AUTO(strv_done) struct strv found = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err e = ERR_INIT;

	if (fs_exists(d->c->layout.root_fd, LAYOUT_REGISTRY) ||
	    fs_list(d->c->layout.root_fd, "peers", &names, &e) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		AUTO(profile_done) struct profile p;
		char folder[LAYOUT_PATH];

		if (!profile_in(d, names.v[i], &p, folder))
			continue;
		strv_add(&found, p.name);
		if (d->fix)
			enter(d, &p, folder);
	}
	if (found.n == 0 || d->fix)
		return;
	doctor_names(&b, &found, NAMES_MAX);
	registry_restore_hint(&d->c->layout, &e);
	doctor_say(d, FOUND_BAD, "registry",
		   e.hint[0] ? e.hint : "`iapeer doctor --fix` registers them again",
		   "it is gone, but there are profiles: %s", buf_cstr(&b));
}

void doctor_drift(struct doctor *d)
{
	const struct registry *r = &d->c->registry;
	size_t fine = 0;

	if (!d->registry_ok)
		return;
	for (size_t i = 0; i < r->n; i++)
		fine += look_at_profile(d, &r->peers[i]);
	if (r->n && fine == r->n)
		doctor_say(d, FOUND_OK, "profiles", NULL, "%zu, as the registry says", r->n);
	lost_registry(d);
}
