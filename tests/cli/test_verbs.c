#include "iapeer/cli/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/term.h"

#include "iapeer/base/banned.h"

static void every_verb_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++)
		for (size_t k = i + 1; k < n_verbs; k++)
			assert_string_not_equal(verbs[i].name, verbs[k].name);
}

static void a_verb_that_is_called_by_programs_only_is_hidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].name[0] == '_')
			assert_true(verbs[i].flags & V_HIDDEN);
}

static void a_brief_is_short_and_has_no_full_stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++) {
		const char *brief = verbs[i].brief;

		assert_true(text_cells(brief) > 0 && text_cells(brief) <= 60);
		assert_false(str_ends(brief, "."));
		assert_null(strchr(brief, '\n'));
	}
}

static void a_row_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++) {
		assert_non_null(verbs[i].run);
		assert_non_null(verbs[i].args);
		assert_non_null(verbs[i].detail);
		assert_true(verbs[i].min_args <= verbs[i].max_args);
	}
}

static void a_verb_that_takes_arguments_names_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++)
		assert_true((verbs[i].max_args > 0) == (verbs[i].args[0] != '\0'));
}

/* But the server, which says nothing else. */
static void everything_that_prints_can_print_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			assert_true(((verbs[i].flags & V_JSON) != 0) ==
				    (strcmp(verbs[i].name, "mcp") != 0));
}

static void check_options(const struct verb *v)
{
	for (const struct opt *o = v->opts; o && o->name; o++) {
		assert_true(strlen(o->name) > 1 && o->name[0] != '-');
		assert_null(strchr(o->name, '='));
		assert_true(o->help && *o->help && !str_ends(o->help, "."));
		for (const struct opt *other = o + 1; other->name; other++)
			assert_string_not_equal(o->name, other->name);
		for (const struct opt *common = opt_common; common->name; common++)
			assert_string_not_equal(o->name, common->name);
	}
}

static void the_options_of_a_verb_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_verbs; i++)
		check_options(&verbs[i]);
}

static void a_slip_is_led_to_the_nearest_verb(void **state)
{
	static const struct {
		const char *typed, *meant;
	} rows[] = {{"lst", "list"},         {"crate", "create"},       {"sned", "send"},
		    {"superv", "supervise"}, {"intrrupt", "interrupt"}, {"verison", "version"},
		    {"stpo", "stop"},        {"rm", "remove"},          {"park", "stop"},
		    {"rename", "set"},       {"xyzzy", NULL},           {"_aply", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *near = verb_nearest(rows[i].typed);

		if (rows[i].meant)
			assert_string_equal(near ? near : "nothing", rows[i].meant);
		else if (near)
			fail_msg("%s was led to %s", rows[i].typed, near);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_verb_has_a_name_of_its_own),
	    cmocka_unit_test(a_verb_that_is_called_by_programs_only_is_hidden),
	    cmocka_unit_test(a_brief_is_short_and_has_no_full_stop),
	    cmocka_unit_test(a_row_is_whole),
	    cmocka_unit_test(a_verb_that_takes_arguments_names_them),
	    cmocka_unit_test(everything_that_prints_can_print_json),
	    cmocka_unit_test(the_options_of_a_verb_differ),
	    cmocka_unit_test(a_slip_is_led_to_the_nearest_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
