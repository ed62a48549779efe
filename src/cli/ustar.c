#include "iapeer/cli/ustar.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/banned.h"

#define BLOCK 512

/* Where the fields of a header are. */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	MTIME = 136,
	SUM = 148,
	TYPE = 156,
	MAGIC = 257
};

static void pad(struct buf *out, size_t n)
{
	static const char zeros[BLOCK];

	buf_add(out, zeros, n);
}

/* No NUL behind it: the header is all zeros. */
static void put(char *header, size_t at, const char *bytes, size_t n)
{
	memcpy(header + at, bytes, n);
}

static void octal(char *header, size_t at, int digits, unsigned long long n)
{
	char text[32];

	snprintf(text, sizeof text, "%0*llo", digits, n);
	put(header, at, text, strlen(text));
}

int ustar_add(struct buf *out, const char *name, const void *bytes, size_t len, int64_t mtime_s,
	      struct err *e)
{
	char h[BLOCK] = "";
	unsigned sum = 0;

	if (strlen(name) > 99)
		return err_set(e, ERR_USAGE, 0, "%.120s: too long for an archive", name);
	put(h, NAME, name, strlen(name));
	octal(h, MODE, 7, 0600);
	octal(h, UID, 7, 0);
	octal(h, GID, 7, 0);
	octal(h, SIZE, 11, len);
	octal(h, MTIME, 11, mtime_s > 0 ? (unsigned long long)mtime_s : 0);
	h[TYPE] = '0';
	put(h, MAGIC,
	    "ustar\0"
	    "00",
	    8);
	memset(h + SUM, ' ', 8); /* as if it were blank while it is counted */
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	octal(h, SUM, 6, sum);
	buf_add(out, h, BLOCK);
	buf_add(out, bytes, len);
	pad(out, (BLOCK - len % BLOCK) % BLOCK);
	return 0;
}

void ustar_end(struct buf *out)
{
	pad(out, BLOCK);
	pad(out, BLOCK);
}
