/* ustar.h - an archive that every tar reads (POSIX ustar), in memory. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stdint.h>

/* A regular file, mode 0600. ERR_USAGE: a name of more than 99 bytes. */
int ustar_add(struct buf *out, const char *name, const void *bytes, size_t len, int64_t mtime_s,
	      struct err *e) NODISCARD;
void ustar_end(struct buf *out);
