/* pane.h - a live session's pane: its log, its screen, its terminal.
 *
 * Everything here waits on descriptors (the pane log's watch, the program's exit), never by
 * sleeping.
 */
#pragma once
#include "iapeer/launch/session.h"
#include "iapeer/launch/tmux.h"
#include "iapeer/registry/settings.h"
#include "iapeer/runtime/manifest.h"

struct pane {
	const struct layout *layout;
	const struct manifest *manifest;
	const struct session *session;
	struct tmux tmux;
	bool trust;   /* the owner allows dialogs marked `trust` to be accepted */
	int watch_fd; /* of the log, and of the folder that has it; -1: not watched yet */
	int exit_fd;  /* of the program */
	char log[LAYOUT_PATH];
};
#define PANE_INIT                                                                                  \
	{                                                                                          \
		.watch_fd = -1, .exit_fd = -1                                                      \
	}

/* Find tmux, heal a deleted socket (SIGUSR1), watch the log. All pointers are borrowed. */
int pane_open(struct pane *p, const struct layout *l, const struct settings *s,
	      const struct manifest *m, const struct session *session, struct err *e) NODISCARD;
void pane_done(struct pane *p);
/* A deleted socket is made again by its server. ERR_TIMEOUT: it was not. */
int pane_heal_socket(const struct session *s, struct err *e) NODISCARD;

/* Wait for output or the program's end, at most `ms`. False: the program has ended. */
bool pane_wait(struct pane *p, int64_t ms);
void pane_wait_log(struct pane *p, int64_t ms); /* the same for a program that has ended */
bool pane_ended(const struct pane *p);
int64_t pane_log_size(const struct pane *p);
int pane_log_from(const struct pane *p, int64_t offset, struct buf *out, struct err *e) NODISCARD;
/* The last two lines shown, for errors: from the log, so also when the pane is gone. */
void pane_tail(const struct pane *p, char *out, size_t size);
