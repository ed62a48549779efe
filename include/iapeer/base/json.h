/* json.h - JSON as a daemon needs it; the only door to cJSON.
 *
 * Strict where cJSON is lenient: names are case-sensitive, nothing may follow the value; duplicate
 * keys, \u0000, invalid UTF-8 and depth over 32 are refused. A number that nobody changed is
 * printed as it was read, 2^64 and 1.0 included; json_opt_i64 takes whole numbers below 2^53 only.
 * Getters name the place: "peers[3].cwd: expected a string". Strings are copied out; nothing keeps
 * a pointer into a tree. Building never fails (it aborts without memory): what is built is ours.
 * Whether a node of a foreign tree is an object or array is asked before it is changed: the setters
 * assert it.
 */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* a tree, or a node in one */

/* Parse text (no NUL needed); `what` (a file's name) begins every message: "registry.json: line 3,
 * column 7: ...". ERR_CORRUPT. Owned: json_free(). */
int json_parse(const char *text, size_t len, const char *what, struct json **out,
	       struct err *e) NODISCARD;
void json_free(struct json *j);
static inline void json_freep(struct json **j)
{
	json_free(*j);
}
#define auto_json AUTO(json_freep)

/* ---- reading; `path` in messages is built from what was asked ---- */
bool json_is_object(const struct json *j);
bool json_is_array(const struct json *j);
bool json_is_string(const struct json *j);
bool json_is_number(const struct json *j);
bool json_is_bool(const struct json *j);
/* Borrowed until the tree is freed; NULL when absent (or null). */
const struct json *json_get(const struct json *o, const char *key);
struct json *json_get_mut(struct json *o, const char *key);
/* The version of the library below. */
const char *json_library(void);
size_t json_len(const struct json *a); /* of an array or object */
const struct json *json_at(const struct json *a, size_t i);
struct json *json_at_mut(struct json *a, size_t i);
/* The members of an array or object one after the other, in order; NULL at the end. */
const struct json *json_first(const struct json *a);
const struct json *json_next(const struct json *member);
const char *
json_key(const struct json *member); /* of a member of an object (json_at works on objects) */
const char *json_text(const struct json *s); /* of a string; NULL when it is none. Borrowed */
bool json_true(const struct json *b);        /* is it the word true? */
double json_double(const struct json *n);    /* NaN when it is no number */
bool json_whole(const struct json *n,
		int64_t *out); /* false: no number, a fraction, or beyond 2^53 */
#define JSON_EXACT_MAX                                                                             \
	9007199254740991.0 /* 2^53 - 1: up to here a double holds every whole number */
#define JSON_NUMBER_MAX 32
/* A number as it is printed: its own literal (borrowed) or made in room. */
const char *json_number(const struct json *n, char room[static JSON_NUMBER_MAX]);

/* Absent or null: leaves *out alone and succeeds. Wrong type or does not fit: ERR_CORRUPT
 * "<where>.<key>: ...", or "<key>: ..." with an empty where. json_opt_dup frees what *out pointed
 * to, json_opt_strv replaces the list. */
int json_opt_str(const struct json *o, const char *where, const char *key, char *out, size_t size,
		 struct err *e) NODISCARD;
int json_opt_dup(const struct json *o, const char *where, const char *key, char **out,
		 struct err *e) NODISCARD;
int json_opt_i64(const struct json *o, const char *where, const char *key, int64_t min, int64_t max,
		 int64_t *out, struct err *e) NODISCARD;
int json_opt_bool(const struct json *o, const char *where, const char *key, bool *out,
		  struct err *e) NODISCARD;
int json_opt_strv(const struct json *o, const char *where, const char *key, struct strv *out,
		  struct err *e) NODISCARD;
/* The same, absent is an error too. */
int json_req_str(const struct json *o, const char *where, const char *key, char *out, size_t size,
		 struct err *e) NODISCARD;
int json_req_i64(const struct json *o, const char *where, const char *key, int64_t min, int64_t max,
		 int64_t *out, struct err *e) NODISCARD;

/* ---- building ---- */
struct json *json_object(void);
struct json *json_array(void);
struct json *json_null(void); /* for a member that has to be there */
struct json *json_copy(const struct json *j);
/* Set a member, or replace it in its place. A NULL or empty string is left out by the _opt form,
 * and so is a time of 0: a member that was there goes. 64-bit ids go as strings: a number beyond
 * 2^53 is asserted against. */
void json_set_str(struct json *o, const char *key, const char *value);
void json_set_str_opt(struct json *o, const char *key, const char *value);
void json_set_i64(struct json *o, const char *key, int64_t value);
void json_set_bool(struct json *o, const char *key, bool value);
void json_set_time(struct json *o, const char *key, int64_t utc_ms); /* ISO 8601; 0 is left out */
void json_set_strv(struct json *o, const char *key, const struct strv *v);
void json_set_err(struct json *o, const struct err *e); /* "error": {"code","message","hint"?} */
struct json *json_set(struct json *o, const char *key,
		      struct json *take_value); /* returns the value, borrowed */
void json_unset(struct json *o, const char *key);
struct json *json_push(struct json *a, struct json *take_value);
void json_push_str(struct json *a, const char *value);
void json_remove_at(struct json *a, size_t i);

/* Two-space indented with a final newline, or one line without. Slashes are not escaped, UTF-8
 * stays; control characters (DEL and C1 too) are escaped, bytes that are not UTF-8 and NUL become
 * U+FFFD. */
void json_print(const struct json *j, bool pretty, struct buf *out);
/* The string as a JSON literal, quotes and all. */
void json_quote(struct buf *out, const char *s, size_t len);
