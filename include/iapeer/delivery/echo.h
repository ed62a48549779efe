/* echo.h - what a terminal shows of a text that was typed into it: the proof of a paste into a
 * shell. Inside of delivery. */
#pragma once
#include "iapeer/launch/pane.h"

#define ECHO_NEEDLE 20

/* What must be seen: the last run of plain ASCII in the last line, at most 20 bytes, white space
 * left out (a terminal wraps where it likes). Empty when the text has no such run. */
void echo_needle(const char *text, size_t len, char out[static ECHO_NEEDLE + 1]);
/* Printable ASCII only, appended: escapes, controls and white space gone. */
void echo_dense(const char *text, size_t len, struct buf *out);
/* Row `y` of a screen, plain, trailing blanks cut; appended. */
void echo_row(const struct tmux_look *look, int y, struct buf *out);
/* Some rows that end at the cursor's are the prompt and the text (both dense), and nothing else. */
bool echo_rows(const struct tmux_look *look, const struct buf *prompt, const struct buf *want);
/* 1: it does. 0: it does not, or its program has ended. -1: it could not be looked at. */
int echo_on_screen(struct pane *p, const char *needle, struct err *e) NODISCARD;
/* Wait for a text of that length, pasted when the log was `from` long. As above. */
int echo_wait(struct pane *p, int64_t from, size_t len, const char *needle,
	      struct err *e) NODISCARD;
/* Wait for a newline behind `from` in the log; *out_offset: behind it. */
bool echo_newline(struct pane *p, int64_t from, int64_t until_ms, int64_t *out_offset);
/* Move *offset behind what a shell that edits lines prints of a long command when it takes it. */
void echo_redraw(struct pane *p, int64_t *offset);
