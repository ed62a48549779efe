#include "iapeer/base/fault.h"

#ifdef IAPEER_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iapeer/base/banned.h"

static const char *my_role = "?";

void fault_role(const char *role)
{
	my_role = role;
}

static void trace(const char *point)
{
	const char *file = getenv("IAPEER_FAULT_TRACE");
	char line[160];
	int fd, n;

	if (!file)
		return;
	fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	n = snprintf(line, sizeof line, "%s %s %ld\n", my_role, point, (long)getpid());
	if (fd >= 0 && n > 0 && write(fd, line, (size_t)n) < 0)
		abort();
	if (fd >= 0)
		close(fd);
}

/* "role:point:n:how" names this passage? */
static bool meant(const char *spec, const char *point, const char **out_how)
{
	static int passed;
	char head[160];
	int n = snprintf(head, sizeof head, "%s:%s:", my_role, point);
	char *end;
	long count;

	if (n < 0 || strncmp(spec, head, (size_t)n) != 0)
		return false;
	count = strtol(spec + n, &end, 10);
	if (*end != ':' || ++passed != count)
		return false;
	*out_how = end + 1;
	return true;
}

int fault_point(const char *point)
{
	const char *spec = getenv("IAPEER_FAULT"), *once = getenv("IAPEER_FAULT_ONCE"), *how = NULL;

	trace(point);
	if (!spec || !meant(spec, point, &how))
		return 0;
	if (once && unlink(once) < 0)
		return 0;
	if (strcmp(how, "kill") == 0) {
		kill(getpid(), SIGKILL);
	} else if (strcmp(how, "delay") == 0) {
		struct timespec t = {.tv_nsec = 300000000};

		nanosleep(&t, NULL);
		return 0;
	}
	return EIO;
}
#else
typedef int fault_points_are_not_built_in;
#endif
