#include "iapeer/supervise/reference.h"

#include <stdint.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

pid_t reference_daemon(const struct layout *l)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	auto_json struct json *j = NULL;
	struct proc_ref ref = {.pid = 0};
	int64_t pid = 0;
	struct err e;

	if (fs_read(l->root_fd, LAYOUT_ROUTER, &text, &e) < 0) {
		if (e.code != ERR_NOT_FOUND)
			log_warn("supervise", "%s", e.msg);
		return 0;
	}
	if (json_parse(buf_cstr(&text), text.len, LAYOUT_ROUTER, &j, &e) < 0 ||
	    json_opt_i64(j, LAYOUT_ROUTER, "pid", 1, INT32_MAX, &pid, &e) < 0) {
		log_warn("supervise", "%s", e.msg);
		return 0;
	}
	if (pid <= 0 || pid == getpid() || plat_proc_ref((pid_t)pid, &ref, &e) < 0)
		return 0;
	return ref.pid;
}

int reference_refuse(const struct layout *l, struct err *e)
{
	pid_t pid = reference_daemon(l);

	if (!pid)
		return 0;
	err_set(e, ERR_REFUSED, 0,
		"the daemon of @agfpd/iapeer serves %s already (pid %ld, " LAYOUT_ROUTER ")",
		l->root, (long)pid);
	return err_hint(e, "stop it first; if that pid is something else, delete that file");
}
