#include "iapeer/registry/service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define JOB_PREFIX  "com.iapeer."
#define JOB_SUFFIX  ".plist"
#define UNIT_PREFIX "iapeer-"
#define UNIT_SUFFIX ".service"
#define SETTLED_MS  2000 /* no file system's clock is coarser */

/* ---- our signs ---- */

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* Behind a comment or CDATA section that begins here; NULL: none begins. An open one swallows the
 * rest, as it does for every parser. */
static const char *skip_section(const char *s)
{
	static const char *const ends[][2] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}};

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		const char *end;

		if (!str_starts(s, ends[i][0]))
			continue;
		end = strstr(s + strlen(ends[i][0]), ends[i][1]);
		return end ? end + 3 : s + strlen(s);
	}
	return NULL;
}

/* s is behind "<key>": is it our key, and its value true? */
static bool key_is_true(const char *s)
{
	const char *behind;

	s = skip_blanks(s);
	if (!str_starts(s, SERVICE_OWNER_KEY))
		return false;
	s = skip_blanks(s + strlen(SERVICE_OWNER_KEY));
	if (!str_starts(s, "</key>"))
		return false;
	s = skip_blanks(s + strlen("</key>"));
	while ((behind = skip_section(s)) != NULL)
		s = skip_blanks(behind);
	return str_starts(s, "<true/>") || str_starts(s, "<true />") || str_starts(s, "<true></");
}

/* Not a parser: the key counts in the outermost dictionary only, and not in a comment. */
bool service_plist_is_ours(const char *text)
{
	const char *behind;
	int depth = 0;

	for (const char *s = text; *s; s++) {
		if (*s != '<')
			continue;
		behind = skip_section(s);
		if (behind)
			s = behind - 1;
		else if (str_starts(s, "<dict>"))
			depth++;
		else if (str_starts(s, "</dict>"))
			depth--;
		else if (depth == 1 && str_starts(s, "<key>") && key_is_true(s + strlen("<key>")))
			return true;
	}
	return false;
}

bool service_unit_is_ours(const char *text)
{
	size_t want = strlen(SERVICE_UNIT_MARKER);

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		size_t len = strcspn(s, "\n");

		while (len && strchr(" \t\r", s[len - 1]))
			len--;
		if (len == want && memcmp(s, SERVICE_UNIT_MARKER, want) == 0)
			return true;
	}
	return false;
}

/* ---- where ---- */

static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && home[0] == '/')
		return home;
	pw = getpwuid(geteuid());
	return pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

/* $variable, else <home>/<fallback>, with `rel` behind it. */
static bool below(const char *variable, const char *fallback, const char *rel,
		  char out[static LAYOUT_PATH])
{
	const char *given = getenv(variable), *home = home_dir();
	int n = -1;

	if (given && given[0] == '/')
		n = snprintf(out, LAYOUT_PATH, "%s%s", given, rel);
	else if (fallback && home)
		n = snprintf(out, LAYOUT_PATH, "%s%s%s", home, fallback, rel);
	if (n > 0 && n < LAYOUT_PATH)
		return true;
	out[0] = '\0';
	return false;
}

bool service_agents_dir(char out[static LAYOUT_PATH])
{
	return below("IAPEER_LAUNCHAGENTS_DIR", "/Library/LaunchAgents", "", out);
}

bool service_units_dir(char out[static LAYOUT_PATH])
{
	return below("XDG_CONFIG_HOME", "/.config", "/systemd/user", out);
}

/* As systemd.unit(5) orders them; what generators make is left out. */
static void unit_dirs(struct strv *out)
{
	static const char *const fixed[] = {"/usr/local/lib/systemd/user", "/usr/lib/systemd/user"};
	char dir[LAYOUT_PATH];

	if (below("XDG_RUNTIME_DIR", NULL, "/systemd/transient", dir))
		strv_add(out, dir);
	if (service_units_dir(dir))
		strv_add(out, dir);
	strv_add(out, "/etc/systemd/user");
	if (below("XDG_RUNTIME_DIR", NULL, "/systemd/user", dir))
		strv_add(out, dir);
	if (below("XDG_DATA_HOME", "/.local/share", "/systemd/user", dir))
		strv_add(out, dir);
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		strv_add(out, fixed[i]);
}

/* ---- what ---- */

enum verdict { NOT_THERE, MASKED, OURS, FOREIGN };

