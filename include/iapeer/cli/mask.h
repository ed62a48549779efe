/* mask.h - what must not leave the host: keys, tokens, passwords. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>

#define MASKED "[masked]"

/* Does a variable or field of that name hold a secret? "API_KEY", "token", "dbPassword". */
bool mask_is_secret(const char *name, size_t len);
/* The text without: known values (of at least 6 bytes) wherever they stand; what begins like a
 * token of a known maker (sk-, ghp_, AKIA ...); what follows Bearer; what is given to a secret name
 * by = or :; a password in an address. */
void mask_text(const char *text, size_t len, const struct strv *values, struct buf *out);
