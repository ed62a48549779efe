#include "iapeer/cli/story.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/story_words.h"
#include "iapeer/lifecycle/decide.h"

#include "iapeer/base/banned.h"

#define VALUE       256
#define SENDERS     8
#define SAME_END_MS 60000 /* the line in lifecycle.log follows that in exits.log within moments */

/* Where we are in the telling. */
struct telling {
	const struct timeline *t;
	struct json *out;
	size_t at;
	int64_t ended_ms; /* when it was last told that it ended; 0: not yet */
	bool again;       /* it has ended since it was last woken */
};

static const struct timeline_entry *here(const struct telling *s)
{
	return &s->t->v[s->at];
}

static bool get(const struct timeline_entry *x, const char *key, char out[static VALUE])
{
	if (logfmt_get(x->line, x->len, key, out, VALUE))
		return true;
	out[0] = '\0';
	return false;
}

static bool is(const struct timeline_entry *x, const char *key, const char *value)
{
	char is[VALUE];

	return get(x, key, is) && strcmp(is, value) == 0;
}

static struct json *say(struct telling *s, int64_t at_ms, const char *event, const struct buf *text)
{
	struct json *o = json_push(s->out, json_object());
	char identity[VALUE];

	json_set_time(o, "ts", at_ms);
	if (!get(here(s), "identity", identity))
		get(here(s), "to", identity);
	json_set_str(o, "identity", identity);
	json_set_str(o, "event", event);
	json_set_str(o, "text", buf_cstr(text));
	return o;
}

/* ---- messages ---- */

/* `start --now` goes through the queue as well, without words: that is no message. */
static bool is_delivery(const struct timeline_entry *x)
{
	return x->log == TIMELINE_DELIVERY && is(x, "ev", "delivery") && !is(x, "bytes", "0");
}

/* The last line of that message: what became of it. Earlier ones are steps on the way. */
static bool is_last_of_it(const struct telling *s, size_t i)
{
	char id[VALUE];

	if (!get(&s->t->v[i], "id", id))
		return true;
	for (size_t k = i + 1; k < s->t->n; k++)
		if (is_delivery(&s->t->v[k]) && is(&s->t->v[k], "id", id))
			return false;
	return true;
}

/* The message that the wake at `i` was for: the next one that says so, before another wake. */
static const struct timeline_entry *waker(const struct telling *s, size_t i)
{
	char identity[VALUE];

	get(&s->t->v[i], "identity", identity);
	for (size_t k = i + 1; k < s->t->n; k++) {
		const struct timeline_entry *x = &s->t->v[k];

		if (is(x, "ev", "wake") && is(x, "identity", identity))
			return NULL;
		if (is_delivery(x) && is(x, "to", identity) && is(x, "woke", "true"))
			return x;
	}
	return NULL;
}

struct senders {
	char name[SENDERS][64];
	size_t count[SENDERS], n, total;
};

static void count_sender(struct senders *c, const struct timeline_entry *x)
{
	char from[VALUE], name[64];
	size_t i = 0;

	get(x, "from", from);
	story_sender(from, name, sizeof name);
	while (i < c->n && strcmp(c->name[i], name) != 0)
		i++;
	c->total++;
	if (i == SENDERS)
		return;
	if (i == c->n)
		str_cut(c->name[c->n++], sizeof c->name[0], name);
	c->count[i]++;
}

static void list_senders(const struct senders *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		buf_str(out, i == 0 ? "" : i + 1 == c->n ? " and " : ", ");
		if (c->n > 1)
			buf_fmt(out, "%zu from %s", c->count[i], c->name[i]);
		else
			buf_str(out, c->name[i]);
	}
}

/* Deliveries without anything else in between are one sentence. */
static void tell_delivered(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	struct senders c = {.n = 0};
	int64_t from = here(s)->at_ms, to = from;
	char clock[16];

	for (size_t i = s->at; i < s->t->n && is_delivery(&s->t->v[i]); i++) {
		const struct timeline_entry *x = &s->t->v[i];

		if (!is_last_of_it(s, i))
			continue;
		if (!is(x, "status", "delivered") || is(x, "woke", "true"))
			break;
		count_sender(&c, x);
		to = x->at_ms;
		s->at = i;
	}
	if (c.total == 1) {
		buf_fmt(&text, "A message from %s was delivered.", c.name[0]);
	} else {
		story_clock(to, clock);
		buf_fmt(&text, "%zu messages %s", c.total, c.n > 1 ? "(" : "from ");
		list_senders(&c, &text);
		buf_fmt(&text, "%s were delivered until %s.", c.n > 1 ? ")" : "", clock);
	}
	say(s, from, "messages", &text);
}

