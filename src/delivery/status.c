/* Evidence -> status. Pure. */
#include "iapeer/delivery/status.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define QUIET_MS  10000
#define SETTLE_MS 2000 /* output so soon after an event is still its own */

static const char *const words[] = {
    [STATUS_UNKNOWN] = "unknown", [STATUS_BOOTING] = "booting", [STATUS_IDLE] = "idle",
    [STATUS_WORKING] = "working", [STATUS_WAITING] = "waiting", [STATUS_BLOCKED] = "blocked",
    [STATUS_AUTH] = "auth",       [STATUS_QUOTA] = "quota"};
_Static_assert(sizeof words / sizeof words[0] == STATUS_COUNT, "one word a status");

const char *status_word(enum peer_status s)
{
	return words[s];
}

bool status_parse(const char *word, enum peer_status *out)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum peer_status)i;
			return true;
		}
	return false;
}

bool status_needs_person(enum peer_status s)
{
	return s == STATUS_WAITING || s == STATUS_BLOCKED || s == STATUS_AUTH || s == STATUS_QUOTA;
}

enum peer_status status_of_report(enum report_kind k, const char *detail)
{
	static const enum peer_status of[] = {
	    [REPORT_READY] = STATUS_IDLE,      [REPORT_TAKEN] = STATUS_WORKING,
	    [REPORT_TOOL] = STATUS_WORKING,    [REPORT_ASKS] = STATUS_WAITING,
	    [REPORT_TURN] = STATUS_IDLE,       [REPORT_FAILED] = STATUS_IDLE,
	    [REPORT_RETRIES] = STATUS_WORKING, [REPORT_INTERRUPTED] = STATUS_IDLE,
	    [REPORT_BLOCKED] = STATUS_BLOCKED, [REPORT_LEFT] = STATUS_UNKNOWN};
	_Static_assert(sizeof of / sizeof of[0] == REPORT_KIND_COUNT, "one status a kind");

	if ((k == REPORT_FAILED || k == REPORT_RETRIES) && strcmp(detail, "auth") == 0)
		return STATUS_AUTH;
	if ((k == REPORT_FAILED || k == REPORT_RETRIES) && strcmp(detail, "quota") == 0)
		return STATUS_QUOTA;
	return of[k];
}

static void say(struct status *out, enum peer_status s, const char *source, int64_t at,
		const char *detail)
{
	*out = (struct status){.status = s, .since_ms = at, .at_ms = at};
	str_cut(out->source, sizeof out->source, source);
	str_cut(out->detail, sizeof out->detail, detail);
}

static void by_session(const struct status_evidence *v, struct status *out)
{
	say(out, v->ready ? STATUS_IDLE : STATUS_BOOTING, "session", v->woke_at_ms, "");
}

static void by_report(const struct status_evidence *v, struct status *out)
{
	static const char *const sources[] = {[REPORT_BY_HOOK] = "hook",
					      [REPORT_BY_SCREEN] = "screen",
					      [REPORT_BY_FILE] = "file",
					      [REPORT_BY_VERB] = "verb"};
	_Static_assert(sizeof sources / sizeof sources[0] == REPORT_SOURCE_COUNT, "one word each");

	say(out, status_of_report(v->report, v->report_detail), sources[v->report_source],
	    v->report_at_ms, v->report_detail);
	out->since_ms = v->report_since_ms;
	/* The person answered, and whoever saw it was killed before he said so. */
	if (out->status == STATUS_BLOCKED && v->ready)
		say(out, STATUS_IDLE, "session", v->report_at_ms, "");
}

/* The runtime's own file against what we were told last: the newer wins, but for what the file
 * cannot know or a report does not say. */
static bool file_wins(const struct status_evidence *v, const struct status *told)
{
	if (!v->filed)
		return false;
	if (!v->reported)
		return true;
	/* "idle" is also what it says when its credentials are dead, and "busy" while it tries them
	 * again. */
	if (v->filed_status == (v->report == REPORT_RETRIES ? STATUS_WORKING : STATUS_IDLE) &&
	    (told->status == STATUS_AUTH || told->status == STATUS_QUOTA))
		return false;
	/* Of several tools one has ended; another's question is still open. */
	if (v->filed_status == STATUS_WAITING && v->report == REPORT_TOOL)
		return true;
	return v->filed_at_ms > v->report_at_ms && v->filed_status != told->status;
}

static void by_terminal(const struct status_evidence *v, struct status *out)
{
	if (!v->looked)
		say(out, STATUS_UNKNOWN, "process", v->now_ms, "its terminal cannot be looked at");
	else if (v->in_foreground)
		say(out, STATUS_WORKING, "process", v->now_ms, v->process);
	else
		say(out, STATUS_IDLE, "process", v->now_ms, "");
}

/* Hooks and its own file tell when an idle program begins to work; of one that has neither, new
 * output says that it may have. */
static bool told_of_work(const struct status *s)
{
	return strcmp(s->source, "hook") == 0 || strcmp(s->source, "file") == 0;
}

static bool is_stale(const struct status_evidence *v, const struct status *s)
{
	int64_t sign = v->printed_at_ms > s->at_ms ? v->printed_at_ms : s->at_ms;

	/* Seen from outside only: a program that works paints. */
	if (s->status == STATUS_WORKING && strcmp(s->source, "screen") == 0)
		return v->now_ms - sign >= (v->decay_ms < QUIET_MS ? v->decay_ms : QUIET_MS);
	if (s->status == STATUS_WORKING || s->status == STATUS_BOOTING)
		return v->now_ms - sign >= v->decay_ms;
	return s->status == STATUS_IDLE && v->kind == KIND_TUI && !told_of_work(s) &&
	       v->now_ms - s->at_ms >= v->decay_ms && v->printed_at_ms > s->at_ms + SETTLE_MS;
}

void status_decide(const struct status_evidence *v, struct status *out)
{
	if (v->kind == KIND_SHELL && v->ready) {
		by_terminal(v, out);
		return;
	}
	by_session(v, out);
	if (v->reported)
		by_report(v, out);
	if (file_wins(v, out))
		say(out, v->filed_status, "file", v->filed_at_ms, v->filed_detail);
	if (is_stale(v, out))
		out->status = STATUS_UNKNOWN;
}
