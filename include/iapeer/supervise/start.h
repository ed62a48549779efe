/* start.h - how a command starts a keeper and waits for it: both ends of the pipe that --ready-fd
 * names. It gets a byte when the keeper listens, or the reason why it does not. */
#pragma once
#include "iapeer/base/err.h"
#include <stdint.h>

/* Returns when it listens, or when it ended without a word (another was quicker). What it said
 * instead becomes *e; ERR_TIMEOUT: neither. */
int keeper_start(int64_t deadline_ms, struct err *e) NODISCARD;

/* The keeper's end; -1: nobody waits. Closes it. */
void start_tell_ready(int fd);
/* That another keeper runs (ERR_REFUSED) is no news for who wants one, and is not told. */
void start_tell_failed(int fd, const struct err *why);
