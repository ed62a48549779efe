/* verb_set.h - the keys of `set`. */
#pragma once
#include <stddef.h>

/* The i-th key; NULL: no more. */
const char *set_key_name(size_t i);
