#include "iapeer/base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* Always -1. */
static int PRINTF(4, 5) bad(struct err *e, const char *where, const char *key, const char *fmt, ...)
{
	char why[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set(e, ERR_CORRUPT, 0, "%s%s%s: %s", str_empty(where) ? "" : where,
		       str_empty(where) ? "" : ".", key, why);
}

static int bad_member(struct err *e, const char *where, const char *key, size_t i)
{
	char member[160];

	snprintf(member, sizeof(member), "%s[%zu]", key, i);
	return bad(e, where, member, "expected a string");
}

int json_opt_str(const struct json *o, const char *where, const char *key, char *out, size_t size,
		 struct err *e)
{
	const struct json *s = json_get(o, key);

	if (!s)
		return 0;
	if (!json_is_string(s))
		return bad(e, where, key, "expected a string");
	if (strlen(json_text(s)) >= size)
		return bad(e, where, key, "longer than %zu bytes", size - 1);
	memcpy(out, json_text(s), strlen(json_text(s)) + 1);
	return 0;
}

int json_opt_dup(const struct json *o, const char *where, const char *key, char **out,
		 struct err *e)
{
	const struct json *s = json_get(o, key);

	if (!s)
		return 0;
	if (!json_is_string(s))
		return bad(e, where, key, "expected a string");
	free(*out);
	*out = xstrdup(json_text(s));
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters, but a range is two of them */
int json_opt_i64(const struct json *o, const char *where, const char *key, int64_t min, int64_t max,
		 int64_t *out, struct err *e)
{
	const struct json *n = json_get(o, key);
	int64_t value;

	if (!n)
		return 0;
	if (!json_whole(n, &value))
		return bad(e, where, key, "expected a whole number");
	if (value < min || value > max)
		return bad(e, where, key, "expected a number from %lld to %lld", (long long)min,
			   (long long)max);
	*out = value;
	return 0;
}

int json_opt_bool(const struct json *o, const char *where, const char *key, bool *out,
		  struct err *e)
{
	const struct json *b = json_get(o, key);

	if (!b)
		return 0;
	if (!json_is_bool(b))
		return bad(e, where, key, "expected true or false");
	*out = json_true(b);
	return 0;
}

int json_opt_strv(const struct json *o, const char *where, const char *key, struct strv *out,
		  struct err *e)
{
	const struct json *a = json_get(o, key);
	size_t i = 0;

	if (!a)
		return 0;
	if (!json_is_array(a))
		return bad(e, where, key, "expected an array of strings");
	for (const struct json *m = json_first(a); m; m = json_next(m), i++) {
		if (!json_is_string(m))
			return bad_member(e, where, key, i);
	}
	strv_done(out);
	for (const struct json *m = json_first(a); m; m = json_next(m))
		strv_add(out, json_text(m));
	return 0;
}

static int require(const struct json *o, const char *where, const char *key, struct err *e)
{
	return json_get(o, key) ? 0 : bad(e, where, key, "missing");
}

int json_req_str(const struct json *o, const char *where, const char *key, char *out, size_t size,
		 struct err *e)
{
	return require(o, where, key, e) < 0 ? -1 : json_opt_str(o, where, key, out, size, e);
}

/* NOLINTNEXTLINE(readability-function-size): as above */
int json_req_i64(const struct json *o, const char *where, const char *key, int64_t min, int64_t max,
		 int64_t *out, struct err *e)
{
	return require(o, where, key, e) < 0 ? -1 : json_opt_i64(o, where, key, min, max, out, e);
}
