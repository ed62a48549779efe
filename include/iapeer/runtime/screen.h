/* screen.h - what a captured screen says. Pure: text in, facts out.
 *
 * Input is `tmux capture-pane -p -e` (with SGR escapes, so that dim or grey ghost text can be told
 * from typed text) and the cursor's cell. Nothing here presses a key.
 *
 * The composer is the input box: the last line that begins, in its first column, with the
 * manifest's marker; between two rules of ─ where the manifest says `ruled`. Where it does not, a
 * dim marker is history, and what the composer holds ends before the last block of lines (the
 * footer). What an agent or a peer wrote higher up (history, quoted dialogs) counts for nothing
 * while a composer is there. A turn in progress shows below the composer; without rules also in the
 * few lines next above it that are not indented. A request that is tried again is the last such
 * line.
 */
#pragma once
#include "iapeer/runtime/manifest.h"

enum screen_state {
	SCREEN_STARTING, /* nothing known on it yet */
	SCREEN_READY,    /* composer there, empty or with a draft, no turn in progress */
	SCREEN_BUSY,     /* composer there, a turn in progress */
	SCREEN_DIALOG,   /* a known question */
	SCREEN_STATE_COUNT
};

struct screen {
	const char *text; /* lines separated by \n, SGR escapes kept */
	size_t len;
	int cursor_x, cursor_y; /* cells from 0; -1 not known */
};

struct screen_facts {
	enum screen_state state;
	const struct dialog *dialog; /* SCREEN_DIALOG; borrowed from the manifest */
	const char
	    *key; /* what to press now (dialog->move or ->accept); NULL: nothing is safe. Borrowed
		   * from the manifest. Where dialog->trust is set it is for the owner to allow. */
	bool on_row; /* key is the accepting one: the right row was seen under the cursor */
	bool has_composer;
	bool composer_empty; /* only ghost text, a placeholder or nothing in it */
	char retries[160];   /* SCREEN_BUSY: "401 invalid x-api-key · retrying in 2s"; "": it does
				not try again what failed */
};

/* A manifest without a marker (and any kind but tui) has no composer: ready as soon as one of
 * ready_any shows. */
void screen_read(const struct manifest *m, const struct screen *s, struct screen_facts *out);
/* The composer's typed content (ghost text, marker and wrap removed; its lines joined by newlines),
 * appended to out. False: no composer. */
bool screen_composer(const struct manifest *m, const struct screen *s, struct buf *out);
/* Does the composer hold exactly this text (white space apart), or a collapsed paste of it? A
 * collapsed paste counts when it is all there is, and when the number of lines or characters that
 * it names fits the text. False for an empty text. */
bool screen_holds(const struct manifest *m, const struct screen *s, const char *text, size_t len);
/* The last two lines that say something, joined by " | ", quotes flattened, escapes and controls
 * gone, at most 160 characters. */
void screen_tail(const char *text, size_t len, char *out, size_t size);
/* Escape sequences, carriage returns and other controls removed; newline and tab kept. Appended to
 * out. Bytes that are no UTF-8 become U+FFFD. */
void screen_plain(const char *text, size_t len, struct buf *out);
/* The rows of a terminal's output as they show: carriage returns, backspaces, erasing and cursor
 * moves within a row obeyed, a newline behind each row that has one. A character is one cell, also
 * a wide one. Appended to out. */
void screen_rows(const char *text, size_t len, struct buf *out);
/* The row that the cursor is in at the end of it, in the place of what out holds; without a
 * newline. */
void screen_last_row(const char *text, size_t len, struct buf *out);
