#include "iapeer/lifecycle/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/lifecycle/apply.h"
#include "iapeer/lifecycle/identities.h"
#include "iapeer/lifecycle/move_intent.h"
#include "iapeer/lifecycle/remove.h"

#include "iapeer/base/banned.h"

#define LOCK_MS 10000

static int write_intent(const struct layout *l, const struct peer_move *m,
			const struct strv *identities, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_PROFILE + CAP_STATE);
	AUTO(buf_done) struct buf profile = BUF_INIT(CAP_PROFILE);
	auto_json struct json *j = json_object();
	struct json *tree = NULL;
	char path[LAYOUT_PATH];

	profile_print(m->profile, &profile);
	if (buf_check(&profile, "the profile", e) < 0 ||
	    json_parse(buf_cstr(&profile), profile.len, "the profile", &tree, e) < 0)
		return -1;
	json_set_i64(j, "format", 1);
	json_set_str(j, "from", m->record->name);
	json_set_str(j, "to", m->name);
	json_set_str(j, "folderFrom", m->record->cwd);
	json_set_str(j, "folderTo", m->folder);
	json_set_strv(j, "identities", identities);
	json_set(j, "profile", tree);
	json_print(j, true, &b);
	layout_moving(m->record->name, path);
	if (buf_check(&b, path, e) < 0 || fs_mkdirs(l->root_fd, LAYOUT_MOVING, e) < 0)
		return -1;
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

/* ---- the steps ---- */

static void below(const char *folder, const char *rel, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", folder, rel);
}

/* .iapeer goes to the new folder, unless its owner has taken it there himself. */
static int move_folder(const struct move_plan *p, struct err *e)
{
	char from[LAYOUT_PATH + 32], to[LAYOUT_PATH + 32];

	if (strcmp(p->folder_from, p->folder_to) == 0)
		return 0;
	below(p->folder_from, LAYOUT_PEER_FOLDER, from, sizeof from);
	below(p->folder_to, LAYOUT_PEER_FOLDER, to, sizeof to);
	if (fs_exists(AT_FDCWD, to) || !fs_exists(AT_FDCWD, from))
		return 0;
	return fs_rename(AT_FDCWD, from, to, e);
}

