/* world.h - a private host for one test: root, HOME, peers, their messages, and every process that
 * came of it.
 *
 * Everything is below one new folder; the tmux sockets too. world_teardown() ends each server on
 * them by its pid, then removes the folder.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/launch/session.h"
#include "iapeer/lifecycle/apply.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"

/* The call must succeed; its error is shown. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		struct err ok_err = ERR_INIT, *e = &ok_err;                                        \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, e->msg);                                         \
	} while (0)
/* The call must fail with that code; its error is left in last_err. */
#define FAILS(want, call)                                                                          \
	do {                                                                                       \
		struct err *e = &last_err;                                                         \
		last_err = (struct err)ERR_INIT;                                                   \
		if ((call) >= 0)                                                                   \
			fail_msg("%s: did not fail", #call);                                       \
		if (e->code != (want))                                                             \
			fail_msg("%s: code %d, %s", #call, (int)e->code, e->msg);                  \
	} while (0)
extern struct err last_err;

/* Poll until it is so; at most ten seconds. */
#define EVENTUALLY(cond)                                                                           \
	do {                                                                                       \
		int64_t give_up = clock_mono_ms() + 10000;                                         \
		while (!(cond)) {                                                                  \
			if (clock_mono_ms() >= give_up)                                            \
				fail_msg("never: %s", #cond);                                      \
			poll(NULL, 0, 5);                                                          \
		}                                                                                  \
	} while (0)

#define HAS(text, part)                                                                            \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("no \"%s\" in \"%s\"", part, text);                               \
	} while (0)

struct world {
	char dir[256]; /* the folder; the root is <dir>/r, HOME is <dir>/home */
	struct layout l;
	struct settings s;
	struct registry r;
	struct peer_id id; /* of the last world_peer() */
};

/* cmocka fixtures: *state is a struct world *. */
int world_setup(void **state);
int world_teardown(void **state);
/* The same, and skip() in the test when there is no tmux: world_tmux_bin() is "" then. */
const char *world_tmux_bin(void);
#define NEEDS_TMUX()                                                                               \
	do {                                                                                       \
		if (!world_tmux_bin()[0])                                                          \
			skip();                                                                    \
	} while (0)

/* <dir>/<rel>; good until the eighth call after it. */
const char *world_path(const struct world *w, const char *rel);
void world_write(const struct world *w, const char *rel, const char *text);
/* A script in the folder that can be run; its absolute path. */
/* fake_reader, which lies beside the test: to be a peer's shell. */
const char *world_reader(void);
const char *world_script(const struct world *w, const char *rel, const char *text);
/* The whole file below the folder, "" when there is none. Owned. */
char *world_read(const struct world *w, const char *rel);
size_t world_size(const struct world *w, const char *rel); /* 0: empty, or none */
bool world_exists(const struct world *w, const char *rel);
/* How many lines of the file hold that text. */
int world_lines(const struct world *w, const char *rel, const char *part);

/* A file of a peer's state: <root>/state/lifecycle/<identity>.<what>, relative to the folder. */
const char *world_state(const struct peer_id *id, const char *what);
#define ROOT_REL(rel) "r/" rel

/* ---- peers and messages ---- */

/* Register a shell peer; its program is `bin` (NULL: bash with a plain prompt). */
void world_peer(struct world *w, const char *name, const char *bin);
void world_settings(struct world *w); /* read again, after setenv */

struct note {
	const char *id, *body, *topic;
	enum wait_rung wait;
	bool force;
	enum item_kind kind;
};
void world_put(struct world *w, const struct note *n);
void world_send(struct world *w, const char *id, const char *body);
int world_try(struct world *w, enum trigger t, struct apply_outcome *out, struct err *e) NODISCARD;
struct apply_outcome world_apply(struct world *w, enum trigger t);
/* The receipt; its answer is owned: receipt_done(). */
struct receipt world_receipt(const struct world *w, const char *id);
bool world_has_receipt(const struct world *w, const char *id);
struct session world_session(const struct world *w);

/* Run tmux on the peer's own socket: words are NULL-terminated. Owned: what it printed. */
char *world_tmux(const struct world *w, const char *const *words);
#define TMUX(w, ...) free(world_tmux((w), (const char *const[]){__VA_ARGS__, NULL}))
char *world_screen(const struct world *w);
