/* The half of plat.h that reads /proc and /sys. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* Files of the kernel have no size: read until the end, at most what is asked. Returns bytes, -1
 * with errno. */
static ssize_t slurp(const char *path, char *out, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n = 0;

	if (fd < 0)
		return -1;
	while (n + 1 < size) {
		ssize_t got = read(fd, out + n, size - 1 - n);

		if (got < 0 && n == 0)
			return -1;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (n < size / 2)
			break; /* the kernel gives such a file at once; a second read would only
				  make it again */
	}
	out[n] = '\0';
	return (ssize_t)n;
}

/* For what is read again and again: the file stays open, for to find and open it costs as much as
 * to read it. Where it was taken away (a container's own /proc) it is opened anew. */
static ssize_t slurp_again(int *fd, const char *path, char *out, size_t size)
{
	for (int i = 0; i < 2; i++) {
		ssize_t n;

		if (*fd < 0)
			*fd = open(path, O_RDONLY | O_CLOEXEC);
		n = *fd < 0 ? -1 : pread(*fd, out, size - 1, 0);
		if (n > 0) {
			out[n] = '\0';
			return n;
		}
		if (*fd < 0)
			break;
		close(*fd);
		*fd = -1;
	}
	return -1;
}

/* Of a process that has ended an open file says so, even when another has its pid by now. */
static int proc_info(pid_t pid, int *fd, struct proc_info *out, struct err *e)
{
	char path[64], text[1024];
	ssize_t n;

	*out = (struct proc_info){.state = PROC_GONE, .exit_status = -1};
	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	n = fd ? slurp_again(fd, path, text, sizeof text) : slurp(path, text, sizeof text);
	if (n < 0) {
		if (errno == ENOENT || errno == ESRCH)
			return 0;
		return err_set(e, ERR_FAILED, errno, "read %s", path);
	}
	if (!plat_stat_parse(text, sysconf(_SC_PAGESIZE), out))
		return err_set(e, ERR_FAILED, 0, "read %s: not understood", path);
	return 0;
}

int plat_proc_info(pid_t pid, struct proc_info *out, struct err *e)
{
	return proc_info(pid, NULL, out, e);
}

int plat_proc_info_again(pid_t pid, int *fd, struct proc_info *out, struct err *e)
{
	return proc_info(pid, fd, out, e);
}

int64_t plat_proc_rss(pid_t pid)
{
	char path[64], text[128], *end;

	snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
	if (slurp(path, text, sizeof text) <= 0)
		return -1;
	(void)strtoll(text, &end, 10); /* the size; the second number is what is resident */
	return strtoll(end, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static bool add_nul_words(pid_t pid, const char *what, struct buf *out)
{
	char path[64], part[4096];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, what);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while ((n = read(fd, part, sizeof part)) > 0 && !out->failed)
		buf_add(out, part, (size_t)n);
	return n == 0 && !out->failed;
}

bool plat_proc_words(pid_t pid, struct buf *args, struct buf *env)
{
	return add_nul_words(pid, "cmdline", args) && add_nul_words(pid, "environ", env);
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

int plat_pids(pid_t **out, size_t *out_n, struct err *e)
{
	AUTO(close_dir) DIR *d = opendir("/proc");
	struct dirent *entry;
	size_t n = 0, cap = 256;
	pid_t *pids;

	if (!d)
		return err_set(e, ERR_FAILED, errno, "list /proc");
	pids = xmalloc(cap * sizeof *pids);
	while ((entry = readdir(d)) != NULL) {
		int64_t pid;

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !str_i64(entry->d_name, 1, INT32_MAX, &pid))
			continue;
		if (n == cap) {
			cap *= 2;
			pids = xrealloc(pids, cap * sizeof *pids);
		}
		pids[n++] = (pid_t)pid;
	}
	*out = pids;
	*out_n = n;
	return 0;
}

/* The children of one of its threads. */
static size_t children_of(pid_t pid, const char *thread, pid_t *out, size_t room)
{
	char path[96], text[8192], *at = text, *end;
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%ld/task/%s/children", (long)pid, thread);
	if (slurp(path, text, sizeof text) <= 0)
		return 0;
	for (; n < room; at = end) {
		long child = strtol(at, &end, 10);

		if (end == at || *end != ' ') /* one that was cut off is not told */
			break;
		out[n++] = (pid_t)child;
	}
	return n;
}

size_t plat_children(pid_t pid, pid_t *out, size_t room)
{
	AUTO(close_dir) DIR *d = NULL;
	struct dirent *entry;
	char path[64], alone[24];
	struct stat st;
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
	snprintf(alone, sizeof alone, "%ld", (long)pid);
	/* A folder for each thread: most have one, and then it need not be listed. */
	if (stat(path, &st) < 0)
		return 0;
	if (st.st_nlink == 3)
		return children_of(pid, alone, out, room);
	d = opendir(path);
	while (d && (entry = readdir(d)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]))
			n += children_of(pid, entry->d_name, out + n, room - n);
	return n;
}

