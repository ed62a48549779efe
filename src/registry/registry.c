#include "iapeer/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

void registry_done(struct registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		strv_done(&r->peers[i].runtimes);
	free(r->peers);
	free(r->texts);
	*r = (struct registry){.peers = NULL};
}

/* ---- from JSON ---- */

static int read_cwd(const struct json *o, const char *where, char out[static LAYOUT_PATH],
		    struct err *e)
{
	if (json_req_str(o, where, "cwd", out, LAYOUT_PATH, e) < 0)
		return -1;
	if (!out[0])
		return err_set(e, ERR_CORRUPT, 0, "%s.cwd: empty", where);
	if (out[0] != '/')
		return err_set(e, ERR_CORRUPT, 0, "%s.cwd: expected an absolute path", where);
	return 0;
}

/* Into *room, which moves behind it. */
static const char *keep(const char *text, char **room)
{
	size_t n = strlen(text) + 1;
	char *kept = *room;

	memcpy(kept, text, n);
	*room += n;
	return kept;
}

static int read_record(const struct json *o, const char *where, char **room,
		       struct peer_record *out, struct err *e)
{
	char description[DESCRIPTION_SIZE] = "", cwd[LAYOUT_PATH] = "";

	if (!json_is_object(o))
		return err_set(e, ERR_CORRUPT, 0, "%s: expected an object", where);
	if (record_read_name(o, where, out->name, e) < 0 ||
	    record_read_runtimes(o, where, out->default_runtime, &out->runtimes, e) < 0 ||
	    record_read_description(o, where, description, e) < 0 ||
	    record_read_nature(o, where, &out->intelligence, e) < 0 ||
	    record_read_interfaces(o, where, &out->telegram, e) < 0 ||
	    read_cwd(o, where, cwd, e) < 0)
		return -1;
	out->description = keep(description, room);
	out->cwd = keep(cwd, room);
	return 0;
}

/* Bytes that the texts of all records may take. */
static size_t room_for(const struct json *peers)
{
	static const char *const keys[] = {"description", "cwd"};
	size_t n = 1;

	for (const struct json *o = json_first(peers); o; o = json_next(o))
		for (size_t i = 0; i < 2; i++) {
			const char *text = json_text(json_get(o, keys[i]));

			n += (text ? strlen(text) : 0) + 1;
		}
	return n;
}

