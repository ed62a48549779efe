/* doctor: tmux, the runtimes' programs, and what they are given. */
#include "iapeer/cli/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/words.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/registry/environment.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define TOOL          "tmux" /* check-layers: not a command */
#define VERSION_MS    2000
#define VERSION_CELLS 60

void doctor_tmux(struct doctor *d)
{
	char bin[LAYOUT_PATH], version[64] = "";
	struct err e = ERR_INIT;
	int rc = d->c->rooted ? launch_tmux_bin(&d->c->layout, &d->c->settings, bin, &e)
			      : tmux_find(getenv("IAPEER_TMUX_BIN"), getenv("PATH"), bin, &e);

	if (rc < 0 && e.code == ERR_CORRUPT)
		return; /* the environment file: doctor_environment() says it */
	if (rc < 0) {
		doctor_say(d, FOUND_BAD, TOOL,
			   e.hint[0] ? e.hint : "install tmux 3.2 or later, or set IAPEER_TMUX_BIN",
			   "%s", e.msg);
		return;
	}
	if (tmux_version(bin, clock_mono_ms() + VERSION_MS, version, sizeof version, &e) < 0)
		doctor_say(d, FOUND_BAD, TOOL, "install tmux 3.2 or later, or set IAPEER_TMUX_BIN",
			   "%s", e.msg);
	else
		doctor_say(d, FOUND_OK, TOOL, NULL, "%s, %s", bin,
			   version[0] ? version : "version not known");
}

/* ---- the disk ---- */

void doctor_disk(struct doctor *d)
{
	struct fs_room room;
	char files[48] = "";
	struct err e = ERR_INIT;

	if (fs_room(d->c->layout.root_fd, &room, &e) < 0) {
		doctor_say(d, FOUND_WARN, "disk", NULL, "%s", e.msg);
		return;
	}
	if (room.free_files >= 0)
		snprintf(files, sizeof files, ", and room for %lld files",
			 (long long)room.free_files);
	if (room.read_only) {
		doctor_say(d, FOUND_BAD, "disk", "mount it writable", "%s is on a read-only disk",
			   d->c->layout.root);
		return;
	}
	doctor_say(d, room.low ? FOUND_BAD : FOUND_OK, "disk",
		   room.low ? "make room: until then no message is accepted and panes are not "
			      "logged"
			    : NULL,
		   "%lld of %lld MiB free%s", (long long)(room.free_bytes >> 20),
		   (long long)(room.all_bytes >> 20), files);
}

/* ---- runtimes ---- */

/* The first line of what it says to --version; "" when it does not tell in time. */
static void program_version(const char *program, struct strv *env, char *out, size_t size)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	struct proc_opts o = {.file = program, .deadline_ms = clock_mono_ms() + VERSION_MS};
	char line[VERSION_CELLS + 1];
	struct err e;

	strv_add(&argv, program);
	strv_add(&argv, "--version");
	o.argv = strv_argv(&argv);
	o.envp = strv_argv(env);
	out[0] = '\0';
	if (proc_run(&o, &r, &e) < 0 || r.status != 0)
		return;
	str_cut(line, sizeof line, buf_cstr(&r.out));
	line[strcspn(line, "\r\n")] = '\0';
	str_cut(out, size, line);
}

static void look_at_program(struct doctor *d, const char *runtime, struct strv *env)
{
	AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};
	char program[LAYOUT_PATH], version[VERSION_CELLS + 1] = "";
	struct err e = ERR_INIT;

	if (manifest_load(&d->c->layout, runtime, &m, &e) < 0) {
		doctor_say(d, FOUND_BAD, runtime, e.hint, "%s", e.msg);
		return;
	}
	if (manifest_program(&m, &d->c->layout, env, program, &e) < 0) {
		doctor_say(d, FOUND_BAD, runtime, e.hint, "%s", e.msg);
		return;
	}
	/* Of a shell it is not interesting, and a service might simply begin to serve. */
	if (m.kind == KIND_TUI)
		program_version(program, env, version, sizeof version);
	doctor_say(d, FOUND_OK, runtime, NULL, "%s%s%s", program, version[0] ? ", " : "", version);
	doctor_login(d, &m, env);
}

void doctor_runtimes(struct doctor *d)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv all = STRV_INIT;
	const struct registry *r = &d->c->registry;
	struct err e;

	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->peers[i].runtimes.n; k++)
			words_unite(&all, r->peers[i].runtimes.v[k]);
	if (environment_load(&d->c->layout, &env, &e) < 0)
		return; /* doctor_environment() says it */
	strv_sort(&all);
	for (size_t i = 0; i < all.n; i++)
		look_at_program(d, all.v[i], &env);
}

/* ---- the environment file ---- */

static bool is_folder(const char *path)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool can_run(const char *path)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

static bool is_there(const char *path)
{
	return path[0] == '/' && access(path, F_OK) == 0;
}

/* Of the variables that are paths: what they must name, and what happens when they do not. */
static const struct {
	const char *key;
	bool (*fine)(const char *);
	const char *is_not;
	enum finding level;
} paths[] = {
    {"HOME", is_folder, "is no folder", FOUND_BAD},
    {"SHELL", can_run, "cannot be run", FOUND_BAD},
    {"SSH_AUTH_SOCK", is_there, "is not there", FOUND_WARN},
    {"XDG_RUNTIME_DIR", is_folder, "is no folder", FOUND_WARN},
};

