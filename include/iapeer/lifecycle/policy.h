/* policy.h - fresh or resume, by a table. Pure. */
#pragma once
#include "iapeer/lifecycle/death.h"
#include "iapeer/registry/profile.h"
#include <stdbool.h>

enum wake_by { WAKE_BY_MESSAGE, WAKE_BY_ATTACH, WAKE_BY_RUN, WAKE_BY_NEW, WAKE_BY_COUNT };

/* How the last session came to its end. */
enum last_end {
	END_NEVER,   /* there was none */
	END_PARKED,  /* idle-reaped is set */
	END_OUTSIDE, /* host restart, SIGKILL, OOM, kill-server, SIGTERM, its server's death */
	END_OWN,     /* the program ended by itself, whatever its status */
	END_COUNT
};

struct wake_facts {
	enum wake_by by;
	bool fresh_next;
	bool ephemeral;
	enum resume_policy resume_policy;
	enum last_end end;
	const char *end_cause;  /* "sigkill", for resume-after-...; "" when none */
	bool ever_conversation; /* there has been one (a shell: there has been a session) */
	bool resumable; /* there is one to resume now, with proof that it is ours and nobody has it
			   open */
	bool telegram;  /* a person's peer */
	bool topic_given, topic_known;
};

struct wake_mode {
	bool allowed; /* false: attach without a conversation */
	bool resume;
	char cause[64];
	bool consumes_idle_reaped, consumes_fresh_next; /* when the session is ready */
};

/* Fills end and end_cause (borrowed from the ring): a clean park is newer than any death. */
void wake_last_end(struct wake_facts *f, const struct death_ring *deaths, bool parked);
void wake_decide(const struct wake_facts *f, struct wake_mode *out);
