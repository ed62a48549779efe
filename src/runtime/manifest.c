#include "iapeer/runtime/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/environment.h"
#include "iapeer/registry/settings.h"
#include "iapeer/runtime/builtin.h"

#include "iapeer/base/banned.h"

static const struct builtin_manifest *builtin_find(const char *runtime)
{
	for (const struct builtin_manifest *b = builtin_manifests; b->runtime; b++)
		if (strcmp(b->runtime, runtime) == 0)
			return b;
	return NULL;
}

/* ---- which there are ---- */

static void runtimes_folder(char out[static LAYOUT_PATH])
{
	/* Every runtime's manifest is <folder>/<runtime>/...; layout.c alone knows how <folder> is
	 * called. */
	layout_runtime_manifest("x", out);
	out[strcspn(out, "/")] = '\0';
}

int manifest_list(const struct layout *l, struct strv *out, struct err *e)
{
	struct strv AUTO(strv_done) folders = STRV_INIT;
	char path[LAYOUT_PATH];

	runtimes_folder(path);
	if (fs_list(l->root_fd, path, &folders, e) < 0)
		return -1;
	for (const struct builtin_manifest *b = builtin_manifests; b->runtime; b++)
		strv_add(out, b->runtime);
	for (size_t i = 0; i < folders.n; i++) {
		if (!peer_runtime_valid(folders.v[i]) || strv_has(out, folders.v[i]))
			continue;
		layout_runtime_manifest(folders.v[i], path);
		if (fs_exists(l->root_fd, path))
			strv_add(out, folders.v[i]);
	}
	strv_sort(out);
	return 0;
}

/* Always -1. */
static int no_such(const struct layout *l, const char *runtime, struct err *e)
{
	struct strv AUTO(strv_done) names = STRV_INIT;
	struct buf AUTO(buf_done) list = BUF_INIT(256);
	struct err ignored = ERR_INIT;
	const char *near = NULL;

	err_set(e, ERR_NOT_FOUND, 0, "no runtime %s", runtime);
	if (manifest_list(l, &names, &ignored) < 0)
		return -1; /* the folder cannot be read: the error above is still the one to tell */
	for (size_t i = 0; i < names.n; i++)
		buf_fmt(&list, "%s%s", i ? ", " : "", names.v[i]);
	err_set(e, ERR_NOT_FOUND, 0, "no runtime %s (known: %s)", runtime, buf_cstr(&list));
	near = str_nearest(runtime, (const char *const *)names.v, names.n);
	return near ? err_hint(e, "did you mean %s?", near) : -1;
}

/* ---- reading ---- */

/* What holds before anything is read. */
static void set_defaults(struct manifest *m, enum runtime_kind kind)
{
	m->kind = kind;
	m->envelope = kind == KIND_SHELL ? ENVELOPE_BARE : ENVELOPE_IAP;
	m->default_intelligence = kind == KIND_TUI ? NATURE_ARTIFICIAL : NATURE_ABSENT;
	if (kind == KIND_SERVICE)
		return;
	strv_add(&m->submit, "Enter");
	strv_add(&m->interrupt, kind == KIND_TUI ? "Escape" : "C-c");
}

static int dialog_check(const struct dialog *d, const char *what, size_t i, struct err *e)
{
	const char *field = NULL, *why = NULL;

	if (!*d->name) {
		field = "name";
		why = "missing";
	} else if (!d->when.n) {
		field = "when";
		why = "at least one text";
	} else if (*d->cursor && *d->accept && !*d->row) {
		field = "row";
		why = "missing: where there is a cursor, a key is pressed on a row only";
	} else if (!*d->cursor && (*d->row || *d->move)) {
		field = "cursor";
		why = "missing: a row cannot be found without it";
	} else if (!*d->accept && !*d->advice) {
		field = "advice";
		why = "missing: where only a person can answer, say how";
	}
	return why ? err_set(e, ERR_CORRUPT, 0, "%s: dialogs[%zu].%s: %s", what, i, field, why) : 0;
}

