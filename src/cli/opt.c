#include "iapeer/cli/opt.h"

#include <assert.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

const struct opt opt_common[] = {
    {.name = "json", .help = "print one JSON object"},
    {.name = "debug", .help = "say on standard error what is done"},
    {.name = "help", .help = "print help and run nothing (-h)"},
    {.name = NULL},
};

bool opt_applies(const struct verb *v, const struct opt *common)
{
	return strcmp(common->name, "json") != 0 || (v->flags & V_JSON);
}

static const struct opt *in_list(const struct opt *list, const char *name, size_t len)
{
	for (; list && list->name; list++)
		if (strlen(list->name) == len && memcmp(list->name, name, len) == 0)
			return list;
	return NULL;
}

static const struct opt *find(const struct verb *v, const char *name, size_t len)
{
	const struct opt *o = in_list(v->opts, name, len);

	if (!o)
		o = in_list(opt_common, name, len);
	return o && (in_list(v->opts, name, len) || opt_applies(v, o)) ? o : NULL;
}

static bool is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

/* Would this word be swallowed wrongly as somebody's value? */
static bool is_known(const struct verb *v, const char *word)
{
	return is_help(word) || (str_starts(word, "--") && find(v, word + 2, strlen(word + 2)));
}

static int unknown(const struct verb *v, const char *word, size_t name_len, struct err *e)
{
	const char *names[64], *near;
	auto_free char *typed = xstrndup(word + 2, name_len);
	size_t n = 0;

	for (const struct opt *o = v->opts; o && o->name && n < 60; o++)
		if (!o->hidden)
			names[n++] = o->name;
	for (const struct opt *o = opt_common; o->name && n < 64; o++)
		if (opt_applies(v, o))
			names[n++] = o->name;
	near = str_nearest(typed, names, n);
	err_set(e, ERR_USAGE, 0, "no option --%.60s", typed);
	if (near)
		return err_hint(e, "did you mean --%s?", near);
	return err_hint(e, "`iapeer help %s` lists the options; `--` ends them", v->name);
}

static void give(struct parsed *p, const struct opt *o, const char *value)
{
	p->given[p->n_given++] = (struct given){.opt = o, .value = value};
	if (o == &opt_common[0])
		p->json = true;
	else if (o == &opt_common[1])
		p->debug = true;
}

/* One word that begins with two dashes, and perhaps the next as its value. */
static int take_option(struct parsed *p, int argc, char *const *argv, int *i, struct err *e)
{
	const char *word = argv[*i], *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
	const struct opt *o = find(p->verb, word + 2, len);

	if (!o)
		return unknown(p->verb, word, len, e);
	if (!o->value && equals)
		return err_set(e, ERR_USAGE, 0, "--%s takes no value", o->name);
	if (!o->value) {
		give(p, o, NULL);
		return 0;
	}
	if (equals) {
		give(p, o, equals + 1);
		return 0;
	}
	if (*i + 1 >= argc || is_known(p->verb, argv[*i + 1]))
		return err_set(e, ERR_USAGE, 0, "--%s needs %s", o->name, o->value);
	give(p, o, argv[++*i]);
	return 0;
}

/* -f is --follow, as everywhere; nothing else is short. */
static int take_short(struct parsed *p, const char *word, struct err *e)
{
	const struct verb *v = p->verb;
	const struct opt *follow = in_list(v->opts, "follow", strlen("follow"));

	if (strcmp(word, "-f") == 0 && follow) {
		give(p, follow, NULL);
		return 0;
	}
	err_set(e, ERR_USAGE, 0, "no option %.60s", word);
	return err_hint(e, "`iapeer help %s` lists the options; `--` ends them", v->name);
}

/* What must be known even if the rest is wrong: is help asked for, and in which form are errors
 * printed. */
static void look_ahead(struct parsed *p, int argc, char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (is_help(argv[i]))
			p->help = true;
		if (strcmp(argv[i], "--json") == 0 && (p->verb->flags & V_JSON))
			p->json = true;
	}
}

/* The first argument that is not there, by its word in the row; of literal words there all. */
static void missing(const char *args, size_t n, struct err *e)
{
	size_t len;

	while (n-- > 0) {
		args += strcspn(args, " ");
		args += strspn(args, " ");
	}
	len = args[0] == '<' ? strcspn(args, " ") : strlen(args);
	err_set(e, ERR_USAGE, 0, "%.*s is missing", (int)len, args);
}

static int check_counts(const struct parsed *p, struct err *e)
{
	const struct verb *v = p->verb;

	if (p->n_args < v->min_args)
		missing(v->args, p->n_args, e);
	else if (p->n_args > v->max_args)
		err_set(e, ERR_USAGE, 0, "too many arguments: %.60s", p->args[v->max_args]);
	else
		return 0;
	return err_hint(e, "usage: iapeer %s%s%s", v->name, v->args[0] ? " " : "", v->args);
}

int opt_parse(const struct verb *v, int argc, char *const *argv, struct parsed *p, struct err *e)
{
	int i = 0;

	*p = (struct parsed){.verb = v,
			     .args = xcalloc((size_t)argc + 1, sizeof *p->args),
			     .given = xcalloc((size_t)argc + 1, sizeof *p->given)};
	look_ahead(p, argc, argv);
	if (p->help)
		return 0;
	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (argv[i][0] != '-' || !argv[i][1])
			p->args[p->n_args++] = argv[i];
		else if ((argv[i][1] == '-' ? take_option(p, argc, argv, &i, e)
					    : take_short(p, argv[i], e)) < 0)
			return -1;
	}
	for (i++; i < argc; i++)
		p->args[p->n_args++] = argv[i];
	return check_counts(p, e);
}

void parsed_done(struct parsed *p)
{
	free(p->args);
	free(p->given);
	*p = (struct parsed){.verb = NULL};
}

static const struct opt *known(const struct parsed *p, const char *name)
{
	const struct opt *o = in_list(p->verb->opts, name, strlen(name));

	assert(o);
	return o;
}

size_t opt_count(const struct parsed *p, const char *name)
{
	const struct opt *o = known(p, name);
	size_t n = 0;

	for (size_t i = 0; i < p->n_given; i++)
		n += p->given[i].opt == o;
	return n;
}

bool opt_given(const struct parsed *p, const char *name)
{
	return opt_count(p, name) > 0;
}

const char *opt_nth(const struct parsed *p, const char *name, size_t i)
{
	const struct opt *o = known(p, name);

	for (size_t k = 0; k < p->n_given; k++)
		if (p->given[k].opt == o && i-- == 0)
			return p->given[k].value;
	return NULL;
}

const char *opt_value(const struct parsed *p, const char *name)
{
	size_t n = opt_count(p, name);

	return n ? opt_nth(p, name, n - 1) : NULL;
}

int opt_i64(const struct parsed *p, const char *name, int64_t min, int64_t max, int64_t *out,
	    struct err *e)
{
	const char *value = opt_value(p, name);

	if (value && !str_i64(value, min, max, out))
		return err_set(e, ERR_USAGE, 0,
			       "--%s: \"%.40s\" is no whole number from %lld to %lld", name, value,
			       (long long)min, (long long)max);
	return 0;
}

const char *parsed_arg(const struct parsed *p, size_t i)
{
	return i < p->n_args ? p->args[i] : NULL;
}
