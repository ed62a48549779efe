/* opt.h - the words typed behind a verb, by its row.
 *
 * --key value and --key=value; a value is the next word unless that is exactly -h, --help or an
 * option that the verb knows; `--` ends options; -h or --help anywhere before it means help and
 * nothing else is looked at.
 */
#pragma once
#include "iapeer/cli/verb.h"
#include <stdint.h>

/* The options that every verb has (--json only with V_JSON). Ends with a NULL name. */
extern const struct opt opt_common[];
bool opt_applies(const struct verb *v, const struct opt *common);

/* argv: the words behind the verb. ERR_USAGE, with the nearest option as hint; p is filled as far
 * as it was understood (help and json always). Owned: parsed_done(), also after a failure. */
int opt_parse(const struct verb *v, int argc, char *const *argv, struct parsed *p,
	      struct err *e) NODISCARD;
void parsed_done(struct parsed *p);

bool opt_given(const struct parsed *p, const char *name);
/* The last value given, NULL when not given (or a flag). Asking for an option that the row does not
 * have is asserted. */
const char *opt_value(const struct parsed *p, const char *name);
size_t opt_count(const struct parsed *p, const char *name);
const char *opt_nth(const struct parsed *p, const char *name, size_t i);
/* A whole number in [min, max]; not given: *out stays. ERR_USAGE. */
int opt_i64(const struct parsed *p, const char *name, int64_t min, int64_t max, int64_t *out,
	    struct err *e) NODISCARD;
/* The i-th argument, NULL when there are fewer. */
const char *parsed_arg(const struct parsed *p, size_t i);
