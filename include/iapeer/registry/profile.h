/* profile.h - <folder>/.iapeer/peer-profile.json: the source of truth about one peer.
 *
 * Unknown fields and sections of others survive every rewrite. The registry is its projection.
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/layout.h"
#include "iapeer/registry/record.h"

enum wake_policy { WAKE_ON_DEMAND, WAKE_EPHEMERAL, WAKE_ALWAYS, WAKE_POLICY_COUNT };
enum resume_policy {
	RESUME_CONTINUE,
	RESUME_TOPIC,
	RESUME_ALWAYS,
	RESUME_NEVER,
	RESUME_POLICY_COUNT
};

struct profile {
	char name[PEER_NAME_MAX + 1];
	char default_runtime[PEER_NAME_MAX + 1];
	struct strv runtimes;
	char description[DESCRIPTION_SIZE];
	enum nature intelligence;     /* NATURE_NONE: not given, the runtime's default holds */
	char workdir[LAYOUT_PATH];    /* "" : the folder */
	char *initial_prompt;         /* NULL: none */
	enum wake_policy wake_policy; /* an unknown word is left out: the default */
	enum resume_policy resume_policy;
	unsigned accepts; /* set of 1U << enum nature; 0: not given */
	struct strv tags;
	bool telegram;     /* interfaces.telegram is there: a person's peer */
	bool trust;        /* the owner said --trust */
	struct json *tree; /* the file as it was, for the rewrite */
};

/* ERR_NOT_FOUND: no profile in that folder. ERR_CORRUPT names file and field. ERR_REFUSED: .iapeer
 * or the file is a link (the folder itself may be). Owned: profile_done(). */
int profile_load(const char *folder, struct profile *out, struct err *e) NODISCARD;
/* The text of such a file; `what` names it in messages. Pure. */
int profile_parse(const char *text, size_t len, const char *what, struct profile *out,
		  struct err *e) NODISCARD;
void profile_done(struct profile *p);
void profile_init(struct profile *p); /* empty, defaults */
/* Write the known fields into the tree, and append the tree's text to out. Pure. */
void profile_print(struct profile *p, struct buf *out);
/* The same to the file in <folder>/.iapeer/ (0700), atomically; .iapeer is made, the
 * folder itself is not (ERR_NOT_FOUND). ERR_USAGE: a name that is none, a text that is not UTF-8.
 * p->telegram adds interfaces.telegram; that it is false takes nothing away. */
int profile_save(const char *folder, struct profile *p, struct err *e) NODISCARD;

const char *wake_policy_word(enum wake_policy w);
const char *resume_policy_word(enum resume_policy r);
bool wake_policy_parse(const char *word, enum wake_policy *out);
bool resume_policy_parse(const char *word, enum resume_policy *out);
