/* activity.h - when a session last showed life, by files and /proc only. */
#pragma once
#include "iapeer/launch/session.h"
#include "iapeer/runtime/manifest.h"

struct activity {
	int64_t newest_utc_ms; /* the newest of: the wake, the last delivery, the last output, the
				  end of the last turn */
	int64_t stamp; /* above 0, and another one as soon as any of these is, wherever the clock
			  was set: the newest alone would hide what follows a step back */
	bool attached; /* a client is attached: never idle */
	bool in_turn;  /* something runs in the foreground and has printed within the last 600 s, or
			  the program has reported a turn that has not ended, and was heard of within
			  two hours: never idle */
};
void activity_look(const struct layout *l, const struct session *s, enum runtime_kind kind,
		   struct activity *out);
