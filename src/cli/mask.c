#include "iapeer/cli/mask.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define VALUE_MIN 6  /* shorter values stand in too many words */
#define TOKEN_MIN 10 /* behind a maker's prefix */

static bool ends_with(const char *name, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && strncasecmp(name + len - n, word, n) == 0;
}

bool mask_is_secret(const char *name, size_t len)
{
	static const char *const words[] = {"key",    "token",        "secret",     "password",
					    "passwd", "passphrase",   "credential", "credentials",
					    "cookie", "authorization"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (ends_with(name, len, words[i]))
			return true;
	return false;
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool in_token(char c)
{
	return in_name(c) || c == '.' || c == '/' || c == '+' || c == '=' || c == '~';
}

static size_t run_of(const char *s, size_t len, bool (*in)(char))
{
	size_t n = 0;

	while (n < len && in(s[n]))
		n++;
	return n;
}

/* Each of these looks at s, writes what stays and the mask, and returns how much it took; 0: not
 * here. */

static size_t known_value(const char *s, size_t len, const struct strv *values, struct buf *out)
{
	for (size_t i = 0; i < values->n; i++) {
		size_t n = strlen(values->v[i]);

		if (n < VALUE_MIN || n > len || memcmp(s, values->v[i], n) != 0)
			continue;
		buf_str(out, MASKED);
		return n;
	}
	return 0;
}

static size_t makers_token(const char *s, size_t len, struct buf *out)
{
	static const char *const prefixes[] = {
	    "sk-",  "ghp_", "gho_", "ghu_",   "ghs_", "ghr_", "xoxb-",       "xoxp-", "xoxa-",
	    "AKIA", "ASIA", "AIza", "glpat-", "npm_", "hf_",  "github_pat_", "eyJ"};

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		size_t n = strlen(prefixes[i]), more;

		if (n > len || memcmp(s, prefixes[i], n) != 0)
			continue;
		more = run_of(s + n, len - n, in_token);
		if (more < TOKEN_MIN)
			continue;
		buf_fmt(out, "%s" MASKED, prefixes[i]);
		return n + more;
	}
	return 0;
}

/* A stretch that stays: a value that is known, or a maker's token, may stand in it all the same. */
static void stays(const char *s, size_t len, const struct strv *values, struct buf *out)
{
	for (size_t at = 0, took; at < len; at += took) {
		took = known_value(s + at, len - at, values, out);
		if (!took && (at == 0 || !in_name(s[at - 1])))
			took = makers_token(s + at, len - at, out);
		if (!took) {
			buf_chr(out, s[at]);
			took = 1;
		}
	}
}

static size_t bearer(const char *s, size_t len, const struct strv *values, struct buf *out)
{
	static const char word[] = "bearer ";
	size_t n = sizeof word - 1, more;

	if (n > len || strncasecmp(s, word, n) != 0)
		return 0;
	more = run_of(s + n, len - n, in_token);
	if (more == 0)
		return 0;
	stays(s, n, values, out);
	buf_str(out, MASKED);
	return n + more;
}

/* What stands between a secret's name and its value: = or :, blanks, a quote or none. */
static size_t separator(const char *s, size_t len, char *out_quote)
{
	size_t n = 0;

	*out_quote = '\0';
	if (n < len && (s[n] == '"' || s[n] == '\''))
		n++;
	while (n < len && s[n] == ' ')
		n++;
	if (n == len || (s[n] != '=' && s[n] != ':'))
		return 0;
	for (n++; n < len && s[n] == ' '; n++)
		continue;
	if (n < len && (s[n] == '"' || s[n] == '\''))
		*out_quote = s[n++];
	return n;
}

static size_t value_len(const char *s, size_t len, char quote)
{
	size_t n = 0;

	for (; n < len && s[n] != '\n'; n++) {
		if (quote ? s[n] == quote : (s[n] == ' ' || s[n] == '\t' || s[n] == ','))
			break;
		if (quote && s[n] == '\\' && n + 1 < len)
			n++;
	}
	return n;
}

/* "Authorization: Bearer abc": the value is the word and what follows it. */
static size_t behind_scheme(const char *value, size_t n, size_t len)
{
	static const char *const schemes[] = {"bearer", "basic", "digest", "token"};

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (n == strlen(schemes[i]) && strncasecmp(value, schemes[i], n) == 0 && n < len &&
		    value[n] == ' ')
			return n + 1 + value_len(value + n + 1, len - n - 1, '\0');
	return n;
}

static size_t given_to_a_secret(const char *s, size_t len, const struct strv *values,
				struct buf *out)
{
	size_t name = run_of(s, len, in_name), gap, value;
	char quote;

	if (name == 0 || !mask_is_secret(s, name))
		return 0;
	gap = separator(s + name, len - name, &quote);
	value = gap ? value_len(s + name + gap, len - name - gap, quote) : 0;
	if (value == 0)
		return 0;
	if (!quote)
		value = behind_scheme(s + name + gap, value, len - name - gap);
	stays(s, name + gap, values, out);
	buf_str(out, MASKED);
	return name + gap + value;
}

/* https://ann:secret@host */
static size_t address(const char *s, size_t len, const struct strv *values, struct buf *out)
{
	size_t user, password;

	if (len < 4 || memcmp(s, "://", 3) != 0)
		return 0;
	for (user = 3; user < len && !strchr(":@/ \n", s[user]); user++)
		continue;
	if (user >= len || s[user] != ':')
		return 0;
	for (password = user + 1; password < len && !strchr("@/ \n", s[password]); password++)
		continue;
	if (password >= len || s[password] != '@' || password == user + 1)
		return 0;
	stays(s, user + 1, values, out);
	buf_str(out, MASKED);
	return password;
}

void mask_text(const char *text, size_t len, const struct strv *values, struct buf *out)
{
	bool inside = false; /* a word that began before here */

	for (size_t at = 0; at < len;) {
		const char *s = text + at;
		size_t left = len - at, took = known_value(s, left, values, out);

		if (!took && !inside)
			took = makers_token(s, left, out);
		if (!took && !inside)
			took = bearer(s, left, values, out);
		if (!took && !inside)
			took = given_to_a_secret(s, left, values, out);
		if (!took)
			took = address(s, left, values, out);
		if (!took) {
			buf_chr(out, *s);
			took = 1;
		}
		at += took;
		inside = in_name(text[at - 1]);
	}
}
