#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/launch.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

struct err last_err;

/* ---- paths and files ---- */

const char *world_path(const struct world *w, const char *rel)
{
	static char paths[8][2 * LAYOUT_PATH];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", w->dir, rel);
	return path;
}

void world_write(const struct world *w, const char *rel, const char *text)
{
	OK(fs_write_soft(AT_FDCWD, world_path(w, rel), text, strlen(text), 0600, e));
}

const char *world_script(const struct world *w, const char *rel, const char *text)
{
	const char *path = world_path(w, rel);

	world_write(w, rel, text);
	assert_int_equal(chmod(path, 0700), 0);
	return path;
}

char *world_read(const struct world *w, const char *rel)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8U << 20);
	struct err e = ERR_INIT;

	if (fs_read(AT_FDCWD, world_path(w, rel), &b, &e) < 0)
		return xstrdup("");
	return xstrdup(buf_cstr(&b));
}

size_t world_size(const struct world *w, const char *rel)
{
	struct fs_info info;
	struct err e = ERR_INIT;

	return fs_stat(AT_FDCWD, world_path(w, rel), &info, &e) == 0 && info.exists
		   ? (size_t)info.size
		   : 0;
}

bool world_exists(const struct world *w, const char *rel)
{
	return fs_exists(AT_FDCWD, world_path(w, rel));
}

int world_lines(const struct world *w, const char *rel, const char *part)
{
	auto_free char *text = world_read(w, rel);
	int n = 0;

	for (char *line = text, *nl; *line; line = nl) {
		nl = line + strcspn(line, "\n");
		if (*nl)
			*nl++ = '\0';
		n += strstr(line, part) != NULL;
	}
	return n;
}

const char *world_state(const struct peer_id *id, const char *what)
{
	static char paths[4][LAYOUT_PATH + 8];
	static unsigned next;
	char *path = paths[next++ % 4], rel[LAYOUT_PATH];

	layout_state(id, what, rel);
	snprintf(path, sizeof paths[0], "r/%s", rel);
	return path;
}

/* ---- setup ---- */

const char *world_tmux_bin(void)
{
	static char bin[LAYOUT_PATH];
	struct err e = ERR_INIT;

	if (!bin[0] && tmux_find("", getenv("PATH"), bin, &e) < 0)
		bin[0] = '\0';
	return bin;
}

/* What hooks and pane logs call: the real binary, or the stand-in that lies beside this test. */
static void link_binary(struct world *w)
{
	char self[LAYOUT_PATH], target[LAYOUT_PATH];
	const char *real = getenv("IAPEER_BIN");

	OK(plat_self_exe(self, sizeof self, e));
	*strrchr(self, '/') = '\0';
	snprintf(target, sizeof target, "%.480s/fake_hook", self);
	if (!str_empty(real) && access(real, X_OK) == 0)
		str_cut(target, sizeof target, real);
	OK(fs_mkdirs(w->l.root_fd, "bin", e));
	OK(fs_symlink(target, w->l.root_fd, LAYOUT_BINARY, e));
}

static void clean_environment(const struct world *w)
{
	static const char *const gone[] = {"IAPEER_SOCK_DIR",
					   "IAPEER_TMUX_BIN",
					   "IAPEER_SHELL_BIN",
					   "TMUX",
					   "TMUX_PANE",
					   "PEER_IDENTITY",
					   "ENV",
					   "BASH_ENV",
					   "PROMPT_COMMAND",
					   "IAPEER_CANARY",
					   "IAPEER_TEST_INPUT",
					   "LC_CTYPE"};

	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
		unsetenv(gone[i]);
	setenv("IAPEER_TEST_SANDBOX", "1", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("IAPEER_ROOT", world_path(w, "r"), 1);
	setenv("HOME", world_path(w, "home"), 1);
	setenv("SHELL", "/bin/sh", 1);
}

void world_settings(struct world *w)
{
	OK(settings_load(&w->l, &w->s, e));
}

int world_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct world *w = xcalloc(1, sizeof *w);
	char template[200];

	log_open(STDERR_FILENO, getenv("IAPEER_TEST_LOG") ? LOG_DEBUG : LOG_ERROR);
	snprintf(template, sizeof template, "%.150s/iap.XXXXXX", str_empty(tmp) ? "/tmp" : tmp);
	if (!mkdtemp(template))
		return -1;
	auto_free char *dir = realpath(template, NULL);
	str_cut(w->dir, sizeof w->dir, dir ? dir : template);
	clean_environment(w);
	w->l = (struct layout)LAYOUT_INIT;
	OK(layout_open(&w->l, true, e));
	OK(fs_mkdirs(AT_FDCWD, world_path(w, "home"), e));
	world_write(w, "home/.bashrc", "PS1='$ '\nPS2='> '\nunset PROMPT_COMMAND HISTFILE\n");
	OK(environment_ensure(&w->l, e));
	link_binary(w);
	world_settings(w);
	OK(registry_load(&w->l, &w->r, e));
	*state = w;
	return 0;
}

/* ---- teardown ---- */

static void end_process(struct proc_ref ref)
{
	struct err e = ERR_INIT;

	if (ref.pid > 1 && plat_signal(ref, SIGKILL, &e) == 0)
		plat_exit_wait(ref, clock_mono_ms() + 2000);
}

static void end_servers(const struct world *w)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct err e = ERR_INIT;
	struct proc_ref server;
	char path[2 * LAYOUT_PATH];

	if (fs_list(AT_FDCWD, w->l.socks, &names, &e) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		snprintf(path, sizeof path, "%s/%.200s", w->l.socks, names.v[i]);
		if (tmux_server_of(path, &server, &e) == 0)
			end_process(server);
	}
}

/* Programs that outlived their server, and servers whose socket is gone. */
static void end_recorded(const struct world *w)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct err e = ERR_INIT;
	struct peer_id id;
	struct session s;
	const char *what;

	if (fs_list(w->l.root_fd, LAYOUT_LIFECYCLE, &names, &e) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		if (!layout_parse_state(names.v[i], &id, &what) || strcmp(what, "session") != 0 ||
		    session_load(&w->l, &id, &s, &e) < 0)
			continue;
		end_process(s.server);
		end_process(s.pane);
	}
}

int world_teardown(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;

	end_recorded(w);
	end_servers(w);
	registry_done(&w->r);
	layout_done(&w->l);
	/* A pane log's writer may still be at its last bytes. */
	for (int tries = 0; getenv("IAPEER_TEST_KEEP") == NULL && tries < 200; tries++) {
		if (fs_remove_tree(AT_FDCWD, w->dir, &e) == 0)
			break;
		poll(NULL, 0, 10);
	}
	free(w);
	return 0;
}
