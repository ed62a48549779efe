/* The part of registry.h that reads the file as we write it, without a tree: in a tenth of the
 * time. Whatever is unusual in it is left to registry_from_json(). */
#include "iapeer/registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/json_pull.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/record.h"

#include "iapeer/base/banned.h"

struct plain {
	struct json_pull p;
	struct registry r;
	size_t cap;
	char *room; /* free bytes of r.texts */
};

static void read_runtimes(struct plain *x, struct strv *out)
{
	char *room = x->room; /* strv has its own copies */
	size_t n = 0;

	if (!json_pull_open(&x->p, '['))
		return;
	while (json_pull_item(&x->p, &n)) {
		const char *word = json_pull_text(&x->p, &room);

		if (!word || !peer_runtime_valid(word))
			x->p.odd = true;
		else
			record_unite(out, word);
	}
}

/* A word that is a name: into its field. */
static void read_name(struct plain *x, bool (*valid)(const char *), bool empty,
		      char out[static PEER_NAME_MAX + 1])
{
	char *room = x->room;
	const char *word = json_pull_text(&x->p, &room);

	if (!word || !(valid(word) || (empty && !*word)) || !str_put(out, PEER_NAME_MAX + 1, word))
		x->p.odd = true;
}

static void read_nature(struct plain *x, enum nature *out)
{
	char *room = x->room;
	const char *word = json_pull_text(&x->p, &room);

	*out = word ? nature_parse(word) : NATURE_NONE;
	if (!word || (*word && *out == NATURE_NONE))
		x->p.odd = true;
}

static void read_interfaces(struct plain *x, bool *out)
{
	struct json_members m = {.n = 0};

	if (!json_pull_open(&x->p, '{'))
		return;
	while (json_pull_member(&x->p, &m)) {
		*out = *out || json_pull_key_is(&m, "telegram");
		json_pull_skip(&x->p);
	}
}

static void read_member(struct plain *x, const struct json_members *m, struct peer_record *r)
{
	char *text;

	if (json_pull_key_is(m, "personality")) {
		read_name(x, peer_name_valid, false, r->name);
	} else if (json_pull_key_is(m, "default_runtime")) {
		read_name(x, peer_runtime_valid, true, r->default_runtime);
	} else if (json_pull_key_is(m, "runtimes")) {
		read_runtimes(x, &r->runtimes);
	} else if (json_pull_key_is(m, "description")) {
		text = json_pull_text(&x->p, &x->room);
		if (text)
			text[record_description_len(text)] = '\0';
		r->description = text ? text : "";
	} else if (json_pull_key_is(m, "intelligence")) {
		read_nature(x, &r->intelligence);
	} else if (json_pull_key_is(m, "interfaces")) {
		read_interfaces(x, &r->telegram);
	} else if (json_pull_key_is(m, "cwd")) {
		r->cwd = json_pull_text(&x->p, &x->room);
	} else if (json_pull_key_is(m, "runtime")) {
		x->p.odd = true; /* as 0.1 wrote it */
	} else {
		json_pull_skip(&x->p);
	}
}

static void read_record(struct plain *x)
{
	struct json_members m = {.n = 0};
	struct peer_record *r;

	if (x->r.n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 64;
		x->r.peers = xrealloc(x->r.peers, x->cap * sizeof *x->r.peers);
	}
	r = &x->r.peers[x->r.n++];
	*r = (struct peer_record){.description = "", .intelligence = NATURE_NONE};
	if (!json_pull_open(&x->p, '{'))
		return;
	while (json_pull_member(&x->p, &m))
		read_member(x, &m, r);
	if (r->default_runtime[0])
		record_unite(&r->runtimes, r->default_runtime);
	if (!r->name[0] || !r->cwd || r->cwd[0] != '/' || strlen(r->cwd) >= LAYOUT_PATH ||
	    (x->r.n > 1 && strcmp(r[-1].name, r->name) >= 0))
		x->p.odd = true;
}

static void read_peers(struct plain *x)
{
	size_t n = 0;

	if (!json_pull_open(&x->p, '['))
		return;
	while (json_pull_item(&x->p, &n))
		read_record(x);
}

bool registry_plain(const char *text, size_t len, struct registry *out)
{
	struct plain x = {.r = {.texts = xmalloc(len + 1)}};
	int64_t version = REGISTRY_VERSION;
	struct json_members m = {.n = 0};
	bool peers = false;

	x.room = x.r.texts;
	json_pull_init(&x.p, text, len);
	for (json_pull_open(&x.p, '{'); json_pull_member(&x.p, &m);) {
		if (json_pull_key_is(&m, "version")) {
			json_pull_whole(&x.p, &version);
		} else if (json_pull_key_is(&m, "peers")) {
			peers = true;
			read_peers(&x);
		} else {
			json_pull_skip(&x.p);
		}
	}
	if (!json_pull_done(&x.p) || !peers || version < 1 || version > REGISTRY_VERSION) {
		registry_done(&x.r);
		return false;
	}
	*out = x.r;
	return true;
}
