/* mem.h - small allocations whose size is ours. They abort with one line when there is no memory,
 * so they never return NULL. What a file, a socket or a child sizes goes through buf.h instead,
 * which fails. */
#pragma once
#include <stddef.h>

void *xmalloc(size_t n) __attribute__((returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
