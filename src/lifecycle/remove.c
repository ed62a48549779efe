#include "iapeer/lifecycle/remove.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/json.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/launch/launch.h"
#include "iapeer/lifecycle/apply.h"
#include "iapeer/lifecycle/identities.h"
#include "iapeer/lifecycle/move_intent.h"

#include "iapeer/base/banned.h"

#define LOCK_MS 10000

void removal_done(struct removal *r)
{
	strv_done(&r->purged);
	strv_done(&r->left);
}

/* One removal: whose, and what is known. */
struct job {
	const struct layout *l;
	const struct settings *s;
	const struct registry *r;
	const char *name;
	const struct strv *identities;
};

static int look(const struct job *job, const char *identity, struct observation *out, struct err *e)
{
	struct observe_in in = {
	    .layout = job->l, .settings = job->s, .record = registry_find(job->r, job->name)};

	if (peer_parse(identity, &in.id, e) < 0)
		return -1;
	return observe(&in, out, e);
}

/* ---- purge ---- */

static void purge_one(const struct layout *l, const char *file, struct removal *out)
{
	char path[LAYOUT_PATH * 2];
	struct err e;

	snprintf(path, sizeof path, "%s/%.255s", LAYOUT_LIFECYCLE, file);
	if (fs_remove_tree(l->root_fd, path, &e) == 0)
		strv_add(&out->purged, file);
	else
		strv_fmt(&out->left, "%s: %s", file, e.msg);
}

static int purge(const struct layout *l, const struct strv *identities, struct removal *out,
		 struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1];
	struct peer_id id;
	const char *what;

	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		if (!layout_parse_state(files.v[i], &id, &what))
			continue;
		peer_identity(&id, identity);
		if (strv_has(identities, identity))
			purge_one(l, files.v[i], out);
	}
	return 0;
}

/* ---- the intent ---- */

