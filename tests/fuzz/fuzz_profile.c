/* What profile_parse accepts comes back from profile_print, and printing that once more changes
 * nothing; in a peer's folder it is read, saved and read again the same, and what it leaves out the
 * registry's record says. */
#include "iapeer/registry/profile.h"

#include "iapeer/registry/registry.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "root.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct profile *p, const struct profile *q)
{
	assert(strcmp(p->name, q->name) == 0 &&
	       strcmp(p->default_runtime, q->default_runtime) == 0);
	assert(p->runtimes.n == q->runtimes.n && p->tags.n == q->tags.n);
	assert(strcmp(p->description, q->description) == 0 && strcmp(p->workdir, q->workdir) == 0);
	assert(!p->initial_prompt == !q->initial_prompt);
	assert(!p->initial_prompt || strcmp(p->initial_prompt, q->initial_prompt) == 0);
	assert(p->intelligence == q->intelligence && p->accepts == q->accepts);
	assert(p->wake_policy == q->wake_policy && p->resume_policy == q->resume_policy);
	assert(p->telegram == q->telegram && p->trust == q->trust);
}

static void in_its_folder(const uint8_t *data, size_t size, const struct profile *parsed)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	AUTO(profile_done) struct profile q = {.tree = NULL};
	AUTO(profile_done) struct profile whole = {.tree = NULL};
	struct peer_record r = {.name = "bob",
				.default_runtime = "shell",
				.description = "of the registry",
				.intelligence = NATURE_ABSENT};
	struct err e = ERR_INIT;

	enter(LAYOUT_PEER_FOLDER);
	put_file(LAYOUT_PROFILE, data, size);
	r.cwd = l.root;
	if (!parsed) {
		assert(profile_load(l.root, &p, &e) < 0 && e.code == ERR_CORRUPT);
		assert(peer_profile(&r, &whole, &e) < 0 && e.code == ERR_CORRUPT);
		return;
	}
	assert(profile_load(l.root, &p, &e) == 0);
	check_same(parsed, &p);
	assert(profile_save(l.root, &p, &e) == 0 && profile_load(l.root, &q, &e) == 0);
	check_same(&p, &q);
	strv_add(&r.runtimes, "shell");
	assert(peer_profile(&r, &whole, &e) == 0);
	assert(whole.default_runtime[0] && whole.intelligence != NATURE_NONE);
	assert(json_get(p.tree, "description") || strcmp(whole.description, r.description) == 0);
	strv_done(&r.runtimes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	AUTO(profile_done) struct profile q = {.tree = NULL};
	AUTO(buf_done) struct buf first = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf second = BUF_INIT(CAP_OUTPUT);
	struct err e = ERR_INIT;

	if (profile_parse((const char *)data, size, "fuzz", &p, &e) < 0) {
		assert(e.code == ERR_CORRUPT && e.msg[0] && !p.tree && p.runtimes.n == 0);
		in_its_folder(data, size, NULL);
		return 0;
	}
	assert(peer_name_valid(p.name));
	in_its_folder(data, size, &p);
	profile_print(&p, &first);
	assert(profile_parse(first.p, first.len, "printed", &q, &e) == 0);
	check_same(&p, &q);
	profile_print(&q, &second);
	assert(first.len == second.len && memcmp(first.p, second.p, first.len) == 0);
	return 0;
}
