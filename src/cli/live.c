#include "iapeer/cli/live.h"

#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/launch/launch.h"

#include "iapeer/base/banned.h"

int live_tmux(const struct ctx *c, const struct session *s, struct tmux *out, struct err *e)
{
	struct tmux t = {.bin = ""};

	if (launch_tmux_bin(&c->layout, &c->settings, t.bin, e) < 0)
		return -1;
	if (!str_put(t.socket, sizeof t.socket, s->socket) ||
	    !str_put(t.pane, sizeof t.pane, s->pane_id))
		return err_set(e, ERR_CORRUPT, 0, "the session's record does not fit");
	*out = t;
	return 0;
}
