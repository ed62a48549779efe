/* What must not leave the host, and what may. */
#include "iapeer/cli/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/cli/ustar.h"

#include "iapeer/base/banned.h"

static void masks(const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_STATE);
	AUTO(strv_done) struct strv values = STRV_INIT;

	strv_add(&values, "hunter2hunter2");
	strv_add(&values, "on"); /* too short to mean anything */
	mask_text(text, strlen(text), &values, &out);
	assert_string_equal(buf_cstr(&out), want);
}

static void secrets_do_not_leave(void **state)
{
	(void)state;
	masks("key is sk-ant-REDACTED!", "key is sk-[masked]!");
	masks("ghp_0123456789abcdef", "ghp_[masked]");
	masks("\"AKIA0123456789ABCDEF\"", "\"AKIA[masked]\"");
	masks("Authorization: Bearer abc.def.ghi\n", "Authorization: [masked]\n");
	masks("authorization: basic YTpi, x", "authorization: [masked], x");
	masks("Authorization: \"Bearer abc\" x", "Authorization: \"[masked]\" x");
	masks("token: bearer", "token: [masked]");
	masks("curl -H 'bearer abc.def'", "curl -H 'bearer [masked]'");
	masks("export OPENAI_API_KEY=abc def", "export OPENAI_API_KEY=[masked] def");
	masks("PASSWORD='a b c' x", "PASSWORD='[masked]' x");
	masks("{\"dbPassword\": \"a\\\"b\", \"n\": 1}", "{\"dbPassword\": \"[masked]\", \"n\": 1}");
	masks("token: xyz, next", "token: [masked], next");
	masks("https://ann:secret@host/x", "https://ann:[masked]@host/x");
	masks("https://ghp_0123456789abcdef:x-oauth-basic@host",
	      "https://ghp_[masked]:[masked]@host");
	masks("https://hunter2hunter2:x@host", "https://[masked]:[masked]@host");
	masks("my-hunter2hunter2_key=x", "my-[masked]_key=[masked]");
	masks("it said hunter2hunter2.", "it said [masked].");
	masks("xhunter2hunter2", "x[masked]");
	masks("A_TOKEN=1\nB_TOKEN=2\n", "A_TOKEN=[masked]\nB_TOKEN=[masked]\n");
}

static void the_rest_stays(void **state)
{
	static const char *const texts[] = {
	    "",
	    "ts=2026-03-02T09:40:12.300+01:00 ev=server-exit identity=claude-bob cause=sigkill",
	    "keeper: on",
	    "press any key to go on",
	    "task-list sk-1",
	    "monkeys=3",
	    "https://host:80/x?a=b",
	    "the token",
	    "author=ann"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		masks(texts[i], texts[i]);
}

static void an_archive_is_made_of_blocks(void **state)
{
	AUTO(buf_done) struct buf tar = BUF_INIT(CAP_STATE);
	char name[128];
	struct err e;

	(void)state;
	memset(name, 'a', sizeof name);
	name[100] = '\0';
	assert_int_equal(ustar_add(&tar, "d/one", "hello", 5, 1000, &e), 0);
	assert_int_equal(tar.len, 1024);
	assert_int_equal(ustar_add(&tar, "d/empty", "", 0, 1000, &e), 0);
	assert_int_equal(tar.len, 1536);
	assert_int_equal(ustar_add(&tar, name, "", 0, 0, &e), -1);
	ustar_end(&tar);
	assert_int_equal(tar.len, 2560);
	assert_memory_equal(tar.p + 257,
			    "ustar\0"
			    "00",
			    8);
	assert_string_equal(tar.p + 124, "00000000005");
	assert_memory_equal(tar.p + 512, "hello", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_do_not_leave),
	    cmocka_unit_test(the_rest_stays),
	    cmocka_unit_test(an_archive_is_made_of_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
