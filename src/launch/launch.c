#include "iapeer/launch/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/provision.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

int launch_tmux_bin(const struct layout *l, const struct settings *s, char out[static LAYOUT_PATH],
		    struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct err ignored;

	if (environment_load(l, &env, e) < 0)
		return -1;
	if (tmux_find(s->tmux_bin, environment_get(&env, "PATH"), out, &ignored) == 0)
		return 0;
	return tmux_find(s->tmux_bin, getenv("PATH"), out, e);
}

/* What it holds is run as us. The folder may be one that others write to, too. */
static int only_ours(int folder, const char *path, struct err *e)
{
	struct fs_info info;

	if (fs_stat(folder, path, &info, e) < 0)
		return -1;
	if (!info.exists || ((info.uid == geteuid() || info.uid == 0) && !(info.mode & S_IWOTH)))
		return 0;
	if (info.mode & S_IWOTH)
		return err_set(e, ERR_REFUSED, 0, "%s: others may write to it (mode %03o)", path,
			       (unsigned)info.mode & 0777);
	return err_set(e, ERR_REFUSED, 0, "%s belongs to uid %lu, not to us (uid %lu)", path,
		       (unsigned long)info.uid, (unsigned long)geteuid());
}

static int add_launch_env(const struct launch_in *in, struct strv *env, struct strv *args,
			  struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	auto_fd int folder = -1;
	char path[LAYOUT_PATH];

	layout_launch_env(in->id.runtime, path);
	folder = open(in->record->cwd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return err_set(e, ERR_FAILED, 0, "the peer's folder %s is not there",
			       in->record->cwd);
	if (only_ours(folder, path, e) < 0)
		return -1;
	if (fs_read(folder, path, &text, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	return environment_parse(buf_cstr(&text), text.len, path, env, args, e);
}

static void drop_variable(struct strv *env, const char *key)
{
	size_t n = strlen(key), kept = 0;

	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], key, n) == 0 && env->v[i][n] == '=')
			free(env->v[i]);
		else
			env->v[kept++] = env->v[i];
	}
	env->n = kept;
	if (env->v)
		env->v[kept] = NULL;
}

static void add_manifest_env(const struct strv *more, struct strv *env)
{
	for (size_t i = 0; i < more->n; i++) {
		const char *eq = strchr(more->v[i], '=');
		AUTO(buf_done) struct buf key = BUF_INIT(CAP_STATE);

		if (!eq)
			continue;
		buf_add(&key, more->v[i], (size_t)(eq - more->v[i]));
		environment_set(env, buf_cstr(&key), eq + 1);
	}
}

int launch_environment(const struct launch_in *in, struct strv *env, struct strv *args,
		       struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];

	if (environment_load(in->layout, env, e) < 0)
		return -1;
	add_manifest_env(&in->manifest->env, env);
	if (in->profile->trust)
		add_manifest_env(&in->manifest->env_trust, env);
	if (in->profile->trust && getuid() == 0)
		add_manifest_env(&in->manifest->env_trust_root, env);
	if (add_launch_env(in, env, args, e) < 0)
		return -1;
	peer_identity(&in->id, identity);
	environment_set(env, "PEER_PERSONALITY", in->id.name);
	environment_set(env, "PEER_RUNTIME", in->id.runtime);
	environment_set(env, "PEER_IDENTITY", identity);
	environment_set(env, "IAPEER_ROOT", in->layout->root);
	/* A stray `tmux kill-server` inside must not reach its own server, nor ours find another.
	 */
	drop_variable(env, "TMUX");
	drop_variable(env, "TMUX_PANE");
	return 0;
}

static void add_args(struct strv *argv, const struct strv *more)
{
	for (size_t i = 0; i < more->n; i++)
		strv_add(argv, more->v[i]);
}

/* A random UUID (version 4) where the runtime lets us choose the id of a conversation; else "". */
static void new_conversation(const struct manifest *m, char out[static CONVERSATION_ID])
{
	auto_fd int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	unsigned char b[16];

	out[0] = '\0';
	if (!manifest_chooses_id(m) || fd < 0 || read(fd, b, sizeof b) != (ssize_t)sizeof b)
		return;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, CONVERSATION_ID,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
}

