#include "iapeer/base/json.h"

#include <assert.h>
#include <cJSON.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/json_scan.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* A number whose literal our printer would not give back ("1.0", 2^64) keeps it in its valuestring,
 * so that a file that is read and written again keeps what others wrote. cJSON copies and frees
 * that string by itself. */
struct json {
	cJSON node;
};

static struct json *from_node(cJSON *node)
{
	void *p = node;

	return p;
}

static const cJSON *to_node(const struct json *j)
{
	return j ? &j->node : NULL;
}

/* Every root is made behind this call: no constructor of cJSON can return NULL then. */
static void abort_without_memory(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = xmalloc, .free_fn = free});
}

/* ---- reading ---- */

bool json_is_object(const struct json *j)
{
	return cJSON_IsObject(to_node(j));
}

bool json_is_array(const struct json *j)
{
	return cJSON_IsArray(to_node(j));
}

bool json_is_string(const struct json *j)
{
	return cJSON_IsString(to_node(j));
}

bool json_is_number(const struct json *j)
{
	return cJSON_IsNumber(to_node(j));
}

bool json_is_bool(const struct json *j)
{
	return cJSON_IsBool(to_node(j));
}

/* With null as a value, unlike json_get. */
static cJSON *find(const struct json *o, const char *key)
{
	return json_is_object(o) ? cJSON_GetObjectItemCaseSensitive(&o->node, key) : NULL;
}

struct json *json_get_mut(struct json *o, const char *key)
{
	cJSON *n = find(o, key);

	return cJSON_IsNull(n) ? NULL : from_node(n);
}

const struct json *json_get(const struct json *o, const char *key)
{
	cJSON *n = find(o, key);

	return cJSON_IsNull(n) ? NULL : from_node(n);
}

const char *json_library(void)
{
	return cJSON_Version();
}

size_t json_len(const struct json *a)
{
	return json_is_array(a) || json_is_object(a) ? (size_t)cJSON_GetArraySize(&a->node) : 0;
}

const struct json *json_at(const struct json *a, size_t i)
{
	return i <= INT_MAX ? from_node(cJSON_GetArrayItem(to_node(a), (int)i)) : NULL;
}

struct json *json_at_mut(struct json *a, size_t i)
{
	return i <= INT_MAX ? from_node(cJSON_GetArrayItem(to_node(a), (int)i)) : NULL;
}

const struct json *json_first(const struct json *a)
{
	return json_is_array(a) || json_is_object(a) ? from_node(a->node.child) : NULL;
}

const struct json *json_next(const struct json *member)
{
	return member ? from_node(member->node.next) : NULL;
}

const char *json_key(const struct json *member)
{
	return member ? member->node.string : NULL;
}

const char *json_text(const struct json *s)
{
	return json_is_string(s) ? s->node.valuestring : NULL;
}

bool json_true(const struct json *b)
{
	return cJSON_IsTrue(to_node(b));
}

/* ---- numbers ---- */

double json_double(const struct json *n)
{
	return json_is_number(n) ? n->node.valuedouble : (double)NAN;
}

bool json_whole(const struct json *n, int64_t *out)
{
	double d = json_double(n);

	/* NaN fails the first comparison; the conversion is defined in between only. */
	if (!(d >= -JSON_EXACT_MAX && d <= JSON_EXACT_MAX) || d != (double)(int64_t)d)
		return false;
	*out = (int64_t)d;
	return true;
}

const char *json_number(const struct json *n, char room[static JSON_NUMBER_MAX])
{
	double d = json_double(n);
	int64_t whole;

	if (json_is_number(n) && n->node.valuestring)
		return n->node.valuestring;
	if (!isfinite(d)) {
		snprintf(room, JSON_NUMBER_MAX, "null");
	} else if (json_whole(n, &whole)) {
		snprintf(room, JSON_NUMBER_MAX, "%lld", (long long)whole);
	} else {
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(room, JSON_NUMBER_MAX, "%.*g", digits, d);
			if (strtod(room, NULL) == d)
				break;
		}
	}
	return room;
}

/* ---- parsing ---- */

struct source {
	const char *text;
	size_t len, at;
	const char *what;
};

