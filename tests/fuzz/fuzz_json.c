/* What json_parse accepts must come back from json_print, on one line and on many, and mean the
 * same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/json.h"
#include "iapeer/base/json_scan.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is asked for must be there, and is what the lenient getters find. */
static void ask_for(const struct json *o, const char *key)
{
	AUTO(strv_done) struct strv list = STRV_INIT;
	char small[8], room[8], *dup = NULL;
	int64_t one, other = 0;
	struct err e = ERR_INIT;

	if (json_opt_dup(o, "o", key, &dup, &e) == 0 && dup)
		assert(strcmp(dup, json_text(json_get(o, key))) == 0);
	free(dup);
	if (json_opt_strv(o, "o", key, &list, &e) == 0)
		assert(list.n == json_len(json_get(o, key)));
	if (json_req_str(o, "o", key, small, sizeof(small), &e) == 0)
		assert(json_opt_str(o, "o", key, room, sizeof(room), &e) == 0 &&
		       strcmp(small, room) == 0);
	if (json_req_i64(o, "o", key, -9, 9, &one, &e) == 0)
		assert(json_opt_i64(o, "o", key, -9, 9, &other, &e) == 0 && one == other);
}

/* Every node through every getter; returns how many there are. */
static size_t walk(const struct json *j)
{
	size_t n = 1, i = 0;
	int64_t number;
	char room[JSON_NUMBER_MAX], text[8];
	bool word;
	struct err e = ERR_INIT;

	assert(json_number(j, room));
	assert(!json_is_string(j) || json_text(j));
	for (const struct json *m = json_first(j); m; m = json_next(m), i++) {
		assert(json_at(j, i) == m);
		if (json_is_object(j)) {
			bool whole = json_opt_i64(j, "o", json_key(m), INT64_MIN, INT64_MAX,
						  &number, &e) == 0;
			bool fits = json_opt_str(j, "o", json_key(m), text, sizeof(text), &e) == 0;

			ask_for(j, json_key(m));
			assert(json_opt_bool(j, "o", json_key(m), &word, &e) < 0 ||
			       !json_get(j, json_key(m)) || (!whole && !fits));
		}
		if (i < 100) /* json_at counts from the front each time */
			n += walk(m);
	}
	assert(json_len(j) == i);
	return n;
}

static void print_again(const struct json *j, bool pretty, const struct buf *first)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf second = BUF_INIT(CAP_OUTPUT);
	auto_json struct json *again = NULL;
	struct err e = ERR_INIT;

	json_print(j, pretty, &text);
	assert(!text.failed);
	assert(json_parse(text.p, text.len, "printed", &again, &e) == 0);
	json_print(again, false, &second);
	assert(second.len == first->len && memcmp(second.p, first->p, first->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf first = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf quoted = BUF_INIT(CAP_OUTPUT);
	auto_json struct json *j = NULL;
	auto_json struct json *copy = NULL;
	auto_json struct json *string = NULL;
	struct err e = ERR_INIT;

	/* Any bytes at all can be quoted. */
	json_quote(&quoted, size ? (const char *)data : NULL, size);
	assert(json_parse(quoted.p, quoted.len, "quoted", &string, &e) == 0 &&
	       json_is_string(string));
	if (size > (64U << 10) || json_parse((const char *)data, size, "fuzz", &j, &e) < 0)
		return 0;
	assert(walk(j) > 0);
	json_print(j, false, &first);
	assert(!memchr(first.p, '\n', first.len));
	print_again(j, false, &first);
	print_again(j, true, &first);
	copy = json_copy(j);
	print_again(copy, false, &first);
	return 0;
}
