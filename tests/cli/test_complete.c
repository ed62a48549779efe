/* What the shells' completions are told. */
#include "runbin.h"

#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

static void team(struct bin *b)
{
	assert_int_equal(run(b, "create", "bob", "--runtime", "shell", "--tag", "ci",
			     "--description", "runs \x1b[31mthe tests"),
			 0);
	assert_int_equal(run(b, "create", "bella", "--runtime", "shell"), 0);
}

static void is(struct bin *b, const char *want)
{
	assert_int_equal(b->status, 0);
	assert_string_equal(out(b), want);
}

static void every_verb_is_offered_once_and_no_hidden_one(void **state)
{
	struct bin *b = *state;
	char line[128];

	run(b, "_complete", "--", "");
	for (size_t i = 0; i < n_verbs; i++) {
		snprintf(line, sizeof line, "%s\t", verbs[i].name);
		if (verbs[i].flags & V_HIDDEN)
			must_lack(out(b), line);
		else
			must_have(out(b), line);
	}
	must_lack(out(b), "_complete");
}

static void a_place_for_a_peer_offers_peers(void **state)
{
	struct bin *b = *state;

	team(b);
	run(b, "_complete", "--", "send", "be");
	is(b, "bella\t\n");
	run(b, "_complete", "--", "send", "--topic", "b", "be");
	is(b, "bella\t\n");
	run(b, "_complete", "--", "send", "--", "be");
	is(b, "bella\t\n");
	run(b, "_complete", "--", "stop", "@");
	is(b, "@ci\tevery peer with this tag\n");
	run(b, "_complete", "--", "show", "@");
	is(b, "");
}

static void a_description_does_not_reach_the_terminal_raw(void **state)
{
	struct bin *b = *state;

	team(b);
	run(b, "_complete", "--", "send", "bo");
	must_lack(out(b), "\x1b");
	must_have(out(b), "runs ");
}

static void values_follow_their_option(void **state)
{
	struct bin *b = *state;

	team(b);
	run(b, "_complete", "--", "send", "bob", "--wait", "s");
	is(b, "submitted\t\n");
	run(b, "_complete", "--", "send", "bob", "--wait=s");
	is(b, "--wait=submitted\t\n");
	run(b, "_complete", "--", "ask", "--from", "shell-bo");
	must_have(out(b), "shell-bob\t");
	run(b, "_complete", "--", "send", "bob", "--attachment", "x");
	is(b, ":file\n");
	run(b, "_complete", "--", "send", "bob", "--topic", "");
	is(b, "");
}

static void words_of_the_usage_line_are_offered(void **state)
{
	struct bin *b = *state;

	team(b);
	run(b, "_complete", "--", "queue", "bob", "");
	is(b, "list\t\ndrop\t\nretry\t\n");
	run(b, "_complete", "--", "set", "bob", "tags=a", "wake");
	is(b, "wake_policy=\t\n");
	run(b, "_complete", "--", "set", "bob", "wake_policy=", "a");
	is(b, "accepts=\t\n");
	run(b, "_complete", "--", "set", "bob", "tags=a", "name=c", "wake_policy=e");
	is(b, "wake_policy=ephemeral\t\n");
	run(b, "_complete", "--", "set", "bob", "default=");
	is(b, "default=shell\ta runtime of it\n");
	run(b, "_complete", "--", "set", "bob", "workdir=x");
	is(b, ":file\n");
	run(b, "_complete", "--", "set", "bob", "description=x");
	is(b, "");
	run(b, "_complete", "--", "help", "exit");
	must_have(out(b), "exit-codes\t");
}

static void what_makes_no_sense_offers_nothing(void **state)
{
	struct bin *b = *state;
	char word[130] = "--";

	/* Longer than any name, at each length. */
	for (size_t n = 80; n < sizeof word - 2; n++) {
		memset(word + 2, 'a', n - 2);
		snprintf(word + n, sizeof word - n, "=");
		run(b, "_complete", "--", "send", word);
		is(b, "");
		run(b, "_complete", "--", "set", "bob", word + 2);
		is(b, "");
	}
	run(b, "_complete", "--", "nosuch", "b");
	is(b, "");
	run(b, "_complete", "--", "_apply", "--tri");
	is(b, "");
	run(b, "_complete", "--", "send", "--nosuch=a");
	is(b, "");
	run(b, "_complete", "--", "version", "a");
	is(b, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, bin_setup, bin_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(every_verb_is_offered_once_and_no_hidden_one),  T(a_place_for_a_peer_offers_peers),
	    T(a_description_does_not_reach_the_terminal_raw), T(values_follow_their_option),
	    T(words_of_the_usage_line_are_offered),           T(what_makes_no_sense_offers_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
