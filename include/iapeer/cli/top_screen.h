/* top_screen.h - the panel on the terminal: the only file that knows curses. */
#pragma once
#include "iapeer/cli/top.h"

/* Take the terminal. ERR_FAILED: it is not one that curses can drive ($TERM). */
int top_screen_open(const struct term *t, struct err *e) NODISCARD;
/* Give it back, as it was. */
void top_screen_close(void);
/* While it is given back, and a page stands there: wait for q, Escape, Enter, a blank or Ctrl-D. */
void top_screen_wait_read(void);
/* Draw all of it. `preview`: what the selected peer shows, raw; NULL: none. */
void top_screen_draw(const struct term *term, struct top *t, const char *preview);
/* Its version, "6.4.20221231"; "none" in a build without it. */
const char *top_screen_library(void);
size_t top_screen_page(const struct top *t); /* rows of peers that fit */
/* The next key within so long: a character, TOP_KEY_..., or -1: none came (the time is over, or the
 * size has changed: draw again). */
int top_screen_key(int wait_ms);
