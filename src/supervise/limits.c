#include <sys/resource.h>

#include "iapeer/base/log.h"
#include "iapeer/supervise/keeper.h"

#include "iapeer/base/banned.h"

#define FILES_WANTED 65536 /* two a live peer, and some */

/* Each live peer costs two descriptors. Who is started by us gets back what we were given. */
void keeper_raise_files(struct keeper *k)
{
	struct rlimit r, was;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &was) < 0 || was.rlim_cur >= FILES_WANTED)
		return;
	r = was;
	most = was.rlim_max < FILES_WANTED ? was.rlim_max : FILES_WANTED;
	/* macOS calls its hard limit infinite, and refuses what is above another one. */
	for (r.rlim_cur = most; r.rlim_cur > was.rlim_cur; r.rlim_cur /= 2)
		if (setrlimit(RLIMIT_NOFILE, &r) == 0) {
			k->files_given = (int64_t)was.rlim_cur;
			return;
		}
	log_info("supervise", "descriptors: %lld, and no more", (long long)was.rlim_cur);
}