static int join_folders(const struct layout *l, const char *old, const char *new, struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	char from[LAYOUT_PATH * 3], to[LAYOUT_PATH * 3];

	if (fs_list(l->root_fd, old, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		snprintf(from, sizeof from, "%s/%.255s", old, files.v[i]);
		snprintf(to, sizeof to, "%s/%.255s", new, files.v[i]);
		if (fs_rename(l->root_fd, from, to, e) < 0)
			return -1;
	}
	return fs_remove_tree(l->root_fd, old, e);
}

/* A folder may be under both names: a crash cut the move short, and until it is finished messages
 * are accepted under the old name. */
static int move_file(const struct layout *l, const char *dir, const char *file,
		     const struct peer_id *to, struct err *e)
{
	char old[LAYOUT_PATH * 2], new[LAYOUT_PATH * 2], identity[PEER_IDENTITY_MAX + 1];
	struct peer_id from;
	const char *what;

	if (!layout_parse_state(file, &from, &what))
		return 0;
	peer_identity(to, identity);
	snprintf(old, sizeof old, "%s/%.255s", dir, file);
	snprintf(new, sizeof new, "%s/%s.%.200s", dir, identity, what);
	if (fs_rename(l->root_fd, old, new, e) == 0)
		return 0;
	if (e->sys != ENOTEMPTY && e->sys != EEXIST)
		return -1;
	return strcmp(what, "queue") == 0 ? queue_join(l, &from, to, e)
					  : join_folders(l, old, new, e);
}

/* <runtime>-<from>.<what> becomes <runtime>-<to>.<what>, in state and among the panes' logs. */
static int move_files(const struct layout *l, const struct move_plan *p, const char *dir,
		      struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	struct peer_id id, new;
	const char *what;

	if (fs_list(l->root_fd, dir, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		if (!layout_parse_state(files.v[i], &id, &what) || strcmp(id.name, p->from) != 0)
			continue;
		if (peer_make(id.runtime, p->to, &new, e) < 0 ||
		    move_file(l, dir, files.v[i], &new, e) < 0)
			return -1;
	}
	return 0;
}

static int change_registry(const struct layout *l, const struct move_plan *p, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct peer_record now = {.intelligence = p->profile.intelligence,
				  .telegram = p->profile.telegram};
	struct registry_change change = {.record = &now, .set_default = true, .replace = true};
	bool created;

	if (registry_load(l, &r, e) < 0)
		return -1;
	if (registry_find(&r, p->from))
		change.rename_from = p->from;
	str_cut(now.name, sizeof now.name, p->to);
	now.cwd = p->folder_to;
	str_cut(now.default_runtime, sizeof now.default_runtime, p->profile.default_runtime);
	now.description = p->profile.description;
	now.runtimes = p->profile.runtimes; /* borrowed */
	return registry_upsert(l, &change, &created, e);
}

static int carry_out(const struct layout *l, struct move_plan *p, struct err *e)
{
	AUTO(peer_locks_done) struct peer_locks accepting = {.n = 0};
	bool renamed = strcmp(p->from, p->to) != 0;
	char path[LAYOUT_PATH];

	/* Nobody accepts a message under a name while it changes. */
	if (queue_locks_take(l, &p->identities, "move", clock_mono_ms() + LOCK_MS, &accepting, e) <
	    0)
		return -1;
	if (move_folder(p, e) < 0 || profile_save(p->folder_to, &p->profile, e) < 0)
		return -1;
	if (renamed && (move_files(l, p, LAYOUT_LIFECYCLE, e) < 0 ||
			move_files(l, p, LAYOUT_PANE_LOGS, e) < 0))
		return -1;
	if (change_registry(l, p, e) < 0)
		return -1;
	layout_moving(p->from, path);
	return fs_unlink(l->root_fd, path, e);
}

/* ---- may it be moved ---- */

static int rest_one(const struct layout *l, const struct settings *s, const struct registry *r,
		    const struct peer_id *id, struct err *e)
{
	struct observe_in look = {
	    .layout = l, .settings = s, .record = registry_find(r, id->name), .id = *id};
	/* What has ended and was not put in order is, as before a removal. Nothing of it runs. */
	struct apply_in in = {.layout = l,
			      .settings = s,
			      .registry = r,
			      .id = *id,
			      .trigger = TRIG_REMOVE,
			      .lock_deadline_ms = clock_mono_ms() + LOCK_MS};
	struct apply_outcome out;
	struct observation o;

	if (observe(&look, &o, e) < 0)
		return -1;
	if (observed_runs(&o)) {
		err_set(e, ERR_REFUSED, 0, "%s is live on %s", id->name, id->runtime);
		return err_hint(e, "iapeer stop %s", id->name);
	}
	return o.has_session || o.canary_state != CANARY_NONE ? apply_peer(&in, &out, e) : 0;
}

static int rest_all(const struct layout *l, const struct settings *s, const struct registry *r,
		    const struct strv *identities, struct err *e)
{
	for (size_t i = 0; i < identities->n; i++) {
		struct peer_id id;

		if (peer_parse(identities->v[i], &id, e) < 0 || rest_one(l, s, r, &id, e) < 0)
			return -1;
	}
	return 0;
}

/* Woken between our look and our lock? */
static int rests(const struct layout *l, const struct settings *s, const struct strv *identities,
		 struct err *e)
{
	for (size_t i = 0; i < identities->n; i++) {
		struct observe_in look = {.layout = l, .settings = s};
		struct observation o;

		if (peer_parse(identities->v[i], &look.id, e) < 0 || observe(&look, &o, e) < 0)
			return -1;
		if (observed_runs(&o) || o.has_session || o.canary_state != CANARY_NONE)
			return err_set(e, ERR_REFUSED, 0, "%s is live", look.id.name);
	}
	return 0;
}

static int check_names(const struct registry *r, const struct peer_move *m, struct err *e)
{
	const char *old = m->record->name;

	if (!registry_find(r, old))
		return err_set(e, ERR_NOT_FOUND, 0, "no such peer: %.40s", old);
	if (strcmp(old, m->name) != 0 && registry_find(r, m->name))
		return err_set(e, ERR_REFUSED, 0, "there is a peer %s already", m->name);
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->peers[i].name, old) != 0 && strcmp(r->peers[i].cwd, m->folder) == 0)
			return err_set(e, ERR_REFUSED, 0, "one name a folder: %s is %s already",
				       m->folder, r->peers[i].name);
	return 0;
}

