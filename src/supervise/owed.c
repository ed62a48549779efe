/* Deaths that cannot be written down yet: a full disk, a folder that is not what it was. They keep
 * their armed records. */
#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define FIRST_MS 1000
#define MOST_MS  30000

void keeper_owe(struct keeper *k, const struct err *why)
{
	struct err e;

	if (!why) {
		k->owed.wait_ms = 0;
		return;
	}
	if (!k->owed.wait_ms)
		log_error("watch", "record a death: %s; it is tried again", why->msg);
	k->owed.wait_ms = !k->owed.wait_ms                ? FIRST_MS
			  : k->owed.wait_ms * 2 > MOST_MS ? MOST_MS
							  : k->owed.wait_ms * 2;
	k->owed.until_mono_ms = clock_mono_ms() + k->owed.wait_ms;
	if (fs_room(k->layout->root_fd, &k->owed.room, &e) < 0)
		k->owed.room = (struct fs_room){.read_only = false};
}

bool keeper_may_pay(const struct keeper *k)
{
	const struct fs_room *was = &k->owed.room;
	struct fs_room now;
	struct err e;

	/* Elsewhere the room changes all the time, and says nothing. */
	if (!k->owed.wait_ms || clock_mono_ms() >= k->owed.until_mono_ms)
		return true;
	return was->low && fs_room(k->layout->root_fd, &now, &e) == 0 &&
	       (now.free_bytes > was->free_bytes || now.free_files > was->free_files || !now.low);
}
