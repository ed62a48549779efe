/* journal.h - records for users and other programs: logfmt lines, `ts` first, fields in the order
 * given.
 *
 * Values are bare, or quoted when they hold space, =, quotes or backslash or are empty; control
 * characters are escaped. A line is one write(2) on an O_APPEND descriptor. Rotation by
 * size: x.log -> x.log.1 -> .2 under a lock beside the file. Never the body of a message.
 */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal {
	int dirfd;         /* borrowed */
	const char *path;  /* below dirfd; borrowed */
	int64_t max_bytes; /* rotate before a line that would pass it; 0: never */
	int keep;          /* rotated files kept */
};

struct logfmt {
	struct buf b; /* the line so far, without its newline */
};

void logfmt_init(struct logfmt *l, int64_t utc_ms); /* ts=... */
void logfmt_done(struct logfmt *l);
void logfmt_str(struct logfmt *l, const char *key, const char *value); /* NULL or "": left out */
void logfmt_raw(struct logfmt *l, const char *key, const char *value); /* "" is written as "" */
void logfmt_i64(struct logfmt *l, const char *key, int64_t value);
#define auto_logfmt AUTO(logfmt_done)

/* Append the line; `durable`: fsync it (deaths). Makes the folder if it is missing. */
int journal_write(const struct journal *j, const struct logfmt *l, bool durable,
		  struct err *e) NODISCARD;
/* The value of key in a logfmt line, unquoted, into out. False when it is not there or does not
 * fit. */
bool logfmt_get(const char *line, size_t len, const char *key, char *out, size_t size);
/* The next field of a logfmt line: *at goes from its beginning to behind the field. A value that
 * does not fit is cut. False: there is none. */
bool logfmt_next(const char **at, const char *end, char *key, size_t key_size, char *out,
		 size_t size);
/* Call fn for each line of the rotated files, oldest first, then of the file; fn returns false to
 * stop. Files behind the last that j keeps are read too, up to the first that is missing. Lines
 * longer than 64 KiB are passed over. */
int journal_each(const struct journal *j, bool (*fn)(const char *line, size_t len, void *arg),
		 void *arg, struct err *e) NODISCARD;
