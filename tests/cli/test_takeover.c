/* A host that the older program has kept: its registry and profiles leave out what they
 * like, and nothing in them is lost when we write. */
#include "runbin.h"

#include "iapeer/base/banned.h"

#define REGISTRY "root/peers-profiles.json"
#define ZED      "zed/.iapeer/peer-profile.json"

/* Two peers; of what the registry says of zed, its profile says only the name. */
static int old_host(void **state)
{
	struct bin *b;
	char text[2000];

	if (bin_setup(state) < 0)
		return -1;
	b = *state;
	snprintf(text, sizeof text,
		 "{\"version\":2,\"peers\":["
		 "{\"personality\":\"zed\",\"runtime\":\"shell\",\"runtimes\":[\"shell\","
		 "\"notifier\"],\"description\":\"runs the tests\",\"intelligence\":\"scripted\","
		 "\"cwd\":\"%s/zed\",\"odd\":[1,{\"x\":null}]},"
		 "{\"personality\":\"hum\",\"runtime\":\"telegram\",\"description\":\"a person\","
		 "\"intelligence\":\"human\",\"cwd\":\"%s/hum\","
		 "\"interfaces\":{\"telegram\":{\"chat\": 5}}}]}",
		 b->dir, b->dir);
	put_file(b, REGISTRY, text);
	put_file(b, ZED, "{\"personality\":\"zed\",\"memory\":{\"a\":[1,2]}}");
	put_file(b, "hum/.iapeer/peer-profile.json",
		 "{\"personality\":\"hum\",\"runtime\":\"telegram\",\"intelligence\":\"human\"}");
	return 0;
}

static void all_of_zed_is_there(struct bin *b)
{
	AUTO(json_freep) struct json *j = NULL;

	assert_int_equal(run(b, "show", "zed", "--json"), 0);
	j = reply(b);
	assert_string_equal(text_of(j, "default_runtime"), "shell");
	assert_string_equal(text_of(j, "description"), "runs the tests");
	assert_string_equal(text_of(j, "intelligence"), "absent");
	assert_int_equal(json_len(json_get(j, "runtimes")), 2);
	must_have(file_text(b, REGISTRY), "\"scripted\"");
	must_have(file_text(b, REGISTRY), "\"odd\"");
	must_have(file_text(b, REGISTRY), "\"chat\": 5");
	must_have(file_text(b, ZED), "\"memory\"");
}

static void set_loses_nothing_that_the_profile_does_not_say(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "set", "zed", "tags=a"), 0);
	must_have(file_text(b, ZED), "\"tags\"");
	all_of_zed_is_there(b);
	must_lack(file_text(b, ZED), "\"description\": \"\"");
}

static void a_second_create_loses_nothing_either(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "create", "zed", "--tag", "a"), 0);
	all_of_zed_is_there(b);
}

/* What is not said is no difference: there is nothing to mend, and nothing is wiped. */
static void doctor_takes_only_what_a_profile_says(void **state)
{
	struct bin *b = *state;

	run(b, "doctor", "--json");
	must_lack(out(b), "registry and profile differ");
	run(b, "doctor", "--fix");
	all_of_zed_is_there(b);
	must_have(file_text(b, REGISTRY), "a person");
}

static void an_empty_description_that_is_said_counts(void **state)
{
	struct bin *b = *state;

	put_file(b, ZED, "{\"personality\":\"zed\",\"description\":\"\"}");
	run(b, "doctor", "--fix");
	must_lack(file_text(b, REGISTRY), "runs the tests");
}

/* Exit 3 is for a peer that is not there. */
static void what_is_missing_is_not_the_peer(void **state)
{
	struct bin *b = *state;
	char tar[400];

	snprintf(tar, sizeof tar, "%s/none/x.tar", b->dir);
	assert_int_equal(run(b, "why", "zed", "--export", tar), 1);
	must_have(err_text_of(b), "No such file");
	put_file(b, REGISTRY,
		 "{\"version\":2,\"peers\":[{\"personality\":\"zed\",\"default_runtime\":\"gone\","
		 "\"cwd\":\"/none/zed\"}]}");
	assert_int_equal(run(b, "set", "zed", "tags=a"), 1);
	assert_int_equal(run(b, "send", "zed", "hello"), 1);
	must_have(err_text_of(b), "no runtime gone");
	assert_int_equal(run(b, "new", "zed", "--json"), 1);
	must_have(out(b), "\"action\":\"failed\"");
	assert_int_equal(run(b, "send", "zod", "hello"), 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, old_host, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(set_loses_nothing_that_the_profile_does_not_say),
	    T(a_second_create_loses_nothing_either),
	    T(doctor_takes_only_what_a_profile_says),
	    T(an_empty_description_that_is_said_counts),
	    T(what_is_missing_is_not_the_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
