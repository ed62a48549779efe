/* stray.h - <identity>.stray: a text of ours that may still turn up in the composer, though nobody
 * is at it any more: its message was called ambiguous, or it is a command and whoever typed it was
 * killed. It is no person's draft: it is submitted before the next text. Under the peer's lock. */
#pragma once
#include "iapeer/delivery/delivering.h"

/* To be called before that receipt is written. */
void stray_remember(const struct delivering *d, const struct paste *p);
/* A text that is no message is about to be pasted. To be forgotten once it was submitted, or is
 * known not to be there. */
int stray_intend(const struct deliver_in *in, const char *text, struct err *e) NODISCARD;
/* Is it this text that may be there? */
bool stray_is(const struct deliver_in *in, const char *text);
void stray_forget(const struct deliver_in *in);
/* 1: the composer held exactly that text, it was submitted (*how: PASTE_OK) or taken back, and its
 * receipt says so. 0: there is none, or it is not certain that nobody else typed what stands there.
 */
int stray_settle(const struct deliver_in *in, struct paste *how, struct err *e) NODISCARD;
