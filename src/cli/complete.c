#include "iapeer/cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/verb_set.h"
#include "iapeer/cli/verbs.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define LEAD 96

struct asked {
	const struct ctx *ctx;
	const struct verb *verb; /* NULL: it is the verb that is being typed */
	const char *peer;        /* the first argument, where there is one */
	const char *typed;       /* what a candidate has to begin with */
	const char *lead;        /* stands in front of each: "--runtime=" */
	struct buf *out;
};

static void offer(const struct asked *a, const char *word, const char *what)
{
	if (!str_starts(word, a->typed))
		return;
	buf_fmt(a->out, "%s%s\t", a->lead, word);
	text_shown(a->out, what ? what : "");
	buf_chr(a->out, '\n');
}

static void offer_verbs(const struct asked *a)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			offer(a, verbs[i].name, verbs[i].brief);
}

static void offer_options(const struct asked *a, const struct opt *list, bool common)
{
	char name[96];

	for (; list && list->name; list++) {
		if (list->hidden || (common && !opt_applies(a->verb, list)))
			continue;
		snprintf(name, sizeof name, "--%s", list->name);
		offer(a, name, list->help);
	}
}

/* Tags live in the profiles: they are read only when somebody types an @. */
static void offer_tags(const struct asked *a)
{
	AUTO(strv_done) struct strv seen = STRV_INIT;

	for (size_t i = 0; i < a->ctx->registry.n; i++) {
		AUTO(profile_done) struct profile p = {.tree = NULL};
		struct err e;

		if (peer_profile(&a->ctx->registry.peers[i], &p, &e) < 0)
			continue;
		for (size_t j = 0; j < p.tags.n; j++)
			if (!strv_has(&seen, p.tags.v[j]))
				strv_add(&seen, p.tags.v[j]);
	}
	strv_sort(&seen);
	for (size_t i = 0; i < seen.n; i++) {
		char tag[128];

		snprintf(tag, sizeof tag, "@%s", seen.v[i]);
		offer(a, tag, "every peer with this tag");
	}
}

static void offer_peers(const struct asked *a)
{
	for (size_t i = 0; i < a->ctx->registry.n; i++)
		offer(a, a->ctx->registry.peers[i].name, a->ctx->registry.peers[i].description);
	if (a->typed[0] == '@' && strstr(a->verb->args, "@tag"))
		offer_tags(a);
}

static void offer_identities(const struct asked *a)
{
	for (size_t i = 0; i < a->ctx->registry.n; i++) {
		const struct peer_record *r = &a->ctx->registry.peers[i];

		for (size_t j = 0; j < r->runtimes.n; j++) {
			char id[PEER_IDENTITY_MAX + 1];

			snprintf(id, sizeof id, "%s-%s", r->runtimes.v[j], r->name);
			offer(a, id, r->description);
		}
	}
}

/* Those of the peer that was named; else all there are. */
static void offer_runtimes(const struct asked *a)
{
	const struct peer_record *r = a->peer ? registry_find(&a->ctx->registry, a->peer) : NULL;
	AUTO(strv_done) struct strv all = STRV_INIT;
	struct err e;

	for (size_t i = 0; r && i < r->runtimes.n; i++)
		offer(a, r->runtimes.v[i], "a runtime of it");
	if (r || !a->ctx->rooted || manifest_list(&a->ctx->layout, &all, &e) < 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		offer(a, all.v[i], "runtime");
}

/* The words that stand as they are in "<peer> [list | drop <id> | retry <id>]". */
static void offer_literals(const struct asked *a, const char *args)
{
	char word[64];

	while (*args) {
		size_t len = strcspn(args, " |[]<>.");

		if (*args == '<') {
			args += strcspn(args, ">");
		} else if (len > 0 && len < sizeof word && *args != '@' && *args != '-') {
			str_cut(word, len + 1, args);
			if (strcmp(word, "peer") != 0 && strcmp(word, "runtime") != 0)
				offer(a, word, "");
		}
		args += len ? len : 1;
	}
}

static void offer_set_keys(const struct asked *a)
{
	for (size_t i = 0; set_key_name(i); i++) {
		char key[64];

		snprintf(key, sizeof key, "%s=", set_key_name(i));
		offer(a, key, "");
	}
}

/* Behind `key=`. */
static void offer_set_values(const struct asked *a, const char *key)
{
	static const struct {
		const char *key, *words;
	} rows[] = {{"wake_policy=", "on-demand ephemeral always"},
		    {"resume_policy=", "continue topic always never"},
		    {"accepts=", "artificial natural absent"},
		    {"trust=", "yes no"}};

	if (strcmp(key, "folder=") == 0 || strcmp(key, "workdir=") == 0)
		buf_str(a->out, ":file\n");
	if (strcmp(key, "default=") == 0)
		offer_runtimes(a);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(key, rows[i].key) == 0)
			offer_literals(a, rows[i].words);
}

