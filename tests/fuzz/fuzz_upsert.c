/* A registry of whatever is in the file is changed: a peer is added, or merged into its record, and
 * dropped. The others stay as they are, word by word, also in what we do not know; what cannot be
 * read is not written over. */
#include <stdint.h>

#include "iapeer/registry/registry.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define NAME        "bob"
#define RUNTIME     "shell"
#define DESCRIPTION "runs the tests"
#define FOLDER      "/srv/team/bob"

static const struct json *record_of(const struct json *tree, const char *name)
{
	for (const struct json *o = json_first(json_get(tree, "peers")); o; o = json_next(o))
		if (strcmp(json_text(json_get(o, "personality")), name) == 0)
			return o;
	return NULL;
}

static void same_json(const struct json *a, const struct json *b)
{
	AUTO(buf_done) struct buf x = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf y = BUF_INIT(CAP_OUTPUT);

	json_print(a, false, &x);
	json_print(b, false, &y);
	must(same_bytes(&x, &y));
}

/* Of all but ours. */
static void others_stay(const struct json *before, const struct json *after)
{
	size_t had = record_of(before, NAME) != NULL, has = record_of(after, NAME) != NULL;

	must(json_len(json_get(before, "peers")) - had == json_len(json_get(after, "peers")) - has);
	for (const struct json *o = json_first(json_get(before, "peers")); o; o = json_next(o)) {
		const char *name = json_text(json_get(o, "personality"));

		if (strcmp(name, NAME) != 0)
			same_json(o, record_of(after, name));
	}
	for (const struct json *o = json_first(before); o; o = json_next(o))
		if (strcmp(json_key(o), "peers") != 0 && strcmp(json_key(o), "version") != 0)
			same_json(o, json_get(after, json_key(o)));
}

static struct json *tree_of(const char *file)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
	struct json *tree = NULL;
	struct err e;

	get_file(file, &text);
	if (text.len)
		must(json_parse(buf_cstr(&text), text.len, file, &tree, &e) == 0);
	return tree;
}

/* Ours is as it was asked for; what is nobody's in it stays. */
static void ours_is(const struct json *before, const struct json *after)
{
	static const char *const ours[] = {
	    "personality", "runtime",      "runtimes", "default_runtime",
	    "description", "intelligence", "cwd"};
	const struct json *old = record_of(before, NAME), *new = record_of(after, NAME);
	AUTO(registry_done) struct registry r = {.n = 0};
	const struct peer_record *p;
	struct err e;

	must(registry_load(&l, &r, &e) == 0);
	p = registry_find(&r, NAME);
	must(p && record_has_runtime(p, RUNTIME) && p->intelligence == NATURE_ABSENT);
	must(strcmp(p->description, DESCRIPTION) == 0);
	must(old || strcmp(p->cwd, FOLDER) == 0);
	for (const struct json *o = json_first(old); o; o = json_next(o)) {
		bool known = false;

		for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
			known = known || strcmp(json_key(o), ours[i]) == 0;
		if (!known)
			same_json(o, json_get(new, json_key(o)));
	}
}

static void change(const struct json *before)
{
	struct peer_record bob = {.name = NAME,
				  .default_runtime = RUNTIME,
				  .description = DESCRIPTION,
				  .intelligence = NATURE_ABSENT};
	struct registry_change c = {.record = &bob};
	auto_json struct json *after = NULL;
	auto_json struct json *again = NULL;
	auto_json struct json *without = NULL;
	bool created = false, dropped = false;
	struct err e;

	if (!record_of(before, NAME))
		bob.cwd = FOLDER;
	if (registry_upsert(&l, &c, &created, &e) < 0) {
		must(e.code == ERR_REFUSED || e.code == ERR_USAGE); /* the folder is another's */
		return;
	}
	must(created == !record_of(before, NAME));
	after = tree_of(LAYOUT_REGISTRY);
	others_stay(before, after);
	ours_is(before, after);
	must(registry_upsert(&l, &c, &created, &e) == 0 && !created);
	again = tree_of(LAYOUT_REGISTRY);
	same_json(after, again); /* twice is once */
	must(registry_drop(&l, NAME, &dropped, &e) == 0 && dropped);
	without = tree_of(LAYOUT_REGISTRY);
	must(!record_of(without, NAME));
	others_stay(before, without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(buf_done) struct buf kept = BUF_INIT(CAP_OUTPUT);
	struct peer_record bob = {.name = NAME, .default_runtime = RUNTIME, .cwd = FOLDER};
	struct registry_change c = {.record = &bob};
	auto_json struct json *before = NULL;
	bool done;
	struct err e;

	enter("x");
	drop_file(LAYOUT_REGISTRY_BAK);
	put_file(LAYOUT_REGISTRY, data, size);
	if (registry_load(&l, &r, &e) == 0 && !r.newer) {
		before = tree_of(LAYOUT_REGISTRY);
		change(before);
		return 0;
	}
	must(registry_upsert(&l, &c, &done, &e) < 0 && registry_drop(&l, NAME, &done, &e) < 0);
	must(e.code == ERR_CORRUPT || e.code == ERR_REFUSED);
	get_file(LAYOUT_REGISTRY, &kept);
	must(kept.len == size && memcmp(buf_cstr(&kept), data, size) == 0);
	must(!fs_exists(l.root_fd, LAYOUT_REGISTRY_BAK));
	return 0;
}
