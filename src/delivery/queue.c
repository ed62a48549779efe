#include "iapeer/delivery/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/registry.h"

#include "iapeer/base/banned.h"

#define NUMBER_MAX INT64_C(9999999999) /* ten digits: names sort as numbers do */
#define CLAIM_MS   10000
#define ASIDE_MAX  100 /* unreadable items of one number that are kept */

static const char *const wait_words[] = {[WAIT_DELIVERED] = "delivered",
					 [WAIT_ACCEPTED] = "accepted",
					 [WAIT_SUBMITTED] = "submitted",
					 [WAIT_RECORDED] = "recorded",
					 [WAIT_TURN] = "turn"};
_Static_assert(sizeof wait_words / sizeof wait_words[0] == WAIT_RUNG_COUNT, "one word a rung");

void queue_item_done(struct queue_item *m)
{
	free(m->topic);
	free(m->body);
	strv_done(&m->attachments);
	m->topic = m->body = NULL;
}

const char *wait_rung_word(enum wait_rung w)
{
	return wait_words[w];
}

bool wait_rung_parse(const char *word, enum wait_rung *out)
{
	for (int i = 0; i < WAIT_RUNG_COUNT; i++)
		if (strcmp(wait_words[i], word) == 0) {
			*out = (enum wait_rung)i;
			return true;
		}
	return false;
}

bool message_id_valid(const char *id)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-";
	size_t n = strlen(id);

	return n >= 1 && n <= MESSAGE_ID_MAX && strspn(id, letters) == n && !strchr("._:@-", id[0]);
}

/* Unique on this host without a register: time, pid, a counter, and bytes of chance against forked
 * twins. */
void message_id_new(char out[static MESSAGE_ID_MAX + 1])
{
	static unsigned serial;
	auto_fd int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	unsigned chance = 0;

	if (fd >= 0 && read(fd, &chance, sizeof chance) != (ssize_t)sizeof chance)
		chance = 0;
	snprintf(out, MESSAGE_ID_MAX + 1, "m%llx-%lx-%x%06x", (unsigned long long)clock_utc_ms(),
		 (unsigned long)getpid(), serial++, chance & 0xffffffU);
}

static void queue_path(const struct peer_id *id, const char *file, char *out, size_t size)
{
	char dir[LAYOUT_PATH];

	layout_state(id, "queue", dir);
	if (file)
		snprintf(out, size, "%s/%s", dir, file);
	else
		snprintf(out, size, "%s", dir);
}

/* "0000000042.json"; anything else in the folder is not ours to deliver. */
static bool item_name(const char *name, int64_t *out_number)
{
	char digits[16];

	if (strlen(name) != 15 || !str_ends(name, ".json"))
		return false;
	memcpy(digits, name, 10);
	digits[10] = '\0';
	return str_i64(digits, 1, INT64_MAX, out_number);
}

