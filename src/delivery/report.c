#include "iapeer/delivery/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fault.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define KEPT_BYTES (1 << 20)
/* A text of nothing but control characters, six bytes each, and the rest. */
#define LINE_BYTES ((size_t)REPORT_TEXT_MAX * 6 + (64 << 10))
#define CHUNK      ((size_t)2 * LINE_BYTES)

static const char *const kind_words[] = {
    [REPORT_READY] = "ready",     [REPORT_TAKEN] = "taken",
    [REPORT_TOOL] = "tool",       [REPORT_ASKS] = "asks",
    [REPORT_TURN] = "turn",       [REPORT_FAILED] = "failed",
    [REPORT_RETRIES] = "retries", [REPORT_INTERRUPTED] = "interrupted",
    [REPORT_BLOCKED] = "blocked", [REPORT_LEFT] = "left"};
_Static_assert(sizeof kind_words / sizeof kind_words[0] == REPORT_KIND_COUNT, "one word a kind");

static const char *const source_words[] = {[REPORT_BY_HOOK] = "hook",
					   [REPORT_BY_SCREEN] = "screen",
					   [REPORT_BY_FILE] = "file",
					   [REPORT_BY_VERB] = "verb"};
_Static_assert(sizeof source_words / sizeof source_words[0] == REPORT_SOURCE_COUNT,
	       "one word a source");

void report_done(struct report *r)
{
	strv_done(&r->ids);
	free(r->text);
	r->text = NULL;
}

const char *report_kind_word(enum report_kind k)
{
	return kind_words[k];
}

const char *report_source_word(enum report_source s)
{
	return source_words[s];
}

bool report_kind_parse(const char *word, enum report_kind *out)
{
	for (int k = 0; k < REPORT_KIND_COUNT; k++)
		if (strcmp(kind_words[k], word) == 0) {
			*out = (enum report_kind)k;
			return true;
		}
	return false;
}

static bool source_parse(const char *word, enum report_source *out)
{
	for (int s = 0; s < REPORT_SOURCE_COUNT; s++)
		if (strcmp(source_words[s], word) == 0) {
			*out = (enum report_source)s;
			return true;
		}
	return false;
}

bool report_has(const struct report *r, const char *message_id)
{
	return strv_has(&r->ids, message_id);
}

/* ---- writing ---- */

static void add_text(struct json *j, const struct report *r)
{
	bool longer = strlen(r->text) > REPORT_TEXT_MAX;

	if (longer) {
		auto_free char *text = xmalloc((size_t)REPORT_TEXT_MAX + 1);

		str_cut(text, (size_t)REPORT_TEXT_MAX + 1, r->text);
		json_set_str(j, "text", text);
	} else {
		json_set_str(j, "text", r->text);
	}
	if (longer || r->cut)
		json_set_bool(j, "cut", true);
}

static void print(const struct report *r, struct buf *out)
{
	auto_json struct json *j = json_object();

	json_set_i64(j, "at", r->at_ms);
	json_set_str(j, "kind", kind_words[r->kind]);
	json_set_str(j, "by", source_words[r->source]);
	if (r->ids.n > 0)
		json_set_strv(j, "ids", &r->ids);
	json_set_str_opt(j, "detail", r->detail);
	json_set_str_opt(j, "conversation", r->conversation);
	json_set_str_opt(j, "transcript", r->transcript);
	if (r->transcript_size > 0)
		json_set_i64(j, "transcriptSize", r->transcript_size);
	if (r->text)
		add_text(j, r);
	json_print(j, false, out);
	buf_chr(out, '\n');
}

int report_add(const struct layout *l, const struct peer_id *id, const struct report *r,
	       struct err *e)
{
	AUTO(buf_done) struct buf line = BUF_INIT(LINE_BYTES);
	char path[LAYOUT_PATH];
	auto_fd int fd = -1;
	int fault = fault_point("report.write");

