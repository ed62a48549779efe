/* Once at the start and once an hour: what only grows is bounded. Receipts and trash are forgotten
 * after seven days, evidence of deaths when there are many newer ones, and temporary
 * files when nobody can be at work on them any more. */
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/evidence.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)

static void forget_temps(struct keeper *k, const char *folder, int64_t now)
{
	struct err e;

	if (fs_expire_temps(k->layout->root_fd, folder, now - FS_TEMP_OLD_MS, &e) < 0)
		log_warn("tidy", "%s", e.msg);
}

/* What is in the folders of peers: receipts, and what a killed process left in a queue. */
static void forget_of_peers(struct keeper *k, int64_t now)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	char folder[LAYOUT_PATH];
	struct peer_id id;
	const char *what;
	struct err e;

	if (fs_list(k->layout->root_fd, LAYOUT_LIFECYCLE, &names, &e) < 0) {
		log_warn("tidy", "%s", e.msg);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		if (!layout_parse_state(names.v[i], &id, &what))
			continue;
		if (strcmp(what, "receipts") == 0 && receipt_expire(k->layout, &id, now, &e) < 0)
			log_warn("tidy", "%s", e.msg);
		if (strcmp(what, "receipts") != 0 && strcmp(what, "queue") != 0)
			continue;
		layout_state(&id, what, folder);
		forget_temps(k, folder, now);
	}
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
	static const char *const with_temps[] = {LAYOUT_LIFECYCLE, LAYOUT_KEEPER,
						 LAYOUT_DEATHS_DIR};
	int64_t now = clock_utc_ms();
	struct err e;

	k->tidied_mono_ms = clock_mono_ms();
	for (size_t i = 0; i < sizeof with_temps / sizeof with_temps[0]; i++)
		forget_temps(k, with_temps[i], now);
	forget_of_peers(k, now);
	if (evidence_expire(k->layout, now, &e) < 0)
		log_warn("tidy", "%s", e.msg);
	empty_trash(k, now);
	plat_cgroup_tidy();
}
