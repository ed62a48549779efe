/* Can a conversation be gone on with: is its file there, and has nobody it open? */
#include "iapeer/launch/conversation.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/launch.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

#define LOOK_MS 50 /* between looks at a lock that nobody's exit tells of */

/* The first of the manifest's data folders that names something in the program's environment. */
static bool data_folder(const struct manifest *m, const struct strv *env, struct buf *out)
{
	for (size_t i = 0; i < m->data_folder.n; i++) {
		const char *s = m->data_folder.v[i], *value = NULL;

		if (s[0] == '$')
			value = environment_get(env, s + 1);
		else if (str_starts(s, "~/"))
			value = environment_get(env, "HOME");
		else
			value = "";
		if (!value || (s[0] == '$' && !*value))
			continue;
		buf_str(out, value);
		buf_str(out, s[0] == '$' ? "" : s + (s[0] == '~'));
		return true;
	}
	return false;
}

/* What has a meaning in a pattern has none in the name of a folder. */
static void add_literal(const char *s, struct buf *out)
{
	for (; *s; s++) {
		if (strchr("*?[\\", *s))
			buf_chr(out, '\\');
		buf_chr(out, *s);
	}
}

static void files_like(const char *folder, const char *pattern, const struct manifest_vars *vars,
		       struct strv *out)
{
	AUTO(buf_done) struct buf p = BUF_INIT(CAP_STATE);
	glob_t found = {.gl_pathc = 0};

	add_literal(folder, &p);
	buf_chr(&p, '/');
	manifest_text(pattern, vars, &p);
	if (glob(buf_cstr(&p), GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			strv_add(out, found.gl_pathv[i]);
	globfree(&found);
}

/* ---- who has it open ---- */

struct look {
	const struct launch_in *in;
	const struct conversation *c;
	struct manifest_vars vars;
	const char *folder;
};

/* The program is what its process file says it is, and no later process of that number. */
static bool is_its_process(const struct manifest *m, const struct json *file, pid_t pid,
			   struct proc_ref *out)
{
	char room[JSON_NUMBER_MAX], birth[32];
	const struct json *start = json_get(file, "procStart");
	const char *told = json_is_number(start) ? json_number(start, room) : json_text(start);
	const char *program = m->program.v[0], *slash = strrchr(program, '/');
	struct proc_info p;
	struct err e;

	if (plat_proc_info(pid, &p, &e) < 0 || p.state == PROC_GONE || p.state == PROC_ZOMBIE)
		return false;
	*out = (struct proc_ref){.pid = pid, .birth = p.birth};
	snprintf(birth, sizeof birth, "%llu", (unsigned long long)p.birth);
	/* Not every system counts as the program does: then the name decides. */
	return !told || strcmp(told, birth) == 0 || str_starts(p.name, slash ? slash + 1 : program);
}

static bool open_by_process(const struct look *k, struct proc_ref *out)
{
	AUTO(strv_done) struct strv files = STRV_INIT;

	if (!k->in->manifest->process_file[0])
		return false;
	files_like(k->folder, k->in->manifest->process_file, &k->vars, &files);
	for (size_t i = 0; i < files.n; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
		auto_json struct json *j = NULL;
		const char *id;
		int64_t pid;
		struct err e;

		if (fs_read(AT_FDCWD, files.v[i], &b, &e) < 0 ||
		    json_parse(buf_cstr(&b), b.len, files.v[i], &j, &e) < 0)
			continue; /* being written, or nobody's */
		id = json_text(json_get(j, "sessionId"));
		if (id && strcmp(id, k->c->id) == 0 && json_whole(json_get(j, "pid"), &pid) &&
		    pid > 0 && pid <= INT32_MAX &&
		    is_its_process(k->in->manifest, j, (pid_t)pid, out))
			return true;
	}
	return false;
}

static bool locked(const struct look *k)
{
	AUTO(buf_done) struct buf path = BUF_INIT(CAP_STATE);

	if (!k->in->manifest->lock_file[0])
		return false;
	buf_fmt(&path, "%s/", k->folder);
	manifest_text(k->in->manifest->lock_file, &k->vars, &path);
	return lock_busy(AT_FDCWD, buf_cstr(&path));
}

/* Another peer that lives and has the same conversation: a copied state, most likely. */
static bool open_by_peer(const struct look *k, char out[static PEER_IDENTITY_MAX + 1])
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	const struct layout *l = k->in->layout;
	struct peer_id id;
	const char *what;
	struct err e;

	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &files, &e) < 0)
		return false;
	for (size_t i = 0; i < files.n; i++) {
		struct conversation c;
		struct session s;

		if (!layout_parse_state(files.v[i], &id, &what) ||
		    strcmp(what, "conversation") != 0 || peer_id_eq(&id, &k->in->id) ||
		    conversation_load(l, &id, &c, &e) < 0 || strcmp(c.id, k->c->id) != 0 ||
		    session_load(l, &id, &s, &e) < 0 || session_liveness(&s) == LIVE_NO)
			continue;
		peer_identity(&id, out);
		return true;
	}
	return false;
}

static int not_open(const struct look *k, int64_t deadline_ms, struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct proc_ref process;

	if (open_by_peer(k, identity))
		return err_set(e, ERR_REFUSED, 0, "%s has it open", identity);
	/* The session that ended just now may still be writing its last line. */
	while (open_by_process(k, &process))
		if (!plat_exit_wait(process, deadline_ms))
			return err_set(e, ERR_REFUSED, 0, "process %ld has it open",
				       (long)process.pid);
	while (locked(k)) {
		if (clock_mono_ms() >= deadline_ms)
			return err_set(e, ERR_REFUSED, 0, "another process has it open");
		poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

/* ---- all of it ---- */

static int has_file(const struct look *k, struct err *e)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	const struct manifest *m = k->in->manifest;
	struct fs_info info;

	if (k->c->transcript[0] && fs_stat(AT_FDCWD, k->c->transcript, &info, e) == 0 &&
	    info.is_file)
		return 0;
	if (!m->conversation_file[0])
		return 0;
	files_like(k->folder, m->conversation_file, &k->vars, &files);
	if (files.n > 0)
		return 0;
	return err_set(e, ERR_NOT_FOUND, 0, "%s has no file of it below %s", m->runtime, k->folder);
}

int conversation_check(const struct launch_in *in, const struct conversation *c,
		       int64_t deadline_ms, struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT, args = STRV_INIT;
	AUTO(buf_done) struct buf folder = BUF_INIT(CAP_STATE);
	struct look k = {.in = in, .c = c, .vars = {.conversation = c->id}};

	if (!conversation_id_valid(c->id))
		return err_set(e, ERR_NOT_FOUND, 0, "%s has not told the id of it",
			       in->manifest->runtime);
	if (strcmp(c->workdir, launch_workdir(in)) != 0 &&
	    strcmp(c->workdir_before, launch_workdir(in)) != 0)
		return err_set(e, ERR_NOT_FOUND, 0, "it was held in %s", c->workdir);
	if (launch_environment(in, &env, &args, e) < 0)
		return -1;
	if (!data_folder(in->manifest, &env, &folder))
		return in->manifest->conversation_file[0]
			   ? err_set(e, ERR_NOT_FOUND, 0, "the folder of %s's data is not known",
				     in->manifest->runtime)
			   : 0;
	k.folder = buf_cstr(&folder);
	if (has_file(&k, e) < 0)
		return -1;
	return not_open(&k, deadline_ms, e);
}