	layout_state(id, "reports", path);
	if (fault)
		return err_set(e, ERR_FAILED, fault, "write %s", path);
	if (fs_open_append(l->root_fd, path, &fd, e) < 0)
		return -1;
	if (fs_is_torn(fd))
		buf_chr(&line, '\n');
	print(r, &line);
	if (buf_check(&line, path, e) < 0)
		return -1;
	return fs_write_all(fd, line.p, line.len, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

int report_watch(const struct layout *l, const struct peer_id *id, int *out_fd, struct err *e)
{
	char path[LAYOUT_PATH], whole[LAYOUT_PATH];
	auto_fd int fd = -1;

	layout_state(id, "reports", path);
	if (fs_open_append(l->root_fd, path, &fd, e) < 0 || layout_abs(l, path, whole, e) < 0)
		return -1;
	return plat_watch(whole, out_fd, e);
}

int64_t report_size(const struct layout *l, const struct peer_id *id)
{
	char path[LAYOUT_PATH];
	struct fs_info info;
	struct err e;

	layout_state(id, "reports", path);
	return fs_stat(l->root_fd, path, &info, &e) == 0 && info.exists ? info.size : 0;
}

int report_begin(const struct layout *l, const struct peer_id *id, struct err *e)
{
	char path[LAYOUT_PATH], old[LAYOUT_PATH];

	if (report_size(l, id) <= KEPT_BYTES)
		return 0;
	layout_state(id, "reports", path);
	layout_state(id, "reports.1", old);
	return fs_rename(l->root_fd, path, old, e);
}

/* ---- reading ---- */

static bool parse_words(const struct json *j, struct report *r)
{
	char kind[16] = "", by[16] = "";
	struct err e;

	return json_req_str(j, "", "kind", kind, sizeof kind, &e) == 0 &&
	       json_req_str(j, "", "by", by, sizeof by, &e) == 0 &&
	       report_kind_parse(kind, &r->kind) && source_parse(by, &r->source);
}

static bool parse(const char *line, size_t len, struct report *r)
{
	auto_json struct json *j = NULL;
	struct err e;

	return len > 2 && line[0] == '{' && json_parse(line, len, "reports", &j, &e) == 0 &&
	       json_is_object(j) && parse_words(j, r) &&
	       json_req_i64(j, "", "at", 0, INT64_MAX / 2, &r->at_ms, &e) == 0 &&
	       json_opt_strv(j, "", "ids", &r->ids, &e) == 0 &&
	       json_opt_str(j, "", "detail", r->detail, sizeof r->detail, &e) == 0 &&
	       json_opt_str(j, "", "conversation", r->conversation, sizeof r->conversation, &e) ==
		   0 &&
	       json_opt_str(j, "", "transcript", r->transcript, sizeof r->transcript, &e) == 0 &&
	       json_opt_i64(j, "", "transcriptSize", 0, INT64_MAX / 2, &r->transcript_size, &e) ==
		   0 &&
	       json_opt_dup(j, "", "text", &r->text, &e) == 0 &&
	       json_opt_bool(j, "", "cut", &r->cut, &e) == 0;
}

struct reading {
	bool (*fn)(const struct report *, void *);
	void *arg;
	bool stopped;
};

/* Returns how many bytes were used: whole lines. */
static size_t each_line(const struct buf *b, struct reading *to)
{
	const char *s = buf_cstr(b), *end = s + b->len;

	while (s < end && !to->stopped) {
		AUTO(report_done) struct report r = {.at_ms = 0};
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		if (!nl)
			break;
		if (parse(s, (size_t)(nl - s), &r))
			to->stopped = !to->fn(&r, to->arg);
		s = nl + 1;
	}
	return (size_t)(s - buf_cstr(b));
}

static int read_file(const struct layout *l, const char *path, int64_t *at, struct reading *to,
		     struct err *e)
{
	while (!to->stopped) {
		AUTO(buf_done) struct buf b = BUF_INIT(CHUNK);
		size_t used;

		if (fs_read_at(l->root_fd, path, *at, CHUNK, &b, e) < 0)
			return e->code == ERR_NOT_FOUND ? 0 : -1;
		used = each_line(&b, to);
		if (used == 0 && b.len < CHUNK)
			break; /* its end, or a line that is being written */
		*at += (int64_t)(used > 0 ? used : b.len); /* none of ours is that long */
	}
	return 0;
}

int report_each(const struct layout *l, const struct peer_id *id, int64_t *at,
		bool (*fn)(const struct report *r, void *arg), void *arg, struct err *e)
{
	struct reading to = {.fn = fn, .arg = arg};
	char path[LAYOUT_PATH];

	layout_state(id, "reports", path);
	if (*at > report_size(l, id))
		*at = 0;
	return read_file(l, path, at, &to, e);
}

int report_history(const struct layout *l, const struct peer_id *id,
		   bool (*fn)(const struct report *r, void *arg), void *arg, struct err *e)
{
	static const char *const files[] = {"reports.1", "reports"};
	struct reading to = {.fn = fn, .arg = arg};

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char path[LAYOUT_PATH];
		int64_t at = 0;

		layout_state(id, files[i], path);
		if (read_file(l, path, &at, &to, e) < 0)
			return -1;
	}
	return 0;
}
