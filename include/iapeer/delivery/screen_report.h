/* screen_report.h - what a program's screen shows, reported for all who ask what it does
 * (report.h). Its hooks say most of it sooner; of a program without them, and of one that tries a
 * failed request again, only the screen tells. */
#pragma once
#include "iapeer/launch/session.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/runtime/manifest.h"

/* One tmux call; nothing is pressed, and no lock is needed. A question, a request that is tried
 * again (once for each reason) and a place to type are reported, and that a turn goes on after such
 * a request. */
int screen_report(const struct layout *l, const struct session *s, const struct manifest *m,
		  const struct tmux *t, struct err *e) NODISCARD;
