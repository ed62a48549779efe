#include "iapeer/registry/record.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define OLD_DEFAULT_RUNTIME "runtime"

/* Always -1. A value of others' in a message: escaped and short. */
static int bad_value(struct err *e, const char *where, const char *key, const char *value,
		     const char *why)
{
	AUTO(buf_done) struct buf shown = BUF_INIT(256);
	size_t n = strlen(value);

	str_shown(&shown, value, n < 48 ? n : 48, false);
	return err_set(e, ERR_CORRUPT, 0, "%s.%s: \"%s\" %s", where, key, buf_cstr(&shown), why);
}

/* The text of a member, borrowed from the tree; absent: *out stays. */
static int text_of(const struct json *o, const char *where, const char *key, const char **out,
		   struct err *e)
{
	const struct json *s = json_get(o, key);

	if (s && !json_is_string(s))
		return err_set(e, ERR_CORRUPT, 0, "%s.%s: expected a string", where, key);
	if (s)
		*out = json_text(s);
	return 0;
}

int record_read_name(const struct json *o, const char *where, char out[static PEER_NAME_MAX + 1],
		     struct err *e)
{
	const char *name = NULL;

	if (text_of(o, where, "personality", &name, e) < 0)
		return -1;
	if (!name)
		return err_set(e, ERR_CORRUPT, 0, "%s.personality: missing", where);
	if (!peer_name_valid(name) || !str_put(out, PEER_NAME_MAX + 1, name))
		return bad_value(e, where, "personality", name, "is no peer's name");
	return 0;
}

static int check_runtime(const char *where, const char *key, const char *runtime, struct err *e)
{
	return peer_runtime_valid(runtime)
		   ? 0
		   : bad_value(e, where, key, runtime, "is no runtime's name");
}

void record_unite(struct strv *runtimes, const char *runtime)
{
	if (!strv_has(runtimes, runtime))
		strv_add(runtimes, runtime);
}

int record_read_runtimes(const struct json *o, const char *where,
			 char out_default[static PEER_NAME_MAX + 1], struct strv *out,
			 struct err *e)
{
	const char *key = json_get(o, "default_runtime") ? "default_runtime" : OLD_DEFAULT_RUNTIME;
	AUTO(strv_done) struct strv listed = STRV_INIT;
	const char *first = NULL;

	if (text_of(o, where, key, &first, e) < 0 ||
	    json_opt_strv(o, where, "runtimes", &listed, e) < 0)
		return -1;
	if (!str_empty(first) && check_runtime(where, key, first, e) < 0)
		return -1;
	for (size_t i = 0; i < listed.n; i++)
		if (check_runtime(where, "runtimes", listed.v[i], e) < 0)
			return -1;
	for (size_t i = 0; i < listed.n; i++)
		record_unite(out, listed.v[i]);
	if (str_empty(first) || !str_put(out_default, PEER_NAME_MAX + 1, first))
		return 0;
	record_unite(out, first);
	return 0;
}

size_t record_description_len(const char *text)
{
	size_t len = strlen(text), n = 0, chars = 0;
	uint32_t c;

	if (len <= DESCRIPTION_MAX_CHARS)
		return len;
	while (n < len && chars < DESCRIPTION_MAX_CHARS) {
		size_t step = utf8_decode(text + n, len - n, &c);

		n += step ? step : 1;
		chars++;
	}
	return n;
}

void record_cut_description(const char *text, char out[static DESCRIPTION_SIZE])
{
	size_t n = record_description_len(text);

	memcpy(out, text, n);
	out[n] = '\0';
}

int record_read_description(const struct json *o, const char *where,
			    char out[static DESCRIPTION_SIZE], struct err *e)
{
	const char *text = NULL;

	if (text_of(o, where, "description", &text, e) < 0)
		return -1;
	if (text)
		record_cut_description(text, out);
	return 0;
}

int record_read_nature(const struct json *o, const char *where, enum nature *out, struct err *e)
{
	const char *word = NULL;
	enum nature n;

	if (text_of(o, where, "intelligence", &word, e) < 0)
		return -1;
	if (str_empty(word))
		return 0;
	n = nature_parse(word);
	if (n == NATURE_NONE)
		return bad_value(e, where, "intelligence", word,
				 "is none of artificial, natural, absent");
	*out = n;
	return 0;
}

int record_read_interfaces(const struct json *o, const char *where, bool *out, struct err *e)
{
	const struct json *interfaces = json_get(o, "interfaces");

	if (!interfaces)
		return 0;
	if (!json_is_object(interfaces))
		return err_set(e, ERR_CORRUPT, 0, "%s.interfaces: expected an object", where);
	*out = json_get(interfaces, "telegram") != NULL;
	return 0;
}

void record_put_runtimes(struct json *o, const char *default_runtime, const struct strv *runtimes)
{
	AUTO(strv_done) struct strv all = STRV_INIT;

	for (size_t i = 0; i < runtimes->n; i++)
		record_unite(&all, runtimes->v[i]);
	if (*default_runtime)
		record_unite(&all, default_runtime);
	json_set_str_opt(o, "default_runtime", default_runtime);
	json_unset(o, OLD_DEFAULT_RUNTIME);
	json_set_strv(o, "runtimes", &all);
}

void record_put_description(struct json *o, const char *description)
{
	char cut[DESCRIPTION_SIZE];

	record_cut_description(description, cut);
	json_set_str(o, "description", cut);
}

void record_put_nature(struct json *o, enum nature n)
{
	if (n == NATURE_NONE)
		json_unset(o, "intelligence");
	else if (nature_parse(json_text(json_get(o, "intelligence"))) != n)
		json_set_str(o, "intelligence", nature_word(n));
}

void record_put_telegram(struct json *o)
{
	struct json *interfaces = json_get_mut(o, "interfaces");

	if (!json_is_object(interfaces))
		interfaces = json_set(o, "interfaces", json_object());
	if (!json_get(interfaces, "telegram"))
		json_set(interfaces, "telegram", json_object());
}
