/* verb.h - what a verb is: one row of the table in src/cli/verbs.c, and what was typed for it.
 *
 * The parser, the help, the nearest-name hints and the tests read the same rows. A verb's run()
 * puts what it has to say into its struct ctx, never prints an error, never exits, opens neither
 * root nor registry itself.
 */
#pragma once
#include "iapeer/base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct ctx;
struct parsed;

struct opt {
	const char *name;  /* without its dashes; NULL ends a list */
	const char *value; /* what it takes, as help shows it: "<seconds>"; NULL: nothing, a flag */
	const char *help;  /* one line, no full stop */
	bool many;         /* may be given again and adds; else the last one wins */
	bool hidden;
};

enum verb_flag {
	V_HIDDEN = 1 << 0,    /* not in help: what other programs of ours call */
	V_JSON = 1 << 1,      /* takes --json */
	V_ROOT = 1 << 2,      /* needs the root */
	V_ROOT_MAKE = 1 << 3, /* makes it if it is missing */
	V_REGISTRY = 1 << 4,  /* reads registry and settings; a missing root is an empty registry */
	V_SETTINGS = 1 << 5,  /* reads the settings only */
	V_MUTATES = 1 << 6,   /* changes a peer */
	V_MUTE = 1 << 7,      /* prints nothing and never fails: an agent's model reads it */
};

/* What may stand at an argument's place: for the shells' completions. */
enum complete {
	COMP_NONE,
	COMP_PEER,
	COMP_RUNTIME,
	COMP_FILE,
	COMP_VERB,
	COMP_LITERAL, /* the words that `args` itself names: "list | drop <id>" */
	COMP_SET_KEY, /* at the last place: there and behind it */
};
#define VERB_ARGS_ANY 10000U

struct verb {
	const char *name;
	int (*run)(struct ctx *, const struct parsed *, struct err *);
	const char *args; /* "<peer> [runtime]" */
	unsigned min_args, max_args;
	enum complete comp[3]; /* of the arguments, by position */
	unsigned flags;
	int arg;                /* lets rows share one run(), e.g. start, stop and new */
	const struct opt *opts; /* NULL: none of its own */
	const char *brief;      /* at most 60 columns, no full stop */
	const char *detail; /* paragraphs for `help <verb>`, separated by \n\n; lines beginning with
			       two blanks stand as they are */
};

struct given {
	const struct opt *opt;
	const char *value; /* borrowed from argv; NULL: a flag */
};

/* Everything is borrowed from argv; the two lists are owned: parsed_done(). */
struct parsed {
	const struct verb *verb;
	const char **args;
	size_t n_args;
	struct given *given;
	size_t n_given;
	bool help, json, debug;
};