/* Somebody's .iapeer in the new folder: the peer's own, taken there, or a stranger's. */
static int check_folder(const struct peer_move *m, struct err *e)
{
	AUTO(profile_done) struct profile there = {.tree = NULL};
	char path[LAYOUT_PATH + 32];

	if (strcmp(m->record->cwd, m->folder) == 0)
		return 0;
	below(m->folder, LAYOUT_PEER_FOLDER, path, sizeof path);
	if (!fs_exists(AT_FDCWD, path))
		return 0;
	if (profile_load(m->folder, &there, e) < 0)
		return err_wrap(e, "%s is there already", path);
	if (strcmp(there.name, m->record->name) == 0)
		return 0;
	return err_set(e, ERR_REFUSED, 0, "%s is of %s", path, there.name);
}

/* The identities of both names; a runtime of one is one of the other. */
static int both(const struct layout *l, const struct peer_move *m, struct strv *out, struct err *e)
{
	AUTO(strv_done) struct strv old = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1];
	struct peer_id id;

	if (identities_of(l, m->record, m->record->name, &old, e) < 0)
		return -1;
	for (size_t i = 0; i < old.n; i++) {
		strv_add(out, old.v[i]);
		if (peer_parse(old.v[i], &id, e) < 0 || peer_make(id.runtime, m->name, &id, e) < 0)
			return -1;
		peer_identity(&id, identity);
		if (!strv_has(out, identity))
			strv_add(out, identity);
	}
	strv_sort(out);
	return 0;
}

int move_peer(const struct layout *l, const struct settings *s, const struct peer_move *m,
	      struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(strv_done) struct strv identities = STRV_INIT;
	AUTO(peer_locks_done) struct peer_locks locks = {.n = 0};
	AUTO(move_plan_done) struct move_plan plan = {.profile.tree = NULL};
	int trashed;

	/* A damaged intent is about its own peer alone. */
	if ((move_finish(l, LOCK_MS, e) < 0 && e->code != ERR_CORRUPT) ||
	    move_intent_none(l, m->record->name, e) < 0 || move_intent_none(l, m->name, e) < 0 ||
	    registry_load(l, &r, e) < 0 || check_names(&r, m, e) < 0 || check_folder(m, e) < 0)
		return -1;
	/* What an earlier owner of the new name left is not inherited. */
	if (strcmp(m->record->name, m->name) != 0 && trash_name(l, m->name, &trashed, e) < 0)
		return -1;
	if (both(l, m, &identities, e) < 0 || rest_all(l, s, &r, &identities, e) < 0 ||
	    peer_locks_take(l, &identities, "move", clock_mono_ms() + LOCK_MS, &locks, e) < 0 ||
	    rests(l, s, &identities, e) < 0)
		return -1;
	if (write_intent(l, m, &identities, e) < 0 ||
	    move_intent_read(l, m->record->name, &plan, e) < 0)
		return -1;
	return carry_out(l, &plan, e);
}

/* ---- what was cut short ---- */

static int finish_one(const struct layout *l, const char *name, int64_t wait_ms, struct err *e)
{
	AUTO(move_plan_done) struct move_plan plan = {.profile.tree = NULL};
	AUTO(peer_locks_done) struct peer_locks locks = {.n = 0};
	char path[LAYOUT_PATH];

	if (move_intent_read(l, name, &plan, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	/* Whoever moves holds these locks while the intent is there. */
	if (peer_locks_take(l, &plan.identities, "finish a move", clock_mono_ms() + wait_ms, &locks,
			    e) < 0)
		return -1;
	layout_moving(name, path);
	return fs_exists(l->root_fd, path) ? carry_out(l, &plan, e) : 0;
}

int move_finish(const struct layout *l, int64_t wait_ms, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct err why = ERR_INIT;
	int rc = 0;

	if (fs_list(l->root_fd, LAYOUT_MOVING, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!peer_name_valid(names.v[i]) || finish_one(l, names.v[i], wait_ms, &why) == 0)
			continue;
		*e = why;
		rc = err_wrap(e, "finish the move of %s", names.v[i]);
		if (e->code != ERR_CORRUPT)
			return rc;
	}
	return rc;
}

void move_catch_up(const struct layout *l)
{
	struct err e = ERR_INIT;
	int removed;

	if (remove_finish(l, LOCK_MS, &removed, &e) < 0 || move_finish(l, LOCK_MS, &e) < 0)
		log_warn("move", "%s", e.msg);
}
