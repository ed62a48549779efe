#include "iapeer/agent/hook_json.h"

#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define NO_CHAR 0xfffdU

struct cursor {
	const char *s, *end;
};

static void skip_space(struct cursor *c)
{
	while (c->s < c->end && (*c->s == ' ' || *c->s == '\t' || *c->s == '\r' || *c->s == '\n'))
		c->s++;
}

static bool take(struct cursor *c, char ch)
{
	skip_space(c);
	if (c->s >= c->end || *c->s != ch)
		return false;
	c->s++;
	return true;
}

/* Four hex digits; -1: none. */
static int32_t hex4(struct cursor *c)
{
	int32_t n = 0;

	if (c->end - c->s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		const char *d = memchr(digits, c->s[i], sizeof digits - 1);

		if (!d)
			return -1;
		n = n * 16 + (int32_t)(d - digits < 16 ? d - digits : d - digits - 6);
	}
	c->s += 4;
	return n;
}

/* Behind \u. */
static uint32_t unicode(struct cursor *c)
{
	int32_t hi = hex4(c), lo;
	struct cursor rest;

	if (hi <= 0)
		return NO_CHAR;
	if (hi < 0xd800 || hi > 0xdfff)
		return (uint32_t)hi;
	if (hi > 0xdbff || c->end - c->s < 6 || c->s[0] != '\\' || c->s[1] != 'u')
		return NO_CHAR;
	rest = (struct cursor){.s = c->s + 2, .end = c->end};
	lo = hex4(&rest);
	if (lo < 0xdc00 || lo > 0xdfff)
		return NO_CHAR;
	c->s = rest.s;
	return 0x10000U + (((uint32_t)hi - 0xd800U) << 10) + ((uint32_t)lo - 0xdc00U);
}

static void put(struct buf *out, uint32_t ch)
{
	char bytes[4];

	buf_add(out, bytes, utf8_encode(ch, bytes));
}

/* Behind a backslash. */
static void escape(struct cursor *c, struct buf *out)
{
	static const char letters[] = "nrtbf", meant[] = "\n\r\t\b\f";
	char ch = *c->s++;
	const char *l = memchr(letters, ch, sizeof letters - 1);
	uint32_t u = ch == 'u' ? unicode(c) : NO_CHAR;

	if ((unsigned char)ch >= 0x80) {
		c->s--; /* part of a character: the text goes on with that */
		return;
	}
	if (!out)
		return;
	if (ch == 'u')
		put(out, u);
	else
		buf_add(out, l ? &meant[l - letters] : &ch, 1);
}

/* The text behind its opening quote, up to and with the closing one; out NULL: pass over it. False:
 * the end came first (what was there is in out). */
static bool text(struct cursor *c, struct buf *out)
{
	while (c->s < c->end && *c->s != '"') {
		uint32_t ch;
		size_t n;

		if (*c->s == '\\') {
			if (++c->s < c->end)
				escape(c, out);
			continue;
		}
		n = utf8_decode(c->s, (size_t)(c->end - c->s), &ch);
		if (out && n > 0)
			buf_add(out, c->s, n);
		else if (out)
			put(out, NO_CHAR);
		c->s += n > 0 ? n : 1;
	}
	if (c->s >= c->end)
		return false;
	c->s++;
	return true;
}

/* Pass over one value. */
static bool pass(struct cursor *c)
{
	size_t depth = 0;

	skip_space(c);
	while (c->s < c->end) {
		char ch = *c->s;

		if (depth == 0 && (ch == ',' || ch == '}' || ch == ']'))
			return true;
		c->s++;
		if (ch == '"' && !text(c, NULL))
			return false;
		if (ch == '{' || ch == '[')
			depth++;
		else if (ch == '}' || ch == ']')
			depth--;
	}
	return false;
}

static struct buf *wanted(const char *name, const char *const *names, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return out[i].len > 0 || out[i].failed ? NULL : &out[i];
	return NULL;
}

void hook_json_texts(const char *json, size_t len, const char *const *names, size_t n,
		     struct buf *out)
{
	struct cursor c = {.s = json, .end = json + len};

	if (!take(&c, '{'))
		return;
	do {
		AUTO(buf_done) struct buf name = BUF_INIT(256);
		struct buf *to;

		if (!take(&c, '"') || !text(&c, &name) || !take(&c, ':'))
			return;
		to = wanted(buf_cstr(&name), names, n, out);
		skip_space(&c);
		if (to && c.s < c.end && *c.s == '"') {
			c.s++;
			if (!text(&c, to))
				return;
		} else if (!pass(&c)) {
			return;
		}
	} while (take(&c, ','));
}
