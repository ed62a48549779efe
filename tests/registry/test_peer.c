#include "iapeer/registry/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/str.h"
#include "iapeer/registry/peer_names.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void a_name_begins_with_a_letter_and_has_at_most_32_characters(void **state)
{
	static const char *const good[] = {
	    "a", "bob", "big-bob", "b2", "a-", "a--b", "abcdefghijklmnopqrstuvwxyz012345"};
	static const char *const bad[] = {"",
					  "2b",
					  "-b",
					  "Bob",
					  "b_b",
					  "b.b",
					  "b/b",
					  "..",
					  "b\nb",
					  "bób",
					  "bob ",
					  " bob",
					  "abcdefghijklmnopqrstuvwxyz0123456"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!peer_name_valid(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (peer_name_valid(bad[i]))
			fail_msg("%s", bad[i]);
	assert_false(peer_name_valid(NULL));
}

static void a_runtime_has_no_dash(void **state)
{
	(void)state;
	assert_true(peer_runtime_valid("claude"));
	assert_true(peer_runtime_valid("c3"));
	assert_false(peer_runtime_valid("claude-code"));
	assert_false(peer_runtime_valid("Claude"));
	assert_false(peer_runtime_valid("3c"));
	assert_false(peer_runtime_valid(""));
	assert_false(peer_runtime_valid(NULL));
	assert_false(peer_runtime_valid("abcdefghijklmnopqrstuvwxyz0123456"));
}

static void an_identity_is_split_at_its_first_dash(void **state)
{
	char identity[PEER_IDENTITY_MAX + 1];
	struct peer_id id, same;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(peer_parse("claude-big-bob", &id, &e), 0);
	assert_string_equal(id.runtime, "claude");
	assert_string_equal(id.name, "big-bob");
	peer_identity(&id, identity);
	assert_string_equal(identity, "claude-big-bob");
	assert_int_equal(peer_make("claude", "big-bob", &same, &e), 0);
	assert_true(peer_id_eq(&id, &same));
	assert_int_equal(peer_make("claude", "bob", &same, &e), 0);
	assert_false(peer_id_eq(&id, &same));
}

static void the_longest_identity_fits(void **state)
{
	const char *longest = "abcdefghijklmnopqrstuvwxyz012345-abcdefghijklmnopqrstuvwxyz-12345";
	char identity[PEER_IDENTITY_MAX + 1];
	struct err e = ERR_INIT;
	struct peer_id id;

	(void)state;
	assert_int_equal(strlen(longest), PEER_IDENTITY_MAX);
	assert_int_equal(peer_parse(longest, &id, &e), 0);
	peer_identity(&id, identity);
	assert_string_equal(identity, longest);
}

static void what_is_no_identity_is_a_usage_error_and_leaves_the_target_alone(void **state)
{
	static const char *const bad[] = {"",
					  "bob",
					  "-bob",
					  "claude-",
					  "Claude-bob",
					  "claude-Bob",
					  "claude--bob",
					  "cl.ude-bob",
					  "claude-b/b",
					  "claude-\x1b[31m",
					  "abcdefghijklmnopqrstuvwxyz0123456-bob"};
	struct peer_id id = {.name = "kept", .runtime = "kept"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = ERR_INIT;

		if (peer_parse(bad[i], &id, &e) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(e.code, ERR_USAGE);
		assert_null(strchr(e.msg, '\x1b'));
		assert_string_equal(id.name, "kept");
	}
}

static void a_wrong_name_is_named_in_the_message(void **state)
{
	struct err e = ERR_INIT;
	struct peer_id id;

	(void)state;
	assert_int_equal(peer_make("claude", "Big Bob", &id, &e), -1);
	assert_non_null(strstr(e.msg, "\"Big Bob\" is no peer's name"));
	assert_int_equal(peer_make("cl-aude", "bob", &id, &e), -1);
	assert_non_null(strstr(e.msg, "\"cl-aude\" is no runtime's name"));
}

static const struct {
	const char *text, *name;
} spellings[] = {
    {"bob", "bob"},
    {"big-bob", "big-bob"},
    {"Big Bob", "big-bob"},
    {"  __Big...Bob!!  ", "big-bob"},
    {"--a--b--", "a-b"},
    {"Café №2", "cafe-no-2"},
    {"Cafe\xcc\x81 №2", "cafe-no-2"}, /* decomposed */
    {"Нова", "nova"},
    {"Straße", "strasse"},
    {"STRAẞE", "strasse"},
    {"Ærø", "aero"},
    {"Łódź", "lodz"},
    {"Œuvre", "oeuvre"},
    {"Þór", "thor"},
    {"İstanbul ıŞĞ", "istanbul-isg"},
    {"Ångström", "angstrom"},
    {"Dvořák Žižka", "dvorak-zizka"},
    {"Nguyễn Thị Hương", "nguyen-thi-huong"},
    {"Nguye\xcc\x82\xcc\x83n", "nguyen"},
    {"țară șold", "tara-sold"},
    {"Kōbe ǅ Ǽ", "kobe-dz-ae"},
    {"ﬁle ﬄ", "file-ffl"},
    {"ĳ ŉ ŋ ſ", "ij-n-n-s"},
    {"Ｂｏｂ２", "bob2"},
    {"Щука Ёж Чай", "shchuka-yozh-chay"},
    {"чаи\xcc\x86", "chay"}, /* и and a breve: й */
    {"Е\xcc\x88ж", "yozh"},  /* Е and two dots: Ё */
    {"объявление вью", "obyavlenie-vyu"},
    {"Київ Їжак Ґава Єва Іван", "kiyiv-yizhak-gava-yeva-ivan"},
    {"Киі\xcc\x88в", "kiyiv"},
    {"Љубав Џеп", "ljubav-dzep"},
    {"2nd bob", "nd-bob"},
    {"007-bond", "bond"},
    {"bob 2", "bob-2"},
    {"日本 bob", "bob"},
    {"bob 日本", "bob"},
    {"a×b÷c", "a-b-c"},
    {"bob's", "bob-s"},
    {"b\xff\xfe"
     "b",
     "b-b"},
    {"a\nb\x1b[31mc", "a-b-31mc"},
    {"abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz012345"},
    {"abcdefghijklmnopqrstuvwxyz01234 6789", "abcdefghijklmnopqrstuvwxyz01234"},
    {"abcdefghijklmnopqrstuvwxyz0123 6789", "abcdefghijklmnopqrstuvwxyz0123-6"},
    {"abcdefghijklmnopqrstuvwxyz01234ß", "abcdefghijklmnopqrstuvwxyz01234s"},
};

static void free_text_becomes_a_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(spellings); i++) {
		char out[PEER_NAME_MAX + 1], again[PEER_NAME_MAX + 1];
		struct err e = ERR_INIT;

		if (peer_normalise(spellings[i].text, out, &e) < 0)
			fail_msg("%s: %s", spellings[i].text, e.msg);
		if (strcmp(out, spellings[i].name) != 0)
			fail_msg("%s: %s, not %s", spellings[i].text, out, spellings[i].name);
		assert_true(peer_name_valid(out));
		assert_int_equal(peer_normalise(out, again, &e), 0);
		assert_string_equal(again, out);
	}
}

static void text_without_a_letter_is_a_usage_error(void **state)
{
	static const char *const rows[] = {"",  "   ",      "---", "007",  "日本",
					   "😀", "\xcc\x81", "ьъ",  "\xff", "!?"};
	char out[PEER_NAME_MAX + 1] = "kept";

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;

		if (peer_normalise(rows[i], out, &e) == 0)
			fail_msg("%s: %s", rows[i], out);
		assert_int_equal(e.code, ERR_USAGE);
		assert_true(e.hint[0]);
		assert_string_equal(out, "kept");
	}
}

