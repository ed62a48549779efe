/* journals.h - reading back what the logs say: the newest line that matches, and the values of one
 * line. */
#pragma once
#include "iapeer/base/journal.h"
#include "iapeer/registry/layout.h"

#define LOG_FIELD_MAX 256

/* The newest line of a log (LAYOUT_..._LOG) in which each of the n keys has its value, or does not
 * have it (`differs`); appended to out. False: there is none in the last 256 KiB of it and of its
 * predecessor. */
struct log_match {
	const char *key, *value;
	bool differs;
};
bool log_last(const struct layout *l, const char *log, const struct log_match *want, size_t n,
	      struct buf *out);
/* Copy a field into an object under the same (or another) name; left out when the line does not
 * have it. */
struct json;
void log_field(struct json *o, const char *as, const char *line, size_t len, const char *key);
