#include "iapeer/cli/opt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/buf.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

#define WORDS_MAX 8

/* What was typed, and what was understood: "args | name=value name | help json", or the error's
 * first words. */
struct row {
	const char *verb;
	const char *typed[WORDS_MAX];
	const char *understood;
};

static void show(const struct parsed *p, struct buf *b)
{
	for (size_t i = 0; i < p->n_args; i++)
		buf_fmt(b, "%s[%s]", i ? " " : "", p->args[i]);
	buf_str(b, " |");
	for (size_t i = 0; i < p->n_given; i++)
		if (p->given[i].value)
			buf_fmt(b, " %s=[%s]", p->given[i].opt->name, p->given[i].value);
		else
			buf_fmt(b, " %s", p->given[i].opt->name);
	buf_fmt(b, " |%s%s", p->help ? " help" : "", p->json ? " json" : "");
}

static void check(const struct row *r)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	AUTO(parsed_done) struct parsed p = {.verb = NULL};
	char *argv[WORDS_MAX + 1] = {NULL};
	struct err e = ERR_INIT;
	int argc = 0;

	for (; argc < WORDS_MAX && r->typed[argc]; argc++)
		argv[argc] = strdup(r->typed[argc]);
	if (opt_parse(verb_find(r->verb), argc, argv, &p, &e) < 0) {
		assert_int_equal(e.code, ERR_USAGE);
		buf_fmt(&b, "! %s", e.msg);
	} else {
		show(&p, &b);
	}
	if (strcmp(buf_cstr(&b), r->understood) != 0)
		fail_msg("%s %s ...: %s, not %s", r->verb, r->typed[0], buf_cstr(&b),
			 r->understood);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

static void check_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(&rows[i]);
}
#define CHECK(rows) check_all(rows, sizeof(rows) / sizeof((rows)[0]))

static void help_anywhere_before_two_dashes_is_help(void **state)
{
	static const struct row rows[] = {
	    {"stop", {"--help"}, " | | help"},
	    {"stop", {"bob", "-h"}, " | | help"},
	    {"send", {"bob", "hi", "--help", "there"}, " | | help"},
	    {"send", {"bob", "--nonsense", "--help"}, " | | help"},
	    {"send", {"bob", "--message", "--help"}, " | | help"},
	    {"send", {"bob", "--message", "-h"}, " | | help"},
	    {"version", {"--help", "--json"}, " | | help json"},
	    {"send", {"bob", "--", "--help"}, "[bob] [--help] | |"},
	};

	(void)state;
	CHECK(rows);
}

static void a_value_may_be_glued_with_an_equals_sign(void **state)
{
	static const struct row rows[] = {
	    {"send", {"bob", "--message=--help"}, "[bob] | message=[--help] |"},
	    {"send", {"bob", "--message=--value"}, "[bob] | message=[--value] |"},
	    {"send", {"bob", "--message=a=b"}, "[bob] | message=[a=b] |"},
	    {"create", {"bob", "--description="}, "[bob] | description=[] |"},
	    {"send", {"bob", "--topic="}, "[bob] | topic=[] |"},
	};

	(void)state;
	CHECK(rows);
}

static void the_next_word_is_the_value_unless_it_is_an_option(void **state)
{
	static const struct row rows[] = {
	    {"send", {"bob", "--message", "hi"}, "[bob] | message=[hi] |"},
	    {"send", {"bob", "--message", "--unknown"}, "[bob] | message=[--unknown] |"},
	    {"send", {"bob", "--message", "-x"}, "[bob] | message=[-x] |"},
	    {"send", {"bob", "--message", ""}, "[bob] | message=[] |"},
	    {"send", {"bob", "--message", "--json"}, "! --message needs <text>"},
	    {"send", {"bob", "--message", "--topic", "x"}, "! --message needs <text>"},
	    {"send", {"bob", "--message"}, "! --message needs <text>"},
	    {"start", {"bob", "--now"}, "[bob] | now |"},
	    {"start", {"--now", "bob"}, "[bob] | now |"},
	};

	(void)state;
	CHECK(rows);
}