/* A user may keep his jobs elsewhere and link them: the link is followed, as the managers do. */
static enum verdict look(const char *path, bool (*is_ours)(const char *))
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	auto_free char *real = NULL;
	struct err e;
	struct stat st;

	if (lstat(path, &st) < 0)
		return NOT_THERE;
	real = realpath(path, NULL);
	if (real && strcmp(real, "/dev/null") == 0)
		return MASKED;
	if (!real || fs_read(AT_FDCWD, real, &text, &e) < 0) {
		log_debug("service", "%s cannot be read: it counts as foreign", path);
		return FOREIGN;
	}
	/* A NUL ends the text early: a binary file is not taken for ours. */
	return is_ours(buf_cstr(&text)) ? OURS : FOREIGN;
}

/* The first file of that name in the folders. */
static enum verdict look_along(const struct strv *dirs, const char *file, char *out_path,
			       size_t size)
{
	char path[LAYOUT_PATH];

	for (size_t i = 0; i < dirs->n; i++) {
		int n = snprintf(path, sizeof path, "%s/%s", dirs->v[i], file);
		enum verdict v;

		if (n < 0 || (size_t)n >= sizeof path)
			continue;
		v = look(path, service_unit_is_ours);
		if (v == NOT_THERE)
			continue;
		str_cut(out_path, size, path);
		return v;
	}
	return NOT_THERE;
}

bool service_unit_file(const char *unit, char out[static LAYOUT_PATH])
{
	AUTO(strv_done) struct strv dirs = STRV_INIT;
	enum verdict v;

	unit_dirs(&dirs);
	v = look_along(&dirs, unit, out, LAYOUT_PATH);
	return v == OURS || v == FOREIGN;
}

int service_owner_of(const char *name, enum service_owner *out, char *out_path, size_t size,
		     struct err *e)
{
	AUTO(strv_done) struct strv dirs = STRV_INIT;
	char dir[LAYOUT_PATH], path[LAYOUT_PATH + 64], unit[64];
	enum verdict job = NOT_THERE, v;

	if (!peer_name_valid(name))
		return err_set(e, ERR_USAGE, 0, "\"%.60s\" is no peer's name", name);
	*out = SERVICE_NONE;
	str_cut(out_path, size, "");
	if (service_agents_dir(dir)) {
		snprintf(path, sizeof path, "%s/" SERVICE_PLIST, dir, name);
		job = look(path, service_plist_is_ours);
	}
	if (job == OURS || job == FOREIGN) {
		str_cut(out_path, size, path);
		*out = job == OURS ? SERVICE_OURS : SERVICE_FOREIGN_LAUNCHD;
	}
	if (job == FOREIGN)
		return 0;
	unit_dirs(&dirs);
	snprintf(unit, sizeof unit, UNIT_PREFIX "%s" UNIT_SUFFIX, name);
	v = look_along(&dirs, unit, path, sizeof path);
	if (v == FOREIGN || (v == OURS && *out == SERVICE_NONE)) {
		str_cut(out_path, size, path);
		*out = v == OURS ? SERVICE_OURS : SERVICE_FOREIGN_UNIT;
	}
	return 0;
}

const char *service_action(enum service_owner o)
{
	switch (o) {
	case SERVICE_FOREIGN_LAUNCHD:
		return "refused-foreign-launchd";
	case SERVICE_FOREIGN_UNIT:
		return "refused-foreign-unit";
	case SERVICE_NONE:
	case SERVICE_OURS:
		break;
	}
	return NULL;
}

static int refuse(const char *name, enum service_owner owner, const char *path, struct err *e)
{
	bool launchd = owner == SERVICE_FOREIGN_LAUNCHD;

	if (!service_action(owner))
		return 0;
	err_set(e, ERR_REFUSED, 0, "%s is kept by a %s that is not ours: %s%s", name,
		launchd ? "launchd job" : "systemd unit", path,
		access(path, R_OK) == 0 ? "" : " (it cannot be read)");
	return err_hint(e, "use %s, or take that file away first",
			launchd ? "launchctl" : "systemctl --user");
}

int service_guard(const char *name, enum service_owner *out, struct err *e)
{
	enum service_owner owner = SERVICE_NONE;
	char path[LAYOUT_PATH];

	if (service_owner_of(name, &owner, path, sizeof path, e) < 0)
		return -1;
	if (out)
		*out = owner;
	return refuse(name, owner, path, e);
}

/* ---- all of them ---- */

