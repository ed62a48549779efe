#include "iapeer/delivery/receipt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/settings.h"

#include "iapeer/base/banned.h"

#define RECEIPT_MAX   ((size_t)4 * CAP_ANSWER) /* an answer, escaped, and the rest */
#define REMEMBERED_MS (INT64_C(7) * 24 * 3600 * 1000)

static const char *const status_words[] = {[DELIVERY_DELIVERED] = "delivered",
					   [DELIVERY_QUEUED] = "queued",
					   [DELIVERY_REFUSED] = "refused",
					   [DELIVERY_FAILED] = "failed",
					   [DELIVERY_AMBIGUOUS] = "ambiguous"};
_Static_assert(sizeof status_words / sizeof status_words[0] == DELIVERY_STATUS_COUNT,
	       "one word a status");

static const char *const rung_words[] = {[RUNG_NONE] = "",
					 [RUNG_ACCEPTED] = "accepted",
					 [RUNG_PASTED] = "pasted",
					 [RUNG_SUBMITTED] = "submitted",
					 [RUNG_RECORDED] = "recorded"};
_Static_assert(sizeof rung_words / sizeof rung_words[0] == RUNG_COUNT, "one word a rung");

void receipt_done(struct receipt *r)
{
	free(r->answer);
	r->answer = NULL;
}

const char *delivery_status_word(enum delivery_status s)
{
	return status_words[s];
}

const char *rung_word(enum rung r)
{
	return rung_words[r];
}

static size_t word_index(const char *word, const char *const *words, size_t n, size_t otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return otherwise;
}

/* An id may hold characters that a file's name should not; its hash and the id inside keep them
 * apart. */
static void receipt_path(const struct peer_id *id, const char *message_id, char *out, size_t size)
{
	char dir[LAYOUT_PATH];

	layout_state(id, "receipts", dir);
	snprintf(out, size, "%s/%016llx.json", dir,
		 (unsigned long long)str_hash(message_id, strlen(message_id)));
}

static int parse(const struct json *j, const char *where, struct receipt *r, struct err *e)
{
	char status[16] = "", rung[16] = "";

	if (json_req_str(j, where, "id", r->id, sizeof r->id, e) < 0 ||
	    json_req_str(j, where, "status", status, sizeof status, e) < 0 ||
	    json_opt_str(j, where, "rung", rung, sizeof rung, e) < 0 ||
	    json_opt_bool(j, where, "woke", &r->woke, e) < 0 ||
	    json_opt_str(j, where, "mode", r->mode, sizeof r->mode, e) < 0 ||
	    json_opt_str(j, where, "cause", r->cause, sizeof r->cause, e) < 0 ||
	    json_opt_str(j, where, "reason", r->reason, sizeof r->reason, e) < 0 ||
	    json_opt_i64(j, where, "acceptedAtMs", 0, INT64_MAX / 2, &r->accepted_at_ms, e) < 0 ||
	    json_opt_i64(j, where, "pastedAtMs", 0, INT64_MAX / 2, &r->pasted_at_ms, e) < 0 ||
	    json_opt_i64(j, where, "submittedAtMs", 0, INT64_MAX / 2, &r->submitted_at_ms, e) < 0 ||
	    json_opt_i64(j, where, "recordedAtMs", 0, INT64_MAX / 2, &r->recorded_at_ms, e) < 0 ||
	    json_opt_i64(j, where, "turnAtMs", 0, INT64_MAX / 2, &r->turn_at_ms, e) < 0 ||
	    json_opt_bool(j, where, "turnEnded", &r->turn_ended, e) < 0 ||
	    json_opt_dup(j, where, "answer", &r->answer, e) < 0)
		return -1;
	r->status = (enum delivery_status)word_index(status, status_words, DELIVERY_STATUS_COUNT,
						     DELIVERY_FAILED);
	r->rung = (enum rung)word_index(rung, rung_words, RUNG_COUNT, RUNG_NONE);
	return 0;
}

