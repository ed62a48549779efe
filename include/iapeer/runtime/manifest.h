/* manifest.h - a runtime as data: how its program is started, read, written to, and what it can
 * prove.
 *
 * Built-in manifests, with <root>/runtimes/<runtime>/runtime.json on top: its members replace the
 * built-in ones (whole, one level deep), or it is a runtime of the user's own. A wrong manifest is
 * ERR_CORRUPT
 * "<file>: <field>: <reason>". docs/RUNTIMES.md describes every field.
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/layout.h"

enum runtime_kind { KIND_SHELL, KIND_TUI, KIND_SERVICE, KIND_COUNT };
enum envelope_kind { ENVELOPE_BARE, ENVELOPE_IAP };
/* What to do with a message while the program works: paste it, or let it wait in the queue. */
enum busy_policy { BUSY_PASTE, BUSY_QUEUE };
/* The highest rung that this runtime can prove. */
enum proof { PROOF_SUBMITTED, PROOF_RECORDED };

/* When the program is started with hooks of its own that call us. */
enum hooks_when { HOOKS_NEVER, HOOKS_TRUST, HOOKS_ALWAYS };

#define MANIFEST_DIALOGS 16

/* A question of the program that we know. It is there when all of `when` are on the screen (white
 * space and box lines apart, so a text that the program wraps is found). The row that is under the
 * cursor begins with `cursor`; if it contains `row`, `accept` is pressed, else `move` (one key a
 * look). */
struct dialog {
	char name[64];
	struct strv when;
	char cursor[16]; /* "❯" ; "" : the dialog has no rows, accept at once */
	char row[128];
	char move[32];   /* a tmux key name: "Down"; "" : only a person can move */
	char accept[32]; /* "Enter" ; "" : only a person can answer: blocked */
	bool trust; /* answered only if the owner said --trust: whoever presses the key checks this
		     */
	char advice[160]; /* what a person should do where we do not answer */
};

struct manifest {
	char runtime[PEER_NAME_MAX + 1];
	char source[LAYOUT_PATH]; /* "built-in", or the file, below the root */
	enum runtime_kind kind;
	struct strv program; /* names or paths to look for, first found wins; "$SHELL": the
				environment's shell */
	struct strv search;  /* more folders to look in ("~/" is the environment's HOME) */
	struct strv args_fresh, args_resume, args_always; /* manifest_args() puts them together */
	struct strv
	    args_trust;  /* added only if the owner said --trust: bypass flags are never silent */
	struct strv env; /* KEY=VALUE */
	struct strv env_trust, env_trust_root; /* the same, only with --trust; and only for uid 0 */
	struct json *files;       /* object: name -> object, written before a start; NULL: none */
	struct json *files_trust; /* members that a file has only with --trust; NULL: none */
	enum hooks_when hooks;    /* when its files or arguments make the program report to us */
	enum envelope_kind envelope;
	enum proof proof;
	enum busy_policy busy_policy;
	enum nature default_intelligence, requires_intelligence; /* NATURE_NONE: no demand */

	/* The screen (kind tui); see runtime/screen.h */
	char marker[16]; /* glyph that begins the composer's line: "❯" (what follows may be a
			    no-break space); "": none */
	bool ruled; /* the composer stands between two lines of ─; nothing else is taken for one */
	struct strv placeholders; /* texts in an empty composer */
	struct strv pasted;       /* what a long paste collapses to begins with: "[Pasted text" */
	struct strv ready_any;    /* one of these must show (empty: the composer is enough) */
	struct strv busy_any;     /* "esc to interrupt" */
	struct strv retry_any;    /* "· retrying in" */
	struct strv
	    failed_line; /* a line of its conversation's file with all of these: a turn failed */
	struct strv setup_any; /* signs that its first questions were answered, for doctor */
	struct strv login_any; /* signs that it is logged in */
	struct dialog dialogs[MANIFEST_DIALOGS];
	size_t n_dialogs;

