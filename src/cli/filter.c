#include "iapeer/cli/filter.h"

#include <fnmatch.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/targets.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

void filter_done(struct filter *f)
{
	strv_done(&f->names);
	strv_done(&f->tags);
	strv_done(&f->runtimes);
}

static bool is_glob(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

static int check_tag(const struct ctx *c, const char *tag, struct err *e)
{
	AUTO(strv_done) struct strv seen = STRV_INIT;

	for (size_t i = 0; i < c->registry.n; i++)
		peer_tags(&c->registry.peers[i], &seen);
	return strv_has(&seen, tag) ? 0 : targets_no_tag(tag, &seen, e);
}

static int take_argument(const struct ctx *c, const char *word, struct filter *f, struct err *e)
{
	const struct peer_record *r;

	if (word[0] == '@') {
		strv_add(&f->tags, word + 1);
		return check_tag(c, word + 1, e);
	}
	strv_add(&f->names, word);
	return is_glob(word) ? 0 : registry_need(&c->registry, word, &r, e);
}

/* Every value of the option, in pieces between commas. */
static void values(const struct parsed *p, const char *option, struct strv *out)
{
	for (size_t i = 0; i < opt_count(p, option); i++)
		words_split(opt_nth(p, option, i), ',', out);
}

static int take_words(const struct parsed *p, const char *option, int count,
		      const char *(*word)(int), unsigned *bits, struct err *e)
{
	AUTO(strv_done) struct strv typed = STRV_INIT, known = STRV_INIT;

	values(p, option, &typed);
	for (int k = 0; k < count; k++)
		strv_add(&known, word(k));
	for (size_t i = 0; i < typed.n; i++) {
		int k = 0;

		while (k < count && strcmp(known.v[k], typed.v[i]) != 0)
			k++;
		if (k == count) {
			err_set(e, ERR_USAGE, 0, "no --%s is called \"%.40s\"", option, typed.v[i]);
			return words_hint(e, "there are", &known);
		}
		*bits |= 1U << k;
	}
	return 0;
}

static const char *state_word(int k)
{
	return shown_state_word((enum shown_state)k);
}

static const char *doing_word(int k)
{
	return status_word((enum peer_status)k);
}

int filter_read(const struct ctx *c, const struct parsed *p, struct filter *out, struct err *e)
{
	for (size_t i = 0; i < p->n_args; i++)
		if (take_argument(c, p->args[i], out, e) < 0)
			return -1;
	values(p, "runtime", &out->runtimes);
	if (take_words(p, "state", SHOWN_STATE_COUNT, state_word, &out->states, e) < 0)
		return -1;
	return take_words(p, "status", STATUS_COUNT, doing_word, &out->statuses, e);
}

bool filter_record(const struct filter *f, const struct peer_record *r)
{
	AUTO(strv_done) struct strv tags = STRV_INIT;

	if (f->names.n == 0 && f->tags.n == 0)
		return true;
	for (size_t i = 0; i < f->names.n; i++)
		if (fnmatch(f->names.v[i], r->name, 0) == 0)
			return true;
	if (f->tags.n)
		peer_tags(r, &tags);
	for (size_t i = 0; i < f->tags.n; i++)
		if (strv_has(&tags, f->tags.v[i]))
			return true;
	return false;
}

static bool is_so(const struct filter *f, const char *runtime, const struct sight *s)
{
	if (f->runtimes.n && !strv_has(&f->runtimes, runtime))
		return false;
	if (f->states && !(f->states & 1U << s->shown))
		return false;
	return !f->statuses || (s->does && f->statuses & 1U << s->status.status);
}

bool filter_sights(const struct filter *f, const struct peer_record *r, const struct sight *sights)
{
	if (!f->runtimes.n && !f->states && !f->statuses)
		return true;
	for (size_t i = 0; i < r->runtimes.n; i++)
		if (is_so(f, r->runtimes.v[i], &sights[i]))
			return true;
	return false;
}
