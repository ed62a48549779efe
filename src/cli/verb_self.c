/* self fresh, self done: what a peer says about itself, from inside of its session. */
#include "iapeer/cli/verb_runs.h"

#include <string.h>

#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/delivery/sender.h"
#include "iapeer/lifecycle/marks.h"

#include "iapeer/base/banned.h"

static int who_am_i(const struct ctx *c, struct sender *out, const struct peer_record **record,
		    struct err *e)
{
	struct err none = ERR_INIT;

	if (sender_find(&c->layout, &c->registry, NULL, out, e) < 0)
		return -1;
	if (registry_need(&c->registry, out->id.name, record, &none) == 0 &&
	    record_has_runtime(*record, out->id.runtime))
		return 0;
	err_set(e, ERR_FAILED, 0, "this does not run inside a peer's session");
	return err_hint(e, "from outside: iapeer new --on-wake <peer>, iapeer stop <peer>");
}

/* The folder of the record decides, whatever folder this is called in. */
static int done(const struct ctx *c, const struct peer_record *record, const struct peer_id *id,
		struct err *e)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	bool armed = mark_is_set(&c->layout, id, MARK_TASK_GIVEN);

	if (!armed && peer_profile(record, &p, e) < 0)
		return -1;
	if (!armed && p.wake_policy != WAKE_EPHEMERAL) {
		err_set(e, ERR_REFUSED, 0, "%s is no ephemeral worker: it has no task to end",
			id->name);
		return err_hint(e, "iapeer set %s wake_policy=ephemeral", id->name);
	}
	return mark_set(&c->layout, id, MARK_TASK_DONE, e);
}

int verb_self(struct ctx *c, const struct parsed *p, struct err *e)
{
	bool fresh = strcmp(p->args[0], "fresh") == 0;
	const struct peer_record *record;
	struct sender me;

	ctx_tried(c, "self %.20s", p->args[0]);
	if (!fresh && strcmp(p->args[0], "done") != 0) {
		err_set(e, ERR_USAGE, 0, "\"%.40s\" is neither fresh nor done", p->args[0]);
		return err_hint(e, "iapeer help self");
	}
	if (who_am_i(c, &me, &record, e) < 0)
		return -1;
	if ((fresh ? mark_set(&c->layout, &me.id, MARK_FRESH_NEXT, e)
		   : done(c, record, &me.id, e)) < 0)
		return -1;
	c->reply = json_object();
	json_set_str(c->reply, "personality", me.id.name);
	json_set_str(c->reply, "runtime", me.id.runtime);
	json_set_str(c->reply, "action", fresh ? "fresh-next" : "done");
	buf_fmt(&c->out, "%s: %s\n", me.id.name,
		fresh ? "its next start is fresh" : "done; this session ends");
	return 0;
}
