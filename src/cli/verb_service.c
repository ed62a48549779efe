/* supervise --print, --install, --uninstall. */
#include "iapeer/cli/service_files.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/binary_link.h"
#include "iapeer/registry/service.h"
#include "iapeer/supervise/reference.h"
#include "iapeer/supervise/unit.h"

#include "iapeer/base/banned.h"

#define TOOL_MS     30000
#define LAUNCHD_TRY 10 /* a job that was booted out is gone only after a while */

struct service {
	enum manager manager;
	char file[LAYOUT_PATH];
	char program[LAYOUT_PATH];
	char log[LAYOUT_PATH];
	struct strv env;
	struct strv type; /* what a person is to type */
	bool background;  /* launchd: see unit.h */
	char why[256];    /* the manager could not be told */
};

static void service_done(struct service *s)
{
	strv_done(&s->env);
	strv_done(&s->type);
}

/* ---- what to write ---- */

static bool is_blank(const char *s)
{
	return !s || s[strspn(s, " \t\r\n")] == '\0';
}

/* Would a keeper that is told nothing find this root? It has the home of the password file. */
static bool is_default_root(const struct layout *l)
{
	const struct passwd *pw = getpwuid(geteuid());
	char path[LAYOUT_PATH];
	struct stat here, there;

	if (!pw || snprintf(path, sizeof path, "%s" LAYOUT_HOME_ROOT, pw->pw_dir) >= LAYOUT_PATH)
		return false;
	return fstat(l->root_fd, &here) == 0 && stat(path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* What moves files must be the same for the keeper and for commands. */
static int describe(const struct ctx *c, struct service *s, struct err *e)
{
	static const char *const carried[] = {"IAPEER_SOCK_DIR", "IAPEER_LAUNCHAGENTS_DIR"};

	if (layout_abs(&c->layout, LAYOUT_BINARY, s->program, e) < 0 ||
	    layout_abs(&c->layout, LAYOUT_KEEPER_LOG, s->log, e) < 0)
		return -1;
	if (!is_default_root(&c->layout))
		strv_fmt(&s->env, "IAPEER_ROOT=%s", c->layout.root);
	for (size_t i = 0; i < sizeof carried / sizeof carried[0]; i++)
		if (!is_blank(getenv(carried[i])))
			strv_fmt(&s->env, "%s=%s", carried[i], getenv(carried[i]));
	return 0;
}

static int print(const struct service *s, struct buf *out, struct err *e)
{
	return unit_print(
	    s->manager,
	    &(struct unit_spec){
		.program = s->program, .log = s->log, .env = &s->env, .background = s->background},
	    out, e);
}

int service_print(struct ctx *c, const char *manager, struct err *e)
{
	AUTO(service_done) struct service s = {.manager = MANAGER_SYSTEMD};
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);

	if (!manager_parse(manager, &s.manager)) {
		err_set(e, ERR_USAGE, 0, "--print: no service manager \"%.40s\"", manager);
		return err_hint(e, "there are: launchd, systemd");
	}
	if (describe(c, &s, e) < 0 || print(&s, &text, e) < 0)
		return -1;
	buf_str(&c->out, buf_cstr(&text));
	c->reply = json_object();
	json_set_str(c->reply, "manager", manager_word(s.manager));
	json_set_str(c->reply, "text", buf_cstr(&text));
	return 0;
}

/* ---- telling the manager ---- */

/* Run a tool of the manager's; *out_why is the last line that it said when it failed. */
static int tool(const char *name, const char *const *words, char *out_why, size_t size)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv argv = STRV_INIT;
	struct proc_opts o = {.deadline_ms = clock_mono_ms() + TOOL_MS};
	char file[LAYOUT_PATH];
	struct err e;

	if (proc_find(name, getenv("PATH"), file, sizeof file, &e) < 0) {
		str_cut(out_why, size, e.msg);
		return -1;
	}
	strv_add(&argv, name);
	for (; *words; words++)
		strv_add(&argv, *words);
	o.file = file;
	o.argv = strv_argv(&argv);
	if (proc_run(&o, &r, &e) < 0) {
		str_cut(out_why, size, e.msg);
		return -1;
	}
	if (WIFEXITED(r.status) && WEXITSTATUS(r.status) == 0)
		return 0;
	str_cut(out_why, size, r.err.len ? buf_cstr(&r.err) : "it failed");
	out_why[strcspn(out_why, "\n")] = '\0';
	return -1;
}
#define TOOL(why, name, ...) tool(name, (const char *const[]){__VA_ARGS__, NULL}, why, sizeof(why))

/* A test must not reach the machine's own manager. */
static bool sandboxed(struct service *s)
{
	const char *flag = getenv("IAPEER_TEST_SANDBOX");

	if (!flag || strcmp(flag, "1") != 0)
		return false;
	str_cut(s->why, sizeof s->why, "IAPEER_TEST_SANDBOX is set");
	return true;
}

