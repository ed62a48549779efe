/* Gathers the evidence that status.c decides on: by files and /proc, a bounded end of each. */
#include "iapeer/delivery/status.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/shell.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

#define FILE_BYTES   16384
#define FILES_LOOKED 256 /* names in the folder of status files */
#define ANCESTORS    8

/* ---- reports ---- */

struct tail {
	int64_t from_ms; /* what is older is another session's */
	bool found;
	struct report last;
	int64_t since_ms;
	enum peer_status says;
};

static void tail_done(struct tail *t)
{
	report_done(&t->last);
}

static void keep(struct report *to, const struct report *r)
{
	report_done(to);
	*to = *r;
	to->ids = (struct strv)STRV_INIT;
	for (size_t i = 0; i < r->ids.n; i++)
		strv_add(&to->ids, r->ids.v[i]);
	to->text = r->text ? xstrdup(r->text) : NULL;
}

static bool take(const struct report *r, void *arg)
{
	struct tail *t = arg;
	enum peer_status says = status_of_report(r->kind, r->detail);

	if (r->at_ms < t->from_ms)
		return true;
	/* A message that is queued while the turn tries again changes nothing. */
	if (t->found && t->last.kind == REPORT_RETRIES && r->kind == REPORT_TAKEN)
		return true;
	if (!t->found || says != t->says)
		t->since_ms = r->at_ms;
	t->says = says;
	t->found = true;
	keep(&t->last, r);
	return true;
}

/* Most reports are short; an answer of 64 KiB may be the last of them. */
static void read_tail(const struct layout *l, const struct session *s, struct tail *t)
{
	static const int64_t steps[] = {4096, 32768, 1 << 20};
	int64_t size = report_size(l, &s->id);
	struct err e;

	t->from_ms = s->woke_at_ms;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !t->found; i++) {
		int64_t at = size > steps[i] ? size - steps[i] : 0;
		bool all = at == 0;

		if (size <= 0 || report_each(l, &s->id, &at, take, t, &e) < 0 || all)
			return;
	}
}

bool status_last_report(const struct layout *l, const struct session *s, struct report *out)
{
	AUTO(tail_done) struct tail t = {.found = false};

	read_tail(l, s, &t);
	if (t.found)
		keep(out, &t.last);
	return t.found;
}

static void look_reports(const struct layout *l, const struct session *s, struct status_evidence *v)
{
	AUTO(tail_done) struct tail t = {.found = false};

	read_tail(l, s, &t);
	v->reported = t.found;
	v->report = t.last.kind;
	v->report_source = t.last.source;
	v->report_at_ms = t.last.at_ms;
	v->report_since_ms = t.since_ms;
	str_cut(v->report_detail, sizeof v->report_detail, t.last.detail);
}

/* ---- its own status file ---- */

/* Where the runtime's processes keep their files, of that pid: "<home>/.claude/sessions/42.json".
 * The pattern's * is the pid. */
struct pattern {
	char text[LAYOUT_PATH];
};

static bool file_path(const struct pattern *p, const char *pid, char out[static LAYOUT_PATH])
{
	const char *star = strchr(p->text, '*');
	int n = star ? snprintf(out, LAYOUT_PATH, "%.*s%s%s", (int)(star - p->text), p->text, pid,
				star + 1)
		     : -1;

	return n > 0 && n < LAYOUT_PATH;
}

static bool word_status(const char *word, enum peer_status *out)
{
	if (strcmp(word, "busy") == 0)
		*out = STATUS_WORKING;
	else if (!status_parse(word, out))
		return false;
	return true;
}

/* One left by a dead process whose pid came again is older than the session. */
static bool read_file(const char *path, const struct session *s, struct status_evidence *v)
{
	AUTO(buf_done) struct buf b = BUF_INIT(FILE_BYTES + 1);
	auto_json struct json *j = NULL;
	const char *word, *detail;
	struct fs_info info;
	struct err e;

	if (fs_stat(AT_FDCWD, path, &info, &e) < 0 || !info.exists ||
	    info.mtime_ms < s->woke_at_ms ||
	    fs_read_at(AT_FDCWD, path, 0, FILE_BYTES, &b, &e) < 0 ||
	    json_parse(buf_cstr(&b), b.len, path, &j, &e) < 0 || !json_is_object(j))
		return false;
	word = json_text(json_get(j, "status"));
	if (!word || !word_status(word, &v->filed_status))
		return false;
	detail = json_text(json_get(j, "waitingFor"));
	v->filed = true;
	v->filed_at_ms = info.mtime_ms;
	str_cut(v->filed_detail, sizeof v->filed_detail,
		detail && v->filed_status == STATUS_WAITING ? detail : "");
	return true;
}

static bool is_below(pid_t pid, pid_t above)
{
	for (int i = 0; i < ANCESTORS && pid > 1; i++) {
		struct proc_info info;
		struct err e;

		if (plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE ||
		    info.state == PROC_ZOMBIE)
			return false;
		if (info.ppid == above)
			return true;
		pid = info.ppid;
	}
	return false;
}