int queue_files(const struct layout *l, const struct peer_id *id, struct strv *out, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	char dir[LAYOUT_PATH];
	int64_t number;

	queue_path(id, NULL, dir, sizeof dir);
	if (fs_list(l->root_fd, dir, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (item_name(names.v[i], &number))
			strv_add(out, names.v[i]);
	return 0;
}

size_t queue_depth(const struct layout *l, const struct peer_id *id)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	struct err e;

	return queue_files(l, id, &files, &e) < 0 ? 0 : files.n;
}

static void print_item(const struct queue_item *m, struct buf *out)
{
	auto_json struct json *j = json_object();
	char from[PEER_IDENTITY_MAX + 1];

	peer_identity(&m->from, from);
	json_set_i64(j, "format", 1);
	json_set_str(j, "kind", m->kind == ITEM_WAKE ? "wake" : "message");
	json_set_str(j, "id", m->id);
	json_set_str(j, "from", from);
	json_set_str_opt(j, "fromIntelligence", nature_word(m->from_nature));
	json_set_bool(j, "verified", m->from_verified);
	json_set_i64(j, "acceptedAtMs", m->accepted_at_ms);
	json_set_str_opt(j, "topic", m->topic);
	json_set_str(j, "body", m->body ? m->body : "");
	if (m->attachments.n)
		json_set_strv(j, "attachments", &m->attachments);
	json_set_str(j, "wait", wait_rung_word(m->wait));
	if (m->wait_until_ms)
		json_set_i64(j, "waitUntilMs", m->wait_until_ms);
	if (m->force)
		json_set_bool(j, "force", true);
	json_print(j, true, out);
}

/* The next number: under the queue's own lock. */
static int next_number(const struct layout *l, const struct peer_id *id, int64_t *out,
		       struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;

	*out = 0;
	if (queue_files(l, id, &files, e) < 0)
		return -1;
	if (files.n > 0 && !item_name(files.v[files.n - 1], out))
		return err_set(e, ERR_CORRUPT, 0, "queue file %s", files.v[files.n - 1]);
	if (++*out > NUMBER_MAX)
		return err_set(e, ERR_FAILED, 0, "queue number %lld is the last",
			       (long long)NUMBER_MAX);
	return 0;
}

int queue_room(const struct layout *l, struct err *e)
{
	struct fs_room room;

	if (fs_room(l->root_fd, &room, e) < 0)
		return 0; /* who cannot tell may try */
	if (room.read_only)
		return err_set(e, ERR_FAILED, EROFS, "not accepted");
	if (!room.low)
		return 0;
	err_set(e, ERR_FAILED, ENOSPC, "not accepted");
	return err_hint(e, "make room where %s is (iapeer doctor says how much there is)", l->root);
}

int queue_claim(const struct layout *l, const struct peer_id *id, struct lock *out, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_queue_lock(id, path);
	if (fs_mkdirs(l->root_fd, LAYOUT_LOCKS, e) < 0 ||
	    lock_take(out, l->root_fd, path, "accept a message", clock_mono_ms() + CLAIM_MS, e) < 0)
		return err_wrap(e, "not accepted");
	if (registry_still_has(l, id->name, e) == 0)
		return 0;
	lock_done(out);
	return -1;
}

int queue_put(const struct layout *l, const struct peer_id *id, struct queue_item *m, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_QUEUE_ITEM);
	char path[LAYOUT_PATH + 64];
	int64_t number = 0;
	bool created = false;

	if (queue_room(l, e) < 0)
		return -1;
	queue_path(id, NULL, path, sizeof path);
	if (fs_mkdirs(l->root_fd, path, e) < 0 || next_number(l, id, &number, e) < 0)
		return err_wrap(e, "not accepted");
	m->accepted_at_ms = clock_utc_ms();
	snprintf(m->file, sizeof m->file, "%010lld.json", (long long)number);
	print_item(m, &b);
	queue_path(id, m->file, path, sizeof path);
	if (buf_check(&b, "the message", e) < 0 ||
	    fs_publish(l->root_fd, path, buf_cstr(&b), b.len, 0600, &created, e) < 0)
		return err_wrap(e, "not accepted");
	if (!created)
		return err_set(e, ERR_FAILED, 0, "not accepted: queue number %lld is taken",
			       (long long)number);
	return 0;
}

