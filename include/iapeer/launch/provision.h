/* provision.h - what a program is started with beside its arguments: its system prompt and the
 * files that its manifest asks for.
 *
 * All of it is generated anew at every start: <identity>.system-prompt.md in the root's state, the
 * rest in <folder>/.iapeer/runtimes/<runtime>/. Nothing else in the folder, and nothing of the
 * user's own configuration, is written or read.
 */
#pragma once
#include "iapeer/launch/launch_in.h"

struct provision {
	char prompt[LAYOUT_PATH]; /* "" : the runtime asks for none */
	char files[LAYOUT_PATH];  /* the folder of the generated files, absolute */
	char exe[LAYOUT_PATH];    /* <root>/bin/iapeer */
};

int provision_make(const struct launch_in *in, struct provision *out, struct err *e) NODISCARD;
/* What the placeholders of the manifest stand for; borrows from both, and conversation too. */
struct manifest_vars provision_vars(const struct launch_in *in, const struct provision *p,
				    const char *identity, const char *conversation);