/* True: it runs. False with e->code ERR_NONE: the manager cannot be reached. */
static bool start_systemd(struct service *s, bool changed, struct err *e)
{
	char why[200];

	strv_add(&s->type, "systemctl --user daemon-reload");
	strv_add(&s->type, "systemctl --user enable --now " SERVICE_KEEPER_UNIT);
	if (sandboxed(s) || TOOL(s->why, "systemctl", "--user", "daemon-reload") < 0)
		return false;
	if (TOOL(why, "systemctl", "--user", "enable", "--now", SERVICE_KEEPER_UNIT) == 0 &&
	    (!changed || TOOL(why, "systemctl", "--user", "try-restart", SERVICE_KEEPER_UNIT) == 0))
		return true;
	err_set(e, ERR_FAILED, 0, "%s is written, but systemctl says: %s", s->file, why);
	err_hint(e, "systemctl --user status " SERVICE_KEEPER_UNIT);
	return false;
}

/* launchd keeps a user's jobs in two places: one is there while he is logged in on the screen, the
 * other (for jobs that say Background) after any login, ssh's too. */
static const char *const domains[] = {"gui", "user"};

static void put_domain(bool background, char *out, size_t size)
{
	snprintf(out, size, "%s/%lu", domains[background], (unsigned long)geteuid());
}

/* Over ssh there is often no screen. What cannot be asked is taken for the usual. */
static bool only_background(void)
{
	char domain[64], why[200];

	put_domain(false, domain, sizeof domain);
	if (TOOL(why, "launchctl", "print", domain) == 0)
		return false;
	put_domain(true, domain, sizeof domain);
	return TOOL(why, "launchctl", "print", domain) == 0;
}

/* From wherever it was loaded, perhaps with an older text. True: it was. */
static bool boot_out(struct service *s)
{
	char domain[64], job[128];
	bool was = false;

	for (int background = 0; background < 2; background++) {
		put_domain(background, domain, sizeof domain);
		snprintf(job, sizeof job, "%s/" SERVICE_KEEPER_JOB, domain);
		was = TOOL(s->why, "launchctl", "bootout", job) == 0 || was;
	}
	return was;
}

static bool start_launchd(struct service *s)
{
	char domain[64];

	put_domain(s->background, domain, sizeof domain);
	strv_fmt(&s->type, "launchctl bootstrap %s \"%s\"", domain, s->file);
	if (sandboxed(s))
		return false;
	if (!boot_out(s))
		s->why[0] = '\0'; /* it was not loaded, and that is fine */
	for (int i = 0; i < LAUNCHD_TRY; i++) {
		if (TOOL(s->why, "launchctl", "bootstrap", domain, s->file) == 0)
			return true;
		poll(NULL, 0, 1000);
	}
	return false;
}

static bool stop_systemd(struct service *s)
{
	char wanted[LAYOUT_PATH + 64];
	struct err e;

	/* By then its file is gone, and `disable` would know nothing of it. */
	strv_add(&s->type, "systemctl --user stop " SERVICE_KEEPER_UNIT);
	strv_add(&s->type, "systemctl --user daemon-reload");
	if (!sandboxed(s) &&
	    TOOL(s->why, "systemctl", "--user", "disable", "--now", SERVICE_KEEPER_UNIT) == 0)
		return true;
	snprintf(wanted, sizeof wanted, "%.*s/default.target.wants/" SERVICE_KEEPER_UNIT,
		 (int)(strrchr(s->file, '/') - s->file), s->file);
	if (fs_unlink(AT_FDCWD, wanted, &e) < 0)
		log_warn("service", "%s", e.msg);
	return false;
}

static bool stop_launchd(struct service *s)
{
	char domain[64];

	put_domain(s->background, domain, sizeof domain);
	strv_fmt(&s->type, "launchctl bootout %s/" SERVICE_KEEPER_JOB, domain);
	return !sandboxed(s) && boot_out(s);
}

/* ---- where ---- */

static int locate(const struct ctx *c, struct service *s, struct err *e)
{
	char dir[LAYOUT_PATH];
	struct utsname u;
	bool known;
	int n;

	s->manager =
	    uname(&u) == 0 && strcmp(u.sysname, "Darwin") == 0 ? MANAGER_LAUNCHD : MANAGER_SYSTEMD;
	s->background = s->manager == MANAGER_LAUNCHD && !sandboxed(s) && only_background();
	known = s->manager == MANAGER_LAUNCHD ? service_agents_dir(dir) : service_units_dir(dir);
	if (!known)
		return err_set(e, ERR_USAGE, 0, "no home folder is known: set HOME");
	n = snprintf(s->file, sizeof s->file, "%s/%s", dir,
		     s->manager == MANAGER_LAUNCHD ? SERVICE_KEEPER_JOB ".plist"
						   : SERVICE_KEEPER_UNIT);
	if (n < 0 || (size_t)n >= sizeof s->file)
		return err_set(e, ERR_USAGE, 0, "%s: the path is too long", dir);
	return describe(c, s, e);
}

