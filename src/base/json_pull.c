#include "iapeer/base/json_pull.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define DIGITS_MAX 15 /* below 2^53 */

static bool odd(struct json_pull *p)
{
	p->odd = true;
	p->at = p->end;
	return false;
}

void json_pull_init(struct json_pull *p, const char *text, size_t len)
{
	*p = (struct json_pull){.at = text, .end = text + len};
}

/* The next byte that is no space; 0 at the end. */
static char peek(struct json_pull *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
		p->at++;
	if (p->at == p->end)
		return '\0';
	return *p->at;
}

bool json_pull_open(struct json_pull *p, char bracket)
{
	if (peek(p) != bracket)
		return odd(p);
	p->at++;
	return true;
}

/* To what follows the n members before; false at the end of them, which is passed. */
static bool another(struct json_pull *p, size_t n, char close)
{
	char c = peek(p);

	if (c == close) {
		p->at++;
		return false;
	}
	if (n == 0)
		return c != '\0' || odd(p);
	if (c != ',')
		return odd(p);
	p->at++;
	return true;
}

bool json_pull_item(struct json_pull *p, size_t *n)
{
	if (p->odd || !another(p, *n, ']'))
		return false;
	(*n)++;
	return true;
}

static bool is_twice(const struct json_members *m, const char *key, size_t len)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->key[i].len == len && memcmp(m->key[i].p, key, len) == 0)
			return true;
	return false;
}

bool json_pull_member(struct json_pull *p, struct json_members *m)
{
	const char *key;
	size_t len;

	if (p->odd || !another(p, m->n, '}'))
		return false;
	if (m->n == JSON_PULL_KEYS || peek(p) != '"')
		return odd(p);
	key = ++p->at;
	while (p->at < p->end && *p->at != '"' && *p->at != '\\' && *p->at >= 0x20 && *p->at < 0x7f)
		p->at++;
	len = (size_t)(p->at - key);
	if (p->at == p->end || *p->at != '"' || is_twice(m, key, len))
		return odd(p);
	p->at++;
	if (peek(p) != ':')
		return odd(p);
	p->at++;
	m->key[m->n].p = key;
	m->key[m->n++].len = len;
	return true;
}

bool json_pull_key_is(const struct json_members *m, const char *key)
{
	size_t len = m->key[m->n - 1].len;

	return strncmp(m->key[m->n - 1].p, key, len) == 0 && key[len] == '\0';
}

/* How many bytes from here are characters as they stand; 0: the end, an escape, or wrong. */
static size_t plain(const struct json_pull *p)
{
	const char *at = p->at;
	uint32_t c;

	while (at < p->end && *at != '"' && *at != '\\') {
		unsigned char byte = (unsigned char)*at;
		size_t n = byte < 0x80 ? 1 : utf8_decode(at, (size_t)(p->end - at), &c);

		if (n == 0 || byte < 0x20)
			break;
		at += n;
	}
	return (size_t)(at - p->at);
}

/* Two characters; 0: another kind. */
static char escaped(const struct json_pull *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at =
	    p->end - p->at >= 2 && *p->at == '\\' && p->at[1] ? strchr(from, p->at[1]) : NULL;

	if (!at)
		return '\0';
	return to[at - from];
}

char *json_pull_text(struct json_pull *p, char **room)
{
	char *text = *room, *to = text;

	if (peek(p) != '"') {
		odd(p);
		return NULL;
	}
	for (p->at++; p->at < p->end && *p->at != '"';) {
		size_t n = plain(p);

		if (n) {
			memcpy(to, p->at, n);
			to += n;
			p->at += n;
			continue;
		}
		*to = escaped(p);
		if (!*to)
			break;
		to++;
		p->at += 2;
	}
	if (p->at == p->end || *p->at != '"') {
		odd(p);
		return NULL;
	}
	p->at++;
	*to++ = '\0';
	*room = to;
	return text;
}

bool json_pull_whole(struct json_pull *p, int64_t *out)
{
	bool negative = peek(p) == '-';
	int64_t value = 0;
	const char *from;

	p->at += negative;
	for (from = p->at; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
		if (p->at - from == DIGITS_MAX)
			return odd(p);
		value = value * 10 + (*p->at - '0');
	}
	/* What stands behind it is the next one's concern, and is refused there. */
	if (p->at == from || (*from == '0' && p->at - from > 1))
		return odd(p);
	*out = negative ? -value : value;
	return true;
}

static void skip_text(struct json_pull *p)
{
	for (p->at++; p->at < p->end && *p->at != '"';) {
		size_t n = plain(p);

		if (n == 0 && escaped(p))
			n = 2;
		if (n == 0)
			break;
		p->at += n;
	}
	if (p->at == p->end || *p->at != '"')
		odd(p);
	else
		p->at++;
}

static void skip_word(struct json_pull *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
		odd(p);
	else
		p->at += n;
}

/* Recursion is bounded by depth. */
static void skip(struct json_pull *p, unsigned depth)
{
	struct json_members m = {.n = 0};
	char c = peek(p);
	int64_t number;
	size_t n = 0;

	if (depth == 0) {
		odd(p);
	} else if (c == '{') {
		for (p->at++; json_pull_member(p, &m);)
			skip(p, depth - 1);
	} else if (c == '[') {
		for (p->at++; json_pull_item(p, &n);)
			skip(p, depth - 1);
	} else if (c == '"') {
		skip_text(p);
	} else if (c == 't' || c == 'f') {
		skip_word(p, c == 't' ? "true" : "false");
	} else {
		json_pull_whole(p, &number);
	}
}

void json_pull_skip(struct json_pull *p)
{
	skip(p, JSON_PULL_DEPTH);
}

bool json_pull_done(struct json_pull *p)
{
	return !p->odd && peek(p) == '\0' && p->at == p->end;
}