/* An agent's environment is not its owner's: nothing is taken from it. */
static bool may_refresh(const struct doctor *d)
{
	return d->fix && str_empty(getenv("PEER_IDENTITY"));
}

static void put(struct doctor *d, const char *key, const char *value)
{
	struct err e;

	if (environment_put(&d->c->layout, key, value, &e) < 0)
		doctor_say(d, FOUND_BAD, "environment", NULL, "%s: %s", key, e.msg);
	else
		doctor_fixed(d, "environment", "%s is %s now, as here", key, value);
}

static void check_paths(struct doctor *d, const struct strv *env)
{
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const char *value = environment_get(env, paths[i].key),
			   *mine = getenv(paths[i].key);

		if (str_empty(value) && paths[i].level != FOUND_BAD)
			continue;
		if (!str_empty(value) && paths[i].fine(value))
			continue;
		if (may_refresh(d) && mine && paths[i].fine(mine))
			put(d, paths[i].key, mine);
		else
			doctor_say(d, paths[i].level, "environment",
				   mine && paths[i].fine(mine)
				       ? "`iapeer doctor --fix` takes this shell's"
				       : "edit the file",
				   "%s=%s %s", paths[i].key, value ? value : "", paths[i].is_not);
	}
}

static void differs(struct doctor *d, const struct strv *env, const char *key)
{
	const char *value = environment_get(env, key), *mine = getenv(key);

	if (!str_empty(value) && !str_empty(mine) && strcmp(value, mine) != 0)
		doctor_say(d, FOUND_WARN, "environment", "edit the file if peers should have yours",
			   "%s is %s for peers, %s here", key, value, mine);
}

static void check_path_folders(struct doctor *d, const struct strv *theirs)
{
	AUTO(strv_done) struct strv missing = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	for (size_t i = 0; i < theirs->n; i++)
		if (!is_folder(theirs->v[i]))
			strv_add(&missing, theirs->v[i]);
	if (missing.n == 0)
		return;
	doctor_names(&b, &missing, 5);
	doctor_say(d, FOUND_WARN, "environment", "edit the file, or ignore it",
		   "PATH names what is no folder: %s", buf_cstr(&b));
}

/* A program that is found here and not there is the most common reason for a peer that does not
 * start. */
static void compare_path(struct doctor *d, const char *path, const struct strv *theirs)
{
	AUTO(strv_done) struct strv mine = STRV_INIT;
	AUTO(strv_done) struct strv more = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	const char *own = getenv("PATH");

	words_split(own ? own : "", ':', &mine);
	for (size_t i = 0; i < mine.n; i++)
		if (!strv_has(theirs, mine.v[i]) && is_folder(mine.v[i]))
			words_unite(&more, mine.v[i]);
	if (more.n == 0)
		return;
	if (may_refresh(d)) {
		buf_str(&b, path);
		for (size_t i = 0; i < more.n; i++)
			buf_fmt(&b, ":%s", more.v[i]);
		put(d, "PATH", buf_cstr(&b));
		return;
	}
	doctor_names(&b, &more, 5);
	doctor_say(
	    d, FOUND_WARN, "environment",
	    "`iapeer doctor --fix` adds them behind the others; live peers keep what they have",
	    "PATH lacks folders that this shell has: %s", buf_cstr(&b));
}

static void check_path(struct doctor *d, const struct strv *env)
{
	AUTO(strv_done) struct strv theirs = STRV_INIT;
	const char *path = environment_get(env, "PATH");

	if (str_empty(path)) {
		doctor_say(d, FOUND_BAD, "environment", "add a PATH= line to the file",
			   "there is no PATH");
		return;
	}
	words_split(path, ':', &theirs);
	check_path_folders(d, &theirs);
	compare_path(d, path, &theirs);
}

void doctor_environment(struct doctor *d)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct err e = ERR_INIT;

	if (!fs_exists(d->c->layout.root_fd, LAYOUT_ENVIRONMENT)) {
		if (d->fix && environment_ensure(&d->c->layout, &e) == 0)
			doctor_fixed(d, "environment",
				     "there was no file; made out of this shell's");
		else
			doctor_say(d, FOUND_WARN, "environment",
				   "`iapeer doctor --fix`, or the next create, makes it",
				   "%s/" LAYOUT_ENVIRONMENT " is not there", d->c->layout.root);
	}
	if (environment_load(&d->c->layout, &env, &e) < 0) {
		doctor_say(d, FOUND_BAD, "environment", "put that line right", "%s", e.msg);
		return;
	}
	doctor_say(d, FOUND_OK, "environment", NULL, "HOME=%s SHELL=%s PATH=%s",
		   environment_get(&env, "HOME") ? environment_get(&env, "HOME") : "",
		   environment_get(&env, "SHELL") ? environment_get(&env, "SHELL") : "",
		   environment_get(&env, "PATH") ? environment_get(&env, "PATH") : "");
	check_paths(d, &env);
	check_path(d, &env);
	differs(d, &env, "HOME");
	differs(d, &env, "SHELL");
}
