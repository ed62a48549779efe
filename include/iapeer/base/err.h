/* err.h - the one way to fail.
 *
 * A function that can fail returns 0, or -1 with *e filled. Success leaves *e alone. A struct err
 * is a plain value of fixed size: nothing to free, safe to copy. The codes are the exit statuses of
 * the program; one list yields the enum, the words in JSON and `help exit-codes`.
 */
#pragma once
#include "iapeer/base/attr.h"

/* X(enumerator, exit status, word in JSON, what it means) */
#define ERR_MAP(X)                                                                                 \
	X(ERR_NONE, 0, "done", "done")                                                             \
	X(ERR_FAILED, 1, "failed", "failed: the system, or a program that we run, said no")        \
	X(ERR_USAGE, 2, "usage", "the words typed are wrong")                                      \
	X(ERR_NOT_FOUND, 3, "not-found", "no such peer")                                           \
	X(ERR_STOPPED, 4, "stopped", "the peer is stopped (`iapeer start` clears it)")             \
	X(ERR_REFUSED, 5, "refused", "refused by a guard")                                         \
	X(ERR_TIMEOUT, 6, "not-ready", "not ready or not accepted in time; try again")             \
	X(ERR_CORRUPT, 7, "corrupt", "a file of ours is corrupt; it was left as it is")            \
	X(ERR_QUEUED, 8, "queued", "accepted and waiting, not yet delivered")                      \
	X(ERR_AMBIGUOUS, 9, "ambiguous", "may or may not have arrived; not tried again")

enum err_code {
#define X(name, status, word, text) name = (status),
	ERR_MAP(X)
#undef X
	    ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	int sys;        /* errno, or 0 */
	char msg[384];  /* one line, no newline: "open /x/y: Permission denied" */
	char hint[192]; /* what to do about it, or "" */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		.code = ERR_NONE                                                                   \
	}

/* Fill *e and return -1. With sys != 0, ": " and its text are appended. */
int err_set(struct err *e, enum err_code code, int sys, const char *fmt, ...) PRINTF(4, 5);
/* Put "fmt: " before the message that is there; code, sys and hint stay. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* Say what to do about it (kept if one is there already). Returns -1, so it can end a function. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

const char *err_word(enum err_code code); /* "not-found" */
const char *err_text(enum err_code code); /* "no such peer" */
/* The code whose word this is; ERR_FAILED for an unknown word (a newer build's). */
enum err_code err_from_word(const char *word);
