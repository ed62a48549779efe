/* complete.h - what may stand where the cursor is: for the shells' completions.
 *
 * Reads the table of verbs and the registry, nothing else; starts nothing. The shells' own scripts
 * (completion_script) only ask `iapeer _complete -- <words>` and show what it prints, so all three
 * know the same.
 */
#pragma once
#include "iapeer/cli/ctx.h"

/* `words`: what was typed behind `iapeer` up to the cursor, the last one being typed (may be ""; n
 * of at least 1). Appends one candidate a line, "<word>\t<what it is>"; a line ":file" says that a
 * path belongs there and the shell knows better. Only candidates that begin with what was typed. */
void complete_words(const struct ctx *c, const char *const *words, size_t n, struct buf *out);

/* The script for bash, zsh or fish; NULL: another shell. */
const char *completion_script(const char *shell);