/* Whatever the character: what comes out is a valid name, or nothing. */
static void every_character_of_unicode_gives_a_valid_name_or_none(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < 0x30000; c++) {
		char text[16] = "x", out[PEER_NAME_MAX + 1];
		struct err e = ERR_INIT;
		size_t n = utf8_encode(c, text + 1);

		text[1 + n] = '\0';
		if (peer_normalise(text, out, &e) < 0 || !peer_name_valid(out) || out[0] != 'x' ||
		    out[strlen(out) - 1] == '-')
			fail_msg("U+%04X: %s", c, out);
		text[1 + n] = '\0';
		if (peer_normalise(text + 1, out, &e) == 0 && !peer_name_valid(out))
			fail_msg("U+%04X alone: %s", c, out);
	}
}

static void a_nature_is_read_in_new_and_old_words(void **state)
{
	(void)state;
	assert_int_equal(nature_parse("artificial"), NATURE_ARTIFICIAL);
	assert_int_equal(nature_parse("natural"), NATURE_NATURAL);
	assert_int_equal(nature_parse("absent"), NATURE_ABSENT);
	assert_int_equal(nature_parse("human"), NATURE_NATURAL);
	assert_int_equal(nature_parse("scripted"), NATURE_ABSENT);
	assert_int_equal(nature_parse("Natural"), NATURE_NONE);
	assert_int_equal(nature_parse("robot"), NATURE_NONE);
	assert_int_equal(nature_parse(""), NATURE_NONE);
	assert_int_equal(nature_parse(NULL), NATURE_NONE);
	assert_string_equal(nature_word(NATURE_NONE), "");
	assert_string_equal(nature_word(NATURE_NATURAL), "natural");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_begins_with_a_letter_and_has_at_most_32_characters),
	    cmocka_unit_test(a_runtime_has_no_dash),
	    cmocka_unit_test(an_identity_is_split_at_its_first_dash),
	    cmocka_unit_test(the_longest_identity_fits),
	    cmocka_unit_test(what_is_no_identity_is_a_usage_error_and_leaves_the_target_alone),
	    cmocka_unit_test(a_wrong_name_is_named_in_the_message),
	    cmocka_unit_test(free_text_becomes_a_name),
	    cmocka_unit_test(text_without_a_letter_is_a_usage_error),
	    cmocka_unit_test(every_character_of_unicode_gives_a_valid_name_or_none),
	    cmocka_unit_test(a_nature_is_read_in_new_and_old_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