static int user_conf(const struct layout *l, char out[static LAYOUT_PATH], bool *out_there,
		     struct err *e)
{
	*out_there = fs_exists(l->root_fd, LAYOUT_TMUX_CONF);
	return layout_abs(l, LAYOUT_TMUX_CONF, out, e);
}

static int fill_session(const struct launch_in *in, const struct tmux *t,
			const struct tmux_started *s, struct session *out, struct err *e)
{
	*out = (struct session){.id = in->id,
				.server = s->server,
				.pane = s->pane,
				.woke_at_ms = clock_utc_ms(),
				.woke_mono_ms = clock_mono_ms()};
	if (plat_boot_id(out->boot_id, e) < 0)
		return -1;
	str_cut(out->cwd, sizeof out->cwd, launch_workdir(in));
	str_cut(out->socket, sizeof out->socket, t->socket);
	str_cut(out->pane_id, sizeof out->pane_id, s->pane_id);
	str_cut(out->pane_tty, sizeof out->pane_tty, s->pane_tty);
	str_cut(out->mode, sizeof out->mode, in->resume ? "resume" : "fresh");
	str_cut(out->cause, sizeof out->cause, in->cause);
	out->hooks = in->manifest->hooks == HOOKS_ALWAYS ||
		     (in->manifest->hooks == HOOKS_TRUST && in->profile->trust);
	return 0;
}

/* Older than 3.2 is refused. Asked once a binary: what was asked, and of which file, is noted. */
static int check_tmux(const struct launch_in *in, const char *bin, struct err *e)
{
	AUTO(buf_done) struct buf known = BUF_INIT(CAP_STATE);
	char key[LAYOUT_PATH + 64], version[64];
	struct fs_info info;
	struct err none;

	/* It may be a link (as on many systems): the link itself stands for what it names. */
	if (fs_stat(AT_FDCWD, bin, &info, e) < 0)
		return -1;
	snprintf(key, sizeof key, "%s %lld %lld\n", bin, (long long)info.mtime_ms,
		 (long long)info.size);
	if (fs_read(in->layout->root_fd, LAYOUT_TMUX_CHECKED, &known, &none) == 0 &&
	    strcmp(buf_cstr(&known), key) == 0)
		return 0;
	if (tmux_version(bin, clock_mono_ms() + 5000, version, sizeof version, e) < 0)
		return -1;
	if (fs_write_soft(in->layout->root_fd, LAYOUT_TMUX_CHECKED, key, strlen(key), 0600, &none) <
	    0)
		log_warn("launch", "%s", none.msg);
	return 0;
}

/* The program and its arguments; what they name is written. */
static int program_argv(const struct launch_in *in, const char *program, const char *conversation,
			struct strv *argv, struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct provision provision;
	struct manifest_vars vars;

	if (provision_make(in, &provision, e) < 0)
		return -1;
	peer_identity(&in->id, identity);
	vars = provision_vars(in, &provision, identity, conversation);
	strv_add(argv, program);
	manifest_args(in->manifest, &vars, argv);
	return 0;
}

/* Its length so far. Where it cannot be written, no prompt would ever be seen. */
static int look_at_log(const struct launch_in *in, int64_t *out_size, struct err *e)
{
	struct fs_info log;
	char path[LAYOUT_PATH];

	layout_pane_log(&in->id, path);
	if (fs_stat(in->layout->root_fd, path, &log, e) < 0)
		return -1;
	if (log.exists && !log.is_file) {
		err_set(e, ERR_REFUSED, 0, "%s is %s, not the file of its pane's log", path,
			log.is_link  ? "a link"
			: log.is_dir ? "a folder"
				     : "something else");
		return err_hint(e, "rm -r %s/%s", in->layout->root, path);
	}
	*out_size = log.size;
	return 0;
}

