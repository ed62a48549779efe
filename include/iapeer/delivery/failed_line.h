/* failed_line.h - did the turn of this message fail? Out of the conversation's file, for programs
 * whose hooks say nothing of a failure. Pure.
 */
#pragma once
#include "iapeer/base/buf.h"

/* Behind the last place that holds `needle` (the message's id; empty: from the start): the last
 * line that holds all of `texts`. What follows the last of them, up to the end of that JSON text,
 * is the reason. False: there is no such line, or texts is empty. */
bool failed_line_find(const struct strv *texts, const char *file, size_t len, const char *needle,
		      char *reason, size_t size);
/* "auth", "quota", "overload" or "other": our word for what a program says of a failure. */
const char *failed_line_word(const char *said);
