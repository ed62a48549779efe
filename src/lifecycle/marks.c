#include "iapeer/lifecycle/marks.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/launch/session.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

bool mark_is_set(const struct layout *l, const struct peer_id *id, const char *mark)
{
	char path[LAYOUT_PATH];

	layout_state(id, mark, path);
	return fs_exists(l->root_fd, path);
}

int mark_set(const struct layout *l, const struct peer_id *id, const char *mark, struct err *e)
{
	char path[LAYOUT_PATH], iso[CLOCK_ISO_MAX], text[CLOCK_ISO_MAX + 1];

	layout_state(id, mark, path);
	if (mark_is_set(l, id, mark))
		return 0; /* set twice is set once; the first time stands */
	clock_iso(clock_utc_ms(), iso);
	snprintf(text, sizeof text, "%s\n", iso);
	if (fs_write_atomic(l->root_fd, path, text, strlen(text), 0600, e) == 0)
		return 0;
	/* That it exists is what counts, and takes no room. */
	return fs_is_full(e) ? fs_write_atomic(l->root_fd, path, "", 0, 0600, e) : -1;
}

int mark_clear(const struct layout *l, const struct peer_id *id, const char *mark, struct err *e)
{
	return mark_is_set(l, id, mark) ? state_drop(l, id, mark, e) : 0;
}

int deaths_load(const struct layout *l, const struct peer_id *id, struct death_ring *out,
		struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	char path[LAYOUT_PATH];

	*out = (struct death_ring){.n = 0};
	layout_state(id, "deaths", path);
	if (fs_read(l->root_fd, path, &b, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	return death_ring_parse(buf_cstr(&b), b.len, path, out, e);
}

static int deaths_save(const struct layout *l, const struct peer_id *id,
		       const struct death_ring *ring, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	char path[LAYOUT_PATH];

	death_ring_print(ring, &b);
	layout_state(id, "deaths", path);
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

int deaths_add(const struct layout *l, const struct peer_id *id, const struct death_entry *d,
	       struct err *e)
{
	struct death_ring ring;

	if (deaths_load(l, id, &ring, e) < 0)
		return -1;
	death_ring_add(&ring, d);
	return deaths_save(l, id, &ring, e);
}

int deaths_forgive(const struct layout *l, const struct peer_id *id, struct err *e)
{
	struct death_ring ring;

	if (deaths_load(l, id, &ring, e) < 0)
		return e->code == ERR_CORRUPT ? state_drop(l, id, "deaths", e) : -1;
	if (ring.n == 0)
		return 0;
	death_ring_forgive(&ring);
	return deaths_save(l, id, &ring, e);
}

int pane_exit_load(const struct layout *l, const struct peer_id *id, struct pane_exit *out,
		   struct err *e)
{
	auto_json struct json *j = NULL;
	int64_t pane = 0, status = -1, signal = 0, server = 0, at_ms = 0;
	char path[LAYOUT_PATH], proof[32] = "";

	if (state_read(l, id, "exit", path, &j, e) < 0 ||
	    json_opt_i64(j, path, "panePid", 0, INT32_MAX, &pane, e) < 0 ||
	    json_opt_i64(j, path, "status", -1, 255, &status, e) < 0 ||
	    json_opt_i64(j, path, "signal", -1, 128, &signal, e) < 0 ||
	    json_opt_i64(j, path, "serverPid", 0, INT32_MAX, &server, e) < 0 ||
	    json_opt_str(j, path, "oom", proof, sizeof proof, e) < 0 ||
	    json_req_i64(j, path, "atMs", 0, INT64_MAX / 2, &at_ms, e) < 0)
		return -1;
	*out = (struct pane_exit){.pane_pid = (pid_t)pane,
				  .status = (int)status,
				  .signal = (int)signal,
				  .server_pid = (pid_t)server,
				  .at_ms = at_ms,
				  .oom = oom_proof_of(proof)};
	return 0;
}

int pane_exit_save(const struct layout *l, const char *identity, const struct pane_exit *x,
		   struct err *e)
{
	auto_json struct json *j = json_object();
	struct peer_id id;

	if (peer_parse(identity, &id, e) < 0)
		return -1;
	json_set_i64(j, "panePid", x->pane_pid);
	json_set_i64(j, "status", x->status);
	json_set_i64(j, "signal", x->signal);
	json_set_i64(j, "serverPid", x->server_pid);
	json_set_i64(j, "atMs", x->at_ms);
	json_set_str_opt(j, "oom", oom_proof_word(x->oom));
	return state_write(l, &id, "exit", j, e);
}

bool died_unmarked(const struct layout *l, const char *identity, struct proc_ref server)
{
	struct pane_exit x;
	struct peer_id id;
	struct session s;
	struct err e;

	/* The ending first: an end that is finished by now dropped the session before. */
	if (peer_parse(identity, &id, &e) < 0 || mark_is_set(l, &id, "ending"))
		return false;
	if (session_load(l, &id, &s, &e) < 0) {
		if (e.code != ERR_CORRUPT)
			return false;
	} else if (s.server.pid != server.pid || s.server.birth != server.birth) {
		return false;
	}
	return pane_exit_load(l, &id, &x, &e) < 0 || x.server_pid != server.pid;
}
