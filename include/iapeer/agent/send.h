/* send.h - send one message: check, put into the queue, have it delivered, say what became of it.
 * The one way, for `send`, `ask` and `iapeer mcp`.
 *
 *   send_new(), fill in what is asked, send_check(), send_accept(), send_begin(),
 *   await_step() until it is not 1, send_finish()
 *
 * What send_check() refuses was neither written nor started. After a failure of any of them
 * send_json() still has something to say.
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/sender.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"
#include "iapeer/runtime/manifest.h"
#include "iapeer/supervise/await.h"

struct send_world {
	const struct layout *layout;
	const struct registry *registry;
	const struct settings *settings;
};

struct send {
	struct send_world w; /* borrowed */
	/* What is asked. In the item: topic, body, attachments, wait; and a valid id in place of
	 * the new one. */
	const char *typed, *runtime, *from; /* borrowed; the latter two may be NULL */
	struct queue_item item;
	int64_t timeout_ms; /* of all of it, from send_check() on */
	bool
	    by_program; /* a program asks: outside of a session it is not the person at the shell */
	/* What is found. */
	int64_t until_ms;        /* monotonic: the time is over then */
	struct keeper_link link; /* to the keeper that was there before it was accepted */
	struct sender sender;
	struct strv hops; /* delivery/chain.h */
	struct peer_id id;
	bool known; /* id is filled */
	const struct peer_record *record;
	struct manifest manifest;
	struct profile profile;
	struct receipt receipt;
	bool has_receipt, duplicate, queued, live;
	bool others_first; /* an ephemeral worker has other tasks before this one */
	char reason[256];  /* why it still waits */
};

struct send *send_new(const struct send_world *w);
void send_free(struct send **p);

/* ERR_USAGE (what was asked is wrong), ERR_NOT_FOUND (no such peer, or sender), ERR_STOPPED,
 * ERR_REFUSED (a guard), ERR_CORRUPT. A duplicate of an earlier message passes. */
int send_check(struct send *s, struct err *e) NODISCARD;
/* Into the queue: from here on nothing loses it. May start a keeper. */
int send_accept(struct send *s, struct err *e) NODISCARD;
/* Nothing is to be waited for: a duplicate whose receipt is there. */
bool send_settled(const struct send *s);
int send_begin(struct send *s, struct await *a, struct err *e) NODISCARD;
/* `rc` and *e: how the waiting ended. What the receipt or the queue says counts for more. 0: what
 * was asked for has happened. May wait 2 s for the peer's lock. */
int send_finish(struct send *s, int rc, struct err *e) NODISCARD;
/* It was delivered, and its turn, which was waited for, will not end any more: the receipt's reason
 * says why. */
bool send_turn_cut(const struct send *s);
/* The runtime takes bare text: it is not told of the attachments. */
bool send_drops_attachments(const struct send *s);
/* The object of `send --json`, with the answer where it was waited for. Owned. */
struct json *send_json(const struct send *s, int rc, const struct err *e);

/* What was refused must not be delivered after all: take it out of the queue, unless a paste may
 * have begun. True: it is out, and nobody will deliver it. Waits at most 2 s for the peer's lock.
 */
bool message_withdraw(const struct layout *l, const struct peer_id *id, const char *message_id);
