#include "iapeer/cli/verb_runs.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/words.h"
#include "iapeer/lifecycle/remove.h"
#include "iapeer/registry/service.h"

#include "iapeer/base/banned.h"

static void tell(struct ctx *c, const char *name, const char *action, const struct removal *r)
{
	c->reply = json_object();
	json_set_str(c->reply, "personality", name);
	json_set_str(c->reply, "action", action);
	json_set_str_opt(c->reply, "cwd", r->cwd);
	json_set_strv(c->reply, "purged", &r->purged);
	json_set_i64(c->reply, "undelivered", r->undelivered);
	if (r->left.n)
		json_set_strv(c->reply, "left", &r->left);
}

static void say(struct ctx *c, const char *name, const struct removal *r)
{
	if (r->absent) {
		buf_fmt(&c->out, "%s: absent, there is no such peer\n", name);
		return;
	}
	buf_fmt(&c->out, "removed %s\n", name);
	if (r->purged.n) {
		buf_str(&c->out, "  purged: ");
		words_join(&c->out, &r->purged, ", ");
		buf_chr(&c->out, '\n');
	}
	if (r->undelivered > 0)
		buf_fmt(&c->out, "  %d undelivered message%s went with it\n", r->undelivered,
			r->undelivered == 1 ? "" : "s");
	if (r->cwd[0]) {
		buf_str(&c->out, "  its folder is kept: ");
		text_shown(&c->out, r->cwd);
		buf_chr(&c->out, '\n');
	}
}

int verb_remove(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	AUTO(removal_done) struct removal r = {.absent = true};
	const char *name = p->args[0];
	enum service_owner owner = SERVICE_NONE;

	if (peer_name_check(name, e) < 0)
		return -1;
	/* A `set` that has read it would write it back. */
	if (registry_find(&c->registry, name) && peer_edit_begin(c, name, "remove", &lock, e) < 0)
		return -1;
	if (registry_find(&c->registry, name) && !opt_given(p, "force") &&
	    service_guard(name, &owner, e) < 0) {
		r.absent = false;
		tell(c, name, service_action(owner), &r);
		return -1;
	}
	if (c->rooted &&
	    remove_peer(&c->layout, &c->settings, name, opt_given(p, "force"), &r, e) < 0) {
		r.absent = false;
		tell(c, name, e->code == ERR_REFUSED ? "refused-live" : "failed", &r);
		return -1;
	}
	for (size_t i = 0; i < r.left.n; i++)
		ctx_note("iapeer: note: not deleted: %s", r.left.v[i]);
	tell(c, name, r.absent ? "absent" : "removed", &r);
	say(c, name, &r);
	return 0;
}