int receipt_load(const struct layout *l, const struct peer_id *id, const char *message_id,
		 struct receipt *out, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(RECEIPT_MAX);
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH + 64];

	receipt_path(id, message_id, path, sizeof path);
	if (fs_read(l->root_fd, path, &b, e) < 0 ||
	    json_parse(buf_cstr(&b), b.len, path, &j, e) < 0 || parse(j, path, &r, e) < 0)
		return -1;
	if (strcmp(r.id, message_id) != 0)
		return err_set(e, ERR_NOT_FOUND, 0, "no receipt for %s", message_id);
	*out = r;
	r.answer = NULL;
	return 0;
}

int receipt_save(const struct layout *l, const struct peer_id *id, const struct receipt *r,
		 struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(RECEIPT_MAX);
	auto_json struct json *j = json_object();
	char path[LAYOUT_PATH + 64];

	layout_state(id, "receipts", path);
	if (fs_mkdirs(l->root_fd, path, e) < 0)
		return -1;
	json_set_i64(j, "format", 1);
	json_set_str(j, "id", r->id);
	json_set_str(j, "status", delivery_status_word(r->status));
	json_set_str_opt(j, "rung", rung_word(r->rung));
	json_set_bool(j, "woke", r->woke);
	json_set_str_opt(j, "mode", r->mode);
	json_set_str_opt(j, "cause", r->cause);
	json_set_str_opt(j, "reason", r->reason);
	json_set_i64(j, "acceptedAtMs", r->accepted_at_ms);
	json_set_i64(j, "pastedAtMs", r->pasted_at_ms);
	json_set_i64(j, "submittedAtMs", r->submitted_at_ms);
	json_set_i64(j, "recordedAtMs", r->recorded_at_ms);
	json_set_i64(j, "turnAtMs", r->turn_at_ms);
	json_set_bool(j, "turnEnded", r->turn_ended);
	if (r->answer)
		json_set_str(j, "answer", r->answer);
	json_print(j, true, &b);
	receipt_path(id, r->id, path, sizeof path);
	if (buf_check(&b, path, e) < 0)
		return -1;
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

int receipt_expire(const struct layout *l, const struct peer_id *id, int64_t now_utc_ms,
		   struct err *e)
{
	char dir[LAYOUT_PATH];

	layout_state(id, "receipts", dir);
	return fs_expire(l->root_fd, dir, now_utc_ms - REMEMBERED_MS, 0, e);
}

int receipt_journal(const struct layout *l, const struct queue_item *m, const struct receipt *r,
		    const char *to, struct err *e)
{
	struct journal j = {
	    .dirfd = l->root_fd, .path = LAYOUT_DELIVERY_LOG, .max_bytes = 5 << 20, .keep = 5};
	auto_logfmt struct logfmt line = {.b = BUF_INIT(0)};
	char from[PEER_IDENTITY_MAX + 1];
	const int64_t times[] = {r->accepted_at_ms, r->pasted_at_ms, r->submitted_at_ms,
				 r->recorded_at_ms, r->turn_at_ms};
	struct settings set;
	int64_t at = 0;

	if (settings_load(l, &set, e) ==
	    0) { /* unreadable settings are no reason to write nothing */
		j.max_bytes = set.delivery_log_max_bytes;
		j.keep = set.delivery_log_keep;
	}
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		at = times[i] > at ? times[i] : at;
	logfmt_init(&line, at);
	logfmt_raw(&line, "ev", "delivery");
	logfmt_raw(&line, "id", m ? m->id : r->id);
	if (m) {
		peer_identity(&m->from, from);
		logfmt_raw(&line, "from", from);
	}
	logfmt_raw(&line, "to", to);
	logfmt_str(&line, "rung", rung_word(r->rung));
	logfmt_raw(&line, "status", delivery_status_word(r->status));
	if (m)
		logfmt_i64(&line, "bytes", (int64_t)(m->body ? strlen(m->body) : 0));
	logfmt_str(&line, "topic", m ? m->topic : NULL);
	if (m && !m->from_verified)
		logfmt_raw(&line, "sender", "unverified");
	if (r->woke)
		logfmt_raw(&line, "woke", "true");
	logfmt_str(&line, "reason", r->reason);
	return journal_write(&j, &line, false, e);
}
