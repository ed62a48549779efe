/* event: called by the hooks of an agent's program. */
#include "iapeer/cli/verb_runs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/agent/event.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"

#include "iapeer/base/banned.h"

int verb_event(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *typed = opt_value(p, "identity");
	struct peer_id id;

	if (!typed)
		typed = getenv("PEER_IDENTITY");
	if (!typed)
		return err_set(e, ERR_USAGE, 0, "neither --identity nor PEER_IDENTITY is given");
	if (peer_parse(typed, &id, e) < 0)
		return -1;
	if (strcmp(id.runtime, p->args[0]) != 0)
		return err_set(e, ERR_USAGE, 0, "%s is no %s", typed, p->args[0]);
	return event_take(&c->layout, &id, STDIN_FILENO, e);
}
