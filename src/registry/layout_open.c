/* The opening half of layout.h: which folder is the root, and is it ours alone. */
#include "iapeer/registry/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const char *const folders[] = {
    "state",       LAYOUT_LIFECYCLE,  LAYOUT_KEEPER,    LAYOUT_LOCKS, LAYOUT_REMOVING, "logs",
    "logs/iapeer", LAYOUT_DEATHS_DIR, LAYOUT_PANE_LOGS, LAYOUT_SOCKS, "bin",
};

/* Files of ours that hold what others should not read. */
static const char *const files[] = {
    LAYOUT_REGISTRY,
    LAYOUT_REGISTRY_BAK,
    LAYOUT_ENVIRONMENT,
    LAYOUT_CONFIG,
};

/* What else a root may hold before we have been there: what its owner puts there. */
static const char *const owners[] = {
    "peers", "runtimes", "fragments", "tmux.conf", LAYOUT_REGISTRY_LOCK,
};

static bool is_blank(const char *s)
{
	return !s || s[strspn(s, " \t\r\n")] == '\0';
}

/* A path that a variable gives: no control characters (our files are lines), and short enough. */
static int check_path(const char *what, const char *path, struct err *e)
{
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_USAGE, 0,
				       "%s has a line break or control character in its path",
				       what);
	if (strlen(path) > LAYOUT_ROOT_MAX)
		return err_set(e, ERR_USAGE, 0,
			       "%s has a path of %zu bytes, at most %d are possible", what,
			       strlen(path), LAYOUT_ROOT_MAX);
	return 0;
}

static const char *account_home(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

/* <home>/.iapeer */
static int below_home(const char *what, const char *home, char out[static LAYOUT_PATH],
		      struct err *e)
{
	if (check_path(what, home, e) < 0)
		return -1;
	snprintf(out, LAYOUT_PATH, "%s" LAYOUT_HOME_ROOT, home);
	return 0;
}

/* The root as named: $IAPEER_ROOT, else .iapeer in $HOME, else in the home of the password file. */
static int named_root(char out[static LAYOUT_PATH], struct err *e)
{
	const char *root = getenv("IAPEER_ROOT"), *home = getenv("HOME");

	if (!is_blank(root)) {
		if (check_path("IAPEER_ROOT", root, e) < 0)
			return -1;
		snprintf(out, LAYOUT_PATH, "%s", root);
		return 0;
	}
	if (is_blank(home) || home[0] != '/')
		home = account_home();
	if (!home)
		return err_set(e, ERR_USAGE, 0, "no home folder is known: set HOME or IAPEER_ROOT");
	return below_home("HOME", home, out, e);
}

/* The length of path without its last component and the slashes before that; 0 when that was all.
 */
static size_t parent_len(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n;
}

/* Where path is or would be: the links of what is there resolved, the rest as it is written. */
static int resolve(const char *path, char out[static LAYOUT_PATH], struct err *e)
{
	auto_free char *real = NULL;
	char head[LAYOUT_PATH];
	size_t n = strlen(path);
	const char *rest;
	struct stat st;
	int len;

	memcpy(head, path, n + 1);
	while (!(real = realpath(head, NULL))) {
		if (errno != ENOENT)
			return err_set(e, ERR_FAILED, errno, "open %s", path);
		if (lstat(head, &st) == 0)
			return err_set(e, ERR_REFUSED, 0, "open %s: %s is a link to nothing", path,
				       head);
		n = parent_len(path, n);
		memcpy(head, n ? path : ".", n ? n : 1);
		head[n ? n : 1] = '\0';
	}
	rest = path + n + strspn(path + n, "/");
	len = snprintf(head, sizeof head, "%s%s%s", real,
		       *rest && strcmp(real, "/") != 0 ? "/" : "", rest);
	if (len < 0 || (size_t)len >= sizeof head)
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "open %s", path);
	snprintf(out, LAYOUT_PATH, "%s", head);
	return 0;
}

/* A test that lost its IAPEER_ROOT must not reach the user's own peers, by whatever way. */
static int check_sandbox(const char *root, struct err *e)
{
	const char *flag = getenv("IAPEER_TEST_SANDBOX"), *home = account_home();
	char named[LAYOUT_PATH] = "", real[LAYOUT_PATH] = "";
	struct stat a, b;
	struct err none;
	bool same;

	if (!flag || strcmp(flag, "1") != 0 || !home)
		return 0;
	if (below_home("the home folder", home, named, &none) < 0 ||
	    resolve(named, real, &none) < 0)
		return 0; /* there is no such place, so this is another */
	same = strcmp(root, real) == 0 || (stat(root, &a) == 0 && stat(real, &b) == 0 &&
					   a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	if (!same)
		return 0;
	return err_set(e, ERR_REFUSED, 0, "IAPEER_TEST_SANDBOX is set: %s is not for tests", root);
}

/* Of a thing that is there, is ours and is no link: take group and others out of its mode. */
static void narrow(int dirfd, const char *root, const char *path, mode_t kind)
{
	auto_fd int fd = -1;
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) != kind ||
	    st.st_uid != geteuid() || !(st.st_mode & 077))
		return;
	fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fchmod(fd, st.st_mode & 0700) < 0)
		log_warn("layout",
			 "%s/%s is open to others (mode %03o) and could not be narrowed: %s", root,
			 path, (unsigned)(st.st_mode & 0777), strerror(errno));
	else
		log_warn("layout", "%s/%s was open to others (mode %03o), narrowed to %03o", root,
			 path, (unsigned)(st.st_mode & 0777), (unsigned)(st.st_mode & 0700));
}

