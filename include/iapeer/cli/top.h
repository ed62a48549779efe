/* top.h - the live panel: what it shows, and what a key does to that. Pure: it neither looks nor
 * draws (top_look.c, top_screen.c do).
 */
#pragma once
#include "iapeer/cli/term.h"
#include "iapeer/launch/session.h"
#include "iapeer/lifecycle/observe.h"

struct top_row {
	struct peer_id id;
	enum shown_state state;
	bool attached, needs_person;
	char status[96];        /* what it is doing, in a word or two; "": not live */
	size_t queued;          /* messages waiting */
	int64_t quiet_ms;       /* since its last sign of life; -1: not live */
	int64_t memory_bytes;   /* of the tree below its tmux server; -1: not live */
	char note[450 * 4 + 1]; /* what it needs a person for, else its description; raw */
	char tags[200];         /* " @a @b " */
	bool has_session;
	struct session session; /* when has_session */
};

#define TOP_TEXT 512

enum top_prompt { TOP_NO_PROMPT, TOP_FILTER, TOP_SEND, TOP_ASK, TOP_REMOVE };

struct top {
	struct top_row *rows; /* owned; sorted: those who need a person first, then by name */
	size_t n, room;
	size_t peers; /* that they belong to */
	size_t *seen; /* owned: which rows the filter lets through */
	size_t n_seen;
	char filter[TOP_TEXT];
	struct peer_id selected; /* stays with its peer when rows come and go */
	size_t at;               /* its place in `seen` */
	size_t first;            /* the first one on the screen */
	bool preview;
	enum top_prompt prompt;
	char typed[TOP_TEXT];   /* in the prompt */
	char message[TOP_TEXT]; /* what the last command said; raw */
};

void top_init(struct top *t);
void top_done(struct top *t);
/* New rows, those of one peer next to each other: sort, filter, find the selected one again. Takes
 * them over. */
void top_take(struct top *t, struct top_row *rows, size_t n);
const struct top_row *top_selected(const struct top *t); /* NULL: no row is shown */
void top_refilter(struct top *t);

enum top_act {
	TOP_NOTHING,
	TOP_QUIT,
	TOP_UP,
	TOP_DOWN,
	TOP_PAGE_UP,
	TOP_PAGE_DOWN,
	TOP_FIRST,
	TOP_LAST,
	TOP_PREVIEW,
	TOP_UNFILTER,
	TOP_DO_FILTER,
	TOP_DO_SEND,
	TOP_DO_ASK,
	TOP_DO_REMOVE,
	TOP_ATTACH,
	TOP_START,
	TOP_STOP,
	TOP_NEW,
	TOP_WHY,
	TOP_HELP
};
/* A key of the panel, as its character or one of the TOP_KEY_ numbers below; TOP_NOTHING: none. */
enum {
	TOP_KEY_ESCAPE = 27,
	TOP_KEY_UP = 0x200000,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END
};
enum top_act top_key(int key);
/* The keys and what they do, for help and the last line: NULL ends. */
struct top_binding {
	int key; /* a character, or TOP_KEY_ */
	enum top_act act;
	const char *shown; /* "a" */
	const char *what;  /* "attach" */
	bool brief;        /* stands on the panel's last line */
};
extern const struct top_binding top_bindings[];
/* Move by the act; `page`: rows on the screen. */
void top_move(struct top *t, enum top_act act, size_t page);
/* Keep the selected row on a screen of so many rows. */
void top_scroll(struct top *t, size_t page);

/* Edit the prompt's line: a character is appended, 8 and 127 take one away, 21 (C-u) all. True
 * while it goes on; false at Enter (13, 10) and Escape (27). */
bool top_type(struct top *t, uint32_t c);

/* One row of so many cells, without colours: mark, name, runtime, status, quiet time, queue,
 * memory, note. Text of others is made visible. */
void top_line(const struct term *t, const struct top_row *r, size_t width, struct buf *out);
void top_heading(const struct term *t, size_t width, struct buf *out);
/* "12 peers, 3 live, 1 needs you" */
void top_summary(const struct top *t, struct buf *out);
