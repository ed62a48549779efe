/* A row of the table, by what was typed. */
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

#define VERBS_MAX 64

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* What other programs call it. */
static const struct {
	const char *typed, *verb;
} elsewhere[] = {
    {"add", "create"},   {"delete", "remove"}, {"edit", "set"},    {"enter", "attach"},
    {"kill", "stop"},    {"ls", "list"},       {"mv", "set"},      {"park", "stop"},
    {"pause", "stop"},   {"ps", "list"},       {"rename", "set"},  {"resume", "start"},
    {"rm", "remove"},    {"say", "send"},      {"status", "show"}, {"tail", "logs"},
    {"tell", "send"},    {"wake", "start"},    {"move", "set"},    {"history", "why"},
    {"message", "send"},
};

const char *verb_nearest(const char *typed)
{
	const char *names[VERBS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		if (strcmp(elsewhere[i].typed, typed) == 0)
			return elsewhere[i].verb;
	for (size_t i = 0; i < n_verbs && n < VERBS_MAX; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			names[n++] = verbs[i].name;
	return str_nearest(typed, names, n);
}
