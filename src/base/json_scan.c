#include "iapeer/base/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

enum want { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_REST };

struct scan {
	const char *s;
	size_t len, at;
	unsigned depth;
	bool in_object[JSON_DEPTH_MAX];
	enum want want;
	const char *why; /* set when a function below returns false */
};

static bool refuse(struct scan *c, const char *why)
{
	c->why = why;
	return false;
}

/* The byte at the cursor; 0 at the end (a NUL in the text fits nowhere either). */
static char peek(const struct scan *c)
{
	if (c->at == c->len)
		return '\0';
	return c->s[c->at];
}

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static void skip_space(struct scan *c)
{
	while (peek(c) == ' ' || peek(c) == '\t' || peek(c) == '\r' || peek(c) == '\n')
		c->at++;
}

static void skip_digits(struct scan *c)
{
	while (is_digit(peek(c)))
		c->at++;
}

static bool scan_number(struct scan *c)
{
	if (peek(c) == '-')
		c->at++;
	if (!is_digit(peek(c)))
		return refuse(c, "expected a digit");
	if (peek(c) == '0') {
		c->at++;
		if (is_digit(peek(c)))
			return refuse(c, "a number may not begin with 0");
	} else {
		skip_digits(c);
	}
	if (peek(c) == '.') {
		c->at++;
		if (!is_digit(peek(c)))
			return refuse(c, "expected a digit");
		skip_digits(c);
	}
	if (peek(c) == 'e' || peek(c) == 'E') {
		c->at++;
		if (peek(c) == '+' || peek(c) == '-')
			c->at++;
		if (!is_digit(peek(c)))
			return refuse(c, "expected a digit");
		skip_digits(c);
	}
	c->want = WANT_REST;
	return true;
}

/* The four hex digits behind \u. */
static bool scan_hex4(struct scan *c, uint32_t *out)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++, c->at++) {
		char ch = peek(c);

		if (is_digit(ch))
			n = n * 16 + (uint32_t)(ch - '0');
		else if (ch >= 'a' && ch <= 'f')
			n = n * 16 + (uint32_t)(ch - 'a') + 10;
		else if (ch >= 'A' && ch <= 'F')
			n = n * 16 + (uint32_t)(ch - 'A') + 10;
		else
			return refuse(c, "expected four hex digits");
	}
	*out = n;
	return true;
}

static bool scan_unicode_escape(struct scan *c)
{
	uint32_t hi, lo;

	if (!scan_hex4(c, &hi))
		return false;
	if (hi == 0)
		return refuse(c, "\\u0000 is not accepted");
	if (hi >= 0xdc00 && hi <= 0xdfff)
		return refuse(c, "half of a surrogate pair");
	if (hi < 0xd800 || hi > 0xdbff)
		return true;
	if (c->len - c->at < 2 || memcmp(c->s + c->at, "\\u", 2) != 0)
		return refuse(c, "half of a surrogate pair");
	c->at += 2;
	if (!scan_hex4(c, &lo))
		return false;
	return (lo >= 0xdc00 && lo <= 0xdfff) || refuse(c, "half of a surrogate pair");
}

static bool scan_escape(struct scan *c)
{
	c->at++; /* the backslash */
	if (peek(c) == 'u') {
		c->at++;
		return scan_unicode_escape(c);
	}
	if (!peek(c) || !strchr("\"\\/bfnrt", peek(c)))
		return refuse(c, "unknown escape");
	c->at++;
	return true;
}

static bool scan_string(struct scan *c)
{
	c->at++; /* the opening quote */
	for (;;) {
		unsigned char ch = (unsigned char)peek(c);
		uint32_t point;
		size_t n;

		if (c->at == c->len)
			return refuse(c, "the string is not closed");
		if (ch == '"') {
			c->at++;
			return true;
		}
		if (ch < 0x20)
			return refuse(c, "a control character in a string");
		if (ch == '\\') {
			if (!scan_escape(c))
				return false;
			continue;
		}
		n = ch < 0x80 ? 1 : utf8_decode(c->s + c->at, c->len - c->at, &point);
		if (n == 0)
			return refuse(c, "invalid UTF-8");
		c->at += n;
	}
}