static int write_intent(const struct layout *l, const char *name, const struct strv *identities,
			struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	auto_json struct json *j = json_object();
	char path[LAYOUT_PATH];

	if (fs_mkdirs(l->root_fd, LAYOUT_REMOVING, e) < 0)
		return -1;
	json_set_i64(j, "format", 1);
	json_set_str(j, "personality", name);
	json_set_strv(j, "identities", identities);
	json_print(j, true, &b);
	layout_removing(name, path);
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

static int drop_intent(const struct layout *l, const char *name, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_removing(name, path);
	return fs_unlink(l->root_fd, path, e);
}

/* What has begun with that peer is over, its moves too. */
static int drop_intents(const struct layout *l, const char *name, struct err *e)
{
	return move_intent_forget(l, name, e) < 0 ? -1 : drop_intent(l, name, e);
}

/* Record, files, intent, in this order: whatever is left of it is finished by whoever finds the
 * intent. */
static int carry_out(const struct layout *l, const char *name, const struct strv *identities,
		     struct removal *out, struct err *e)
{
	AUTO(peer_locks_done) struct peer_locks accepting = {.n = 0};
	bool dropped;

	/* Nobody accepts a message for it meanwhile. */
	if (queue_locks_take(l, identities, "remove", clock_mono_ms() + LOCK_MS, &accepting, e) < 0)
		return -1;
	if (registry_drop(l, name, &dropped, e) < 0 || purge(l, identities, out, e) < 0)
		return -1;
	return drop_intents(l, name, e);
}

/* ---- remove ---- */

static int end_one(const struct job *job, const char *identity, struct err *e)
{
	struct apply_in in = {.layout = job->l,
			      .settings = job->s,
			      .registry = job->r,
			      .trigger = TRIG_REMOVE,
			      .lock_deadline_ms = clock_mono_ms() + LOCK_MS};
	struct apply_outcome out;

	if (peer_parse(identity, &in.id, e) < 0)
		return -1;
	return apply_peer(&in, &out, e);
}

static int refuse_live(const char *name, struct err *e)
{
	err_set(e, ERR_REFUSED, 0, "%s is live", name);
	return err_hint(e, "`iapeer remove --force %s` ends it first", name);
}

/* Live ones are refused or ended; dead ones are put in order, so that a death is on record before
 * its traces go. */
static int end_all(const struct job *job, bool force, struct err *e)
{
	for (size_t i = 0; i < job->identities->n; i++) {
		struct observation o;

		if (look(job, job->identities->v[i], &o, e) < 0)
			return -1;
		if (observed_runs(&o) && !force)
			return refuse_live(job->name, e);
		if (o.has_session || o.canary_state != CANARY_NONE || observed_runs(&o))
			if (end_one(job, job->identities->v[i], e) < 0)
				return -1;
	}
	return 0;
}

static int remove_known(const struct job *job, struct removal *out, struct err *e)
{
	AUTO(peer_locks_done) struct peer_locks locks = {.n = 0};

	if (peer_locks_take(job->l, job->identities, "remove", clock_mono_ms() + LOCK_MS, &locks,
			    e) < 0)
		return -1;
	for (size_t i = 0; i < job->identities->n; i++) {
		struct observation o;
		struct peer_id id;

		/* Somebody may have woken it while we waited for the lock. */
		if (look(job, job->identities->v[i], &o, e) < 0 ||
		    peer_parse(job->identities->v[i], &id, e) < 0)
			return -1;
		if (observed_runs(&o))
			return refuse_live(job->name, e);
		out->undelivered += (int)queue_depth(job->l, &id);
	}
	if (write_intent(job->l, job->name, job->identities, e) < 0)
		return -1;
	return carry_out(job->l, job->name, job->identities, out, e);
}

/* A damaged intent of another peer is not in the way of this one; its own is replaced. */
static int finish_others(const struct layout *l, struct err *e)
{
	int finished;

	return remove_finish(l, LOCK_MS, &finished, e) < 0 && e->code != ERR_CORRUPT ? -1 : 0;
}

int remove_peer(const struct layout *l, const struct settings *s, const char *name, bool force,
		struct removal *out, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(strv_done) struct strv identities = STRV_INIT;
	struct job job = {.l = l, .s = s, .r = &r, .name = name, .identities = &identities};
	const struct peer_record *p;

	*out = (struct removal){.absent = false};
	if (finish_others(l, e) < 0 || registry_load(l, &r, e) < 0)
		return -1;
	p = registry_find(&r, name);
	if (identities_of(l, p, name, &identities, e) < 0)
		return -1;
	out->absent = p == NULL;
	if (p)
		str_cut(out->cwd, sizeof out->cwd, p->cwd);
	if (!p && identities.n == 0)
		return peer_name_valid(name) ? drop_intents(l, name, e) : 0;
	if (end_all(&job, force, e) < 0)
		return -1;
	return remove_known(&job, out, e);
}

/* ---- unfinished removals, and what vanished by other hands ---- */

static int finish_one(const struct layout *l, const char *name, int64_t wait_ms, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	AUTO(strv_done) struct strv identities = STRV_INIT;
	AUTO(removal_done) struct removal done = {.absent = false};
	AUTO(peer_locks_done) struct peer_locks locks = {.n = 0};
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];

	layout_removing(name, path);
	if (fs_read(l->root_fd, path, &b, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	if (json_parse(buf_cstr(&b), b.len, path, &j, e) < 0 ||
	    json_opt_strv(j, path, "identities", &identities, e) < 0)
		return -1;
	/* Whoever removes holds these locks while the intent is there: if they are free, nobody
	 * does any more. */
	if (peer_locks_take(l, &identities, "finish a removal", clock_mono_ms() + wait_ms, &locks,
			    e) < 0)
		return -1;
	if (!fs_exists(l->root_fd, path))
		return 0;
	return carry_out(l, name, &identities, &done, e);
}

int remove_finish(const struct layout *l, int64_t wait_ms, int *out_n, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct err why = ERR_INIT;
	int rc = 0;

	*out_n = 0;
	if (fs_list(l->root_fd, LAYOUT_REMOVING, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!peer_name_valid(names.v[i]))
			continue;
		if (finish_one(l, names.v[i], wait_ms, &why) == 0) {
			++*out_n;
			continue;
		}
		*e = why;
		rc = err_wrap(e, "finish the removal of %s", names.v[i]);
		if (e->code != ERR_CORRUPT)
			return rc;
	}
	return rc;
}

static int trash_files(const struct layout *l, const struct strv *identities, const char *dir,
		       int *out_n, struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1], from[LAYOUT_PATH * 2], to[LAYOUT_PATH * 2];
	struct peer_id id;
	const char *what;

	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		if (!layout_parse_state(files.v[i], &id, &what))
			continue;
		peer_identity(&id, identity);
		if (!strv_has(identities, identity))
			continue;
		snprintf(from, sizeof from, "%s/%.255s", LAYOUT_LIFECYCLE, files.v[i]);
		snprintf(to, sizeof to, "%s/%.255s", dir, files.v[i]);
		if (fs_mkdirs(l->root_fd, dir, e) < 0 || fs_rename(l->root_fd, from, to, e) < 0)
			return -1;
		++*out_n;
	}
	return 0;
}

