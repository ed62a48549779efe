/* shell.h - what can be known of a shell in a pane without asking it: its terminal's mode, who is
 * in the foreground, and what was printed (docs/RUNTIMES.md, "shell"). */
#pragma once
#include "iapeer/launch/pane.h"

struct shell_facts {
	bool known;     /* its terminal could be looked at */
	bool at_prompt; /* the shell itself is in the foreground */
	bool canonical; /* the terminal cuts lines (plat_canonical_max) */
	bool echo;      /* the terminal echoes */
	int ahead;      /* bytes that were typed and that nobody has read yet */
	bool sleeping;  /* the shell waits for something: for input, when it is in the foreground */
	char program[64]; /* its name, as the kernel has it */
};
void shell_look(const struct pane *p, struct shell_facts *out);
/* Is a command running that is no process of its own (read, wait, a loop)? False where another
 * program is in the foreground, and where it cannot be known. By files only. */
bool shell_runs_builtin(const struct pane *p);
/* Does the cursor's row begin with the prompt that we know? True where none is known. */
bool shell_shows_prompt(const struct pane *p);

/* <identity>.composer: what we last knew of its prompt. Lost with the machine without harm. */
struct shell_memory {
	char prompt[256]; /* the row up to the cursor when nothing was typed */
	char program[64]; /* whose prompt that is: another one may have taken its place since */
	bool raw;         /* it edits lines itself, so a canonical terminal means that it works */
	int64_t empty_log_size; /* the log was this long when the prompt was seen empty; -1: not
				   known */
	int64_t entered_at_ms;  /* UTC; our last Enter */
	int64_t ahead; /* so many lines were typed then while something else ran: each is echoed
			  again, at a prompt of its own */
};
void shell_memory_load(const struct pane *p, struct shell_memory *out); /* missing: zeroes */
void shell_memory_save(const struct pane *p, const struct shell_memory *m);

/* Is it at a command that is no process of its own? Told only of one that edits lines itself: it
 * leaves the terminal to what it runs. */
bool shell_works(const struct shell_facts *f, const struct shell_memory *m);

/* Wait for a prompt: output there, the shell in the foreground, reading. 0, or ERR_TIMEOUT /
 * ERR_FAILED (ended). `from`: only output behind this offset of the log counts. `first`: of this
 * session; what is remembered is another one's. */
int shell_wait_prompt(struct pane *p, int64_t from, bool first, int64_t deadline_ms,
		      struct err *e) NODISCARD;