	struct strv submit;     /* keys: { "Enter" } */
	struct strv interrupt;  /* keys: { "Escape" }, { "C-c" } */
	char compact[64];       /* text typed to compact the conversation; "": cannot */
	bool has_conversations; /* resume by id is possible */
	/* Where the program keeps its conversations; the paths are below data_folder. */
	struct strv data_folder;     /* "$CLAUDE_CONFIG_DIR", "~/.claude": the first that is set */
	char conversation_file[128]; /* "projects/" "*" "/{conversation}.jsonl", a pattern; "": not
					known */
	char process_file[128]; /* JSON of each of its processes, with pid and sessionId: whose it
				   is is open; "" : none */
	char lock_file[128];    /* held by flock while {conversation} is open; "" : none */
};

/* *out is the caller's storage, filled whole on success: manifest_done(). ERR_NOT_FOUND: no such
 * runtime, with the list; ERR_CORRUPT; ERR_USAGE: no valid name of a runtime. */
int manifest_load(const struct layout *l, const char *runtime, struct manifest *out,
		  struct err *e) NODISCARD;
/* The same for a runtime that a peer has: ERR_FAILED when there is none, for the peer is there. */
int manifest_need(const struct layout *l, const char *runtime, struct manifest *out,
		  struct err *e) NODISCARD;
void manifest_done(struct manifest *m); /* a zeroed one too; zeroes it */
/* Names of all runtimes: built-in and the user's, sorted. */
int manifest_list(const struct layout *l, struct strv *out, struct err *e) NODISCARD;
/* The program, absolute: IAPEER_<RUNTIME>_BIN, else `program` along the PATH in env, else in
 * `search`. ERR_FAILED "program claude not found (looked in ...)". */
int manifest_program(const struct manifest *m, const struct layout *l, const struct strv *env,
		     char out[static LAYOUT_PATH], struct err *e) NODISCARD;
/* Natures it takes messages from when the profile does not say, as bits 1U << NATURE_x: bare text
 * takes natural and absent only, the envelope all three. */
unsigned manifest_accepts(const struct manifest *m);

/* ---- manifest_text.c: placeholders ---- */

/* What {conversation} ... stand for; NULL counts as "". `{x:sh}` is one word for a shell,
 * `{x:quoted}` the inside of a string in quotes (JSON, TOML); filters are applied in order:
 * `{exe:sh:quoted}`. Other braces stay as they are. */
struct manifest_vars {
	const char *conversation; /* the id to resume, or of the fresh one where
				     manifest_chooses_id() */
	const char *workdir;
	const char *peer; /* the identity */
	const char *exe;  /* <root>/bin/iapeer */
	const char *root, *socks;
	const char *files;       /* the folder of the generated files */
	const char *prompt_file; /* the system prompt */
	bool resume;             /* args_resume instead of args_fresh */
	bool trust;              /* args_trust and files_trust too */
};
void manifest_text(const char *text, const struct manifest_vars *vars, struct buf *out);
/* Append the program's arguments (not argv[0]): fresh or resume, always, trust. */
void manifest_args(const struct manifest *m, const struct manifest_vars *vars, struct strv *out);
/* The i-th of m->files (json_len() of them), filled in, as JSON. *out_name is borrowed from m. */
void manifest_file(const struct manifest *m, size_t i, const struct manifest_vars *vars,
		   const char **out_name, struct buf *out);
/* Is the id of a fresh conversation ours to choose ({conversation} in args_fresh), or learned
 * later? */
bool manifest_chooses_id(const struct manifest *m);
/* Does anything in it name {prompt_file}? */
bool manifest_wants_prompt(const struct manifest *m);

/* ---- manifest_fields.c: the table of fields ---- */

/* The kind a manifest names, if it does. */
int manifest_kind(const struct json *tree, const char *what, enum runtime_kind *out,
		  bool *out_named, struct err *e) NODISCARD;
/* Set in m what the tree has; the rest stays. `what` names the file. ERR_CORRUPT. */
int manifest_read(const struct json *tree, const char *what, struct manifest *m,
		  struct err *e) NODISCARD;
/* Appends "kind", ..., "dialogs[].name", ...: docs/RUNTIMES.md is held against it. */
void manifest_field_names(struct strv *out);