/* What only holds for the whole. */
static int check(const struct manifest *m, const char *what, struct err *e)
{
	if (!m->program.n)
		return err_set(e, ERR_CORRUPT, 0, "%s: program: at least one name or path", what);
	if (m->kind != KIND_TUI && *m->marker)
		return err_set(e, ERR_CORRUPT, 0, "%s: marker: only a tui has one", what);
	if (m->ruled && !*m->marker)
		return err_set(e, ERR_CORRUPT, 0,
			       "%s: ruled: a composer without a marker cannot be found", what);
	if (m->kind != KIND_SERVICE && !m->submit.n)
		return err_set(e, ERR_CORRUPT, 0, "%s: submit: at least one key", what);
	if (m->has_conversations && !m->args_resume.n)
		return err_set(e, ERR_CORRUPT, 0, "%s: args_resume: missing, it has conversations",
			       what);
	for (size_t i = 0; i < json_len(m->files_trust); i++)
		if (!json_get(m->files, json_key(json_at(m->files_trust, i))))
			return err_set(e, ERR_CORRUPT, 0, "%s: files_trust: %s is not in files",
				       what, json_key(json_at(m->files_trust, i)));
	for (size_t i = 0; i < m->n_dialogs; i++)
		if (dialog_check(&m->dialogs[i], what, i, e) < 0)
			return -1;
	return 0;
}

/* The user's file, or *out NULL where there is none. */
static int user_tree(const struct layout *l, const char *path, struct json **out, struct err *e)
{
	struct buf AUTO(buf_done) text = BUF_INIT(CAP_PROFILE);
	struct err why = ERR_INIT;

	if (fs_read(l->root_fd, path, &text, &why) < 0) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	return json_parse(buf_cstr(&text), text.len, path, out, e);
}

static int read_both(const struct json *builtin, const struct json *user, const char *path,
		     struct manifest *m, struct err *e)
{
	enum runtime_kind kind = KIND_COUNT;
	bool named = false;

	if (builtin && manifest_kind(builtin, "built-in", &kind, &named, e) < 0)
		return -1;
	if (user) {
		enum runtime_kind users = kind;

		if (manifest_kind(user, path, &users, &named, e) < 0)
			return -1;
		kind = named ? users : kind;
	}
	if (kind == KIND_COUNT)
		return err_set(e, ERR_CORRUPT, 0, "%s: kind: missing (tui, shell or service)",
			       path);
	set_defaults(m, kind);
	if (builtin && manifest_read(builtin, "built-in", m, e) < 0)
		return -1;
	if (user && manifest_read(user, path, m, e) < 0)
		return -1;
	return check(m, user ? path : "built-in", e);
}

int manifest_load(const struct layout *l, const char *runtime, struct manifest *out, struct err *e)
{
	const struct builtin_manifest *b;
	struct json *auto_json builtin = NULL;
	struct json *auto_json user = NULL;
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	char path[LAYOUT_PATH];

	if (!peer_runtime_valid(runtime))
		return err_set(e, ERR_USAGE, 0, "\"%s\" is no name of a runtime", runtime);
	layout_runtime_manifest(runtime, path);
	b = builtin_find(runtime);
	if (b && json_parse(b->text, b->len, b->runtime, &builtin, e) < 0)
		return -1;
	if (user_tree(l, path, &user, e) < 0)
		return -1;
	if (!builtin && !user)
		return no_such(l, runtime, e);
	if (!str_put(m.runtime, sizeof(m.runtime), runtime) ||
	    !str_put(m.source, sizeof(m.source), user ? path : "built-in"))
		return err_set(e, ERR_FAILED, 0, "%s: name too long", runtime);
	if (read_both(builtin, user, path, &m, e) < 0)
		return -1;
	*out = m;
	memset(&m, 0, sizeof(m));
	return 0;
}

int manifest_need(const struct layout *l, const char *runtime, struct manifest *out, struct err *e)
{
	if (manifest_load(l, runtime, out, e) == 0)
		return 0;
	if (e->code == ERR_NOT_FOUND)
		e->code = ERR_FAILED;
	return -1;
}

