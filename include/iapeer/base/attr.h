/* attr.h - the three cleanup macros and the two attributes of this project.
 *
 * A cleanup variable is initialised where it is declared and is never a libuv handle. Ownership
 * leaves by take_str()/take_fd(), so an early return needs no thought. There is no goto in this
 * tree.
 */
#pragma once
#include <stdlib.h>
#include <unistd.h>

#define NODISCARD         __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

static inline void free_str(char **p)
{
	free(*p);
}

static inline void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define auto_free __attribute__((cleanup(free_str)))
#define auto_fd   __attribute__((cleanup(close_fd)))
#define AUTO(fn)  __attribute__((cleanup(fn)))

static inline char *take_str(char **p)
{
	char *s = *p;

	*p = NULL;
	return s;
}

static inline int take_fd(int *fd)
{
	int n = *fd;

	*fd = -1;
	return n;
}