int plat_boot_id(char out[static 64], struct err *e)
{
	static char known[64]; /* no process sees two boots */

	if (!known[0]) {
		ssize_t n = slurp("/proc/sys/kernel/random/boot_id", known, sizeof known);

		if (n <= 0)
			return err_set(e, ERR_FAILED, errno, "read the boot id");
		known[strcspn(known, "\n")] = '\0';
	}
	memcpy(out, known, sizeof known);
	return 0;
}

/* "some avg10=1.23 avg60=..." */
int64_t plat_memory_pressure(void)
{
	static int fd = -1;
	char text[256], *at, *end;
	int64_t whole;

	if (slurp_again(&fd, "/proc/pressure/memory", text, sizeof text) < 0 ||
	    (at = strstr(text, "some avg10=")) == NULL)
		return -1;
	whole = strtoll(at + strlen("some avg10="), &end, 10);
	return whole * 100 + (*end == '.' ? strtoll(end + 1, NULL, 10) : 0);
}

static int64_t meminfo_field(const char *text, const char *name)
{
	const char *s = strstr(text, name);

	return s ? strtoll(s + strlen(name), NULL, 10) * 1024 : -1;
}

static int64_t memory_total = -1; /* as /proc/meminfo has it */

/* In a container whose /proc tells of the container this call tells of the host: not believed. */
bool plat_memory_ample(void)
{
	struct sysinfo s;

	return sysinfo(&s) == 0 && (int64_t)s.totalram * s.mem_unit == memory_total &&
	       s.freeram > s.totalram / 4;
}

int plat_mem_info(struct mem_info *out, struct err *e)
{
	static int fd = -1;
	char text[8192];

	if (slurp_again(&fd, "/proc/meminfo", text, sizeof text) < 0)
		return err_set(e, ERR_FAILED, errno, "read /proc/meminfo");
	*out = (struct mem_info){
	    .total = meminfo_field(text, "MemTotal:"),
	    .available = meminfo_field(text, "MemAvailable:"),
	    .swap_total = meminfo_field(text, "SwapTotal:"),
	    .swap_free = meminfo_field(text, "SwapFree:"),
	};
	memory_total = out->total;
	return 0;
}

static void add_file(struct buf *out, const char *title, const char *path)
{
	char text[4096];

	if (slurp(path, text, sizeof text) < 0) {
		buf_fmt(out, "%s: missing (%s: %s)\n", title, path, strerror(errno));
		return;
	}
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		buf_fmt(out, "%s: %s\n", title, line);
	}
}

/* The memory controller's folder of the process, whichever hierarchy the machine has. */
static void add_cgroup(pid_t pid, struct buf *out)
{
	char path[64], text[4096], file[4400];
	const char *v2, *v1;

	snprintf(path, sizeof path, "/proc/%ld/cgroup", (long)pid);
	if (pid <= 0 || slurp(path, text, sizeof text) < 0) {
		buf_str(out, "cgroup: missing (the process is gone)\n");
		return;
	}
	v2 = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	v1 = strstr(text, ":memory:");
	if (v1) {
		snprintf(file, sizeof file, "/sys/fs/cgroup/memory%.*s/memory.oom_control",
			 (int)strcspn(v1 + 8, "\n"), v1 + 8);
		add_file(out, "cgroup.oom_control", file);
	} else if (v2) {
		v2 = strstr(v2, "0::") + 3;
		snprintf(file, sizeof file, "/sys/fs/cgroup%.*s/memory.events",
			 (int)strcspn(v2, "\n"), v2);
		add_file(out, "cgroup.memory.events", file);
	}
}

struct kernel_lines {
	struct buf *out;
	int found;
};

static void add_kernel_line(const char *line, size_t len, void *arg)
{
	struct kernel_lines *k = arg;

	if ((strstr(line, "Out of memory") || strstr(line, "out of memory") ||
	     strstr(line, "oom-kill") || strstr(line, "oom_reaper")) &&
	    k->found++ < 20)
		buf_fmt(k->out, "kernel: %.*s\n", (int)len, line);
}

/* Lines about memory kills in the kernel's ring; reading it may be forbidden to us. */
static void add_kernel_log(struct buf *out)
{
	struct kernel_lines k = {.out = out};
	bool our_pids;
	struct err e;

	if (plat_kernel_log(add_kernel_line, &k, &our_pids, &e) < 0)
		buf_fmt(out, "kernel: missing (%s)\n", e.msg);
	else if (!k.found)
		buf_str(out, "kernel: no line about memory kills\n");
}

void plat_evidence(pid_t pid, struct buf *out)
{
	add_file(out, "pressure.memory", "/proc/pressure/memory");
	add_file(out, "pressure.cpu", "/proc/pressure/cpu");
	add_file(out, "loadavg", "/proc/loadavg");
	add_cgroup(pid, out);
	add_kernel_log(out);
}