static int open_root(const char *root, bool make, int *out_fd, struct err *e)
{
	auto_fd int fd = -1;
	struct stat st;

	if (make && fs_mkdirs(AT_FDCWD, root, e) < 0)
		return -1;
	if (fs_open_dir(AT_FDCWD, root, &fd, e) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_FAILED, errno, "open folder %s", root);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_REFUSED, 0, "%s belongs to uid %lu, not to us (uid %lu)",
			       root, (unsigned long)st.st_uid, (unsigned long)geteuid());
	*out_fd = take_fd(&fd);
	return 0;
}

static bool may_be_in_a_root(const char *name)
{
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (strcmp(name, folders[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(name, files[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++)
		if (strcmp(name, owners[i]) == 0)
			return true;
	return str_ends(name, ".md") || str_ends(name, ".tmp");
}

/* A slip in IAPEER_ROOT must not narrow the modes of somebody's home, or of /etc: a folder in which
 * nothing was ever kept by us, which holds other things and is open to others, is no root. */
static int check_is_root(int fd, const char *root, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct stat st;

	if (fs_exists(fd, LAYOUT_REGISTRY) || fs_exists(fd, LAYOUT_LIFECYCLE))
		return 0;
	if (fstat(fd, &st) == 0 && (st.st_mode & 077) == 0)
		return 0;
	if (fs_list(fd, ".", &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (may_be_in_a_root(names.v[i]))
			continue;
		err_set(e, ERR_REFUSED, 0, "%s is no root of ours: it holds other things (%.60s)",
			root, names.v[i]);
		return err_hint(e, "IAPEER_ROOT is for a folder that is empty, or not there yet");
	}
	return 0;
}

/* Ours, and no place where others could put a socket of their own. We do not change the mode of a
 * folder that we did not make: it may be /tmp. */
static int check_sock_dir(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT
			   ? 0
			   : err_set(e, ERR_FAILED, errno, "IAPEER_SOCK_DIR: open %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_REFUSED, 0, "IAPEER_SOCK_DIR: %s is no folder", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_REFUSED, 0,
			       "IAPEER_SOCK_DIR: %s belongs to uid %lu, not to us (uid %lu)", path,
			       (unsigned long)st.st_uid, (unsigned long)geteuid());
	if (st.st_mode & 022)
		return err_set(e, ERR_REFUSED, 0,
			       "IAPEER_SOCK_DIR: others may write to %s (mode %03o)", path,
			       (unsigned)(st.st_mode & 0777));
	return 0;
}

/* As named, links and all: a resolved path may be longer than a socket's may be. */
static int find_socks(struct layout *l, bool make, struct err *e)
{
	const char *given = getenv("IAPEER_SOCK_DIR");
	struct stat st;
	size_t n;

	if (is_blank(given))
		return layout_abs(l, LAYOUT_SOCKS, l->socks, e);
	if (given[0] != '/')
		return err_set(e, ERR_USAGE, 0, "IAPEER_SOCK_DIR must be an absolute path");
	if (check_path("IAPEER_SOCK_DIR", given, e) < 0)
		return -1;
	n = strlen(given);
	while (n > 1 && given[n - 1] == '/')
		n--;
	snprintf(l->socks, sizeof l->socks, "%.*s", (int)n, given);
	if (make && stat(l->socks, &st) < 0 && fs_mkdirs(AT_FDCWD, l->socks, e) < 0)
		return err_wrap(e, "IAPEER_SOCK_DIR");
	return check_sock_dir(l->socks, e);
}

static int make_folders(const struct layout *l, struct err *e)
{
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (fs_mkdirs(l->root_fd, folders[i], e) < 0)
			return err_wrap(e, "%s", l->root);
	return 0;
}

void layout_done(struct layout *l)
{
	if (!l)
		return;
	if (l->root_fd >= 0)
		close(l->root_fd);
	l->root_fd = -1;
}

bool layout_in_place(const struct layout *l)
{
	struct stat held, named;

	return fstat(l->root_fd, &held) == 0 && stat(l->root, &named) == 0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int layout_open(struct layout *l, bool make, struct err *e)
{
	AUTO(layout_done) struct layout found = LAYOUT_INIT;
	char named[LAYOUT_PATH] = "", real[LAYOUT_PATH] = "";

	if (named_root(named, e) < 0 || resolve(named, real, e) < 0 ||
	    check_path("the root", real, e) < 0 || check_sandbox(real, e) < 0 ||
	    open_root(real, make, &found.root_fd, e) < 0)
		return -1;
	if (check_is_root(found.root_fd, real, e) < 0)
		return -1;
	snprintf(found.root, sizeof found.root, "%s", real);
	if (make && make_folders(&found, e) < 0)
		return -1;
	if (find_socks(&found, make, e) < 0)
		return -1;
	narrow(found.root_fd, found.root, ".", S_IFDIR);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		narrow(found.root_fd, found.root, folders[i], S_IFDIR);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		narrow(found.root_fd, found.root, files[i], S_IFREG);
	*l = found;
	found.root_fd = -1;
	return 0;
}