static void tell_message(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	const struct timeline_entry *x = here(s);
	char status[VALUE], from[VALUE], reason[VALUE], name[64];

	if (!is_delivery(x) || !is_last_of_it(s, s->at))
		return;
	get(x, "status", status);
	if (strcmp(status, "delivered") == 0) {
		if (!is(x, "woke", "true"))
			tell_delivered(s);
		return;
	}
	get(x, "from", from);
	get(x, "reason", reason);
	story_sender(from, name, sizeof name);
	if (strcmp(status, "queued") == 0)
		buf_fmt(&text, "A message from %s has been waiting since then", name);
	else if (strcmp(status, "ambiguous") == 0)
		buf_fmt(&text, "Nobody can say whether a message from %s arrived", name);
	else
		buf_fmt(&text, "A message from %s was %s", name,
			strcmp(status, "refused") == 0 ? "refused" : "not delivered");
	buf_fmt(&text, "%s%s.", reason[0] ? ": " : "", reason);
	say(s, x->at_ms, strcmp(status, "queued") == 0 ? "waits" : "refused", &text);
}

/* ---- sessions ---- */

static void tell_wake(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	const struct timeline_entry *message = waker(s, s->at);
	char cause[VALUE], from[VALUE], name[64];

	get(here(s), "cause", cause);
	buf_fmt(&text, "It was %s%s", message ? "woken" : "started", s->again ? " again" : "");
	if (message) {
		get(message, "from", from);
		story_sender(from, name, sizeof name);
		buf_fmt(&text, " by a message from %s", name);
	}
	story_mode(is(here(s), "mode", "resume"), cause, &text);
	say(s, here(s)->at_ms, "woke", &text);
	s->again = false;
}

static void tell_step(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char action[VALUE], reason[VALUE];
	enum trigger trigger;
	const char *event;

	get(here(s), "action", action);
	get(here(s), "reason", reason);
	if (reason[0] && !trigger_parse(reason, &trigger)) {
		bool refused = str_starts(action, "refused");

		buf_fmt(&text, "%s: %s.", refused ? "A request was refused" : story_tried(action),
			reason);
		say(s, here(s)->at_ms, refused ? "refused" : "failed", &text);
		return;
	}
	event = story_step(action, reason, &text);
	/* Tidying up behind an end that was told is no event. */
	if (!event || (s->again && strcmp(event, "ended") == 0))
		return;
	if (strcmp(event, "parked") == 0 || strcmp(event, "stopped") == 0)
		s->again = true;
	say(s, here(s)->at_ms, event, &text);
}

/* ---- deaths ---- */

static void tell_end(struct telling *s, const struct buf *text, const char *cause)
{
	char id[VALUE];
	struct json *o = say(s, here(s)->at_ms, "died", text);

	json_set_str_opt(o, "cause", cause);
	if (get(here(s), "death_id", id))
		json_set_str(o, "death_id", id);
	s->ended_ms = here(s)->at_ms;
	s->again = true;
}

static void tell_server(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	const struct timeline_entry *x = here(s);
	char cause[VALUE], asker[VALUE], command[VALUE];

	get(x, "cause", cause);
	get(x, "asker", asker);
	get(x, "command", command);
	story_server_end(cause, command, asker, &text);
	if (strcmp(cause, "sigkill") == 0 || strcmp(cause, "oom-kill") == 0)
		story_memory(x->available, x->total, &text);
	if (strcmp(cause, "sigkill") == 0)
		story_kills(x->memory_kills, &text);
	if (x->burst == 2)
		buf_str(&text, " Another peer's server died in the same two seconds.");
	else if (x->burst > 2)
		buf_fmt(&text, " %zu other servers died in the same moment.", x->burst - 1);
	if (is(x, "late", "true"))
		buf_str(&text, " That was found later; when it died is not known.");
	tell_end(s, &text, cause);
}

static void tell_program(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char signal[VALUE], status[VALUE];

	if (is(here(s), "cause", "oom-kill"))
		buf_str(&text, "The kernel killed its program, for memory had run out.");
	else if (get(here(s), "signal", signal))
		buf_fmt(&text, "Its program was killed by %s.", signal);
	else if (!get(here(s), "status", status))
		buf_str(&text, "Its program was ended; how is not known.");
	else if (strcmp(status, "0") == 0)
		buf_str(&text, "Its program ended by itself (status 0).");
	else
		buf_fmt(&text, "Its program ended by itself with status %s.", status);
	story_before(here(s)->before_available, here(s)->before_grew, here(s)->before_grew_bytes,
		     &text);
	tell_end(s, &text, NULL);
}

/* The line in exits.log says more; this one only where there was none (IAPEER_CANARY=off). */
static void tell_found_dead(struct telling *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char cause[VALUE];

	if (s->ended_ms && here(s)->at_ms - s->ended_ms < SAME_END_MS)
		return;
	get(here(s), "reason", cause);
	buf_fmt(&text, "It was found dead (%s).", cause[0] ? cause : "unknown");
	tell_end(s, &text, cause);
}

void story_tell(const struct timeline *t, struct json *out)
{
	static const struct {
		const char *ev;
		void (*tell)(struct telling *);
	} tellers[] = {{"wake", tell_wake},           {"apply", tell_step},
		       {"tick", tell_step},           {"death", tell_found_dead},
		       {"delivery", tell_message},    {"server-exit", tell_server},
		       {"session-exit", tell_program}};
	struct telling s = {.t = t, .out = out};

	for (; s.at < t->n; s.at++)
		for (size_t i = 0; i < sizeof tellers / sizeof tellers[0]; i++)
			if (is(here(&s), "ev", tellers[i].ev)) {
				tellers[i].tell(&s);
				break;
			}
}