static int by_name(const void *a, const void *b)
{
	const struct peer_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Nearly always they are: we wrote them. */
static bool in_order(const struct registry *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (by_name(&r->peers[i - 1], &r->peers[i]) >= 0)
			return false;
	return true;
}

static int check_twice(const struct registry *r, const char *what, struct err *e)
{
	for (size_t i = 1; i < r->n; i++)
		if (strcmp(r->peers[i - 1].name, r->peers[i].name) == 0)
			return err_set(e, ERR_CORRUPT, 0, "%s: two records of %s", what,
				       r->peers[i].name);
	return 0;
}

static int read_peers(const struct json *peers, const char *what, struct registry *r, struct err *e)
{
	char where[LAYOUT_PATH], *room;
	size_t i = 0;

	r->texts = room = xmalloc(room_for(peers));
	r->peers = xcalloc(json_len(peers) + 1, sizeof *r->peers);
	for (const struct json *o = json_first(peers); o; o = json_next(o), i++) {
		snprintf(where, sizeof where, "%.400s: peers[%zu]", what, i);
		r->n++;
		if (read_record(o, where, &room, &r->peers[i], e) < 0)
			return -1;
	}
	if (in_order(r))
		return 0;
	qsort(r->peers, r->n, sizeof *r->peers, by_name);
	return check_twice(r, what, e);
}

int registry_from_json(const struct json *tree, const char *what, struct registry *out,
		       struct err *e)
{
	AUTO(registry_done) struct registry r = {.peers = NULL};
	int64_t version = REGISTRY_VERSION;

	if (!json_is_object(tree))
		return err_set(e, ERR_CORRUPT, 0, "%s: expected an object", what);
	if (json_opt_i64(tree, what, "version", 1, INT32_MAX, &version, e) < 0)
		return -1;
	if (!json_is_array(json_get(tree, "peers")))
		return err_set(e, ERR_CORRUPT, 0, "%s.peers: expected an array", what);
	r.newer = version > REGISTRY_VERSION;
	if (read_peers(json_get(tree, "peers"), what, &r, e) < 0)
		return -1;
	*out = r;
	r = (struct registry){.peers = NULL};
	return 0;
}

int registry_parse(const char *text, size_t len, const char *what, struct registry *out,
		   struct err *e)
{
	auto_json struct json *tree = NULL;

	if (registry_plain(text, len, out))
		return 0;
	if (json_parse(text, len, what, &tree, e) < 0)
		return -1;
	return registry_from_json(tree, what, out, e);
}

/* ---- from the disk ---- */

/* 'it'\''s here': one word for a shell, whatever is in it. */
static void shell_quote(struct buf *b, const char *root, const char *file)
{
	buf_chr(b, '\'');
	for (const char *p = root; *p; p++) {
		if (*p == '\'')
			buf_str(b, "'\\''");
		else
			buf_chr(b, *p);
	}
	buf_fmt(b, "%s'", file);
}

/* Is there a backup that could be put back? */
static bool backup_is_good(const struct layout *l)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_REGISTRY);
	AUTO(registry_done) struct registry r = {.peers = NULL};
	struct err e;

	return fs_read(l->root_fd, LAYOUT_REGISTRY_BAK, &text, &e) == 0 &&
	       registry_parse(buf_cstr(&text), text.len, LAYOUT_REGISTRY_BAK, &r, &e) == 0;
}

int registry_restore_hint(const struct layout *l, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	if (!backup_is_good(l))
		return -1;
	buf_str(&b, "cp ");
	shell_quote(&b, l->root, "/" LAYOUT_REGISTRY_BAK);
	buf_chr(&b, ' ');
	shell_quote(&b, l->root, "/" LAYOUT_REGISTRY);
	if (b.len >= sizeof e->hint) { /* half a command would be worse than none */
		buf_cut(&b, 0);
		buf_str(&b, "cd ");
		shell_quote(&b, l->root, "");
		buf_str(&b, " && cp " LAYOUT_REGISTRY_BAK " " LAYOUT_REGISTRY);
	}
	if (b.len >= sizeof e->hint)
		return err_hint(e, "in the root: cp " LAYOUT_REGISTRY_BAK " " LAYOUT_REGISTRY);
	return err_hint(e, "%s", buf_cstr(&b));
}

int registry_load(const struct layout *l, struct registry *out, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_REGISTRY);
	char path[LAYOUT_PATH];

	if (layout_abs(l, LAYOUT_REGISTRY, path, e) < 0)
		return -1;
	if (fs_read(l->root_fd, LAYOUT_REGISTRY, &text, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return err_wrap(e, "%s", l->root);
		*out = (struct registry){.peers = NULL};
		return 0;
	}
	if (registry_parse(buf_cstr(&text), text.len, path, out, e) < 0)
		return e->code == ERR_CORRUPT ? registry_restore_hint(l, e) : -1;
	if (out->newer)
		log_warn("registry", "%s was written by a newer version: it is read, not written",
			 path);
	return 0;
}

/* ---- looking up ---- */

