#include "iapeer/lifecycle/death.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/banned.h"

#define REST_FIRST_MS 1000
#define REST_MAX_MS   60000

const char *death_class_word(enum death_class c)
{
	return c == DEATH_SERVER_DEAD ? "server-dead" : "session-gone";
}

static int parse_one(const struct json *j, const char *what, struct death_entry *out, struct err *e)
{
	char class[16] = "session-gone";
	AUTO(json_freep) struct json *bare = NULL;

	*out = (struct death_entry){.at_ms = 0};
	if (json_is_number(j)) {
		/* 0.2.x wrote the time alone. A number has no key to ask for, so it is given one.
		 */
		bare = json_object();
		json_set(bare, "at", json_copy(j));
		j = bare;
	}
	if (json_req_i64(j, what, "at", 0, INT64_MAX / 2, &out->at_ms, e) < 0 ||
	    json_opt_str(j, what, "class", class, sizeof class, e) < 0 ||
	    json_opt_str(j, what, "cause", out->cause, sizeof out->cause, e) < 0 ||
	    json_opt_i64(j, what, "woke", 0, INT64_MAX / 2, &out->woke_at_ms, e) < 0 ||
	    json_opt_bool(j, what, "forgiven", &out->forgiven, e) < 0)
		return -1;
	out->class = strcmp(class, "server-dead") == 0 ? DEATH_SERVER_DEAD : DEATH_SESSION_GONE;
	return 0;
}

int death_ring_parse(const char *text, size_t len, const char *what, struct death_ring *out,
		     struct err *e)
{
	auto_json struct json *j = NULL;
	struct death_ring ring = {.n = 0};
	struct death_entry d;

	if (json_parse(text, len, what, &j, e) < 0)
		return -1;
	if (!json_is_array(j))
		return err_set(e, ERR_CORRUPT, 0, "%s: expected an array", what);
	for (const struct json *one = json_first(j); one; one = json_next(one)) {
		if (parse_one(one, what, &d, e) < 0)
			return -1;
		death_ring_add(&ring, &d);
	}
	*out = ring;
	return 0;
}

void death_ring_print(const struct death_ring *r, struct buf *out)
{
	auto_json struct json *a = json_array();

	for (size_t i = 0; i < r->n; i++) {
		struct json *o = json_push(a, json_object());

		json_set_i64(o, "at", r->v[i].at_ms);
		json_set_str(o, "class", death_class_word(r->v[i].class));
		json_set_str_opt(o, "cause", r->v[i].cause);
		if (r->v[i].woke_at_ms)
			json_set_i64(o, "woke", r->v[i].woke_at_ms);
		if (r->v[i].forgiven)
			json_set_bool(o, "forgiven", true);
	}
	json_print(a, true, out);
}

void death_ring_add(struct death_ring *r, const struct death_entry *d)
{
	/* The same session ended once: whoever noted it was killed before it could forget the
	 * session. */
	if (d->woke_at_ms && r->n > 0 && r->v[r->n - 1].woke_at_ms == d->woke_at_ms)
		return;
	if (r->n == DEATH_RING) {
		memmove(r->v, r->v + 1, (DEATH_RING - 1) * sizeof r->v[0]);
		r->n--;
	}
	r->v[r->n++] = *d;
}

void death_ring_forgive(struct death_ring *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->v[i].forgiven = true;
}

/* A kill from outside, an orderly end that somebody asked for, the host: not the program's doing.
 */
bool death_is_own(const struct death_entry *d)
{
	static const char *const outside[] = {"sigkill",  "sigterm",      "sighup",     "sigint",
					      "oom-kill", "host-restart", "kill-server"};

	if (d->class == DEATH_SERVER_DEAD)
		return false;
	for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
		if (strcmp(d->cause, outside[i]) == 0)
			return false;
	return true;
}

int death_ring_own(const struct death_ring *r, int64_t now_ms, int64_t window_ms)
{
	int n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += death_is_own(&r->v[i]) && !r->v[i].forgiven &&
		     r->v[i].at_ms > now_ms - window_ms && r->v[i].at_ms <= now_ms;
	return n;
}

int64_t death_ring_rested_ms(const struct death_ring *r, int64_t now_ms, int64_t window_ms)
{
	int64_t pause = REST_FIRST_MS, last = 0;
	int n = 0;

	for (size_t i = 0; i < r->n; i++) {
		int64_t at = r->v[i].at_ms;

		if (r->v[i].forgiven || at <= now_ms - window_ms || at > now_ms)
			continue; /* long ago; or the clock was set back: no reason to wait */
		n++;
		last = at > last ? at : last;
	}
	for (int i = 1; i < n && pause < REST_MAX_MS; i++)
		pause *= 2;
	if (n == 0)
		return 0;
	return last + (pause > REST_MAX_MS ? REST_MAX_MS : pause);
}

void death_session_cause(int exit_status, int signal, bool oom, char out[static 32])
{
	static const struct {
		int sig;
		const char *word;
	} names[] = {{1, "sighup"},   {2, "sigint"},  {3, "sigquit"}, {4, "sigill"},
		     {6, "sigabrt"},  {8, "sigfpe"},  {9, "sigkill"}, {11, "sigsegv"},
		     {13, "sigpipe"}, {15, "sigterm"}};

	if (oom) {
		snprintf(out, 32, "oom-kill");
		return;
	}
	if (signal <= 0) {
		if (exit_status > 0)
			snprintf(out, 32, "exit-%d", exit_status);
		else
			snprintf(out, 32, "%s", exit_status == 0 ? "exited" : "unknown");
		return;
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].sig == signal) {
			snprintf(out, 32, "%s", names[i].word);
			return;
		}
	snprintf(out, 32, "signal-%d", signal);
}
