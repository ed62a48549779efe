/* Is it still the same process? The part of plat.h that follows from plat_proc_info, on every
 * system. */
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

static enum proc_state state_of(struct proc_ref ref, const struct proc_info *info)
{
	if (info->state == PROC_GONE || info->state == PROC_ZOMBIE)
		return PROC_GONE;
	if (ref.birth && info->birth != ref.birth)
		return PROC_GONE;
	return info->state;
}

enum proc_state plat_proc_state(struct proc_ref ref)
{
	struct proc_info info;
	struct err e;

	if (ref.pid <= 0)
		return PROC_GONE;
	return plat_proc_info(ref.pid, &info, &e) < 0 ? PROC_UNKNOWN : state_of(ref, &info);
}

int plat_proc_ref(pid_t pid, struct proc_ref *out, struct err *e)
{
	struct proc_info info;

	if (plat_proc_info(pid, &info, e) < 0)
		return -1;
	if (info.state == PROC_GONE || info.state == PROC_ZOMBIE)
		return err_set(e, ERR_NOT_FOUND, 0, "process %ld is gone", (long)pid);
	*out = (struct proc_ref){.pid = pid, .birth = info.birth};
	return 0;
}