static int by_text(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static int refuse_twice(const char *key, const char *what, struct err *e)
{
	AUTO(buf_done) struct buf quoted = BUF_INIT(CAP_OUTPUT);
	char shown[80];

	json_quote(&quoted, key, strlen(key));
	str_cut(shown, sizeof(shown), buf_cstr(&quoted));
	return err_set(e, ERR_CORRUPT, 0, "%s: the key %s appears twice", what, shown);
}

/* Sorted, not compared in pairs: the text is foreign, and the pairs of 100,000 keys would take
 * minutes. */
static int check_keys(const cJSON *object, const char *what, struct err *e)
{
	size_t n = 0;
	const char **keys = xcalloc((size_t)cJSON_GetArraySize(object) + 1, sizeof(*keys));
	const char *twice = NULL;

	for (const cJSON *m = object->child; m; m = m->next)
		keys[n++] = m->string;
	qsort(keys, n, sizeof(*keys), by_text);
	for (size_t i = 1; i < n && !twice; i++)
		twice = strcmp(keys[i - 1], keys[i]) == 0 ? keys[i] : NULL;
	free(keys);
	return twice ? refuse_twice(twice, what, e) : 0;
}

/* Numbers stand in the tree in the order of the text. */
static int check_number(cJSON *n, struct source *src, struct err *e)
{
	char room[JSON_NUMBER_MAX];
	const char *printed;
	size_t len;
	const char *literal;

	if (!json_scan_number(src->text, src->len, &src->at, &len))
		return err_set(e, ERR_CORRUPT, 0, "%s: the numbers do not add up", src->what);
	literal = src->text + src->at;
	src->at += len;
	if (!isfinite(n->valuedouble))
		return err_set(e, ERR_CORRUPT, 0, "%s: a number that is too large: %.*s", src->what,
			       len < 40 ? (int)len : 40, literal);
	printed = json_number(from_node(n), room);
	if (strlen(printed) != len || memcmp(printed, literal, len) != 0)
		n->valuestring = xstrndup(literal, len);
	return 0;
}

/* Recursion is bounded: json_scan has refused what is deeper than JSON_DEPTH_MAX. */
static int check_node(cJSON *n, struct source *src, struct err *e)
{
	if (cJSON_IsNumber(n))
		return check_number(n, src, e);
	if (cJSON_IsObject(n) && check_keys(n, src->what, e) < 0)
		return -1;
	for (cJSON *m = n->child; m; m = m->next) {
		if (check_node(m, src, e) < 0)
			return -1;
	}
	return 0;
}

int json_parse(const char *text, size_t len, const char *what, struct json **out, struct err *e)
{
	struct source src = {.text = text, .len = len, .what = what};
	cJSON *root;

	if (json_scan(text, len, what, e) < 0)
		return -1;
	abort_without_memory();
	root = cJSON_ParseWithLength(text, len);
	if (!root)
		return err_set(e, ERR_CORRUPT, 0, "%s: not accepted by the parser", what);
	if (check_node(root, &src, e) < 0) {
		cJSON_Delete(root);
		return -1;
	}
	*out = from_node(root);
	return 0;
}

void json_free(struct json *j)
{
	cJSON_Delete(j ? &j->node : NULL);
}

/* ---- building ---- */

struct json *json_object(void)
{
	abort_without_memory();
	return from_node(cJSON_CreateObject());
}

struct json *json_array(void)
{
	abort_without_memory();
	return from_node(cJSON_CreateArray());
}

struct json *json_null(void)
{
	abort_without_memory();
	return from_node(cJSON_CreateNull());
}

struct json *json_copy(const struct json *j)
{
	abort_without_memory();
	return from_node(cJSON_Duplicate(to_node(j), true));
}

/* What cJSON refuses to put into a tree is a mistake of ours, never an input. */
static void must(cJSON_bool done)
{
	assert(done);
	(void)done;
}

struct json *json_set(struct json *o, const char *key, struct json *take_value)
{
	assert(json_is_object(o) && take_value);
	if (find(o, key)) /* in its place, so that a file which is edited keeps its order */
		must(cJSON_ReplaceItemInObjectCaseSensitive(&o->node, key, &take_value->node));
	else
		must(cJSON_AddItemToObject(&o->node, key, &take_value->node));
	return take_value;
}

void json_set_err(struct json *o, const struct err *e)
{
	struct json *error = json_set(o, "error", json_object());

	json_set_str(error, "code", err_word(e->code));
	json_set_str(error, "message", e->msg);
	json_set_str_opt(error, "hint", e->hint);
}

void json_set_str(struct json *o, const char *key, const char *value)
{
	json_set(o, key, from_node(cJSON_CreateString(value)));
}

void json_set_str_opt(struct json *o, const char *key, const char *value)
{
	if (str_empty(value))
		json_unset(o, key);
	else
		json_set_str(o, key, value);
}

static struct json *new_i64(int64_t value)
{
	assert(value >= -(int64_t)JSON_EXACT_MAX && value <= (int64_t)JSON_EXACT_MAX);
	return from_node(cJSON_CreateNumber((double)value));
}

void json_set_i64(struct json *o, const char *key, int64_t value)
{
	json_set(o, key, new_i64(value));
}

void json_set_bool(struct json *o, const char *key, bool value)
{
	json_set(o, key, from_node(cJSON_CreateBool(value)));
}

void json_set_time(struct json *o, const char *key, int64_t utc_ms)
{
	char iso[CLOCK_ISO_MAX];

	if (utc_ms == 0) {
		json_unset(o, key);
		return;
	}
	clock_iso(utc_ms, iso);
	json_set_str(o, key, iso);
}

void json_set_strv(struct json *o, const char *key, const struct strv *v)
{
	struct json *a = json_set(o, key, json_array());

	for (size_t i = 0; i < v->n; i++)
		json_push_str(a, v->v[i]);
}

void json_unset(struct json *o, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(&o->node, key);
}

struct json *json_push(struct json *a, struct json *take_value)
{
	assert(json_is_array(a) && take_value);
	must(cJSON_AddItemToArray(&a->node, &take_value->node));
	return take_value;
}

void json_push_str(struct json *a, const char *value)
{
	json_push(a, from_node(cJSON_CreateString(value)));
}

void json_remove_at(struct json *a, size_t i)
{
	if (i < json_len(a))
		cJSON_DeleteItemFromArray(&a->node, (int)i);
}
