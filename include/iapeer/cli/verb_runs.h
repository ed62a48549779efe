/* verb_runs.h - the run() of every row in the table. Each returns 0, or -1 with *e filled: its code
 * is the exit status. */
#pragma once
#include "iapeer/cli/verb.h"

#define VERB_RUN(name)                                                                             \
	int verb_##name(struct ctx *c, const struct parsed *p, struct err *e) NODISCARD

/* struct verb.arg of the rows that share a run(). */
enum create_arg { CREATE_NAMED, CREATE_HERE };
enum send_arg { SEND_MESSAGE, SEND_ASK };
enum life_arg { LIFE_START, LIFE_STOP, LIFE_NEW };

VERB_RUN(create);
VERB_RUN(list);
VERB_RUN(show);
VERB_RUN(read);
VERB_RUN(send);
VERB_RUN(attach);
VERB_RUN(run);
VERB_RUN(interrupt);
VERB_RUN(compact);
VERB_RUN(wait);
VERB_RUN(events);
VERB_RUN(life);
VERB_RUN(remove);
VERB_RUN(self);
VERB_RUN(set);
VERB_RUN(queue);
VERB_RUN(deaths);
VERB_RUN(why);
VERB_RUN(logs);
VERB_RUN(doctor);
VERB_RUN(top);
VERB_RUN(supervise);
VERB_RUN(mcp);
VERB_RUN(completion);
VERB_RUN(complete);
VERB_RUN(help);
VERB_RUN(version);
VERB_RUN(apply);
VERB_RUN(screen);
VERB_RUN(panelog);
VERB_RUN(hook);
VERB_RUN(event);
VERB_RUN(canary);
