/* stray.h - <identity>.stray: a text of ours whose message was called ambiguous, and that may still
 * turn up in the composer. It is no person's draft. Inside of deliver. */
#pragma once
#include "iapeer/delivery/delivering.h"

/* To be called before that receipt is written. */
void stray_remember(const struct delivering *d, const struct paste *p);
void stray_forget(const struct deliver_in *in);
/* 1: the composer held exactly that text, it was submitted (or taken back), and its receipt says
 * so. 0: there is none, or it is not certain that nobody else typed what stands there. */
int stray_settle(const struct deliver_in *in, struct err *e) NODISCARD;
