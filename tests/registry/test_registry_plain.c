/* The registry read without a tree: the same as with one, or not at all. */
#include "iapeer/registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/mem.h"

#include "iapeer/base/banned.h"

#define BOB                                                                                        \
	"{\"personality\":\"bob\",\"default_runtime\":\"claude\",\"runtimes\":[\"shell\"],"        \
	"\"description\":\"says \\\"hi\\\" \\/ \xc3\xa9\\n\",\"intelligence\":\"artificial\","     \
	"\"cwd\":\"/b\",\"interfaces\":{\"telegram\":{\"chat\":-12,\"on\":true}},"                 \
	"\"theirs\":[{\"a\":[1,\"x\\\\\"]},{},[]]}"
#define EVE "{\"personality\":\"eve\",\"cwd\":\"/e\"}"

static const char whole[] =
    "{\n  \"version\": 2,\n  \"peers\": [\n" BOB ",\n" EVE "\n],\n\"theirs\" : { \"k\":\"v\" } }\n";

static void same(const struct registry *a, const struct registry *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->newer, b->newer);
	for (size_t i = 0; i < a->n; i++) {
		const struct peer_record *p = &a->peers[i], *q = &b->peers[i];

		assert_string_equal(p->name, q->name);
		assert_string_equal(p->default_runtime, q->default_runtime);
		assert_string_equal(p->description, q->description);
		assert_string_equal(p->cwd, q->cwd);
		assert_int_equal(p->intelligence, q->intelligence);
		assert_int_equal(p->telegram, q->telegram);
		assert_int_equal(p->runtimes.n, q->runtimes.n);
		for (size_t k = 0; k < p->runtimes.n; k++)
			assert_string_equal(p->runtimes.v[k], q->runtimes.v[k]);
	}
}

/* Read in both ways. The text is a copy of its size, so that who reads beyond it is seen by
 * sanitizers. Did the plain one take it? */
static bool both_ways(const char *text, size_t len)
{
	AUTO(registry_done) struct registry plain = {.n = 0};
	AUTO(registry_done) struct registry full = {.n = 0};
	auto_free char *copy = xmalloc(len ? len : 1);
	auto_json struct json *tree = NULL;
	struct err e = ERR_INIT;

	memcpy(copy, text, len);
	if (!registry_plain(copy, len, &plain)) {
		assert_null(plain.peers);
		return false;
	}
	if (json_parse(copy, len, "text", &tree, &e) < 0 ||
	    registry_from_json(tree, "text", &full, &e) < 0)
		fail_msg("%s, but taken: %.*s", e.msg, (int)len, text);
	same(&plain, &full);
	return true;
}

static void what_we_write_is_taken_and_is_what_the_tree_says(void **state)
{
	AUTO(registry_done) struct registry r = {.n = 0};

	(void)state;
	assert_true(both_ways(whole, sizeof whole - 1));
	assert_true(registry_plain(whole, sizeof whole - 1, &r));
	assert_int_equal(r.n, 2);
	assert_string_equal(r.peers[0].description, "says \"hi\" / \xc3\xa9\n");
	assert_string_equal(r.peers[0].runtimes.v[1], "claude");
	assert_true(r.peers[0].telegram);
	assert_string_equal(r.peers[1].description, "");
	assert_string_equal(r.peers[1].cwd, "/e");
}

static void a_part_of_it_is_not_taken(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof whole - 2; n++) /* the last byte is a newline */
		if (both_ways(whole, n))
			fail_msg("%zu bytes were taken", n);
}

static void one_byte_more_less_or_other_is_the_same_or_not_taken(void **state)
{
	static const char bytes[] = "\"\\{}[],: \n0-9ux\x01\x7f\xc3\xff";
	const size_t len = sizeof whole - 1;
	char text[sizeof whole];

	(void)state;
	for (size_t i = 0; i < len; i++) {
		memcpy(text, whole, i);
		memcpy(text + i, whole + i + 1, len - i - 1);
		both_ways(text, len - 1);
		for (size_t k = 0; k < sizeof bytes; k++) { /* a NUL too */
			memcpy(text, whole, len);
			text[i] = bytes[k];
			both_ways(text, len);
			memcpy(text + i + 1, whole + i, len - i);
			both_ways(text, len + 1);
		}
	}
}

static void what_is_rare_is_left_to_the_tree(void **state)
{
	static const char *const texts[] = {
	    "",
	    "{}",
	    "{\"peers\":[],\"peers\":[]}",
	    "{\"version\":3,\"peers\":[]}",
	    "{\"version\":2.0,\"peers\":[]}",
	    "{\"peers\":[" EVE "," BOB "]}",
	    "{\"peers\":[" EVE "," EVE "]}",
	    "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"e\"}]}",
	    "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"/e\",\"cwd\":\"/f\"}]}",
	    "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"/\\u0065\"}]}",
	    "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"/e\",\"runtime\":\"claude\"}]}",
	    "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"/e\",\"description\":null}]}",
	    "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"/e\",\"intelligence\":\"high\"}]}",
	    "{\"peers\":[{\"personality\":\"Eve\",\"cwd\":\"/e\"}]}",
	    "{\"peers\":[{\"personality\":\"eve\"}]}",
	    "{\"peers\":[],\"deep\":[[[[[[[[[[]]]]]]]]]]}"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (both_ways(texts[i], strlen(texts[i])))
			fail_msg("taken: %s", texts[i]);
}

static void a_long_description_is_cut_alike(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	(void)state;
	buf_str(&b, "{\"peers\":[{\"personality\":\"eve\",\"cwd\":\"/e\",\"description\":\"");
	for (int i = 0; i < 460; i++)
		buf_str(&b, "\xc3\xa9");
	buf_str(&b, "\"}]}");
	assert_true(both_ways(buf_cstr(&b), b.len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_we_write_is_taken_and_is_what_the_tree_says),
	    cmocka_unit_test(a_part_of_it_is_not_taken),
	    cmocka_unit_test(one_byte_more_less_or_other_is_the_same_or_not_taken),
	    cmocka_unit_test(what_is_rare_is_left_to_the_tree),
	    cmocka_unit_test(a_long_description_is_cut_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
