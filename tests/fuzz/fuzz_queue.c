/* An item of a queue, whatever is in the file: it is read, or put aside and in nobody's way, or a
 * newer program's and left where it is; what was read and written again reads the same, is found by
 * its id, and moves to another queue; what was cut off in the middle is no item. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/delivery/queue.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define NAME  "0000000001.json"
#define QUEUE LAYOUT_LIFECYCLE "/shell-bob.queue"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};
static const struct peer_id rob = {.name = "rob", .runtime = "shell"};

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static void same(const struct queue_item *a, const struct queue_item *b)
{
	must(a->kind == b->kind && strcmp(a->id, b->id) == 0 && peer_id_eq(&a->from, &b->from) &&
	     a->from_nature == b->from_nature && a->from_verified == b->from_verified &&
	     a->accepted_at_ms == b->accepted_at_ms && same_text(a->topic, b->topic) &&
	     same_text(a->body, b->body) && a->attachments.n == b->attachments.n &&
	     a->wait == b->wait && a->wait_until_ms == b->wait_until_ms);
	for (size_t i = 0; i < a->attachments.n; i++)
		must(strcmp(a->attachments.v[i], b->attachments.v[i]) == 0);
}

/* A write that was cut short: of what we wrote, all but the newline at its end must be there. */
static void torn(size_t cut)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	struct err e = ERR_INIT;

	get_file(QUEUE "/" NAME, &b);
	cut %= b.len - 1;
	put_file(QUEUE "/" NAME, b.p, cut);
	must(queue_read(&l, &bob, NAME, &m, &e) < 0 && e.code == ERR_CORRUPT);
	must(!fs_exists(l.root_fd, QUEUE "/" NAME) && fs_exists(l.root_fd, QUEUE "/" NAME ".bad"));
	put_file(QUEUE "/" NAME, b.p, b.len);
}

/* Behind it another one, then both in another queue, in their order. */
static void join(const struct queue_item *m)
{
	struct queue_item next = *m;
	AUTO(strv_done) struct strv files = STRV_INIT;
	AUTO(queue_item_done) struct queue_item first = {.kind = ITEM_MESSAGE};
	AUTO(queue_item_done) struct queue_item second = {.kind = ITEM_MESSAGE};
	struct err e = ERR_INIT;

	str_cut(next.id, sizeof next.id, "next");
	must(queue_put(&l, &bob, &next, &e) == 0 && queue_depth(&l, &bob) == 2);
	must(fs_mkdirs(l.root_fd, LAYOUT_LIFECYCLE "/shell-rob.queue", &e) == 0);
	must(queue_join(&l, &bob, &rob, &e) == 0 && queue_depth(&l, &bob) == 0);
	must(queue_files(&l, &rob, &files, &e) == 0 && files.n == 2);
	must(queue_read(&l, &rob, files.v[0], &first, &e) == 0);
	must(queue_read(&l, &rob, files.v[1], &second, &e) == 0);
	same(m, &first);
	must(strcmp(second.id, "next") == 0 && same_text(m->body, second.body));
	for (size_t i = 0; i < files.n; i++)
		must(queue_remove(&l, &rob, files.v[i], &e) == 0);
	must(fs_mkdirs(l.root_fd, QUEUE, &e) == 0); /* it went with its last item */
}

/* Each input in an empty folder: what was put aside is kept, and there is a limit to that. */
static void begin(void)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	char path[LAYOUT_PATH];
	struct err e = ERR_INIT;

	enter(QUEUE);
	must(fs_list(l.root_fd, QUEUE, &names, &e) == 0);
	for (size_t i = 0; i < names.n; i++) {
		snprintf(path, sizeof path, QUEUE "/%s", names.v[i]);
		drop_file(path);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(queue_item_done) struct queue_item again = {.kind = ITEM_MESSAGE};
	char file[64];
	struct err e = ERR_INIT;

	begin();
	put_file(QUEUE "/" NAME, data, size);
	if (queue_read(&l, &bob, NAME, &m, &e) < 0) {
		must(e.code == ERR_CORRUPT || e.code == ERR_FAILED || e.code == ERR_REFUSED);
		must(e.code == ERR_FAILED ||
		     fs_exists(l.root_fd, QUEUE "/" NAME) == (e.code == ERR_REFUSED));
		must(e.code == ERR_FAILED || queue_depth(&l, &bob) == (e.code == ERR_REFUSED));
		return 0;
	}
	must(message_id_valid(m.id));
	must(queue_find(&l, &bob, m.id, file, &e) == 0 && strcmp(file, NAME) == 0);
	if (queue_force(&l, &bob, NAME, &e) < 0)
		return 0; /* escaped, it may be longer than an item may be */
	must(queue_read(&l, &bob, NAME, &again, &e) == 0 && again.force);
	same(&m, &again);
	torn(size);
	must(queue_wait_turn(&l, &bob, NAME, INT64_C(1) << 50, &e) == 0);
	queue_item_done(&again);
	again = (struct queue_item){.kind = ITEM_MESSAGE};
	must(queue_read(&l, &bob, NAME, &again, &e) == 0 && again.wait == WAIT_TURN);
	if (strcmp(m.id, "next") != 0)
		join(&again);
	return 0;
}
