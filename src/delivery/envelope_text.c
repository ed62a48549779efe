#include "iapeer/delivery/envelope_text.h"

#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

size_t envelope_put_char(struct buf *out, const char *s, size_t len)
{
	uint32_t c = 0;
	size_t n = utf8_decode(s, len, &c);

	if (n == 0 || c == 0)
		buf_str(out, "\ufffd");
	else
		buf_add(out, s, n);
	return n ? n : 1;
}

/* "#10" or "#x1F600" of `len` bytes; 0 when it names no character. */
static uint32_t number(const char *s, size_t len)
{
	uint32_t c = 0, base = len > 1 && s[1] == 'x' ? 16 : 10;

	for (size_t i = base == 16 ? 2 : 1; i < len; i++) {
		uint32_t digit = (uint32_t)(unsigned char)s[i];

		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if (base == 16 && (digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			digit = (digit | 0x20) - 'a' + 10;
		else
			return 0;
		c = c * base + digit;
		if (c > 0x10ffff)
			return 0;
	}
	return c >= 0xd800 && c <= 0xdfff ? 0 : c;
}

size_t envelope_put_reference(struct buf *out, const char *s, size_t len)
{
	static const struct {
		const char *name, *value;
	} known[] = {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}};
	const char *end = len && *s == '&' ? memchr(s, ';', len < 12 ? len : 12) : NULL;
	size_t n = end ? (size_t)(end - s) : 0;
	char bytes[4];
	uint32_t c;

	if (n < 3)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == n - 1 && memcmp(s + 1, known[i].name, n - 1) == 0) {
			buf_str(out, known[i].value);
			return n + 1;
		}
	}
	c = s[1] == '#' ? number(s + 1, n - 1) : 0;
	if (c == 0)
		return 0;
	buf_add(out, bytes, utf8_encode(c, bytes));
	return n + 1;
}