/* The first of the manifest's data folders that names something where peers live. */
static bool pattern_of(const struct layout *l, const struct manifest *m, struct pattern *out)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct err e;

	if (!m->process_file[0] || environment_load(l, &env, &e) < 0)
		return false;
	for (size_t i = 0; i < m->data_folder.n; i++) {
		const char *at = m->data_folder.v[i], *base = "";
		int n;

		if (*at == '$') {
			base = environment_get(&env, at + 1);
			at = "";
		} else if (str_starts(at, "~/")) {
			base = environment_get(&env, "HOME");
			at++;
		}
		if (!base || !(*base || *at))
			continue;
		n = snprintf(out->text, sizeof out->text, "%s%s/%s", base, at, m->process_file);
		return n > 0 && (size_t)n < sizeof out->text;
	}
	return false;
}

static bool folder(const struct pattern *p, char out[static LAYOUT_PATH])
{
	char *slash = file_path(p, "", out) ? strrchr(out, '/') : NULL;

	if (slash)
		*slash = '\0';
	return slash != NULL;
}

/* Its program may be a wrapper around the one that keeps the file: those of whoever is below it. */
static void files_below(const struct pattern *p, pid_t pane, struct strv *out)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	char dir[LAYOUT_PATH], path[LAYOUT_PATH];
	struct err e;

	if (!folder(p, dir) || fs_list(AT_FDCWD, dir, &names, &e) < 0)
		return;
	for (size_t i = 0; i < names.n && i < FILES_LOOKED; i++) {
		char pid[24];
		int64_t n;

		str_cut(pid, sizeof pid, names.v[i]);
		pid[strspn(pid, "0123456789")] = '\0';
		if (str_i64(pid, 2, INT32_MAX, &n) && is_below((pid_t)n, pane) &&
		    file_path(p, pid, path))
			strv_add(out, path);
	}
}

static bool own_file(const struct pattern *p, pid_t pane, char out[static LAYOUT_PATH])
{
	char pid[24];

	snprintf(pid, sizeof pid, "%ld", (long)pane);
	return file_path(p, pid, out);
}

void status_files(const struct layout *l, const struct manifest *m, const struct peer_id *id,
		  struct strv *out)
{
	char path[LAYOUT_PATH];
	struct pattern p;
	struct session s;
	struct err e;

	if (!pattern_of(l, m, &p) || !folder(&p, path))
		return;
	strv_add(out, path);
	if (session_load(l, id, &s, &e) < 0)
		return;
	if (own_file(&p, s.pane.pid, path))
		strv_add(out, path);
	files_below(&p, s.pane.pid, out);
}

static void look_file(const struct layout *l, const struct session *s, const struct manifest *m,
		      struct status_evidence *v)
{
	AUTO(strv_done) struct strv below = STRV_INIT;
	char path[LAYOUT_PATH];
	struct pattern p;

	if (!pattern_of(l, m, &p) || (own_file(&p, s->pane.pid, path) && read_file(path, s, v)))
		return;
	files_below(&p, s->pane.pid, &below);
	for (size_t i = 0; i < below.n && !read_file(below.v[i], s, v); i++)
		;
}

/* ---- the terminal ---- */

static void look_terminal(const struct layout *l, const struct session *s,
			  struct status_evidence *v)
{
	struct pane pane = {.layout = l, .session = s, .watch_fd = -1, .exit_fd = -1};
	struct proc_info shell, other;
	struct err e;

	if (plat_proc_info(s->pane.pid, &shell, &e) < 0 || shell.state == PROC_GONE ||
	    shell.tty_pgid <= 0)
		return;
	v->looked = true;
	v->in_foreground = shell.tty_pgid != shell.pgid;
	if (v->in_foreground && plat_proc_info(shell.tty_pgid, &other, &e) == 0)
		str_cut(v->process, sizeof v->process, other.name);
	layout_pane_log(&s->id, pane.log);
	if (!v->in_foreground && s->ready && shell_runs_builtin(&pane)) {
		v->in_foreground = true;
		str_cut(v->process, sizeof v->process, shell.name);
	}
}

void status_look(const struct layout *l, const struct settings *st, const struct session *s,
		 const struct manifest *m, struct status *out)
{
	struct status_evidence v = {.now_ms = clock_utc_ms(),
				    .decay_ms = st->status_decay_ms,
				    .kind = m->kind,
				    .ready = s->ready,
				    .woke_at_ms = s->woke_at_ms};
	char log[LAYOUT_PATH];
	struct fs_info info;
	struct err e;

	if (m->kind == KIND_SHELL) {
		look_terminal(l, s, &v);
	} else {
		layout_pane_log(&s->id, log);
		if (fs_stat(l->root_fd, log, &info, &e) == 0 && info.exists)
			v.printed_at_ms = info.mtime_ms;
		look_reports(l, s, &v);
		look_file(l, s, m, &v);
	}
	status_decide(&v, out);
}

bool status_person(const struct layout *l, const struct settings *st, const struct peer_id *id,
		   const struct manifest *m, struct status *out)
{
	struct session s;
	struct err e;

	if (session_load(l, id, &s, &e) < 0 || session_liveness(&s) != LIVE_YES)
		return false;
	status_look(l, st, &s, m, out);
	return status_needs_person(out->status);
}
