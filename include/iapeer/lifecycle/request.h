/* request.h - what apply_peer() is asked, and what came of it. */
#pragma once
#include "iapeer/lifecycle/decide.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"

/* Told while it works, so that who waits hears at once (the worker prints it, the keeper passes it
 * on). */
struct apply_events {
	void (*ready)(void *arg); /* a session that was started is ready */
	void (*receipt)(const char *message_id, void *arg); /* a receipt was written */
	void *arg;
};

struct apply_in {
	const struct layout *layout;
	const struct settings *settings;
	const struct registry *registry;
	struct peer_id id;
	enum trigger trigger;
	int64_t lock_deadline_ms; /* monotonic */
	int64_t activity_stamp; /* TICK: activity.h's, when the keeper found it idle; 0: not idle */
	bool keep_parked;       /* STOP, REMOVE: set idle-reaped (a stop is a clean park) */
	struct apply_events events;
};

struct apply_outcome {
	bool started; /* a session was started by this call */
	bool ended;   /* a live one was ended */
	char mode[16];
	char cause[64];
	char waiting[256]; /* why the queue's head waits; "" : nothing waits */
	char rule[64];     /* the last rule that fired */
};
