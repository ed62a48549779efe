/* Words behind any verb (the first byte says which; NUL or newline between words): understood, or
 * refused with one line; what was understood is in the row of that verb. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/cli/opt.h"
#include "iapeer/cli/verbs.h"

#include "must.h"

#include "iapeer/base/banned.h"

#define WORDS 32

static bool in_list(const struct opt *list, const struct opt *o)
{
	for (; list && list->name; list++)
		if (list == o)
			return true;
	return false;
}

/* The last value counts, and only a whole number is one. */
static void look_at_option(const struct parsed *p, const struct given *g)
{
	const char *name = g->opt->name, *last = opt_value(p, name);
	int64_t n = 5;
	struct err e = ERR_INIT;

	must(opt_given(p, name) && !last == !g->opt->value);
	must(!last || last == opt_nth(p, name, opt_count(p, name) - 1));
	if (opt_i64(p, name, 1, 9, &n, &e) < 0)
		must(e.code == ERR_USAGE && n == 5 && e.msg[0]);
	must(n >= 1 && n <= 9);
}

static void look(const struct verb *v, const struct parsed *p, int argc)
{
	must(p->n_args + p->n_given <= (size_t)argc);
	for (size_t i = 0; i < p->n_given; i++) {
		const struct given *g = &p->given[i];

		must(in_list(v->opts, g->opt) || in_list(opt_common, g->opt));
		must(!g->value == !g->opt->value);
		if (in_list(v->opts, g->opt))
			look_at_option(p, g);
	}
	for (size_t i = 0; i <= p->n_args; i++)
		must(!parsed_arg(p, i) == (i == p->n_args));
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
