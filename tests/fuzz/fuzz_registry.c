/* What registry_parse accepts is sorted, unique, findable, and comes back the same from its own
 * print, with a tree and without. */
#include "iapeer/registry/registry.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const struct registry *r, const struct peer_record *p)
{
	const struct peer_record *found = NULL;
	struct err e = ERR_INIT;
	struct peer_id id;

	assert(peer_name_valid(p->name));
	assert(p->cwd[0] == '/');
	assert(registry_find(r, p->name) == p);
	assert(registry_need(r, p->name, &found, &e) == 0 && found == p);
	assert(!p->default_runtime[0] || record_has_runtime(p, p->default_runtime));
	for (size_t i = 0; i < p->runtimes.n; i++)
		assert(record_identity(p, p->runtimes.v[i], &id, &e) == 0);
	assert((record_identity(p, NULL, &id, &e) == 0) == (p->runtimes.n > 0));
	assert(p->intelligence < NATURE_COUNT);
}

static void check_same(const struct registry *a, const struct registry *b)
{
	assert(a->n == b->n && a->newer == b->newer);
	for (size_t i = 0; i < a->n; i++) {
		const struct peer_record *p = &a->peers[i], *q = &b->peers[i];

		assert(strcmp(p->name, q->name) == 0 && strcmp(p->cwd, q->cwd) == 0);
		assert(strcmp(p->description, q->description) == 0);
		assert(p->intelligence == q->intelligence && p->telegram == q->telegram);
		assert(strcmp(p->default_runtime, q->default_runtime) == 0);
		assert(p->runtimes.n == q->runtimes.n);
		for (size_t k = 0; k < p->runtimes.n; k++)
			assert(strcmp(p->runtimes.v[k], q->runtimes.v[k]) == 0);
	}
}

/* What is read without a tree must be what the tree says. */
static void check_plain(const char *text, size_t len)
{
	AUTO(registry_done) struct registry plain = {.n = 0};
	AUTO(registry_done) struct registry full = {.n = 0};
	auto_json struct json *tree = NULL;
	struct err e = ERR_INIT;

	if (!registry_plain(text, len, &plain)) {
		assert(plain.n == 0 && !plain.peers);
		return;
	}
	assert(json_parse(text, len, "fuzz", &tree, &e) == 0);
	assert(registry_from_json(tree, "fuzz", &full, &e) == 0);
	check_same(&plain, &full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(registry_done) struct registry again = {.n = 0};
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
	auto_json struct json *tree = NULL;
	struct err e = ERR_INIT;

	check_plain((const char *)data, size);
	if (registry_parse((const char *)data, size, "fuzz", &r, &e) < 0) {
		assert(e.code == ERR_CORRUPT && e.msg[0] && r.n == 0 && !r.peers);
		return 0;
	}
	for (size_t i = 0; i < r.n; i++) {
		check_record(&r, &r.peers[i]);
		assert(i == 0 || strcmp(r.peers[i - 1].name, r.peers[i].name) < 0);
	}
	assert(json_parse((const char *)data, size, "fuzz", &tree, &e) == 0);
	json_print(tree, true, &text);
	assert(registry_parse(text.p, text.len, "printed", &again, &e) == 0);
	check_plain(text.p, text.len);
	check_same(&r, &again);
	return 0;
}
