/* verbs.h - THE table of verbs: what the program can do, in the order of `iapeer help`. */
#pragma once
#include "iapeer/cli/verb.h"

extern const struct verb verbs[];
extern const size_t n_verbs;

/* NULL: no such verb. "create" and "canary" are verbs; "canary ensure" is canary's matter. */
const struct verb *verb_find(const char *name);
/* The visible verb that was meant, or NULL. */
const char *verb_nearest(const char *typed);