/* What stands there now; *out_there false: nothing. ERR_REFUSED: it is not ours to touch. */
static int look(const struct service *s, struct buf *old, bool *out_there, struct err *e)
{
	bool ours;

	*out_there = false;
	if (fs_read(AT_FDCWD, s->file, old, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	*out_there = true;
	ours = s->manager == MANAGER_LAUNCHD ? service_plist_is_ours(buf_cstr(old))
					     : service_unit_is_ours(buf_cstr(old));
	if (!ours) {
		err_set(e, ERR_REFUSED, 0, "%s is not ours", s->file);
		return err_hint(e, "move it away first");
	}
	if (!unit_starts(s->manager, buf_cstr(old), s->program)) {
		err_set(e, ERR_REFUSED, 0, "%s keeps another root", s->file);
		return err_hint(e, "set IAPEER_ROOT to that one, or delete the file");
	}
	return 0;
}

/* ---- saying it ---- */

static void report(struct ctx *c, const struct service *s, const char *action, bool told)
{
	c->reply = json_object();
	json_set_str(c->reply, "action", action);
	json_set_str(c->reply, "manager", manager_word(s->manager));
	json_set_str(c->reply, "path", s->file);
	json_set_bool(c->reply, "told", told);
	buf_fmt(&c->out, "%s ", action);
	text_shown(&c->out, s->file);
	buf_chr(&c->out, '\n');
	if (told)
		return;
	json_set_str_opt(c->reply, "reason", s->why);
	json_set_strv(c->reply, "type", &s->type);
	buf_fmt(&c->out, "  %s could not be told", manager_word(s->manager));
	if (s->why[0]) {
		buf_str(&c->out, " (");
		text_shown(&c->out, s->why);
		buf_chr(&c->out, ')');
	}
	buf_str(&c->out, "; type this:\n");
	for (size_t i = 0; i < s->type.n; i++) {
		buf_str(&c->out, "    ");
		text_shown(&c->out, s->type.v[i]);
		buf_chr(&c->out, '\n');
	}
}

static int write_file(const struct service *s, const struct buf *text, struct err *e)
{
	char dir[LAYOUT_PATH];

	str_cut(dir, sizeof dir, s->file);
	*strrchr(dir, '/') = '\0';
	if (fs_mkdirs(AT_FDCWD, dir, e) < 0)
		return -1;
	return fs_write_atomic(AT_FDCWD, s->file, buf_cstr(text), text->len, 0644, e);
}

int service_install(struct ctx *c, struct err *e)
{
	AUTO(service_done) struct service s = {.manager = MANAGER_SYSTEMD};
	AUTO(buf_done) struct buf old = BUF_INIT(CAP_STATE);
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	bool there, changed, runs;

	e->code = ERR_NONE;
	if (locate(c, &s, e) < 0 || reference_refuse(&c->layout, e) < 0 ||
	    look(&s, &old, &there, e) < 0 || print(&s, &text, e) < 0 ||
	    binary_link_ensure(&c->layout, e) < 0)
		return -1;
	changed = there && strcmp(buf_cstr(&old), buf_cstr(&text)) != 0;
	if (write_file(&s, &text, e) < 0)
		return -1;
	e->code = ERR_NONE;
	runs = s.manager == MANAGER_LAUNCHD ? start_launchd(&s) : start_systemd(&s, changed, e);
	if (e->code != ERR_NONE)
		return -1;
	report(c, &s, "installed", runs);
	return 0;
}

int service_uninstall(struct ctx *c, struct err *e)
{
	AUTO(service_done) struct service s = {.manager = MANAGER_SYSTEMD};
	AUTO(buf_done) struct buf old = BUF_INIT(CAP_STATE);
	char ignored[64];
	bool there, told;

	if (locate(c, &s, e) < 0 || look(&s, &old, &there, e) < 0)
		return -1;
	if (!there) {
		report(c, &s, "absent", true);
		return 0; /* nothing to stop: what runs was started by other means */
	}
	told = s.manager == MANAGER_LAUNCHD ? stop_launchd(&s) : stop_systemd(&s);
	if (fs_unlink(AT_FDCWD, s.file, e) < 0)
		return -1;
	if (told && s.manager == MANAGER_SYSTEMD &&
	    TOOL(ignored, "systemctl", "--user", "daemon-reload") < 0)
		told = false;
	report(c, &s, "uninstalled", told);
	return 0;
}
