#include "iapeer/delivery/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define ADOPTS "adopts"

/* ---- the processes above us ---- */

/* A user's service manager adopts what is below it. That it is known by its name only does no harm:
 * who takes that name is trusted less for it. */
static bool is_manager(const struct proc_info *info)
{
	return strcmp(info->name, "systemd") == 0 || strcmp(info->name, "launchd") == 0;
}

void ancestry_look(struct ancestry *out)
{
	pid_t pid = getpid();
	struct proc_info info;
	struct err e = ERR_INIT;

	out->n = 0;
	out->deeper = false;
	while (pid > 0) {
		if (plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE)
			return;
		if (out->n == ANCESTRY_MAX) {
			out->deeper = true;
			return;
		}
		out->v[out->n].ref = (struct proc_ref){.pid = pid, .birth = info.birth};
		out->v[out->n].ppid = info.ppid;
		out->v[out->n++].adopts = is_manager(&info);
		pid = info.ppid;
	}
}

size_t ancestry_distance(const struct ancestry *a, const struct proc_ref *p)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].ref.pid == p->pid && a->v[i].ref.birth == p->birth)
			return i;
	return a->n;
}

/* ---- the keepers ---- */

/* "<boot id> <birth> <adopts>\n". False: none of this boot. */
static bool read_strays(const struct layout *l, struct keepers *out)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	char boot[64] = "", number[24];
	const char *birth, *adopts;
	struct err e = ERR_INIT;
	int64_t n;

	if (plat_boot_id(boot, &e) < 0 || fs_read(l->root_fd, LAYOUT_STRAYS, &b, &e) < 0)
		return false;
	birth = strchr(buf_cstr(&b), ' ');
	adopts = birth ? strchr(birth + 1, ' ') : NULL;
	if (!adopts || !str_starts(buf_cstr(&b), boot) || buf_cstr(&b)[strlen(boot)] != ' ')
		return false;
	snprintf(number, sizeof number, "%.*s", (int)(adopts - birth - 1), birth + 1);
	if (!str_i64(number, 1, INT64_MAX, &n))
		return false;
	out->loose_since = (uint64_t)n;
	out->adopts = str_starts(adopts + 1, ADOPTS);
	return true;
}

void keepers_look(const struct layout *l, struct keepers *out)
{
	struct proc_info info;
	struct err e = ERR_INIT;
	pid_t pid = 0;

	*out = (struct keepers){.above = 0};
	read_strays(l, out);
	if (lock_holder(l->root_fd, LAYOUT_KEEPER_LOCK, &pid, NULL, 0, &e) < 0 || pid <= 0 ||
	    plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE)
		return;
	out->now = (struct proc_ref){.pid = pid, .birth = info.birth};
	out->above = info.ppid;
}

void origin_keeper_begins(const struct layout *l, bool adopts)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	struct proc_ref self = {.pid = 0};
	struct keepers before = {.above = 0};
	struct err e = ERR_INIT;
	char boot[64] = "";

	if (read_strays(l, &before))
		return;
	if (plat_boot_id(boot, &e) == 0 && plat_proc_ref(getpid(), &self, &e) == 0) {
		buf_fmt(&b, "%s %" PRIu64 " %s\n", boot, self.birth, adopts ? ADOPTS : "-");
		if (fs_write_soft(l->root_fd, LAYOUT_STRAYS, buf_cstr(&b), b.len, 0600, &e) == 0)
			return;
	}
	log_warn("origin", "a stray may be taken for a person: %s", e.msg);
}

void origin_keeper_ends(const struct layout *l, bool clean)
{
	struct proc_ref self = {.pid = 0};
	struct keepers k = {.above = 0};
	struct err e = ERR_INIT;

	if (!clean || !read_strays(l, &k) || !k.adopts || plat_proc_ref(getpid(), &self, &e) < 0 ||
	    self.birth != k.loose_since)
		return;
	if (fs_unlink(l->root_fd, LAYOUT_STRAYS, &e) < 0)
		log_warn("origin", "%s", e.msg);
}

/* ---- the answer ---- */

/* The last one before somebody who adopts: an orphan can only be that one. a->n: there is none, so
 * that nobody here was adopted. */
static size_t topmost(const struct ancestry *a, const struct keepers *k)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].ppid == 1 || (k->now.pid && a->v[i].ppid == k->above) ||
		    (i + 1 < a->n && a->v[i + 1].adopts))
			return i;
	return a->n;
}

enum origin origin_of(const struct ancestry *a, const struct keepers *k)
{
	bool init = k->now.pid == 1; /* in a container: it adopts everybody's */
	size_t top = topmost(a, k);

	if (a->deeper)
		return ORIGIN_STRAY;
	if (!init && k->now.pid && ancestry_distance(a, &k->now) < a->n)
		return ORIGIN_STRAY;
	/* Those with no parent at all came from outside of this container. */
	if (top == a->n || a->v[top].ppid == 0)
		return ORIGIN_OUTSIDE;
	if (!k->loose_since || a->v[top].ref.birth < k->loose_since)
		return ORIGIN_OUTSIDE;
	if (!init && k->adopts && k->now.birth == k->loose_since)
		return ORIGIN_OUTSIDE; /* every stray would have it above */
	return ORIGIN_UNKNOWN;
}