/* ---- what follows from it ---- */

unsigned manifest_accepts(const struct manifest *m)
{
	unsigned set = 1U << NATURE_NATURAL | 1U << NATURE_ABSENT;

	return m->envelope == ENVELOPE_BARE ? set : set | 1U << NATURE_ARTIFICIAL;
}

/* ---- the program ---- */

static bool runs(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* <folder>/<name> into out; a folder that is not absolute (but "~/...") is passed over. */
static bool join(const char *folder, size_t len, const char *name, const char *home, char *out)
{
	int n = -1;

	if (len >= 1 && folder[0] == '/')
		n = snprintf(out, LAYOUT_PATH, "%.*s/%s", (int)len, folder, name);
	else if (len >= 2 && folder[0] == '~' && folder[1] == '/' && !str_empty(home))
		n = snprintf(out, LAYOUT_PATH, "%s%.*s/%s", home, (int)len - 1, folder + 1, name);
	return n > 0 && n < LAYOUT_PATH && out[0] == '/' && runs(out);
}

static bool along_path(const char *name, const char *path, char *out)
{
	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (join(path, len, name, NULL, out))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static bool find_one(const char *name, const struct strv *env, char *out)
{
	const char *home = environment_get(env, "HOME");

	if (strcmp(name, "$SHELL") == 0) {
		name = environment_get(env, "SHELL");
		if (str_empty(name))
			return false;
	}
	if (name[0] == '/')
		return str_put(out, LAYOUT_PATH, name) && runs(out);
	if (str_starts(name, "~/") && !str_empty(home)) {
		int n = snprintf(out, LAYOUT_PATH, "%s%s", home, name + 1);

		return n > 0 && n < LAYOUT_PATH && out[0] == '/' && runs(out);
	}
	return !strchr(name, '/') && along_path(name, environment_get(env, "PATH"), out);
}

/* Along the PATH first, for every name; then in the manifest's own folders. */
static bool find_any(const struct manifest *m, const struct strv *env, char *out)
{
	const char *home = environment_get(env, "HOME");

	for (size_t i = 0; i < m->program.n; i++)
		if (find_one(m->program.v[i], env, out))
			return true;
	for (size_t k = 0; k < m->search.n; k++)
		for (size_t i = 0; i < m->program.n; i++)
			if (!strchr(m->program.v[i], '/') && m->program.v[i][0] != '$' &&
			    join(m->search.v[k], strlen(m->search.v[k]), m->program.v[i], home,
				 out))
				return true;
	return false;
}

int manifest_program(const struct manifest *m, const struct layout *l, const struct strv *env,
		     char out[static LAYOUT_PATH], struct err *e)
{
	const char *path = environment_get(env, "PATH");
	char chosen[LAYOUT_PATH] = "";
	struct buf AUTO(buf_done) looked = BUF_INIT(256);

	settings_runtime_bin(l, m->runtime, chosen);
	if (*chosen) {
		if (chosen[0] != '/' || !runs(chosen))
			return err_set(e, ERR_FAILED, 0,
				       "program %s, named for runtime %s, cannot be run", chosen,
				       m->runtime);
		return str_put(out, LAYOUT_PATH, chosen)
			   ? 0
			   : err_set(e, ERR_FAILED, 0, "path too long");
	}
	if (find_any(m, env, chosen))
		return str_put(out, LAYOUT_PATH, chosen)
			   ? 0
			   : err_set(e, ERR_FAILED, 0, "path too long");
	buf_fmt(&looked, "PATH=%.120s%s", path ? path : "",
		path && strlen(path) > 120 ? "..." : "");
	for (size_t i = 0; i < m->search.n; i++)
		buf_fmt(&looked, ", %s", m->search.v[i]);
	err_set(e, ERR_FAILED, 0, "program %s not found (looked in %s)", m->program.v[0],
		buf_cstr(&looked));
	return err_hint(e, "install it, or add its folder to PATH in %s/" LAYOUT_ENVIRONMENT,
			l->root);
}
