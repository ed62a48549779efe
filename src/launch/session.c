#include "iapeer/launch/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

static int read_ref(const struct json *j, const char *where, const char *key, struct proc_ref *out,
		    struct err *e)
{
	const struct json *o = json_get(j, key);
	char birth[32] = "";
	int64_t pid = 0, n = 0;

	if (!json_is_object(o))
		return err_set(e, ERR_CORRUPT, 0, "%s.%s: expected an object", where, key);
	if (json_req_i64(o, where, "pid", 1, INT32_MAX, &pid, e) < 0 ||
	    json_req_str(o, where, "birth", birth, sizeof birth, e) < 0)
		return -1;
	if (!str_i64(birth, 0, INT64_MAX, &n))
		return err_set(e, ERR_CORRUPT, 0, "%s.%s.birth: expected a number in quotes", where,
			       key);
	*out = (struct proc_ref){.pid = (pid_t)pid, .birth = (uint64_t)n};
	return 0;
}

static void write_ref(struct json *j, const char *key, struct proc_ref ref)
{
	struct json *o = json_set(j, key, json_object());
	char birth[32];

	snprintf(birth, sizeof birth, "%llu", (unsigned long long)ref.birth);
	json_set_i64(o, "pid", ref.pid);
	json_set_str(o, "birth", birth);
}

int session_load(const struct layout *l, const struct peer_id *id, struct session *out,
		 struct err *e)
{
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH], woke[64] = "";
	struct session s = {.id = *id};

	if (state_read(l, id, "session", path, &j, e) < 0)
		return -1;
	if (json_opt_str(j, path, "cwd", s.cwd, sizeof s.cwd, e) < 0 ||
	    json_opt_i64(j, path, "wokeAtMs", 0, INT64_MAX / 2, &s.woke_at_ms, e) < 0 ||
	    json_opt_str(j, path, "wokeAt", woke, sizeof woke, e) < 0 ||
	    json_opt_i64(j, path, "wokeMonoMs", 0, INT64_MAX / 2, &s.woke_mono_ms, e) < 0 ||
	    read_ref(j, path, "server", &s.server, e) < 0 ||
	    read_ref(j, path, "pane", &s.pane, e) < 0 ||
	    json_req_str(j, path, "bootId", s.boot_id, sizeof s.boot_id, e) < 0 ||
	    json_req_str(j, path, "socket", s.socket, sizeof s.socket, e) < 0 ||
	    json_req_str(j, path, "paneId", s.pane_id, sizeof s.pane_id, e) < 0 ||
	    json_opt_str(j, path, "paneTty", s.pane_tty, sizeof s.pane_tty, e) < 0 ||
	    json_opt_str(j, path, "mode", s.mode, sizeof s.mode, e) < 0 ||
	    json_opt_str(j, path, "cause", s.cause, sizeof s.cause, e) < 0 ||
	    json_opt_str(j, path, "conversation", s.conversation, sizeof s.conversation, e) < 0 ||
	    json_opt_str(j, path, "wokeFor", s.woke_for, sizeof s.woke_for, e) < 0 ||
	    json_opt_i64(j, path, "logStart", 0, INT64_MAX / 2, &s.log_start, e) < 0 ||
	    json_opt_i64(j, path, "reportsFrom", 0, INT64_MAX / 2, &s.reports_from, e) < 0 ||
	    json_opt_bool(j, path, "ready", &s.ready, e) < 0 ||
	    json_opt_bool(j, path, "hooks", &s.hooks, e) < 0)
		return -1;
	*out = s;
	return 0;
}

int session_save(const struct layout *l, const struct session *s, struct err *e)
{
	auto_json struct json *j = json_object();
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(&s->id, identity);
	json_set_str(j, "identity", identity);
	json_set_str(j, "runtime", s->id.runtime);
	json_set_str(j, "personality", s->id.name);
	json_set_str(j, "cwd", s->cwd);
	json_set_time(j, "wokeAt", s->woke_at_ms);
	json_set_i64(j, "wokeAtMs", s->woke_at_ms);
	if (s->woke_mono_ms)
		json_set_i64(j, "wokeMonoMs", s->woke_mono_ms);
	write_ref(j, "server", s->server);
	write_ref(j, "pane", s->pane);
	json_set_str(j, "bootId", s->boot_id);
	json_set_str(j, "socket", s->socket);
	json_set_str(j, "paneId", s->pane_id);
	json_set_str_opt(j, "paneTty", s->pane_tty);
	json_set_str_opt(j, "mode", s->mode);
	json_set_str_opt(j, "cause", s->cause);
	json_set_str_opt(j, "conversation", s->conversation);
	json_set_str_opt(j, "wokeFor", s->woke_for);
	json_set_i64(j, "logStart", s->log_start);
	json_set_i64(j, "reportsFrom", s->reports_from);
	json_set_bool(j, "ready", s->ready);
	json_set_bool(j, "hooks", s->hooks);
	return state_write(l, &s->id, "session", j, e);
}

int session_drop(const struct layout *l, const struct peer_id *id, struct err *e)
{
	return state_drop(l, id, "session", e);
}

enum liveness session_liveness_by(const struct session *s, enum proc_state server)
{
	char boot[64];
	struct err e;

	if (plat_boot_id(boot, &e) < 0)
		return LIVE_UNKNOWN;
	if (strcmp(boot, s->boot_id) != 0)
		return LIVE_NO;
	if (server == PROC_GONE || server == PROC_ZOMBIE)
		return LIVE_NO;
	if (server == PROC_STOPPED || server == PROC_UNKNOWN)
		return LIVE_UNKNOWN;
	return LIVE_YES;
}

enum liveness session_server_liveness(const struct session *s)
{
	return session_liveness_by(s, plat_proc_state(s->server));
}

enum liveness session_liveness(const struct session *s)
{
	enum liveness server = session_server_liveness(s);
	enum proc_state pane;

	if (server != LIVE_YES)
		return server;
	pane = plat_proc_state(s->pane);
	return pane == PROC_GONE || pane == PROC_ZOMBIE ? LIVE_PANE_DEAD : LIVE_YES;
}

bool session_attached(const struct session *s)
{
	struct fs_info info;
	struct err e;

	return fs_stat(AT_FDCWD, s->socket, &info, &e) == 0 && info.exists &&
	       (info.mode & 0100) != 0;
}