const struct peer_record *registry_find(const struct registry *r, const char *name)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, r->peers[middle].name);

		if (order == 0)
			return &r->peers[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool record_has_runtime(const struct peer_record *p, const char *runtime)
{
	return strv_has(&p->runtimes, runtime);
}

static int undeclared(const struct peer_record *p, const char *asked, struct err *e)
{
	AUTO(buf_done) struct buf list = BUF_INIT(160);

	for (size_t i = 0; i < p->runtimes.n; i++)
		buf_fmt(&list, "%s%s", i ? ", " : "", p->runtimes.v[i]);
	return err_set(e, ERR_REFUSED, 0, "undeclared runtime %.40s: %s has %s", asked, p->name,
		       list.len ? buf_cstr(&list) : "none");
}

int record_identity(const struct peer_record *p, const char *asked, struct peer_id *out,
		    struct err *e)
{
	if (!str_empty(asked)) {
		if (!peer_runtime_valid(asked))
			return peer_make(asked, p->name, out, e);
		if (!record_has_runtime(p, asked))
			return undeclared(p, asked, e);
		return peer_make(asked, p->name, out, e);
	}
	if (p->default_runtime[0])
		return peer_make(p->default_runtime, p->name, out, e);
	if (p->runtimes.n == 0)
		return err_set(e, ERR_REFUSED, 0, "%s has no runtime", p->name);
	return peer_make(p->runtimes.v[0], p->name, out, e);
}

void profile_complete(struct profile *p, const struct peer_record *r)
{
	if (!p->default_runtime[0])
		memcpy(p->default_runtime, r->default_runtime, sizeof p->default_runtime);
	for (size_t i = 0; !json_get(p->tree, "runtimes") && i < r->runtimes.n; i++)
		record_unite(&p->runtimes, r->runtimes.v[i]);
	if (!json_get(p->tree, "description"))
		str_cut(p->description, sizeof p->description, r->description);
	if (p->intelligence == NATURE_NONE)
		p->intelligence = r->intelligence;
}

int peer_profile(const struct peer_record *r, struct profile *out, struct err *e)
{
	struct err why = ERR_INIT;
	int rc = profile_load(r->cwd, out, &why);

	if (rc < 0 && why.code != ERR_NOT_FOUND) {
		*e = why;
		return -1;
	}
	if (rc < 0) {
		profile_init(out);
		memcpy(out->name, r->name, sizeof out->name);
		out->telegram = r->telegram;
	}
	profile_complete(out, r);
	return 0;
}

/* The name that was meant, or NULL: of a typed identity its peer, else the nearest. Borrowed from
 * r. */
static const char *meant(const struct registry *r, const char *name)
{
	const char **names;
	const char *found;
	struct peer_id id;
	struct err e;

	if (peer_parse(name, &id, &e) == 0 && registry_find(r, id.name))
		return registry_find(r, id.name)->name;
	names = xcalloc(r->n + 1, sizeof *names);
	for (size_t i = 0; i < r->n; i++)
		names[i] = r->peers[i].name;
	found = str_nearest(name, names, r->n);
	free(names);
	return found;
}

int registry_need(const struct registry *r, const char *name, const struct peer_record **out,
		  struct err *e)
{
	const struct peer_record *p;
	char usable[PEER_NAME_MAX + 1];
	const char *near;
	struct peer_id id;
	struct err ignored;

	if (name[0] == '@') {
		err_set(e, ERR_USAGE, 0, "%.64s is a tag, and one peer is meant here", name);
		return err_hint(e, "`iapeer list %.64s` lists who has it", name);
	}
	if (!peer_name_valid(name)) {
		if (peer_make("x", name, &id, e) == 0 || peer_normalise(name, usable, &ignored) < 0)
			return -1;
		near = registry_find(r, usable) ? usable : meant(r, usable);
		return err_hint(e, "did you mean %s?", near ? near : usable);
	}
	p = registry_find(r, name);
	if (p) {
		*out = p;
		return 0;
	}
	err_set(e, ERR_NOT_FOUND, 0, "no such peer: %s", name);
	near = meant(r, name);
	return near ? err_hint(e, "did you mean %s?", near) : -1;
}

int registry_still_has(const struct layout *l, const char *name, struct err *e)
{
	AUTO(registry_done) struct registry now = {.n = 0};
	struct err none;

	if (registry_load(l, &now, &none) < 0 || registry_find(&now, name))
		return 0;
	return err_set(e, ERR_NOT_FOUND, 0, "%s was renamed or removed meanwhile", name);
}
