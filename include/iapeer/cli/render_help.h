/* render_help.h - help out of the table: the page of all verbs, one verb's page, the exit codes.
 * Plain text. */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/cli/term.h"
#include "iapeer/cli/verb.h"

#define HELP_WIDTH 80

size_t help_width(const struct term *t); /* at most HELP_WIDTH */
void help_all(const struct term *t, struct buf *out);
void help_verb(const struct term *t, const struct verb *v, struct buf *out);
void help_exit_codes(const struct term *t, struct buf *out);
struct json *help_json(void); /* {"verbs":[{"name","args","brief"}]}; owned */
struct json *help_verb_json(const struct verb *v);
struct json *help_codes_json(void);
