/* Help, manual, completion and what the program really takes say the same. */
#include "runbin.h"

#include "iapeer/cli/opt.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

/* The manual's section on a verb: from its heading to the next. Owned. */
static char *section(const char *manual, const char *verb)
{
	char heading[64];
	const char *at, *end;

	snprintf(heading, sizeof heading, "\n.SS \"%s\"\n", verb);
	at = strstr(manual, heading);
	if (!at)
		fail_msg("the manual has no section on %s", verb);
	end = strstr(at + 1, "\n.S");
	return strndup(at, end ? (size_t)(end - at) : strlen(at));
}

static void options_agree(struct bin *b, const struct verb *v, const char *manual)
{
	char line[96], *said = section(manual, v->name), *help;

	assert_int_equal(run(b, "help", v->name), 0);
	help = strdup(out(b));
	assert_int_equal(run(b, "_complete", "--", v->name, "--"), 0);
	for (const struct opt *o = v->opts; o && o->name; o++) {
		if (o->hidden)
			continue;
		snprintf(line, sizeof line, "--%s", o->name);
		must_have(help, line);
		snprintf(line, sizeof line, "--%s\t", o->name);
		must_have(out(b), line);
		snprintf(line, sizeof line, "\\fB\\-\\-");
		for (const char *c = o->name; *c; c++)
			snprintf(line + strlen(line), sizeof line - strlen(line),
				 *c == '-' ? "\\-" : "%c", *c);
		snprintf(line + strlen(line), sizeof line - strlen(line), "\\fR");
		must_have(said, line);
	}
	free(help);
	free(said);
}

static void every_option_is_in_help_manual_and_completion(void **state)
{
	struct bin *b = *state;
	char *manual;

	assert_int_equal(run(b, "help", "--roff"), 0);
	manual = strdup(out(b));
	for (size_t i = 0; i < n_verbs; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			options_agree(b, &verbs[i], manual);
	free(manual);
}

static bool takes(const struct verb *v, const char *option)
{
	for (const struct opt *o = v->opts; o && o->name; o++)
		if (strcmp(o->name, option) == 0)
			return true;
	for (const struct opt *o = opt_common; o->name; o++)
		if (strcmp(o->name, option) == 0)
			return true;
	return false;
}

static void what_is_completed_is_taken(void **state)
{
	struct bin *b = *state;
	char option[64];

	for (size_t i = 0; i < n_verbs; i++) {
		if (verbs[i].flags & V_HIDDEN)
			continue;
		assert_int_equal(run(b, "_complete", "--", verbs[i].name, "--"), 0);
		for (const char *at = out(b); *at; at += strcspn(at, "\n") + 1) {
			snprintf(option, sizeof option, "%.*s", (int)strcspn(at, "\t\n"), at);
			if (strncmp(option, "--", 2) != 0 || !takes(&verbs[i], option + 2))
				fail_msg("%s: %s is offered and not taken", verbs[i].name, option);
		}
	}
}

static void every_exit_status_is_in_the_manual(void **state)
{
	struct bin *b = *state;
	char line[64];

	assert_int_equal(run(b, "help", "--roff"), 0);
	for (int code = 0; code < ERR_CODE_COUNT; code++) {
		snprintf(line, sizeof line, "\n\\fB%d\\fR ", code);
		must_have(out(b), line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_option_is_in_help_manual_and_completion,
					    bin_setup, bin_teardown),
	    cmocka_unit_test_setup_teardown(what_is_completed_is_taken, bin_setup, bin_teardown),
	    cmocka_unit_test_setup_teardown(every_exit_status_is_in_the_manual, bin_setup,
					    bin_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