static bool scan_word(struct scan *c, const char *word)
{
	size_t n = strlen(word);

	if (c->len - c->at < n || memcmp(c->s + c->at, word, n) != 0)
		return refuse(c, "expected a value");
	c->at += n;
	c->want = WANT_REST;
	return true;
}

static bool scan_open(struct scan *c, bool object)
{
	if (c->depth == JSON_DEPTH_MAX)
		return refuse(c, "nested too deeply");
	c->in_object[c->depth++] = object;
	c->at++;
	c->want = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
	return true;
}

static bool scan_value(struct scan *c)
{
	switch (peek(c)) {
	case '{':
		return scan_open(c, true);
	case '[':
		return scan_open(c, false);
	case '"':
		c->want = WANT_REST;
		return scan_string(c);
	case 't':
		return scan_word(c, "true");
	case 'f':
		return scan_word(c, "false");
	case 'n':
		return scan_word(c, "null");
	default:
		return peek(c) == '-' || is_digit(peek(c)) ? scan_number(c)
							   : refuse(c, "expected a value");
	}
}

static bool scan_key(struct scan *c)
{
	if (peek(c) != '"')
		return refuse(c, "expected a key in quotes");
	if (!scan_string(c))
		return false;
	skip_space(c);
	if (peek(c) != ':')
		return refuse(c, "expected a colon");
	c->at++;
	c->want = WANT_VALUE;
	return true;
}

/* Behind a value inside an array or object: a comma or the end of it. */
static bool scan_rest(struct scan *c)
{
	bool object = c->in_object[c->depth - 1];

	if (peek(c) == ',')
		c->want = object ? WANT_KEY : WANT_VALUE;
	else if (peek(c) == (object ? '}' : ']'))
		c->depth--;
	else
		return refuse(c, object ? "expected a comma or }" : "expected a comma or ]");
	c->at++;
	return true;
}

static bool scan_step(struct scan *c)
{
	bool ends = (c->want == WANT_VALUE_OR_END && peek(c) == ']') ||
		    (c->want == WANT_KEY_OR_END && peek(c) == '}');

	if (ends) {
		c->want = WANT_REST;
		return scan_rest(c);
	}
	switch (c->want) {
	case WANT_KEY:
	case WANT_KEY_OR_END:
		return scan_key(c);
	case WANT_REST:
		return scan_rest(c);
	case WANT_VALUE:
	case WANT_VALUE_OR_END:
	default:
		return scan_value(c);
	}
}

static int report(const struct scan *c, const char *what, struct err *e)
{
	size_t line = 1, begin = 0;

	for (size_t i = 0; i < c->at; i++) {
		if (c->s[i] == '\n') {
			line++;
			begin = i + 1;
		}
	}
	return err_set(e, ERR_CORRUPT, 0, "%s: line %zu, column %zu: %s", what, line,
		       c->at - begin + 1, c->why);
}

int json_scan(const char *text, size_t len, const char *what, struct err *e)
{
	struct scan c = {.s = text, .len = len, .want = WANT_VALUE};

	for (;;) {
		skip_space(&c);
		if (c.depth == 0 && c.want == WANT_REST)
			break;
		if (c.at == len) {
			c.why = "the text ends here";
			return report(&c, what, e);
		}
		if (!scan_step(&c))
			return report(&c, what, e);
	}
	if (c.at < len) {
		c.why = "something follows the value";
		return report(&c, what, e);
	}
	return 0;
}

bool json_scan_number(const char *text, size_t len, size_t *at, size_t *out_len)
{
	struct scan c = {.s = text, .len = len, .at = *at};

	while (c.at < len && peek(&c) != '-' && !is_digit(peek(&c))) {
		if (peek(&c) != '"')
			c.at++;
		else if (!scan_string(&c))
			return false;
	}
	*at = c.at;
	if (c.at == len || !scan_number(&c))
		return false;
	*out_len = c.at - *at;
	return true;
}