static void offer_kind(const struct asked *a, enum complete kind)
{
	switch (kind) {
	case COMP_PEER:
		offer_peers(a);
		return;
	case COMP_RUNTIME:
		offer_runtimes(a);
		return;
	case COMP_FILE:
		buf_str(a->out, ":file\n");
		return;
	case COMP_VERB:
		offer_verbs(a);
		offer(a, "exit-codes", "what an exit status means");
		return;
	case COMP_LITERAL:
		offer_literals(a, a->verb->args);
		return;
	case COMP_SET_KEY:
		if (a->lead[0])
			offer_set_values(a, a->lead);
		else
			offer_set_keys(a);
		return;
	case COMP_NONE:
		return;
	}
}

/* What an option takes, by the word that its help shows. */
static void offer_value(const struct asked *a, const char *value)
{
	if (strcmp(value, "<file>") == 0 || strcmp(value, "<folder>") == 0)
		buf_str(a->out, ":file\n");
	else if (strcmp(value, "<runtime>") == 0)
		offer_runtimes(a);
	else if (strcmp(value, "<identity>") == 0)
		offer_identities(a);
	else if (strcmp(value, "<rung>") == 0)
		for (int i = WAIT_ACCEPTED; i < WAIT_RUNG_COUNT; i++)
			offer(a, wait_rung_word((enum wait_rung)i), "");
	else if (strcmp(value, "<state>") == 0)
		for (int i = 0; i < SHOWN_STATE_COUNT; i++)
			offer(a, shown_state_word((enum shown_state)i), "");
	else if (strcmp(value, "<status>") == 0)
		for (int i = 0; i < STATUS_COUNT; i++)
			offer(a, status_word((enum peer_status)i), "");
	else if (strcmp(value, "<nature>") == 0)
		offer_literals(a, "artificial natural absent");
	else if (strcmp(value, "<manager>") == 0)
		offer_literals(a, "launchd systemd");
	else if (strcmp(value, "<what>") == 0)
		offer_literals(a, "idle attention gone");
}

static const struct opt *option_of(const struct verb *v, const char *word)
{
	size_t len = strcspn(word + 2, "=");

	for (const struct opt *o = v->opts; o && o->name; o++)
		if (strlen(o->name) == len && strncmp(o->name, word + 2, len) == 0)
			return o;
	return NULL;
}

/* Go over what stands before the cursor; returns the option whose value is being typed, or NULL. */
static const struct opt *walk(struct asked *a, const char *const *words, size_t n, size_t *args,
			      bool *ended)
{
	const struct opt *wants = NULL;

	for (size_t i = 1; i + 1 < n; i++) {
		const struct opt *o = NULL;

		if (wants) {
			wants = NULL;
			continue;
		}
		if (!*ended && strcmp(words[i], "--") == 0) {
			*ended = true;
			continue;
		}
		if (!*ended && str_starts(words[i], "--")) {
			o = option_of(a->verb, words[i]);
			wants = o && o->value && !strchr(words[i], '=') ? o : NULL;
			continue;
		}
		if (*args == 0)
			a->peer = words[i];
		(*args)++;
	}
	return wants;
}

/* What stands up to the first `=` is not completed any more. False: it is longer than any of ours.
 */
static bool cut_lead(struct asked *a, char lead[static LEAD])
{
	size_t n = strcspn(a->typed, "=") + 1;

	if (n >= LEAD)
		return false;
	memcpy(lead, a->typed, n);
	lead[n] = '\0';
	a->lead = lead;
	a->typed += n;
	return true;
}

void complete_words(const struct ctx *c, const char *const *words, size_t n, struct buf *out)
{
	const size_t n_comp = sizeof((struct verb *)0)->comp / sizeof((struct verb *)0)->comp[0];
	struct asked a = {.ctx = c, .typed = words[n - 1], .lead = "", .out = out};
	const struct opt *wants;
	size_t args = 0;
	bool ended = false;
	char lead[LEAD];

	if (n == 1) {
		offer_verbs(&a);
		return;
	}
	a.verb = verb_find(words[0]);
	if (!a.verb || (a.verb->flags & V_HIDDEN))
		return;
	wants = walk(&a, words, n, &args, &ended);
	if (!wants && !ended && str_starts(a.typed, "--") && strchr(a.typed, '=')) {
		wants = option_of(a.verb, a.typed);
		if (!wants || !cut_lead(&a, lead))
			return;
	}
	if (wants) {
		if (wants->value)
			offer_value(&a, wants->value);
		return;
	}
	if (!ended && a.typed[0] == '-') {
		offer_options(&a, a.verb->opts, false);
		offer_options(&a, opt_common, true);
		return;
	}
	if (args >= n_comp && a.verb->comp[n_comp - 1] == COMP_SET_KEY)
		args = n_comp - 1;
	if (args >= n_comp || args >= a.verb->max_args)
		return;
	if (a.verb->comp[args] == COMP_SET_KEY && strchr(a.typed, '=') && !cut_lead(&a, lead))
		return;
	offer_kind(&a, a.verb->comp[args]);
}
