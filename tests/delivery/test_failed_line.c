/* A turn that failed, found in a conversation's file. */
#include "iapeer/delivery/failed_line.h"

#include <string.h>

#include "world.h"

#include "iapeer/base/banned.h"

#define USER(id)    "{\"role\":\"user\",\"text\":\"<iap id=\\\"" id "\\\">\"}\n"
#define FAILED(why) "{\"type\":\"task_complete\",\"error\":{\"message\":\"" why "\",\"code\":1}}\n"
#define DONE        "{\"type\":\"task_complete\",\"last\":\"fine\"}\n"
#define ID(id)      "id=\\\"" id "\\\""

static bool find(const char *file, const char *needle, char reason[64])
{
	AUTO(strv_done) struct strv texts = STRV_INIT;

	strv_add(&texts, "\"type\":\"task_complete\"");
	strv_add(&texts, "\"error\":{\"message\":\"");
	return failed_line_find(&texts, file, strlen(file), needle, reason, 64);
}

static void the_failure_behind_the_message_is_its_own(void **state)
{
	char reason[64] = "";

	(void)state;
	assert_true(find(USER("a") FAILED("401 of \\\"a\\\""), ID("a"), reason));
	assert_string_equal(reason, "401 of \\\"a\\\"");
	assert_true(find(USER("a") DONE USER("b") FAILED("b's"), ID("b"), reason));
	assert_string_equal(reason, "b's");
}

static void one_before_it_is_not(void **state)
{
	char reason[64] = "as it was";

	(void)state;
	assert_false(find(USER("a") FAILED("a's") USER("b"), ID("b"), reason));
	assert_false(find(USER("a") FAILED("a's") USER("b") DONE, ID("b"), reason));
	assert_false(find(USER("a") FAILED("a's"), ID("c"), reason));
	assert_false(find("", ID("a"), reason));
	assert_string_equal(reason, "as it was");
}

static void without_a_message_the_last_failure_counts(void **state)
{
	char reason[64] = "";

	(void)state;
	assert_true(find(FAILED("first") FAILED("second") DONE, "", reason));
	assert_string_equal(reason, "second");
	assert_false(find(USER("a") DONE, "", reason));
}

static void a_line_that_is_still_being_written_does_not_count(void **state)
{
	static const char whole[] = USER("a") FAILED("a's");
	AUTO(strv_done) struct strv texts = STRV_INIT;
	char reason[64];

	(void)state;
	strv_add(&texts, "\"error\":{\"message\":\"");
	for (size_t n = 0; n < sizeof whole - 1; n++)
		assert_false(failed_line_find(&texts, whole, n, ID("a"), reason, sizeof reason));
	assert_true(
	    failed_line_find(&texts, whole, sizeof whole - 1, ID("a"), reason, sizeof reason));
}

static void a_runtime_without_such_lines_has_no_failures(void **state)
{
	struct strv none = STRV_INIT;
	char reason[64];

	(void)state;
	assert_false(failed_line_find(&none, USER("a") DONE, strlen(USER("a") DONE), ID("a"),
				      reason, sizeof reason));
}

static void what_codex_says_has_our_words(void **state)
{
	(void)state;
	assert_string_equal(
	    failed_line_word("unexpected status 401 Unauthorized: invalid x-api-key"), "auth");
	assert_string_equal(failed_line_word("529 Overloaded · retrying in 2s"), "overload");
	assert_string_equal(
	    failed_line_word("exceeded retry limit, last status: 429 Too Many Requests"), "quota");
	assert_string_equal(failed_line_word("We’re currently experiencing high demand, which may"),
			    "overload");
	assert_string_equal(failed_line_word("the sky fell, 150 times"), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_failure_behind_the_message_is_its_own),
	    cmocka_unit_test(one_before_it_is_not),
	    cmocka_unit_test(without_a_message_the_last_failure_counts),
	    cmocka_unit_test(a_line_that_is_still_being_written_does_not_count),
	    cmocka_unit_test(a_runtime_without_such_lines_has_no_failures),
	    cmocka_unit_test(what_codex_says_has_our_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
