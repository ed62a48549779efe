/* The part of plat.h about who was killed for memory: counters of memory cgroups, version 1 and 2,
 * and the kernel's log. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define MOUNT      "/sys/fs/cgroup"
#define TEXT       4096
#define LOG_LINES  20000              /* no ring holds more than that */
#define FIRST_PIDS "pid:[4026531836]" /* the host's own namespace: a constant of the kernel */
#define NEVER      (-1000)            /* oom_score_adj: is spared even when its group dies */

static bool slurp(const char *path, char *out, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* The number behind a word at the beginning of a line; -1: no such line. */
static int64_t number_of(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; *at;) {
		if (strncmp(at, word, n) == 0 && at[n] == ' ')
			return strtoll(at + n, NULL, 10);
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return -1;
}

/* A word on its own of a file of the group. */
static int64_t value_of(const char *dir, const char *name)
{
	char path[PLAT_MEMORY_GROUP + 64], text[64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return slurp(path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

/* Kills in this group only, where the kernel tells that apart from those below it. */
int64_t plat_memory_kills(const char *group)
{
	static const char *const files[] = {"memory.events.local", "memory.events",
					    "memory.oom_control"};
	char path[PLAT_MEMORY_GROUP + 64], text[TEXT];

	for (size_t i = 0; group[0] && i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", group, files[i]);
		if (slurp(path, text, sizeof text))
			return number_of(text, "oom_kill");
	}
	return -1;
}

bool plat_memory_whole(const char *group)
{
	return group[0] && value_of(group, "memory.oom.group") == 1;
}

static bool spared(pid_t pid)
{
	char path[64], text[64];

	snprintf(path, sizeof path, "/proc/%ld/oom_score_adj", (long)pid);
	return !slurp(path, text, sizeof text) || strtoll(text, NULL, 10) <= NEVER;
}

/* In version 2 a group without the controller counts as part of the nearest above it that has it.
 */
static void nearest(struct memory_group *g)
{
	char *end;

	while (g->kills < 0 && (end = strrchr(g->path, '/')) && end > g->path + strlen(MOUNT)) {
		*end = '\0';
		g->kills = plat_memory_kills(g->path);
	}
}

void plat_memory_group(pid_t pid, struct memory_group *out)
{
	char file[64], text[TEXT];
	const char *v1, *v2, *at;
	int n;

	*out = (struct memory_group){.kills = -1};
	snprintf(file, sizeof file, "/proc/%ld/cgroup", (long)pid);
	if (pid <= 0 || !slurp(file, text, sizeof text))
		return;
	v1 = strstr(text, ":memory:");
	v2 = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!v1 && !v2)
		return;
	at = v1 ? v1 + 8 : strstr(v2, "0::") + 3;
	n = snprintf(out->path, sizeof out->path, MOUNT "%s%.*s", v1 ? "/memory" : "",
		     (int)strcspn(at, "\n"), at);
	if (n >= (int)sizeof out->path)
		out->path[0] = '\0'; /* a part of it would be another group */
	out->kills = plat_memory_kills(out->path);
	if (!v1)
		nearest(out);
	if (out->kills < 0)
		out->path[0] = '\0';
	out->whole = plat_memory_whole(out->path) && !spared(pid);
}

int plat_kernel_log(plat_line_fn *fn, void *arg, bool *out_our_pids, struct err *e)
{
	auto_fd int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char line[8192], space[64];
	ssize_t n;

	if (fd < 0)
		return err_set(e, ERR_FAILED, errno, "/dev/kmsg");
	n = readlink("/proc/self/ns/pid", space, sizeof space - 1);
	space[n > 0 ? n : 0] = '\0';
	*out_our_pids = strcmp(space, FIRST_PIDS) == 0;
	for (int i = 0; i < LOG_LINES; i++) {
		n = read(fd, line, sizeof line - 1);
		if (n < 0 && errno == EPIPE)
			continue; /* overwritten under our hands: the next one is there */
		if (n < 0 && errno != EAGAIN && i == 0)
			return err_set(e, ERR_FAILED, errno, "/dev/kmsg");
		if (n <= 0)
			break;
		line[n] = '\0';
		fn(line, strcspn(line, "\n"), arg); /* behind the newline: what a driver adds */
	}
	return 0;
}

void plat_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
