#include "iapeer/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/banned.h"

bool str_put(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);

	if (n >= size) {
		dst[0] = '\0';
		return false;
	}
	memcpy(dst, src, n + 1);
	return true;
}

void str_cut(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);

	if (n >= size) {
		n = size - 1;
		while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(dst, src, n);
	dst[n] = '\0';
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	long long n;

	if (!(*s >= '0' && *s <= '9') && !(*s == '-' && s[1] >= '0' && s[1] <= '9'))
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno || *end || n < min || n > max)
		return false;
	*out = n;
	return true;
}

size_t utf8_decode(const char *s, size_t len, uint32_t *out)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min;
	} forms[] = {
	    {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	unsigned char c;

	if (len == 0)
		return 0;
	c = (unsigned char)s[0];
	for (size_t n = 0; n < 4; n++) {
		uint32_t u = c & (unsigned char)~forms[n].mask;

		if ((c & forms[n].mask) != forms[n].lead)
			continue;
		if (len <= n)
			return 0;
		for (size_t i = 1; i <= n; i++) {
			if (((unsigned char)s[i] & 0xc0) != 0x80)
				return 0;
			u = u << 6 | ((unsigned char)s[i] & 0x3f);
		}
		if (u < forms[n].min || u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff))
			return 0;
		*out = u;
		return n + 1;
	}
	return 0;
}

size_t utf8_encode(uint32_t c, char out[static 4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bool utf8_valid(const char *s, size_t len)
{
	uint32_t c;

	while (len) {
		size_t n = utf8_decode(s, len, &c);

		if (n == 0)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

size_t utf8_chars(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

bool char_acts(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static void show_char(struct buf *b, const char *s, size_t n, uint32_t c, bool multiline)
{
	if (!char_acts(c) || (multiline && (c == '\n' || c == '\t')))
		buf_add(b, s, n);
	else
		buf_fmt(b, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

void str_shown(struct buf *b, const char *s, size_t len, bool multiline)
{
	uint32_t c;

	while (len) {
		size_t n = utf8_decode(s, len, &c);

		if (n == 0) {
			n = 1;
			buf_fmt(b, "\\x%02x", (unsigned)(unsigned char)*s);
		} else {
			show_char(b, s, n, c, multiline);
		}
		s += n;
		len -= n;
	}
}

/* Optimal string alignment: an exchange of neighbours counts once, since that is what fingers do.
 */
unsigned str_distance(const char *a, const char *b, unsigned limit)
{
	enum { MAX = 64 };
	unsigned rows[3][MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MAX || m > MAX || n > m + limit || m > n + limit)
		return limit + 1;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = up[j] + 1 < d ? up[j] + 1 : d;
			d = row[j - 1] + 1 < d ? row[j - 1] + 1 : d;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			row[j] = d;
		}
	}
	return rows[n % 3][m] > limit ? limit + 1 : rows[n % 3][m];
}

const char *str_nearest(const char *typed, const char *const *names, size_t n)
{
	size_t len = strlen(typed);
	unsigned limit = len <= 3 ? 1 : len <= 6 ? 2 : 3, best = limit + 1;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(typed, names[i], limit);

		if (len >= 2 && d > 1 && str_starts(names[i], typed))
			d = 1;
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

uint64_t str_hash(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = 0xcbf29ce484222325U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3U;
	return h;
}
