/* str.h - text: bounded copies, UTF-8, numbers, nearest names. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy into a field of `size` bytes. False (and the field empty) when it does not fit: nothing is
 * cut silently. */
bool str_put(char *dst, size_t size, const char *src) NODISCARD;
/* Copy what fits, cut at a character's border. For texts meant for people. */
void str_cut(char *dst, size_t size, const char *src);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}

/* A whole decimal number in [min, max], nothing before or behind. */
bool str_i64(const char *s, int64_t min, int64_t max, int64_t *out) NODISCARD;

bool utf8_valid(const char *s, size_t len);
size_t utf8_chars(const char *s, size_t len); /* of valid text */
/* Decode one character; returns its length, 0 when s does not begin with a valid one. */
size_t utf8_decode(const char *s, size_t len, uint32_t *out);
size_t utf8_encode(uint32_t c, char out[static 4]);

/* Does it do something on a terminal (C0, DEL, C1), or turn the order in which text is read? */
bool char_acts(uint32_t c);
/* What may be shown on a terminal: such characters appear as \xNN or \uNNNN (newline and tab kept
 * if `multiline`). */
void str_shown(struct buf *b, const char *s, size_t len, bool multiline);

/* Edit distance, at most `limit` (then limit + 1). */
unsigned str_distance(const char *a, const char *b, unsigned limit);
/* The nearest of n names, or NULL when none is near enough to be meant. */
const char *str_nearest(const char *typed, const char *const *names, size_t n);

/* FNV-1a, 64 bits: for names of files and for noticing change, never for security. */
uint64_t str_hash(const void *bytes, size_t len);
