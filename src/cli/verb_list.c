#include "iapeer/cli/verb_runs.h"

#include "iapeer/cli/ctx.h"
#include "iapeer/cli/list.h"
#include "iapeer/cli/opt.h"

#include "iapeer/base/banned.h"

int verb_list(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(filter_done) struct filter f = FILTER_INIT;

	if (filter_read(c, p, &f, e) < 0)
		return -1;
	return opt_given(p, "watch") ? list_watch(c, &f, e) : list_once(c, &f, e);
}
