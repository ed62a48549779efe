/* doctor: the keeper, and what dies with what. */
#include "iapeer/cli/doctor.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/build.h"
#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/fate.h"
#include "iapeer/launch/session.h"
#include "iapeer/supervise/client.h"
#include "iapeer/supervise/unit.h"

#include "iapeer/base/banned.h"

#define ANSWER_MS   2000
#define NAMES_MAX   6
#define LINGER_DIR  "/var/lib/systemd/linger/"
#define LOGIND_CONF "/etc/systemd/logind.conf"

/* ---- who lives ---- */

struct living {
	char name[PEER_IDENTITY_MAX + 32];
	pid_t pid;
};

static void add_living(struct living **v, size_t *n, const char *name, pid_t pid)
{
	*v = xrealloc(*v, (*n + 1) * sizeof **v);
	str_cut((*v)[*n].name, sizeof(*v)->name, name);
	(*v)[(*n)++].pid = pid;
}

/* The tmux servers on record that live. *out is the caller's: free(). */
static void living_servers(const struct doctor *d, struct living **v, size_t *n)
{
	AUTO(strv_done) struct strv files = STRV_INIT;
	struct session *s = xcalloc(1, sizeof *s);
	struct peer_id id;
	const char *what;
	struct err e;

	if (fs_list(d->c->layout.root_fd, LAYOUT_LIFECYCLE, &files, &e) < 0)
		files.n = 0;
	for (size_t i = 0; i < files.n; i++) {
		char identity[PEER_IDENTITY_MAX + 1];

		if (!layout_parse_state(files.v[i], &id, &what) || strcmp(what, "session") != 0 ||
		    session_load(&d->c->layout, &id, s, &e) < 0 || session_liveness(s) == LIVE_NO)
			continue;
		peer_identity(&id, identity);
		add_living(v, n, identity, s->server.pid);
	}
	free(s);
}

/* ---- the keeper ---- */

static void no_keeper(struct doctor *d)
{
	struct living *v = NULL;
	size_t n = 0;

	living_servers(d, &v, &n);
	free(v);
	if (n == 0)
		doctor_say(
		    d, FOUND_OK, "keeper", NULL,
		    "none runs, and nothing needs one; the first command that does starts it");
	else
		doctor_say(d, FOUND_WARN, "keeper",
			   "any `iapeer send` or `start` starts one; `iapeer supervise --install` "
			   "keeps one",
			   "none runs, but %zu session%s: a death is noticed late", n,
			   n == 1 ? " lives" : "s live");
}

static void compare(struct doctor *d, pid_t pid, const struct json *hello)
{
	const char *build = json_text(json_get(hello, "build")),
		   *theirs = json_text(json_get(hello, "settings"));
	char mine[512];

	settings_text(&d->c->settings, mine, sizeof mine);
	doctor_say(d, FOUND_OK, "keeper", NULL, "pid %ld, build %s", (long)pid,
		   build ? build : "?");
	if (build && strcmp(build, build_id) != 0)
		doctor_say(d, FOUND_WARN, "keeper",
			   "`iapeer supervise --replace`, or restart its service; sessions stay",
			   "it is build %s, this program is %s", build, build_id);
	if (theirs && strcmp(theirs, mine) != 0)
		doctor_say(d, FOUND_WARN, "keeper",
			   "put them into config.json, then `iapeer supervise --stop`",
			   "it has other settings than this command: there %s, here %s",
			   theirs[0] ? theirs : "the defaults", mine[0] ? mine : "the defaults");
}

void doctor_keeper(struct doctor *d)
{
	AUTO(keeper_close) struct keeper_link link = KEEPER_LINK_INIT;
	auto_json struct json *hello = json_object();
	auto_json struct json *reply = NULL;
	int64_t until = clock_mono_ms() + ANSWER_MS;
	char advice[160];
	struct err e;
	pid_t pid;

	if (keeper_pid(&d->c->layout, &pid, &e) < 0) {
		doctor_say(d, FOUND_BAD, "keeper", NULL, "%s", e.msg);
		return;
	}
	if (!pid) {
		no_keeper(d);
		return;
	}
	json_set_str(hello, "op", "hello");
	if (keeper_connect(&d->c->layout, false, until, &link, &e) == 0 &&
	    keeper_ask(&link, hello, until, &reply, &e) == 0) {
		compare(d, pid, reply);
		return;
	}
	snprintf(advice, sizeof advice,
		 "kill -CONT %ld if it is stopped; else kill it: the next command starts another, "
		 "and sessions stay",
		 (long)pid);
	doctor_say(d, FOUND_BAD, "keeper", advice, "pid %ld runs, but does not serve: %s",
		   (long)pid, e.msg);
}

/* ---- what dies with what ---- */

/* A setting of a systemd file and of the snippets in its .d folder, which count for more. */
static void read_setting(const char *file, const char *section, const char *key, char *out,
			 size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	AUTO(strv_done) struct strv names = STRV_INIT;
	char path[LAYOUT_PATH + 300];
	struct err e;

	if (fs_read(AT_FDCWD, file, &text, &e) == 0)
		unit_setting(buf_cstr(&text), section, key, out, size);
	snprintf(path, sizeof path, "%s.d", file);
	if (fs_list(AT_FDCWD, path, &names, &e) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		AUTO(buf_done) struct buf more = BUF_INIT(CAP_STATE);

		snprintf(path, sizeof path, "%s.d/%.255s", file, names.v[i]);
		if (str_ends(path, ".conf") && fs_read(AT_FDCWD, path, &more, &e) == 0)
			unit_setting(buf_cstr(&more), section, key, out, size);
	}
}

