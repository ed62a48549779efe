#include "iapeer/cli/targets.h"

#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

void targets_done(struct targets *t)
{
	free(t->v);
	*t = (struct targets){.v = NULL};
}

static void push(struct targets *t, const struct peer_record *r, const struct peer_id *id)
{
	t->v = xrealloc(t->v, (t->n + 1) * sizeof *t->v);
	t->v[t->n++] = (struct target){.record = r, .id = *id};
}

/* One peer's runtimes that are meant. */
static int add_peer(const struct peer_record *r, const char *runtime, bool every, struct targets *t,
		    struct err *e)
{
	struct peer_id id;

	if (runtime || !every || r->runtimes.n == 0) {
		if (record_identity(r, runtime, &id, e) < 0)
			return -1;
		push(t, r, &id);
		return 0;
	}
	for (size_t i = 0; i < r->runtimes.n; i++) {
		if (peer_make(r->runtimes.v[i], r->name, &id, e) < 0)
			return -1;
		push(t, r, &id);
	}
	return 0;
}

static int add_all(const struct ctx *c, bool every, struct targets *t, struct err *e)
{
	for (size_t i = 0; i < c->registry.n; i++)
		if (add_peer(&c->registry.peers[i], NULL, every, t, e) < 0)
			return -1;
	return 0;
}

int targets_no_tag(const char *tag, struct strv *there, struct err *e)
{
	const char *near;

	err_set(e, ERR_NOT_FOUND, 0, "no peer has the tag %.64s", tag);
	near = str_nearest(tag, (const char *const *)strv_argv(there), there->n);
	if (near)
		return err_hint(e, "did you mean @%s?", near);
	return there->n ? words_hint(e, "there are", there) : -1;
}

static int add_tagged(const struct ctx *c, const char *tag, bool every, struct targets *t,
		      struct err *e)
{
	AUTO(strv_done) struct strv seen = STRV_INIT;

	for (size_t i = 0; i < c->registry.n; i++) {
		AUTO(profile_done) struct profile p;

		profile_init(&p);
		if (peer_profile(&c->registry.peers[i], &p, e) < 0)
			return -1;
		for (size_t k = 0; k < p.tags.n; k++)
			words_unite(&seen, p.tags.v[k]);
		if (strv_has(&p.tags, tag) &&
		    add_peer(&c->registry.peers[i], NULL, every, t, e) < 0)
			return -1;
	}
	return t->n ? 0 : targets_no_tag(tag, &seen, e);
}

int targets_of_peer(const struct ctx *c, const char *name, const char *runtime, bool every_runtime,
		    struct targets *out, struct err *e)
{
	AUTO(targets_done) struct targets t = {.v = NULL};
	const struct peer_record *r;

	if (registry_need(&c->registry, name, &r, e) < 0 ||
	    add_peer(r, runtime, every_runtime, &t, e) < 0)
		return -1;
	*out = t;
	t = (struct targets){.v = NULL};
	return 0;
}

int targets_find(const struct ctx *c, const struct parsed *p, bool every_runtime,
		 struct targets *out, struct err *e)
{
	AUTO(targets_done) struct targets t = {.v = NULL};
	const char *name = parsed_arg(p, 0), *runtime = parsed_arg(p, 1);

	if (name && opt_given(p, "all"))
		return err_set(e, ERR_USAGE, 0, "a name and --all: which?");
	if (!name && !opt_given(p, "all"))
		return err_set(e, ERR_USAGE, 0, "name a peer, an @tag, or --all");
	if (name && name[0] == '@' && runtime)
		return err_set(e, ERR_USAGE, 0, "a runtime goes with one peer, not with a tag");
	if (name && name[0] != '@' && targets_of_peer(c, name, runtime, every_runtime, out, e) < 0)
		return runtime && e->code == ERR_REFUSED && registry_find(&c->registry, runtime)
			   ? err_hint(e, "%s is a peer: one at a time, or a @tag, or --all",
				      runtime)
			   : -1;
	if (name && name[0] != '@')
		return 0;
	if ((name ? add_tagged(c, name + 1, every_runtime, &t, e)
		  : add_all(c, every_runtime, &t, e)) < 0)
		return -1;
	*out = t;
	t = (struct targets){.v = NULL};
	return 0;
}
