/* Words behind any verb (the first byte says which; NUL or newline between words): understood, or
 * refused with one line; what was understood is in the row of that verb. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/cli/opt.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

#define WORDS 32

static void must(bool so)
{
	if (!so)
		abort();
}

static bool in_list(const struct opt *list, const struct opt *o)
{
	for (; list && list->name; list++)
		if (list == o)
			return true;
	return false;
}

static void look(const struct verb *v, const struct parsed *p, int argc)
{
	must(p->n_args + p->n_given <= (size_t)argc);
	for (size_t i = 0; i < p->n_given; i++) {
		const struct given *g = &p->given[i];

		must(in_list(v->opts, g->opt) || in_list(opt_common, g->opt));
		must(!g->value == !g->opt->value);
		must(!in_list(v->opts, g->opt) || opt_given(p, g->opt->name));
	}
	if (!p->help)
		must(p->n_args >= v->min_args && p->n_args <= v->max_args);
	must(!p->json || (v->flags & V_JSON));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(parsed_done) struct parsed p = {.verb = NULL};
	struct err e = ERR_INIT;
	char *argv[WORDS + 1] = {NULL}, *text;
	const struct verb *v;
	int argc = 0;

	if (size == 0)
		return 0;
	v = &verbs[data[0] % n_verbs];
	text = calloc(1, size);
	must(text != NULL);
	memcpy(text, data + 1, size - 1);
	for (char *at = text; at < text + size - 1 && argc < WORDS; at += strlen(at) + 1) {
		at[strcspn(at, "\n")] = '\0';
		argv[argc++] = at;
	}
	if (opt_parse(v, argc, argv, &p, &e) == 0)
		look(v, &p, argc);
	else
		must(e.code == ERR_USAGE && e.msg[0] && !strchr(e.msg, '\n'));
	free(text);
	return 0;
}
