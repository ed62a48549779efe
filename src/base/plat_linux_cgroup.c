/* The part of plat.h about control groups: version 2 only, without controllers. With controllers
 * enabled for the children systemd could not put a restarted keeper into the group above them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define OUR_UNIT  "/iapeer.service"
#define PATH_SIZE 1024

/* Files of the kernel have no size: read until the end, or as far as there is room. */
static bool slurp(const char *path, struct buf *out)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		buf_add(out, chunk, (size_t)n);
	return n == 0 && !out->failed;
}

/* Where version 2 is mounted whole: "36 31 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw". */
static bool mounted(char *out, size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROC);

	if (!slurp("/proc/self/mountinfo", &text))
		return false;
	for (const char *line = buf_cstr(&text); *line;) {
		size_t len = strcspn(line, "\n");
		char root[256], point[PATH_SIZE];
		const char *type = strstr(line, " - cgroup2 ");

		if (type && type < line + len &&
		    sscanf(line, "%*s %*s %*s %255s %1023s", root, point) == 2 &&
		    strcmp(root, "/") == 0)
			return str_put(out, size, point);
		line += len + (line[len] == '\n');
	}
	return false;
}

/* The path of "0::/path" in /proc/PID/cgroup. */
bool plat_cgroup_path(pid_t pid, char *out, size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROC);
	char file[64];
	const char *at;
	size_t len;

	snprintf(file, sizeof file, "/proc/%ld/cgroup", (long)pid);
	if (!slurp(file, &text))
		return false;
	at =
	    str_starts(buf_cstr(&text), "0::") ? buf_cstr(&text) : strstr(buf_cstr(&text), "\n0::");
	if (!at)
		return false;
	at = strstr(at, "0::") + 3;
	len = strcspn(at, "\n");
	if (len <= 1 || len >= size)
		return false; /* the root of all belongs to nobody */
	memcpy(out, at, len);
	out[len] = '\0';
	return true;
}

static bool delegated(const char *dir)
{
	char mark[8] = "";

	if (access(dir, W_OK) < 0)
		return false;
	return str_ends(dir, OUR_UNIT) ||
	       (getxattr(dir, "user.delegate", mark, sizeof mark) > 0 && mark[0] == '1');
}

bool plat_cgroup(pid_t pid, char *out, size_t size)
{
	char point[PATH_SIZE], path[PATH_SIZE], dir[2 * PATH_SIZE];

	if (!mounted(point, sizeof point) || !plat_cgroup_path(pid, path, sizeof path))
		return false;
	snprintf(dir, sizeof dir, "%s%s", point, path);
	return delegated(dir) && str_put(out, size, dir);
}

int plat_cgroup_enter(const char *name, struct err *e)
{
	char dir[PATH_SIZE], file[PATH_SIZE + 300];
	auto_fd int fd = -1;

	if (!plat_cgroup(getpid(), dir, sizeof dir))
		return err_set(e, ERR_NOT_FOUND, 0, "no control group is delegated to us");
	snprintf(file, sizeof file, "%s/%.200s", dir, name);
	if (mkdir(file, 0755) < 0 && errno != EEXIST)
		return err_set(e, ERR_FAILED, errno, "make %s", file);
	snprintf(file, sizeof file, "%s/%.200s/cgroup.procs", dir, name);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return err_set(e, ERR_FAILED, errno, "go to %s", file);
	return 0;
}

void plat_cgroup_tidy(void)
{
	char path[PATH_SIZE], file[PATH_SIZE + 300];
	const struct dirent *d;
	DIR *dir;

	if (!plat_cgroup(getpid(), path, sizeof path))
		return;
	dir = opendir(path);
	while (dir && (d = readdir(dir)) != NULL) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, d->d_name);
		if (rmdir(file) < 0)
			continue; /* somebody is in it */
	}
	if (dir)
		closedir(dir);
}