int queue_join(const struct layout *l, const struct peer_id *from, const struct peer_id *to,
	       struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	char old[LAYOUT_PATH + 64], new[LAYOUT_PATH + 64], file[64];
	int64_t number;

	if (queue_files(l, from, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		if (next_number(l, to, &number, e) < 0)
			return -1;
		snprintf(file, sizeof file, "%010lld.json", (long long)number);
		queue_path(from, files.v[i], old, sizeof old);
		queue_path(to, file, new, sizeof new);
		if (fs_rename(l->root_fd, old, new, e) < 0)
			return -1;
	}
	queue_path(from, NULL, old, sizeof old);
	return fs_remove_tree(l->root_fd, old, e);
}

static int parse_item(const struct json *j, const char *where, struct queue_item *m, struct err *e)
{
	char kind[16] = "", from[96] = "", nature[16] = "", wait[16] = "delivered";
	int64_t format = 0;

	if (json_req_i64(j, where, "format", 1, 1, &format, e) < 0 ||
	    json_req_str(j, where, "kind", kind, sizeof kind, e) < 0 ||
	    json_req_str(j, where, "id", m->id, sizeof m->id, e) < 0 ||
	    json_req_str(j, where, "from", from, sizeof from, e) < 0 ||
	    json_opt_str(j, where, "fromIntelligence", nature, sizeof nature, e) < 0 ||
	    json_opt_bool(j, where, "verified", &m->from_verified, e) < 0 ||
	    json_opt_i64(j, where, "acceptedAtMs", 0, INT64_MAX / 2, &m->accepted_at_ms, e) < 0 ||
	    json_opt_dup(j, where, "topic", &m->topic, e) < 0 ||
	    json_opt_dup(j, where, "body", &m->body, e) < 0 ||
	    json_opt_strv(j, where, "attachments", &m->attachments, e) < 0 ||
	    json_opt_str(j, where, "wait", wait, sizeof wait, e) < 0 ||
	    json_opt_i64(j, where, "waitUntilMs", 0, INT64_MAX / 2, &m->wait_until_ms, e) < 0 ||
	    json_opt_bool(j, where, "force", &m->force, e) < 0)
		return -1;
	m->kind = strcmp(kind, "wake") == 0 ? ITEM_WAKE : ITEM_MESSAGE;
	m->from_nature = nature_parse(nature);
	if (!message_id_valid(m->id) || peer_parse(from, &m->from, e) < 0)
		return err_set(e, ERR_CORRUPT, 0, "%s: id or sender", where);
	if (!wait_rung_parse(wait, &m->wait))
		m->wait = WAIT_DELIVERED;
	return 0;
}

/* A newer build may come back to it: it is neither read nor put aside, and nothing overtakes it.
 * What its id is can be told where it stands as ever. */
static int refuse_newer(const struct json *j, const char *path, char *out_id, struct err *e)
{
	int64_t format = 0;

	if (json_req_i64(j, path, "format", 2, INT64_MAX / 2, &format, e) < 0)
		return 0;
	if (json_req_str(j, path, "id", out_id, MESSAGE_ID_MAX + 1, e) < 0)
		out_id[0] = '\0';
	err_set(e, ERR_REFUSED, 0, "%s was written by a newer iapeer (format %lld)", path,
		(long long)format);
	return err_hint(e, "deliver it with the newer iapeer, or move the file away");
}

/* Keep what nobody can read for a person to look at, and what was kept before. */
static int put_aside(const struct layout *l, const char *path, struct err *e)
{
	char aside[LAYOUT_PATH + 96];

	snprintf(aside, sizeof aside, "%s.bad", path);
	for (int i = 2; i <= ASIDE_MAX && fs_exists(l->root_fd, aside); i++)
		snprintf(aside, sizeof aside, "%s.%d.bad", path, i);
	if (fs_exists(l->root_fd, aside))
		return err_set(e, ERR_FAILED, EEXIST, "put %s aside", path);
	return fs_rename(l->root_fd, path, aside, e);
}

/* As queue_read(). out_id: "" where even that is not known. */
/* NOLINTNEXTLINE(readability-function-size): where, and the two that come of it */
static int look(const struct layout *l, const struct peer_id *id, const char *file,
		struct queue_item *out, char out_id[static MESSAGE_ID_MAX + 1], struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_QUEUE_ITEM);
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH + 64];
	struct queue_item m = {.kind = ITEM_MESSAGE};
	bool parsed;

	out_id[0] = '\0';
	queue_path(id, file, path, sizeof path);
	if (fs_read(l->root_fd, path, &b, e) < 0)
		return -1;
	parsed = json_parse(buf_cstr(&b), b.len, path, &j, e) == 0;
	if (parsed && refuse_newer(j, path, out_id, e) < 0)
		return -1;
	if (parsed && parse_item(j, path, &m, e) == 0) {
		str_cut(m.file, sizeof m.file, file);
		str_cut(out_id, MESSAGE_ID_MAX + 1, m.id);
		*out = m;
		return 0;
	}
	queue_item_done(&m);
	/* One item that nobody can read must not hold up the others. */
	log_warn("queue", "%s", e->msg);
	if (put_aside(l, path, e) < 0)
		return -1; /* it is still the head */
	return err_set(e, ERR_CORRUPT, 0, "%s cannot be read, and was put aside", path);
}

int queue_read(const struct layout *l, const struct peer_id *id, const char *file,
	       struct queue_item *out, struct err *e)
{
	char its_id[MESSAGE_ID_MAX + 1];

	return look(l, id, file, out, its_id, e);
}

int queue_remove(const struct layout *l, const struct peer_id *id, const char *file, struct err *e)
{
	char path[LAYOUT_PATH + 64];

	queue_path(id, file, path, sizeof path);
	return fs_unlink(l->root_fd, path, e);
}

int queue_find(const struct layout *l, const struct peer_id *id, const char *message_id,
	       char out_file[static 64], struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;

	if (queue_files(l, id, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
		char its_id[MESSAGE_ID_MAX + 1];

		if (look(l, id, files.v[i], &m, its_id, e) < 0) {
			if (e->code == ERR_CORRUPT || e->code == ERR_NOT_FOUND)
				continue;
			if (!its_id[0])
				return -1;
		}
		if (strcmp(its_id, message_id) == 0) {
			str_cut(out_file, 64, files.v[i]);
			return 0;
		}
	}
	return err_set(e, ERR_NOT_FOUND, 0, "no message %s waits", message_id);
}

static int rewrite(const struct layout *l, const struct peer_id *id, const struct queue_item *m,
		   struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_QUEUE_ITEM);
	char path[LAYOUT_PATH + 64];

	print_item(m, &b);
	queue_path(id, m->file, path, sizeof path);
	if (buf_check(&b, "the message", e) < 0)
		return -1;
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

int queue_force(const struct layout *l, const struct peer_id *id, const char *file, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};

	if (queue_read(l, id, file, &m, e) < 0)
		return -1;
	m.force = true;
	return rewrite(l, id, &m, e);
}

int queue_wait_turn(const struct layout *l, const struct peer_id *id, const char *file,
		    int64_t until_ms, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};

	if (queue_read(l, id, file, &m, e) < 0)
		return -1;
	if (m.wait == WAIT_TURN && m.wait_until_ms >= until_ms)
		return 0;
	m.wait = WAIT_TURN;
	m.wait_until_ms = until_ms;
	return rewrite(l, id, &m, e);
}