static void kill_mode(const char *unit, char *out, size_t size)
{
	char file[LAYOUT_PATH];

	out[0] = '\0';
	if (!service_unit_file(unit, file))
		return;
	str_cut(out, size, "control-group"); /* systemd's default */
	read_setting(file, "Service", "KillMode", out, size);
}

static bool is_yes(const char *word)
{
	return strcmp(word, "yes") == 0 || strcmp(word, "true") == 0 || strcmp(word, "on") == 0 ||
	       strcmp(word, "1") == 0;
}

/* False: the system does not tell. */
static bool place_of(pid_t pid, struct fate_place *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROC);
	char file[64], path[512];
	struct err e;

	snprintf(file, sizeof file, "/proc/%ld/cgroup", (long)pid);
	if (fs_read(AT_FDCWD, file, &text, &e) < 0)
		return false;
	fate_path(buf_cstr(&text), path, sizeof path);
	fate_of(path, out);
	return true;
}

static void say_fate(struct doctor *d, const struct fate_place *p, const struct strv *names)
{
	AUTO(buf_done) struct buf who = BUF_INIT(CAP_STATE);
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char linger[LAYOUT_PATH], mode[64] = "", kills[16] = "no";
	const struct passwd *pw = getpwuid(geteuid());
	struct fate_facts f = {.kill_mode = mode, .user = pw ? pw->pw_name : "the user"};
	const char *advice;
	bool warn;

	snprintf(linger, sizeof linger, LINGER_DIR "%.200s", f.user);
	f.linger = access(linger, F_OK) == 0;
	if (p->fate == FATE_USER_UNIT)
		kill_mode(p->unit, mode, sizeof mode);
	read_setting(LOGIND_CONF, "Login", "KillUserProcesses", kills, sizeof kills);
	f.kills_logins = is_yes(kills);
	doctor_names(&who, names, NAMES_MAX);
	warn = fate_text(p, &f, &text, &advice);
	doctor_say(d, warn ? FOUND_WARN : FOUND_OK, "lifetime", advice, "%s: %s", buf_cstr(&who),
		   buf_cstr(&text));
}

static void say_all_fates(struct doctor *d, struct living *v, size_t n)
{
	struct fate_place *at = xcalloc(n + 1, sizeof *at);
	bool *done = xcalloc(n + 1, sizeof *done);

	for (size_t i = 0; i < n; i++)
		done[i] = !place_of(v[i].pid, &at[i]);
	for (size_t i = 0; i < n; i++) {
		AUTO(strv_done) struct strv names = STRV_INIT;

		for (size_t k = i; k < n && !done[i]; k++) {
			if (done[k] || at[k].fate != at[i].fate ||
			    strcmp(at[k].unit, at[i].unit) != 0)
				continue;
			strv_add(&names, v[k].name);
			done[k] = k != i;
		}
		if (names.n)
			say_fate(d, &at[i], &names);
	}
	free(done);
	free(at);
}

/* The unit that is installed, whoever runs now. */
static void check_unit(struct doctor *d)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char file[LAYOUT_PATH], mode[64] = "", program[LAYOUT_PATH];
	struct err e;

	if (!service_unit_file(SERVICE_KEEPER_UNIT, file))
		return;
	kill_mode(SERVICE_KEEPER_UNIT, mode, sizeof mode);
	if (strcmp(mode, "process") != 0 && strcmp(mode, "none") != 0)
		doctor_say(d, FOUND_BAD, "service", "iapeer supervise --install writes it anew",
			   "%s has KillMode=%s: stopping it would end every peer", file, mode);
	else if (layout_abs(&d->c->layout, LAYOUT_BINARY, program, &e) == 0 &&
		 fs_read(AT_FDCWD, file, &text, &e) == 0 &&
		 !unit_starts(MANAGER_SYSTEMD, buf_cstr(&text), program))
		doctor_say(d, FOUND_WARN, "service", "iapeer supervise --install, with that root",
			   "%s keeps another root, or is not of this build", file);
	else
		doctor_say(d, FOUND_OK, "service", NULL, "%s, KillMode=%s", file, mode);
}

/* One group a peer, where that is ours to make. */
static void say_groups(struct doctor *d, pid_t keeper)
{
	char dir[LAYOUT_PATH * 2];

	if (plat_cgroup(keeper, dir, sizeof dir))
		doctor_say(d, FOUND_OK, "groups", NULL,
			   "each peer gets a control group of its own in %s", dir);
	else
		doctor_say(d, FOUND_OK, "groups", NULL,
			   "peers share the keeper's control group: none is delegated to us here");
}

void doctor_fate(struct doctor *d)
{
	struct living *v = NULL;
	struct fate_place here;
	size_t n = 0;
	struct err e;
	pid_t pid;

	check_unit(d);
	if (!place_of(getpid(), &here)) {
		doctor_say(d, FOUND_OK, "lifetime", NULL,
			   "this system does not tell what ends with what");
		return;
	}
	if (keeper_pid(&d->c->layout, &pid, &e) == 0 && pid) {
		add_living(&v, &n, "the keeper", pid);
		say_groups(d, pid);
	}
	living_servers(d, &v, &n);
	if (n == 0)
		doctor_say(d, FOUND_OK, "lifetime", NULL, "nothing lives");
	else
		say_all_fates(d, v, n);
	free(v);
}
