/* json_pull.h - values one after the other out of JSON text that is like what we write, without a
 * tree: for a large file that is read often.
 *
 * It gives up, and says only that (`odd`), on whatever is wrong and on what is rare: escapes other
 * than those of two characters, any in a key, numbers that are not whole and short, more than
 * JSON_PULL_KEYS members in an object or JSON_PULL_DEPTH levels in what is skipped. Then the text
 * is one for json_parse(), which knows why. What is read to its end without that, json_parse()
 * takes too, and finds the same in it (tests/fuzz/fuzz_registry.c). Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_PULL_KEYS  16
#define JSON_PULL_DEPTH 8

struct json_pull {
	const char *at, *end;
	bool odd; /* given up: nothing more comes */
};

/* Where we are in an array or object; all zero is its beginning. */
struct json_members {
	size_t n;
	struct {
		const char *p; /* borrowed from the text */
		size_t len;
	} key[JSON_PULL_KEYS];
};

void json_pull_init(struct json_pull *p, const char *text, size_t len);
/* '{' or '[' */
bool json_pull_open(struct json_pull *p, char bracket);
/* Is there another member? Its key is m->key[m->n - 1], and its value comes next. */
bool json_pull_member(struct json_pull *p, struct json_members *m);
bool json_pull_key_is(const struct json_members *m, const char *key);
/* Is there another item of an array? It comes next. */
bool json_pull_item(struct json_pull *p, size_t *n);
/* A string, as text with its NUL, into *room, which moves behind it; NULL: odd. All strings of a
 * text fit into as many bytes as it has. */
char *json_pull_text(struct json_pull *p, char **room);
bool json_pull_whole(struct json_pull *p, int64_t *out);
/* Any value but null: nobody needs to know more. */
void json_pull_skip(struct json_pull *p);
/* Nothing follows, and nothing was odd. */
bool json_pull_done(struct json_pull *p);
