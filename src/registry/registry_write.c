/* The writing half of registry.h: lock, read again, change the tree, keep the old file, replace it.
 */
#include "iapeer/registry/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define LOCK_WAIT_MS 10000

/* The registry while it is changed. The tree is what will be written; `now` is what was there, for
 * looking up. */
struct edit {
	const struct layout *l;
	struct lock lock;
	struct buf old; /* the file's bytes; empty when there is none */
	struct json *tree;
	struct registry now;
};

static void edit_done(struct edit *x)
{
	registry_done(&x->now);
	json_free(x->tree);
	buf_done(&x->old);
	lock_done(&x->lock);
}

static int read_old(struct edit *x, const char *path, struct err *e)
{
	if (fs_read(x->l->root_fd, LAYOUT_REGISTRY, &x->old, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return err_wrap(e, "%s", x->l->root);
		if (fs_exists(x->l->root_fd, LAYOUT_REGISTRY_BAK))
			log_warn("registry",
				 "%s is missing and is made anew; its last version is in %s", path,
				 LAYOUT_REGISTRY_BAK);
		x->tree = json_object();
		json_set_i64(x->tree, "version", REGISTRY_VERSION);
		json_set(x->tree, "peers", json_array());
		return 0;
	}
	if (json_parse(buf_cstr(&x->old), x->old.len, path, &x->tree, e) < 0 ||
	    registry_from_json(x->tree, path, &x->now, e) < 0)
		return e->code == ERR_CORRUPT ? registry_restore_hint(x->l, e) : -1;
	if (x->now.newer)
		return err_set(e, ERR_REFUSED, 0,
			       "%s was written by a newer version: it is not changed by this one",
			       path);
	return 0;
}

static int edit_begin(struct edit *x, const char *why, struct err *e)
{
	char path[LAYOUT_PATH];

	if (layout_abs(x->l, LAYOUT_REGISTRY, path, e) < 0 ||
	    lock_take(&x->lock, x->l->root_fd, LAYOUT_REGISTRY_LOCK, why,
		      clock_mono_ms() + LOCK_WAIT_MS, e) < 0)
		return -1;
	return read_old(x, path, e);
}

struct slot {
	const char *name;
	const struct json *record;
};

static int by_name(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void sort_peers(struct json *tree)
{
	const struct json *peers = json_get(tree, "peers");
	struct json *sorted = json_array();
	struct slot *slots = xcalloc(json_len(peers) + 1, sizeof *slots);
	bool in_order = true;
	size_t n = 0;

	for (const struct json *o = json_first(peers); o; o = json_next(o), n++) {
		slots[n] =
		    (struct slot){.name = json_text(json_get(o, "personality")), .record = o};
		in_order = in_order && (n == 0 || by_name(&slots[n - 1], &slots[n]) < 0);
	}
	qsort(slots, n, sizeof *slots, by_name);
	for (size_t i = 0; i < n && !in_order; i++)
		json_push(sorted, json_copy(slots[i].record));
	free(slots);
	if (in_order)
		json_free(sorted);
	else
		json_set(tree, "peers", sorted);
}

/* Nothing that we could not read again is ever written: what was changed is read once more before
 * it counts. */
static int edit_commit(struct edit *x, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_REGISTRY);
	AUTO(registry_done) struct registry again = {.peers = NULL};
	int root = x->l->root_fd;

	json_set_i64(x->tree, "version", REGISTRY_VERSION);
	sort_peers(x->tree);
	json_print(x->tree, true, &text);
	if (buf_check(&text, LAYOUT_REGISTRY, e) < 0)
		return -1;
	if (text.len == x->old.len && x->old.len && memcmp(text.p, x->old.p, text.len) == 0)
		return 0;
	if (registry_parse(buf_cstr(&text), text.len, "the changed registry", &again, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	if (x->old.len &&
	    fs_write_atomic(root, LAYOUT_REGISTRY_BAK, x->old.p, x->old.len, 0600, e) < 0)
		return err_wrap(e, "%s", x->l->root);
	if (fs_write_atomic(root, LAYOUT_REGISTRY, text.p, text.len, 0600, e) < 0)
		return err_wrap(e, "%s", x->l->root);
	return 0;
}

/* The record of that name in the tree; *out_i is its place. NULL: none. */
static struct json *record_of(const struct edit *x, const char *name, size_t *out_i)
{
	struct json *peers = json_get_mut(x->tree, "peers");
	size_t i = 0;

	for (const struct json *o = json_first(peers); o; o = json_next(o), i++) {
		if (strcmp(json_text(json_get(o, "personality")), name) != 0)
			continue;
		*out_i = i;
		return json_at_mut(peers, i);
	}
	return NULL;
}

/* ---- upsert ---- */

static int check_text(const char *name, const char *field, const char *text, struct err *e)
{
	if (utf8_valid(text, strlen(text)))
		return 0;
	return err_set(e, ERR_USAGE, 0, "the %s of %s is not UTF-8", field, name);
}

static int check_record(const struct peer_record *p, struct err *e)
{
	struct peer_id id;

	if (peer_make(p->default_runtime[0] ? p->default_runtime : "x", p->name, &id, e) < 0)
		return -1;
	for (size_t i = 0; i < p->runtimes.n; i++)
		if (peer_make(p->runtimes.v[i], p->name, &id, e) < 0)
			return -1;
	if (p->cwd[0] && p->cwd[0] != '/')
		return err_set(e, ERR_USAGE, 0, "the folder of %s must be an absolute path",
			       p->name);
	if (check_text(p->name, "folder", p->cwd, e) < 0)
		return -1;
	return check_text(p->name, "description", p->description, e);
}

/* One name a folder: its profile can hold only one. */
static int check_folder(const struct edit *x, const struct peer_record *old,
			const struct registry_change *c, struct err *e)
{
	const struct peer_record *p = c->record;

	if (!old && !p->cwd[0])
		return err_set(e, ERR_USAGE, 0, "%s needs a folder", p->name);
	if (!p->cwd[0] || (old && strcmp(old->cwd, p->cwd) == 0))
		return 0;
	if (old && !c->replace)
		return err_set(e, ERR_REFUSED, 0, "%s lives in %s, not in %s", p->name, old->cwd,
			       p->cwd);
	for (size_t i = 0; i < x->now.n; i++)
		if (&x->now.peers[i] != old && strcmp(x->now.peers[i].cwd, p->cwd) == 0)
			return err_set(e, ERR_REFUSED, 0, "the folder %s is the peer %s already",
				       p->cwd, x->now.peers[i].name);
	return 0;
}

/* The runtimes and the default that the record is to have. */
static void merged_runtimes(const struct peer_record *old, const struct registry_change *c,
			    struct strv *out, const char **out_default)
{
	const struct peer_record *p = c->record;
	bool keep = old && !c->replace;
	bool keep_default =
	    keep && old->default_runtime[0] && !(c->set_default && p->default_runtime[0]);

	for (size_t i = 0; keep && i < old->runtimes.n; i++)
		record_unite(out, old->runtimes.v[i]);
	for (size_t i = 0; i < p->runtimes.n; i++)
		record_unite(out, p->runtimes.v[i]);
	if (p->default_runtime[0])
		record_unite(out, p->default_runtime);
	*out_default = keep_default ? old->default_runtime : p->default_runtime;
}

/* In this order a new record has its fields. */
static void fill(struct json *o, const struct peer_record *old, const struct registry_change *c)
{
	AUTO(strv_done) struct strv runtimes = STRV_INIT;
	const struct peer_record *p = c->record;
	const char *first = "";

	json_set_str(o, "personality", p->name);
	merged_runtimes(old, c, &runtimes, &first);
	if (!old || first != old->default_runtime || runtimes.n != old->runtimes.n)
		record_put_runtimes(o, first, &runtimes);
	if (!old || c->replace || p->description[0])
		record_put_description(o, p->description);
	if (p->intelligence != NATURE_NONE)
		record_put_nature(o, p->intelligence);
	if (p->cwd[0])
		json_set_str(o, "cwd", p->cwd);
	if (p->telegram)
		record_put_telegram(o);
}

/* Which record this is about: the one of that name, or of the name that it had. NULL in *out: a new
 * one. */
static int target(const struct edit *x, const struct registry_change *c,
		  const struct peer_record **out, struct err *e)
{
	const struct peer_record *named = registry_find(&x->now, c->record->name);

	if (c->rename_from && strcmp(c->rename_from, c->record->name) != 0) {
		if (named)
			return err_set(e, ERR_REFUSED, 0, "there is a peer %s already",
				       c->record->name);
		named = registry_find(&x->now, c->rename_from);
		if (!named)
			return err_set(e, ERR_NOT_FOUND, 0, "no such peer: %.40s", c->rename_from);
	}
	*out = named;
	return 0;
}

static int upsert(const struct layout *l, const struct registry_change *c, bool *out_created,
		  struct err *e)
{
	AUTO(edit_done) struct edit x = {.l = l, .lock = LOCK_INIT, .old = BUF_INIT(CAP_REGISTRY)};
	const struct peer_record *old = NULL;
	struct json *o = NULL;
	size_t i;

	if (check_record(c->record, e) < 0 || edit_begin(&x, "change the registry", e) < 0 ||
	    target(&x, c, &old, e) < 0 || check_folder(&x, old, c, e) < 0)
		return -1;
	if (old)
		o = record_of(&x, old->name, &i);
	assert(!old == !o);
	if (!o)
		o = json_push(json_get_mut(x.tree, "peers"), json_object());
	fill(o, old, c);
	if (edit_commit(&x, e) < 0)
		return -1;
	*out_created = !old;
	return 0;
}

int registry_upsert(const struct layout *l, const struct registry_change *c, bool *out_created,
		    struct err *e)
{
	struct peer_record record = *c->record;
	struct registry_change change = *c;

	change.record = &record;
	if (!record.description)
		record.description = "";
	if (!record.cwd)
		record.cwd = "";
	return upsert(l, &change, out_created, e);
}

int registry_drop(const struct layout *l, const char *name, bool *out_dropped, struct err *e)
{
	AUTO(edit_done) struct edit x = {.l = l, .lock = LOCK_INIT, .old = BUF_INIT(CAP_REGISTRY)};
	size_t i = 0;

	if (edit_begin(&x, "drop a peer", e) < 0)
		return -1;
	if (!record_of(&x, name, &i)) {
		*out_dropped = false;
		return 0;
	}
	json_remove_at(json_get_mut(x.tree, "peers"), i);
	if (edit_commit(&x, e) < 0)
		return -1;
	*out_dropped = true;
	return 0;
}
