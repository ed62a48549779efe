/* mcp: the server for agents, on standard input and output. */
#include "iapeer/cli/verb_runs.h"

#include <unistd.h>

#include "iapeer/agent/mcp.h"
#include "iapeer/cli/ctx.h"

#include "iapeer/base/banned.h"

int verb_mcp(struct ctx *c, const struct parsed *p, struct err *e)
{
	(void)p;
	if (c->term.in_tty)
		ctx_note("an agent's program starts this and speaks MCP with it, a line of JSON "
			 "each way; C-d ends it");
	return mcp_serve(STDIN_FILENO, STDOUT_FILENO, e);
}
