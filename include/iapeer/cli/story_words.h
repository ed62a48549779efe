/* story_words.h - the words of the journals in plain language. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stdint.h>

/* "shell-alice" -> "alice"; "cli-ann", a person at the shell -> "ann". */
void story_sender(const char *identity, char *out, size_t size);
/* "09:41", local time. */
void story_clock(int64_t utc_ms, char out[static 16]);
/* How a start went on, to the end of the sentence: ", with its conversation." */
void story_mode(bool resume, const char *cause, struct buf *out);
/* The sentence for what was done, and its event; NULL: not worth one. */
const char *story_step(const char *action, const char *reason, struct buf *out);
/* "Starting it failed" */
const char *story_tried(const char *action);
void story_server_end(const char *cause, const char *command, const char *asker, struct buf *out);
/* " Memory was not short: 3.1 of 7.8 GiB were free."; nothing where it is not known (-1). */
void story_memory(int64_t available, int64_t total, struct buf *out);
/* So many of its control group were killed for memory while it lived; 0: nothing is added. */
void story_kills(int64_t kills, struct buf *out);
/* " Shortly before, 0.2 GiB of memory were free, and node had grown by 512 MiB."; nothing where it
 * is not known (-1). */
void story_before(int64_t available, const char *grew, int64_t grew_bytes, struct buf *out);
