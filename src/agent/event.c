#include "iapeer/agent/event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/agent/hook_json.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/reported.h"

#include "iapeer/base/banned.h"

#define IDS_MAX 64

enum field {
	F_EVENT,
	F_CONVERSATION,
	F_TRANSCRIPT,
	F_PROMPT,
	F_ANSWER,
	F_TOOL,
	F_SOURCE,
	F_REASON,
	F_NOTICE,
	F_ERROR,
	F_DETAILS,
	F_NONE, /* from here on: no field */
};
#define N_FIELDS ((size_t)F_NONE)

static const char *const names[] = {[F_EVENT] = "hook_event_name",
				    [F_CONVERSATION] = "session_id",
				    [F_TRANSCRIPT] = "transcript_path",
				    [F_PROMPT] = "prompt",
				    [F_ANSWER] = "last_assistant_message",
				    [F_TOOL] = "tool_name",
				    [F_SOURCE] = "source",
				    [F_REASON] = "reason",
				    [F_NOTICE] = "notification_type",
				    [F_ERROR] = "error",
				    [F_DETAILS] = "error_details"};
_Static_assert(sizeof names / sizeof names[0] == N_FIELDS, "one name a field");

/* Claude Code and Codex call their hooks alike. The first row that fits counts; an event without a
 * row is of no interest. */
static const struct row {
	const char *event;
	enum field when; /* only if this field ... */
	const char *is;  /* ... holds this */
	int kind;        /* enum report_kind; -1: nothing */
	enum field detail, text;
} rows[] = {
    /* A conversation that was made shorter goes on with its turn. */
    {"SessionStart", F_SOURCE, "compact", -1, F_NONE, F_NONE},
    {"SessionStart", F_NONE, "", REPORT_READY, F_SOURCE, F_NONE},
    {"UserPromptSubmit", F_NONE, "", REPORT_TAKEN, F_NONE, F_NONE},
    {"PreToolUse", F_NONE, "", REPORT_TOOL, F_TOOL, F_NONE},
    {"PostToolUse", F_NONE, "", REPORT_TOOL, F_TOOL, F_NONE},
    {"PermissionRequest", F_NONE, "", REPORT_ASKS, F_TOOL, F_NONE},
    {"Notification", F_NOTICE, "permission_prompt", REPORT_ASKS, F_NOTICE, F_NONE},
    {"Notification", F_NOTICE, "elicitation_dialog", REPORT_ASKS, F_NOTICE, F_NONE},
    {"Notification", F_NOTICE, "idle_prompt", REPORT_READY, F_NOTICE, F_NONE},
    {"Stop", F_NONE, "", REPORT_TURN, F_NONE, F_ANSWER},
    {"StopFailure", F_NONE, "", REPORT_FAILED, F_ERROR, F_DETAILS},
    {"SessionEnd", F_NONE, "", REPORT_LEFT, F_REASON, F_NONE},
};

/* A failure's word, as programs say it, and ours. */
static const struct {
	const char *part, *word;
} failures[] = {{"auth", "auth"},        {"oauth", "auth"},        {"billing", "quota"},
		{"rate_limit", "quota"}, {"quota", "quota"},       {"usage_limit", "quota"},
		{"credit", "quota"},     {"overload", "overload"}, {"server", "overload"}};

static const char *failure_word(const char *said)
{
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (strstr(said, failures[i].part))
			return failures[i].word;
	return "other";
}

static const struct row *find(const struct buf *v)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i].event, buf_cstr(&v[F_EVENT])) == 0 &&
		    (rows[i].when == F_NONE || strcmp(rows[i].is, buf_cstr(&v[rows[i].when])) == 0))
			return &rows[i];
	return NULL;
}

/* The ids of the envelopes in a prompt, by their structure: one that is quoted inside a message
 * opens nothing. */
static void find_ids(const struct buf *prompt, struct strv *ids)
{
	AUTO(envelope_decoder_done) struct envelope_decoder d = ENVELOPE_DECODER_INIT;
	AUTO(envelope_done) struct envelope v = ENVELOPE_INIT;

	envelope_feed(&d, buf_cstr(prompt), prompt->len);
	while (ids->n < IDS_MAX && envelope_next(&d, &v) == 1) {
		if (message_id_valid(v.id) && !strv_has(ids, v.id))
			strv_add(ids, v.id);
		envelope_done(&v);
	}
}

static void fill(const struct row *row, const struct buf *v, struct report *r)
{
	r->kind = (enum report_kind)row->kind;
	r->source = REPORT_BY_HOOK;
	if (!str_put(r->conversation, sizeof r->conversation, buf_cstr(&v[F_CONVERSATION])) ||
	    !str_put(r->transcript, sizeof r->transcript, buf_cstr(&v[F_TRANSCRIPT])))
		r->transcript[0] = '\0'; /* too long for a name of anything */
	if (row->kind == REPORT_FAILED)
		str_cut(r->detail, sizeof r->detail, failure_word(buf_cstr(&v[row->detail])));
	else if (row->detail != F_NONE)
		str_cut(r->detail, sizeof r->detail, buf_cstr(&v[row->detail]));
	if (row->kind == REPORT_TAKEN)
		find_ids(&v[F_PROMPT], &r->ids);
	if (row->text != F_NONE && (v[row->text].len > 0 || row->kind == REPORT_TURN))
		r->text = xstrdup(buf_cstr(&v[row->text]));
	if (row->text != F_NONE)
		r->cut = v[row->text].failed;
	/* What the program shows of a failure is in the place of an answer. */
	if (row->kind == REPORT_FAILED && !r->text && v[F_ANSWER].len > 0)
		r->text = xstrdup(buf_cstr(&v[F_ANSWER]));
}

bool event_report(const char *json, size_t len, int64_t now_utc_ms, struct report *out)
{
	struct buf v[N_FIELDS];
	const struct row *row;

	for (size_t i = 0; i < N_FIELDS; i++)
		v[i] = (struct buf)BUF_INIT(CAP_QUEUE_ITEM);
	hook_json_texts(json, len, names, N_FIELDS, v);
	row = find(v);
	if (row && row->kind >= 0) {
		*out = (struct report){.at_ms = now_utc_ms};
		fill(row, v, out);
	}
	for (size_t i = 0; i < N_FIELDS; i++)
		buf_done(&v[i]);
	return row && row->kind >= 0;
}

/* To its end (the writer must not find a closed pipe), or until the time is over: what has come by
 * then, up to the limit, is looked at. */
static void read_all(int fd, int64_t deadline_ms, struct buf *out)
{
	char chunk[8192];
	int64_t left;

	while ((left = deadline_ms - clock_mono_ms()) > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_add(out, chunk, (size_t)n);
	}
}

int event_take(const struct layout *l, const struct peer_id *id, int fd, struct err *e)
{
	AUTO(buf_done) struct buf in = BUF_INIT(EVENT_MAX);
	AUTO(report_done) struct report r = {.at_ms = 0};
	struct fs_info info;

	read_all(fd, clock_mono_ms() + EVENT_MS, &in);
	if (!event_report(buf_cstr(&in), in.len, clock_utc_ms(), &r))
		return 0;
	/* What its turn adds to that file begins here. */
	if (r.kind == REPORT_TAKEN && r.transcript[0] == '/' &&
	    fs_stat(AT_FDCWD, r.transcript, &info, e) == 0 && info.is_file)
		r.transcript_size = info.size;
	if (report_add(l, id, &r, e) < 0)
		return -1;
	return r.kind == REPORT_FAILED ? reported_demote(l, id, &r, e) : 0;
}
