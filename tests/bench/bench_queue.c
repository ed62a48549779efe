/* bench_queue COUNT IDENTITY - COUNT messages for a peer, as `send` puts them on disk; how long
 * each took until it was safe, in microseconds. */
#include <stdio.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/queue.h"

#include "iapeer/base/banned.h"

static int put(const struct layout *l, const struct peer_id *id, struct err *e)
{
	AUTO(queue_item_done) struct queue_item m = {.attachments = STRV_INIT, .from = *id};
	int64_t from = clock_mono_us();

	message_id_new(m.id);
	m.accepted_at_ms = clock_utc_ms();
	m.body = xstrdup("a message of a benchmark");
	if (queue_put(l, id, &m, e) < 0)
		return -1;
	printf("%lld\n", (long long)(clock_mono_us() - from));
	return 0;
}

int main(int argc, char **argv)
{
	AUTO(layout_done) struct layout l = LAYOUT_INIT;
	struct err e = ERR_INIT;
	struct peer_id id;
	int64_t n;

	if (argc != 3 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_queue COUNT IDENTITY\n");
		return 2;
	}
	if (peer_parse(argv[2], &id, &e) == 0 && layout_open(&l, true, &e) == 0)
		while (n-- > 0 && put(&l, &id, &e) == 0)
			;
	if (e.code != ERR_NONE)
		fprintf(stderr, "bench_queue: %s\n", e.msg);
	return e.code == ERR_NONE ? 0 : 1;
}
