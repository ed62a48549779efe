/* Once at the start and once an hour: what is remembered for seven days is forgotten after seven
 * days (SPEC 2, 7). */
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)

static void forget_receipts(struct keeper *k, int64_t now)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct peer_id id;
	const char *what;
	struct err e;

	if (fs_list(k->layout->root_fd, LAYOUT_LIFECYCLE, &names, &e) < 0) {
		log_warn("tidy", "%s", e.msg);
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		if (layout_parse_state(names.v[i], &id, &what) && strcmp(what, "receipts") == 0 &&
		    receipt_expire(k->layout, &id, now, &e) < 0)
			log_warn("tidy", "%s", e.msg);
}

/* state/trash/<name>-<UTC ms>: the name says since when. */
static void empty_trash(struct keeper *k, int64_t now)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	char path[LAYOUT_PATH];
	struct err e;

	if (fs_list(k->layout->root_fd, LAYOUT_TRASH, &names, &e) < 0) {
		log_warn("tidy", "%s", e.msg);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *dash = strrchr(names.v[i], '-');
		int64_t since;

		if (!dash || !str_i64(dash + 1, 0, INT64_MAX, &since) || now - since < KEPT_MS)
			continue;
		layout_trash(names.v[i], path);
		if (fs_remove_tree(k->layout->root_fd, path, &e) < 0)
			log_warn("tidy", "%s", e.msg);
	}
}

void keeper_tidy(struct keeper *k)
{
	int64_t now = clock_utc_ms();

	k->tidied_mono_ms = clock_mono_ms();
	forget_receipts(k, now);
	empty_trash(k, now);
	plat_cgroup_tidy();
}
