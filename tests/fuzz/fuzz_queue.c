/* An item of a queue, whatever is in the file: it is read, or put aside; what was read and written
 * again reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/delivery/queue.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define NAME  "0000000001.json"
#define QUEUE LAYOUT_LIFECYCLE "/shell-bob.queue"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

static void must(bool so)
{
	if (!so)
		abort();
}

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE};
	AUTO(queue_item_done) struct queue_item again = {.kind = ITEM_MESSAGE};
	struct err e = ERR_INIT;

	enter(QUEUE);
	must(fs_write_soft(l.root_fd, QUEUE "/" NAME, data, size, 0600, &e) == 0);
	if (queue_read(&l, &bob, NAME, &m, &e) < 0) {
		must(e.code == ERR_CORRUPT || e.code == ERR_FAILED);
		must(e.code == ERR_FAILED || !fs_exists(l.root_fd, QUEUE "/" NAME));
		return 0;
	}
	must(message_id_valid(m.id));
	if (queue_force(&l, &bob, NAME, &e) < 0)
		return 0; /* escaped, it may be longer than an item may be */
	must(queue_read(&l, &bob, NAME, &again, &e) == 0 && again.force);
	same(&m, &again);
	return 0;
}