static void two_dashes_end_the_options(void **state)
{
	static const struct row rows[] = {
	    {"send",
	     {"bob", "--json", "--", "--json", "--", "-h"},
	     "[bob] [--json] [--] [-h] | json | json"},
	    {"send", {"--", "bob", "hi"}, "[bob] [hi] | |"},
	    {"send", {"bob", "-"}, "[bob] [-] | |"},
	};

	(void)state;
	CHECK(rows);
}

static void what_is_no_option_is_said(void **state)
{
	static const struct row rows[] = {
	    {"send", {"bob", "--mesage", "hi"}, "! no option --mesage"},
	    {"send", {"bob", "-x"}, "! no option -x"},
	    {"send", {"bob", "-5"}, "! no option -5"},
	    {"start", {"bob", "--now=yes"}, "! --now takes no value"},
	    {"_hook", {"shell-bob", "pane-died", "--json"}, "! no option --json"},
	};

	(void)state;
	CHECK(rows);
}

static void arguments_are_counted(void **state)
{
	static const struct row rows[] = {
	    {"show", {NULL}, "! <peer> is missing"},
	    {"show", {"a", "b"}, "! too many arguments: b"},
	    {"top", {"a"}, "! too many arguments: a"},
	    {"set", {"bob"}, "! <key=value>... is missing"},
	    {"send", {NULL}, "! <peer> is missing"},
	    {"supervise", {NULL}, " | |"},
	};

	(void)state;
	CHECK(rows);
}

static void a_slip_in_an_option_is_led_to_the_nearest(void **state)
{
	AUTO(parsed_done) struct parsed p = {.verb = NULL};
	char word[] = "--mesage=hi", *argv[] = {word, NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(opt_parse(verb_find("send"), 1, argv, &p, &e), -1);
	assert_string_equal(e.hint, "did you mean --message?");
}

static void a_repeated_option_adds_or_the_last_wins(void **state)
{
	AUTO(parsed_done) struct parsed p = {.verb = NULL};
	char w[][24] = {"bob", "--attachment=a", "--attachment=b", "--topic=x", "--topic=y"};
	char *argv[] = {w[0], w[1], w[2], w[3], w[4], NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(opt_parse(verb_find("send"), 5, argv, &p, &e), 0);
	assert_int_equal(opt_count(&p, "attachment"), 2);
	assert_string_equal(opt_nth(&p, "attachment", 0), "a");
	assert_string_equal(opt_nth(&p, "attachment", 1), "b");
	assert_null(opt_nth(&p, "attachment", 2));
	assert_string_equal(opt_value(&p, "topic"), "y");
	assert_false(opt_given(&p, "from"));
}

static void a_number_is_whole_and_in_its_range(void **state)
{
	static const struct {
		const char *typed;
		int rc;
	} rows[] = {{"--timeout=0", 0},   {"--timeout=60", 0}, {"--timeout=61", -1},
		    {"--timeout=-1", -1}, {"--timeout=", -1},  {"--timeout=1s", -1},
		    {"--timeout=1.5", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(parsed_done) struct parsed p = {.verb = NULL};
		char name[] = "bob", *word = strdup(rows[i].typed), *argv[] = {name, word, NULL};
		struct err e = ERR_INIT;
		int64_t n = -7;

		assert_int_equal(opt_parse(verb_find("send"), 2, argv, &p, &e), 0);
		assert_int_equal(opt_i64(&p, "timeout", 0, 60, &n, &e), rows[i].rc);
		if (rows[i].rc < 0)
			assert_int_equal(e.code, ERR_USAGE);
		free(word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(help_anywhere_before_two_dashes_is_help),
	    cmocka_unit_test(a_value_may_be_glued_with_an_equals_sign),
	    cmocka_unit_test(the_next_word_is_the_value_unless_it_is_an_option),
	    cmocka_unit_test(two_dashes_end_the_options),
	    cmocka_unit_test(what_is_no_option_is_said),
	    cmocka_unit_test(arguments_are_counted),
	    cmocka_unit_test(a_slip_in_an_option_is_led_to_the_nearest),
	    cmocka_unit_test(a_repeated_option_adds_or_the_last_wins),
	    cmocka_unit_test(a_number_is_whole_and_in_its_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