static struct service_job *find(const struct services *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

/* A foreign job counts for more than one of ours. */
static void note(struct services *s, const char *name, enum service_owner owner, const char *path)
{
	struct service_job *j = find(s, name);

	if (j && (service_action(j->owner) || owner == SERVICE_OURS))
		return;
	if (!j) {
		s->v = xrealloc(s->v, (s->n + 1) * sizeof *s->v);
		j = &s->v[s->n++];
	}
	j->owner = owner;
	str_cut(j->name, sizeof j->name, name);
	str_cut(j->path, sizeof j->path, path);
}

/* <prefix><name><suffix> */
static bool take_name(const char *file, const char *prefix, const char *suffix,
		      char out[static PEER_NAME_MAX + 1])
{
	size_t len = strlen(file), head = strlen(prefix), tail = strlen(suffix);

	if (!str_starts(file, prefix) || !str_ends(file, suffix) || len <= head + tail ||
	    len - head - tail > PEER_NAME_MAX)
		return false;
	memcpy(out, file + head, len - head - tail);
	out[len - head - tail] = '\0';
	return peer_name_valid(out);
}

struct kind {
	const char *prefix, *suffix;
	bool (*is_ours)(const char *);
	enum service_owner foreign;
};
static const struct kind jobs = {JOB_PREFIX, JOB_SUFFIX, service_plist_is_ours,
				 SERVICE_FOREIGN_LAUNCHD};
static const struct kind units = {UNIT_PREFIX, UNIT_SUFFIX, service_unit_is_ours,
				  SERVICE_FOREIGN_UNIT};

/* `seen`: names that a folder before this one had, also masked ones. */
static void scan_dir(const char *dir, const struct kind *k, struct strv *seen, struct services *out)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	auto_free char *real = realpath(dir, NULL);
	char name[PEER_NAME_MAX + 1], path[LAYOUT_PATH];
	struct err e;

	if (!real)
		return;
	if (fs_list(AT_FDCWD, real, &names, &e) < 0) {
		log_warn("service", "%s; jobs in it are not seen", e.msg);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		enum verdict v;
		int n;

		if (!take_name(names.v[i], k->prefix, k->suffix, name) || strv_has(seen, name))
			continue;
		n = snprintf(path, sizeof path, "%s/%s", dir, names.v[i]);
		if (n < 0 || (size_t)n >= sizeof path)
			continue;
		v = look(path, k->is_ours);
		strv_add(seen, name);
		if (v == OURS || v == FOREIGN)
			note(out, name, v == OURS ? SERVICE_OURS : k->foreign, path);
	}
}

static void scan_all(const char *agents, const struct strv *dirs, struct services *out)
{
	AUTO(strv_done) struct strv seen_jobs = STRV_INIT;
	AUTO(strv_done) struct strv seen_units = STRV_INIT;

	*out = (struct services){.n = 0};
	if (agents[0])
		scan_dir(agents, &jobs, &seen_jobs, out);
	for (size_t i = 0; i < dirs->n; i++)
		scan_dir(dirs->v[i], &units, &seen_units, out);
}

/* False: written a moment ago, it may be written again without a later time. */
static bool stamp(uint64_t *h, const char *path)
{
	struct stat st;
	int64_t is[4] = {0};

	if (stat(path, &st) == 0) {
		is[0] = (int64_t)st.st_ino;
		is[1] = (int64_t)st.st_size;
		is[2] = (int64_t)st.st_mode;
		is[3] = plat_mtime_ms(&st);
	}
	*h = (*h ^ str_hash(is, sizeof is)) * UINT64_C(0x9E3779B97F4A7C15);
	return clock_utc_ms() - is[3] > SETTLED_MS;
}

static uint64_t stamp_of(const struct services *s, const char *agents, const struct strv *dirs)
{
	uint64_t h = 0;
	bool settled = stamp(&h, agents);

	for (size_t i = 0; i < dirs->n; i++)
		settled = stamp(&h, dirs->v[i]) && settled;
	for (size_t i = 0; i < s->n; i++)
		settled = stamp(&h, s->v[i].path) && settled;
	return settled ? h | 1 : 0;
}

void services_refresh(struct services *s)
{
	AUTO(strv_done) struct strv dirs = STRV_INIT;
	char agents[LAYOUT_PATH];

	service_agents_dir(agents);
	unit_dirs(&dirs);
	if (s->stamp && s->stamp == stamp_of(s, agents, &dirs))
		return;
	services_done(s);
	scan_all(agents, &dirs, s);
	s->stamp = stamp_of(s, agents, &dirs);
}

void services_scan(struct services *out)
{
	*out = (struct services){.n = 0};
	services_refresh(out);
}

void services_done(struct services *s)
{
	free(s->v);
	*s = (struct services){.n = 0};
}

const struct service_job *services_find(const struct services *s, const char *name)
{
	return find(s, name);
}

int services_guard(const struct services *s, const char *name, enum service_owner *out,
		   struct err *e)
{
	const struct service_job *j = find(s, name);

	if (out)
		*out = j ? j->owner : SERVICE_NONE;
	return j ? refuse(name, j->owner, j->path, e) : 0;
}