int launch_start(const struct launch_in *in, int64_t deadline_ms, struct session *out,
		 struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	char identity[PEER_IDENTITY_MAX + 1], program[LAYOUT_PATH], conf[LAYOUT_PATH];
	struct tmux_started started = {.pane_id = ""};
	char conversation[CONVERSATION_ID];
	struct tmux t = {.pane = ""};
	struct fs_info dir;
	bool has_conf = false;
	int64_t log_start = 0;

	if (fs_stat(AT_FDCWD, launch_workdir(in), &dir, e) < 0)
		return -1;
	if (!dir.exists)
		return err_set(e, ERR_FAILED, 0, "its folder %s is not there", launch_workdir(in));
	if (launch_environment(in, &env, &args, e) < 0 ||
	    manifest_program(in->manifest, in->layout, &env, program, e) < 0 ||
	    launch_tmux_bin(in->layout, in->settings, t.bin, e) < 0 ||
	    check_tmux(in, t.bin, e) < 0 || look_at_log(in, &log_start, e) < 0 ||
	    layout_socket(in->layout, &in->id, t.socket, e) < 0 ||
	    user_conf(in->layout, conf, &has_conf, e) < 0)
		return -1;
	peer_identity(&in->id, identity);
	if (in->resume)
		str_cut(conversation, sizeof conversation, in->conversation);
	else
		new_conversation(in->manifest, conversation);
	if (program_argv(in, program, conversation, &argv, e) < 0)
		return -1;
	add_args(&argv, &args);
	struct tmux_start start = {.session = identity,
				   .conf = has_conf ? conf : NULL,
				   .workdir = launch_workdir(in),
				   .argv = &argv,
				   .envp = &env,
				   .panelog_max_bytes = in->settings->panelog_max_bytes,
				   .panelog_keep = in->settings->panelog_keep};
	if (tmux_new_session(&t, &start, deadline_ms, &started, e) < 0) {
		/* Whoever was quicker than we: the session is there, and it was made by the same
		 * one call. */
		if (e->code != ERR_REFUSED ||
		    tmux_session_facts(&t, identity, deadline_ms, &started, e) < 0)
			return err_wrap(e, "start %s", identity);
		log_info("launch", "adopted identity=%s", identity);
	}
	if (fill_session(in, &t, &started, out, e) < 0)
		return -1;
	out->log_start = log_start;
	str_cut(out->conversation, sizeof out->conversation, conversation);
	return 0;
}

/* It must go: told, then killed. A socket file of a dead server is only in the way. */
int launch_end_server(struct proc_ref server, const char *socket, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGKILL};
	struct err ignored;

	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		if (plat_signal(server, signals[i], &ignored) < 0 && ignored.code != ERR_NOT_FOUND)
			log_warn("launch", "%s", ignored.msg);
		if (plat_exit_wait(server, clock_mono_ms() + 2000))
			return fs_unlink(AT_FDCWD, socket, e);
	}
	return err_set(e, ERR_TIMEOUT, 0, "the tmux server (pid %ld) does not end",
		       (long)server.pid);
}

/* A program that ignores SIGHUP outlives its terminal; a peer that was ended must not. */
static void end_straggler(const struct session *s)
{
	struct err ignored;

	if (plat_exit_wait(s->pane, clock_mono_ms() + 1000))
		return;
	if (plat_signal(s->pane, SIGKILL, &ignored) == 0 &&
	    plat_exit_wait(s->pane, clock_mono_ms() + 1000))
		log_warn("launch", "killed pid=%ld: it ignored the end of its session",
			 (long)s->pane.pid);
}

int launch_end(const struct layout *l, const struct settings *st, const struct session *s,
	       int64_t deadline_ms, struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct tmux t = {.pane = ""};
	struct err soft = ERR_INIT;

	peer_identity(&s->id, identity);
	str_cut(t.socket, sizeof t.socket, s->socket);
	if (plat_proc_state(s->server) != PROC_GONE) {
		if (launch_tmux_bin(l, st, t.bin, &soft) < 0 ||
		    tmux_kill_session(&t, identity, deadline_ms, &soft) < 0)
			log_warn("launch", "end %s: %s", identity, soft.msg);
		if (!plat_exit_wait(s->server, clock_mono_ms() + 2000) &&
		    launch_end_server(s->server, s->socket, e) < 0)
			return -1;
	}
	end_straggler(s);
	return fs_unlink(AT_FDCWD, s->socket, e);
}
