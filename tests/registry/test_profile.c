#include "iapeer/registry/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "tmproot.h"

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define PROFILE "bob/.iapeer/peer-profile.json"

static int setup(void **state)
{
	struct err e;

	return tmproot_setup(state) < 0 ||
		       fs_mkdirs(AT_FDCWD, tmproot_path(*state, "bob/.iapeer"), &e) < 0
		   ? -1
		   : 0;
}

static void parsed(const char *text, struct profile *p)
{
	struct err e = ERR_INIT;

	if (profile_parse(text, strlen(text), "p.json", p, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static void every_field_is_read(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};

	(void)state;
	parsed("{\"personality\":\"bob\",\"default_runtime\":\"codex\",\"runtimes\":[\"claude\","
	       "\"claude\"],"
	       "\"description\":\"d\",\"intelligence\":\"human\",\"initial_prompt\":\"hello\","
	       "\"workdir\":\"/w\","
	       "\"wake_policy\":\"always\",\"resume_policy\":\"never\",\"accepts\":[\"natural\","
	       "\"scripted\"],"
	       "\"tags\":[\"a\",\"b\"],\"interfaces\":{\"telegram\":{\"chat\":1}},\"trust\":true}",
	       &p);
	assert_string_equal(p.name, "bob");
	assert_string_equal(p.default_runtime, "codex");
	assert_int_equal(p.runtimes.n, 2);
	assert_string_equal(p.runtimes.v[0], "claude");
	assert_string_equal(p.runtimes.v[1], "codex");
	assert_string_equal(p.description, "d");
	assert_int_equal(p.intelligence, NATURE_NATURAL);
	assert_string_equal(p.initial_prompt, "hello");
	assert_string_equal(p.workdir, "/w");
	assert_int_equal(p.wake_policy, WAKE_ALWAYS);
	assert_int_equal(p.resume_policy, RESUME_NEVER);
	assert_int_equal(p.accepts, 1U << NATURE_NATURAL | 1U << NATURE_ABSENT);
	assert_int_equal(p.tags.n, 2);
	assert_true(p.telegram);
	assert_true(p.trust);
}

static void what_is_not_said_has_its_default(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};

	(void)state;
	parsed("{\"personality\":\"bob\",\"runtime\":\"claude\",\"description\":null,"
	       "\"interfaces\":{\"web\":{}}}",
	       &p);
	assert_string_equal(p.default_runtime, "claude");
	assert_int_equal(p.runtimes.n, 1);
	assert_int_equal(p.intelligence, NATURE_NONE);
	assert_null(p.initial_prompt);
	assert_string_equal(p.workdir, "");
	assert_int_equal(p.wake_policy, WAKE_ON_DEMAND);
	assert_int_equal(p.resume_policy, RESUME_CONTINUE);
	assert_int_equal(p.accepts, 0);
	assert_false(p.telegram);
	assert_false(p.trust);
}

static void a_wrong_field_is_corrupt_and_named(void **state)
{
	static const char *const rows[][2] = {
	    {"[]", "p.json: expected an object"},
	    {"{}", "p.json.personality: missing"},
	    {"{\"personality\":7}", "p.json.personality: expected a string"},
	    {"{\"personality\":\"../x\"}", "p.json.personality: \"../x\" is no peer's name"},
	    {"{\"personality\":\"bob\",\"runtimes\":[\"a-b\"]}", "p.json.runtimes: \"a-b\""},
	    {"{\"personality\":\"bob\",\"runtimes\":\"claude\"}",
	     "p.json.runtimes: expected an array"},
	    {"{\"personality\":\"bob\",\"default_runtime\":\"../x\"}", "p.json.default_runtime: "},
	    {"{\"personality\":\"bob\",\"intelligence\":\"robot\\n\"}",
	     "p.json.intelligence: \"robot\\x0a\""},
	    {"{\"personality\":\"bob\",\"description\":[]}",
	     "p.json.description: expected a string"},
	    {"{\"personality\":\"bob\",\"workdir\":\"w\"}",
	     "p.json.workdir: expected an absolute path"},
	    {"{\"personality\":\"bob\",\"accepts\":[\"all\"]}", "p.json.accepts[0]: \"all\""},
	    {"{\"personality\":\"bob\",\"tags\":[1]}", "p.json.tags[0]: expected a string"},
	    {"{\"personality\":\"bob\",\"trust\":1}", "p.json.trust: expected true or false"},
	    {"{\"personality\":\"bob\",\"interfaces\":[]}",
	     "p.json.interfaces: expected an object"},
	    {"{\"personality\":\"bob\",\"wake_policy\":1}",
	     "p.json.wake_policy: expected a string"},
	    {"{\"personality\":\"bob\",\"initial_prompt\":1}",
	     "p.json.initial_prompt: expected a string"},
	    {"{\"personality\":\"bob\",\"personality\":\"rob\"}", "p.json: the key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct profile p = {.tree = NULL};
		struct err e = ERR_INIT;

		if (profile_parse(rows[i][0], strlen(rows[i][0]), "p.json", &p, &e) == 0)
			fail_msg("%s", rows[i][0]);
		assert_int_equal(e.code, ERR_CORRUPT);
		if (!str_starts(e.msg, rows[i][1]))
			fail_msg("%s, not %s", e.msg, rows[i][1]);
		assert_null(p.tree);
	}
}

static void a_rewrite_keeps_the_sections_of_others(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(
	    tmproot_write(
		t, PROFILE,
		"{\"personality\":\"bob\",\"runtimes\":[\"claude\"],\"zeta\":{\"deep\":[1.0,null]},"
		"\"intelligence\":\"human\",\"interfaces\":{\"telegram\":{\"chat\":7},\"web\":{}},"
		"\"wake_policy\":\"on-demand\",\"alpha\":\"a\"}"),
	    0);
	assert_int_equal(profile_load(tmproot_path(t, "bob"), &p, &e), 0);
	str_cut(p.description, sizeof p.description, "new");
	assert_int_equal(profile_save(tmproot_path(t, "bob"), &p, &e), 0);
	assert_string_equal(tmproot_read(t, PROFILE), "{\n"
						      "  \"personality\": \"bob\",\n"
						      "  \"runtimes\": [\n"
						      "    \"claude\"\n"
						      "  ],\n"
						      "  \"zeta\": {\n"
						      "    \"deep\": [\n"
						      "      1.0,\n"
						      "      null\n"
						      "    ]\n"
						      "  },\n"
						      "  \"intelligence\": \"human\",\n"
						      "  \"interfaces\": {\n"
						      "    \"telegram\": {\n"
						      "      \"chat\": 7\n"
						      "    },\n"
						      "    \"web\": {}\n"
						      "  },\n"
						      "  \"wake_policy\": \"on-demand\",\n"
						      "  \"alpha\": \"a\",\n"
						      "  \"description\": \"new\"\n"
						      "}\n");
}

static void an_unknown_policy_is_the_default_and_left_out(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(
	    tmproot_write(
		t, PROFILE,
		"{\"personality\":\"bob\",\"wake_policy\":\"sometimes\",\"resume_policy\":\"?\"}"),
	    0);
	assert_int_equal(profile_load(tmproot_path(t, "bob"), &p, &e), 0);
	assert_int_equal(p.wake_policy, WAKE_ON_DEMAND);
	assert_int_equal(p.resume_policy, RESUME_CONTINUE);
	assert_int_equal(profile_save(tmproot_path(t, "bob"), &p, &e), 0);
	assert_null(strstr(tmproot_read(t, PROFILE), "policy"));
}

static void a_new_profile_is_written_and_read_again_the_same(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	AUTO(profile_done) struct profile q = {.tree = NULL};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;
	struct stat st;

	profile_init(&p);
	str_cut(p.name, sizeof p.name, "ann");
	str_cut(p.default_runtime, sizeof p.default_runtime, "claude");
	strv_add(&p.runtimes, "claude");
	strv_add(&p.runtimes, "shell");
	p.intelligence = NATURE_ARTIFICIAL;
	p.wake_policy = WAKE_EPHEMERAL;
	p.resume_policy = RESUME_TOPIC;
	p.accepts = 1U << NATURE_NATURAL;
	p.initial_prompt = xstrdup("line one\nline \"two\" \xc3\xa9");
	strv_add(&p.tags, "team");
	p.trust = p.telegram = true;
	assert_int_equal(mkdir(tmproot_path(t, "ann"), 0755), 0);
	umask(0);
	assert_int_equal(profile_save(tmproot_path(t, "ann"), &p, &e), 0);
	umask(022);
	assert_int_equal(stat(tmproot_path(t, "ann/.iapeer"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(tmproot_path(t, "ann/.iapeer/peer-profile.json"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(profile_load(tmproot_path(t, "ann"), &q, &e), 0);
	assert_string_equal(q.name, "ann");
	assert_int_equal(q.runtimes.n, 2);
	assert_int_equal(q.intelligence, NATURE_ARTIFICIAL);
	assert_int_equal(q.wake_policy, WAKE_EPHEMERAL);
	assert_int_equal(q.resume_policy, RESUME_TOPIC);
	assert_int_equal(q.accepts, 1U << NATURE_NATURAL);
	assert_string_equal(q.initial_prompt, p.initial_prompt);
	assert_int_equal(q.tags.n, 1);
	assert_true(q.trust && q.telegram);
}

static void taking_a_value_back_takes_it_out_of_the_file(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(
	    tmproot_write(
		t, PROFILE,
		"{\"personality\":\"bob\",\"default_runtime\":\"claude\",\"runtimes\":[\"claude\"],"
		"\"tags\":[\"a\"],\"accepts\":[\"natural\"],\"trust\":true,\"workdir\":\"/w\","
		"\"initial_prompt\":\"x\",\"wake_policy\":\"always\"}"),
	    0);
	assert_int_equal(profile_load(tmproot_path(t, "bob"), &p, &e), 0);
	strv_done(&p.tags);
	p.accepts = 0;
	p.trust = false;
	p.workdir[0] = '\0';
	free(p.initial_prompt);
	p.initial_prompt = NULL;
	p.wake_policy = WAKE_ON_DEMAND;
	assert_int_equal(profile_save(tmproot_path(t, "bob"), &p, &e), 0);
	assert_string_equal(tmproot_read(t, PROFILE),
			    "{\n  \"personality\": \"bob\",\n  \"default_runtime\": \"claude\",\n"
			    "  \"runtimes\": [\n    \"claude\"\n  ],\n"
			    "  \"description\": \"\"\n}\n");
}

static void a_description_is_cut_at_450_characters(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_LINE);
	AUTO(profile_done) struct profile p = {.tree = NULL};

	(void)state;
	buf_str(&text, "{\"personality\":\"bob\",\"description\":\"");
	for (int i = 0; i < 451; i++)
		buf_str(&text, "é");
	buf_str(&text, "\"}");
	parsed(buf_cstr(&text), &p);
	assert_int_equal(utf8_chars(p.description, strlen(p.description)), 450);
	assert_int_equal(strlen(p.description), 900);
}

static void a_folder_without_a_profile_has_none(void **state)
{
	struct tmproot *t = *state;
	struct profile p;
	struct err e = ERR_INIT;

	assert_int_equal(profile_load(tmproot_path(t, "bob"), &p, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(profile_load(tmproot_path(t, "nobody"), &p, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_link_is_followed_to_the_folder_but_not_in_it(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(tmproot_write(t, PROFILE, "{\"personality\":\"bob\"}"), 0);
	assert_int_equal(symlink("bob", tmproot_path(t, "link")), 0);
	assert_int_equal(profile_load(tmproot_path(t, "link"), &p, &e), 0);
	assert_int_equal(profile_save(tmproot_path(t, "link"), &p, &e), 0);

	assert_int_equal(mkdir(tmproot_path(t, "evil"), 0700), 0);
	assert_int_equal(symlink("../bob/.iapeer", tmproot_path(t, "evil/.iapeer")), 0);
	struct profile q;
	assert_int_equal(profile_load(tmproot_path(t, "evil"), &q, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(profile_save(tmproot_path(t, "evil"), &p, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
}

static void what_could_not_be_read_again_is_not_written(void **state)
{
	AUTO(profile_done) struct profile p = {.tree = NULL};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	str_cut(p.name, sizeof p.name, "Bob");
	assert_int_equal(profile_save(tmproot_path(t, "bob"), &p, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	str_cut(p.name, sizeof p.name, "bob");
	str_cut(p.description, sizeof p.description, "\xff");
	assert_int_equal(profile_save(tmproot_path(t, "bob"), &p, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	p.description[0] = '\0';
	strv_add(&p.runtimes, "a-b");
	assert_int_equal(profile_save(tmproot_path(t, "bob"), &p, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, PROFILE)));
}

static void words_of_policies_come_back(void **state)
{
	enum wake_policy w = WAKE_ALWAYS;
	enum resume_policy r = RESUME_NEVER;

	(void)state;
	for (int i = 0; i < WAKE_POLICY_COUNT; i++) {
		assert_true(wake_policy_parse(wake_policy_word((enum wake_policy)i), &w));
		assert_int_equal(w, i);
	}
	for (int i = 0; i < RESUME_POLICY_COUNT; i++) {
		assert_true(resume_policy_parse(resume_policy_word((enum resume_policy)i), &r));
		assert_int_equal(r, i);
	}
	assert_false(wake_policy_parse("Always", &w));
	assert_false(resume_policy_parse(NULL, &r));
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, setup, tmproot_teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_is_read),
	    cmocka_unit_test(what_is_not_said_has_its_default),
	    cmocka_unit_test(a_wrong_field_is_corrupt_and_named),
	    WITH_ROOT(a_rewrite_keeps_the_sections_of_others),
	    WITH_ROOT(an_unknown_policy_is_the_default_and_left_out),
	    WITH_ROOT(a_new_profile_is_written_and_read_again_the_same),
	    WITH_ROOT(taking_a_value_back_takes_it_out_of_the_file),
	    cmocka_unit_test(a_description_is_cut_at_450_characters),
	    WITH_ROOT(a_folder_without_a_profile_has_none),
	    WITH_ROOT(a_link_is_followed_to_the_folder_but_not_in_it),
	    WITH_ROOT(what_could_not_be_read_again_is_not_written),
	    cmocka_unit_test(words_of_policies_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
