/* step.h - inside of apply: one action a function. 0: go on, look again; 1: done for now; -1:
 * failed. */
#pragma once
#include "iapeer/delivery/deliver.h"
#include "iapeer/launch/conversation.h"
#include "iapeer/lifecycle/observe.h"
#include "iapeer/lifecycle/policy.h"
#include "iapeer/lifecycle/request.h"

struct step {
	const struct apply_in *in;
	struct apply_outcome *out;
	const struct peer_record *record; /* NULL: unregistered */
	char identity[PEER_IDENTITY_MAX + 1];
	bool has_manifest;
	struct manifest manifest;
	struct profile profile;
	struct observation seen;
	bool failed; /* a step has: what has ended is put in order, nothing is started any more */
	char no_resume[160]; /* why a start was not the resume that it would have been; "" : it was
			      */
	struct turn turn;    /* to be waited for, without the lock */
	/* the same as a turn: that a message was taken */
	char proof_id[MESSAGE_ID_MAX + 1];
	int64_t proof_reports_at;
};

int step_finish_ending(struct step *s, struct err *e) NODISCARD;
int step_undo_ending(struct step *s, struct err *e) NODISCARD;
int step_record_death(struct step *s, struct err *e) NODISCARD;
int step_reap_gone(struct step *s, struct err *e) NODISCARD;
int step_finish_pane(struct step *s, struct err *e) NODISCARD;
int step_end_leftover(struct step *s, struct err *e) NODISCARD;
int step_end(struct step *s, struct err *e) NODISCARD;
int step_park(struct step *s, struct err *e) NODISCARD;

/* Whose program would be started. Borrows from s. */
struct launch_in step_launch(const struct step *s);
/* Fresh or resume: *out, and where it is a resume *out_conversation. *head is the message that
 * wakes it, if one waits. Fails where nothing may be started: an attach without a conversation.
 * Waits a moment for whoever has the conversation open to end. */
int step_mode(struct step *s, struct queue_item *head, struct wake_mode *out,
	      struct conversation *out_conversation, struct err *e) NODISCARD;
int step_adopt(struct step *s, struct err *e) NODISCARD;
int step_arm(struct step *s, struct err *e) NODISCARD;
int step_start(struct step *s, struct err *e) NODISCARD;
int step_ready(struct step *s, struct err *e) NODISCARD;
int step_settle(struct step *s, struct err *e) NODISCARD;
int step_deliver(struct step *s, struct err *e) NODISCARD;
/* A turn that somebody waits for, whoever began to: watch it, or say that it will not end. */
int step_take_turn(struct step *s, struct err *e) NODISCARD;
/* Wait for the turn that is left by them; called without the lock. What became of it is seen by
 * step_take_turn(). */
int step_turn(struct step *s, struct err *e) NODISCARD;
/* The same for the proof that step_deliver or step_settle left. */
int step_proof(struct step *s, struct err *e) NODISCARD;
/* Is the program there? Fills seen.snap.program_found and remembers why not. */
void step_look_program(struct step *s, struct err *why);

/* What a worker sees of a TUI, for those that ask what it does (status.h); said once, not at every
 * look. Waits, locks and fails for nothing. `why`: the words that its waiting was explained with.
 */
void step_saw_ready(struct step *s, const struct session *session);
void step_saw_blocked(struct step *s, const struct session *session, const char *why);
void step_saw_delivery(struct step *s, const struct deliver_out *out);
void step_saw_turn_end(struct step *s);

/* One line of lifecycle.log about a decision. */
void step_journal(struct step *s, const char *ev, const char *action, const char *rule,
		  const char *reason);
/* The same with fields of its own: begin, add them, write. */
struct logfmt;
void step_line_begin(const struct step *s, const char *ev, struct logfmt *line);
void step_line_write(const struct step *s, struct logfmt *line);
