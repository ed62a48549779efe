/* json_scan.h - the grammar of JSON, checked before a parser that is more lenient sees the text.
 * Pure.
 *
 * It does not recurse and allocates nothing, so it may be given anything.
 */
#pragma once
#include "iapeer/base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 32 /* arrays and objects inside each other */

/* Is text exactly one value by RFC 8259, in valid UTF-8, not deeper than JSON_DEPTH_MAX, without
 * \u0000 and halves of surrogate pairs? ERR_CORRUPT "<what>: line 3, column 7: expected a value".
 */
int json_scan(const char *text, size_t len, const char *what, struct err *e) NODISCARD;
/* In text that json_scan has accepted: the next number at or behind *at. True: *at is where it
 * begins and *out_len how long it is. */
bool json_scan_number(const char *text, size_t len, size_t *at, size_t *out_len);
