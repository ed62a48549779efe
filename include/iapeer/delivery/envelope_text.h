/* envelope_text.h - characters and references of an envelope, for its reader. Pure. */
#pragma once
#include "iapeer/base/buf.h"

/* Append the character that s begins with, or U+FFFD for NUL and what is no UTF-8; returns how many
 * bytes it took. */
size_t envelope_put_char(struct buf *out, const char *s, size_t len);
/* If s begins with a reference (&amp; &lt; &gt; &quot; &apos; &#10; &#x1F600;), append what it
 * stands for and return its length; 0 when it is none, or names no character. */
size_t envelope_put_reference(struct buf *out, const char *s, size_t len);
