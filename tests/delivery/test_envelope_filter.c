#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/delivery/envelope.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void nothing_that_is_a_key_passes_the_filter(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"", ""},
	    {"plain\ttext\nline", "plain\ttext\nline"},
	    {"a\x1b[201~b", "a\ufffd[201~b"},
	    {"\x01\x03\x08\x0b\x0c\x1f\x7f", "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"},
	    {"a\r\nb\rc\n\rd\r", "a\nb\nc\n\nd\n"},
	    {"\xc2\x80\xc2\x9b"
	     "201~\xc2\x9f\u00a0",
	     "\ufffd\ufffd"
	     "201~\ufffd\u00a0"},
	    {"\x9b\xff\xc3", "\ufffd\ufffd\ufffd"},
	    {"\xc0\x9b \xed\xa0\x80", "\ufffd\ufffd \ufffd\ufffd\ufffd"},
	    {"é \U0001f600 e\u0301", "é \U0001f600 e\u0301"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf AUTO(buf_done) b = BUF_INIT(4096);

		envelope_filter(rows[i].in, strlen(rows[i].in), &b);
		assert_string_equal(buf_cstr(&b), rows[i].out);
	}
}

static void a_nul_does_not_pass_the_filter(void **state)
{
	struct buf AUTO(buf_done) b = BUF_INIT(64);

	(void)state;
	envelope_filter("a\0b", 3, &b);
	assert_string_equal(buf_cstr(&b), "a\ufffdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_that_is_a_key_passes_the_filter),
	    cmocka_unit_test(a_nul_does_not_pass_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
