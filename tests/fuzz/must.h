/* must.h - what an oracle asks for, also where assert() is compiled out; who finds that it is not
 * so says where. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must_be(bool so, const char *what, const char *file, int line)
{
	if (so)
		return;
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}
#define must(so) must_be((so), #so, __FILE__, __LINE__)
