/* buf.h - growing bytes with a ceiling, and argument vectors.
 *
 * A struct buf is given its cap at birth. Appends return nothing; past the cap or out of memory
 * they set `failed` and change nothing more, and the first call that needs the bytes reports it
 * once. `p` is NULL or terminated by a NUL that `len` does not count.
 */
#pragma once
#include "iapeer/base/err.h"
#include <stdbool.h>
#include <stddef.h>

/* Every ceiling of the program, in bytes. */
#define CAP_REGISTRY   (8U << 20)
#define CAP_PROFILE    (1U << 20)
#define CAP_STATE      (256U << 10) /* one state file */
#define CAP_QUEUE_ITEM (512U << 10) /* 16,000 characters, JSON-escaped, and 20 paths */
#define CAP_LINE       (256U << 10) /* one line on the control socket or from a worker */
#define CAP_SCREEN     (1U << 20)   /* one capture of a pane */
#define CAP_ANSWER     (256U << 10) /* what `ask` and `read` return */
#define CAP_EVIDENCE   (256U << 10)
#define CAP_PROC       (256U << 10) /* one file under /proc */
#define CAP_TEXT       (1U << 20)   /* what a person gives on standard input or by file */
#define CAP_OUTPUT     (32U << 20)  /* what one command prints */

struct buf {
	char *p;
	size_t len, cap, max;
	bool failed;
};
#define BUF_INIT(max_bytes)                                                                        \
	{                                                                                          \
		.max = (max_bytes)                                                                 \
	}

void buf_done(struct buf *b); /* free; usable again, empty */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_chr(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_cut(struct buf *b, size_t len);   /* keep the first len bytes */
void buf_drop(struct buf *b, size_t n);    /* drop the first n bytes */
const char *buf_cstr(const struct buf *b); /* never NULL; borrowed until the next append */
/* 0, or ERR_FAILED "<what>: more than <max> bytes". */
int buf_check(const struct buf *b, const char *what, struct err *e) NODISCARD;

/* A NULL-terminated vector of owned strings: argv, envp, lists of names. */
struct strv {
	char **v; /* NULL while empty and never appended to */
	size_t n, cap;
};
#define STRV_INIT                                                                                  \
	{                                                                                          \
		.v = NULL                                                                          \
	}

void strv_done(struct strv *s);
void strv_add(struct strv *s, const char *str); /* copies */
void strv_fmt(struct strv *s, const char *fmt, ...) PRINTF(2, 3);
void strv_take(struct strv *s, char *take_str);
bool strv_has(const struct strv *s, const char *str);
void strv_sort(struct strv *s);
char **strv_argv(struct strv *s); /* never NULL: an empty vector yields { NULL } */