int trash_name(const struct layout *l, const char *name, int *out_n, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(strv_done) struct strv identities = STRV_INIT;
	AUTO(peer_locks_done) struct peer_locks locks = {.n = 0};
	struct settings s;
	struct job job = {.l = l, .s = &s, .r = &r, .name = name, .identities = &identities};
	char dir[LAYOUT_PATH];

	*out_n = 0;
	if (finish_others(l, e) < 0 || settings_load(l, &s, e) < 0 || registry_load(l, &r, e) < 0 ||
	    identities_of(l, NULL, name, &identities, e) < 0)
		return -1;
	if (registry_find(&r, name))
		return 0;
	if (drop_intent(l, name, e) < 0) /* a damaged one of the earlier owner's */
		return -1;
	if (identities.n == 0)
		return 0;
	/* A session of the earlier owner would be taken for the new one's. */
	if (end_all(&job, true, e) < 0 ||
	    peer_locks_take(l, &identities, "create", clock_mono_ms() + LOCK_MS, &locks, e) < 0)
		return -1;
	snprintf(dir, sizeof dir, "%s/%s-%lld", LAYOUT_TRASH, name, (long long)clock_utc_ms());
	return trash_files(l, &identities, dir, out_n, e);
}

int trash_registry(const struct layout *l, struct registry *out, struct err *e)
{
	if (!fs_exists(l->root_fd, LAYOUT_REGISTRY))
		return err_set(e, ERR_NOT_FOUND, 0, "there is no registry");
	if (registry_load(l, out, e) < 0)
		return -1;
	if (!out->newer)
		return 0;
	registry_done(out);
	return err_set(e, ERR_REFUSED, 0, "the registry was written by a newer iapeer");
}

static int not_now(const struct job *job, const char *identity, struct err *e)
{
	struct observation o;
	char path[LAYOUT_PATH];

	layout_removing(job->name, path);
	if (fs_exists(job->l->root_fd, path))
		return err_set(e, ERR_TIMEOUT, 0, "its removal has begun");
	if (look(job, identity, &o, e) < 0)
		return -1;
	if (observed_runs(&o))
		return err_set(e, ERR_TIMEOUT, 0, "it lives");
	if (o.canary_state != CANARY_NONE)
		return err_set(e, ERR_TIMEOUT, 0, "its server is watched");
	return 0;
}

static void journal_trash(const struct job *job, const char *identity, const char *dir)
{
	struct journal j = {.dirfd = job->l->root_fd,
			    .path = LAYOUT_LIFECYCLE_LOG,
			    .max_bytes = job->s->lifecycle_log_max_bytes,
			    .keep = job->s->lifecycle_log_keep};
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};
	struct err e;

	logfmt_init(&line, clock_utc_ms());
	logfmt_raw(&line, "ev", "tick");
	logfmt_raw(&line, "identity", identity);
	logfmt_raw(&line, "action", "trashed");
	logfmt_str(&line, "rule", "state of an identity that left the registry");
	logfmt_str(&line, "reason", dir);
	if (journal_write(&j, &line, false, &e) < 0)
		log_warn("trash", "lifecycle.log: %s", e.msg);
}

int trash_identity(const struct layout *l, const struct settings *s, const struct peer_id *id,
		   int *out_n, struct err *e)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(strv_done) struct strv one = STRV_INIT;
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	struct job job = {.l = l, .s = s, .r = &r, .name = id->name, .identities = &one};
	char identity[PEER_IDENTITY_MAX + 1], path[LAYOUT_PATH];
	const struct peer_record *p;

	*out_n = 0;
	peer_identity(id, identity);
	strv_add(&one, identity);
	layout_lock(id, path);
	if (fs_mkdirs(l->root_fd, LAYOUT_LOCKS, e) < 0 ||
	    lock_take(&lock, l->root_fd, path, "trash", 0, e) < 0 || trash_registry(l, &r, e) < 0)
		return -1;
	p = registry_find(&r, id->name);
	if (p && record_has_runtime(p, id->runtime))
		return 0;
	if (not_now(&job, identity, e) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/%s-%lld", LAYOUT_TRASH, id->name,
		 (long long)clock_utc_ms());
	if (trash_files(l, &one, path, out_n, e) < 0)
		return -1;
	if (*out_n > 0)
		journal_trash(&job, identity, path);
	return 0;
}
