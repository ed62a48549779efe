/* registry.h - who exists: <root>/peers-profiles.json, and its one writer.
 *
 * Reading takes no lock: the file is only ever replaced whole. A change is: lock, read again, edit
 * the tree, write atomically (the old file becomes .bak), unlock; so 16 writers lose nothing and
 * unknown fields survive. A corrupt file (not JSON, two records of a name, an empty folder, an
 * unknown intelligence) is ERR_CORRUPT and never written over; the hint names the command that
 * restores the backup. A newer `version` is read with a warning and not written (ERR_REFUSED).
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/profile.h"

#define REGISTRY_VERSION 2

struct peer_record {
	char name[PEER_NAME_MAX + 1];
	char default_runtime[PEER_NAME_MAX + 1]; /* "" : none; then the first of runtimes */
	struct strv runtimes;
	/* Borrowed, from the registry or whoever made the record; NULL in one that is to be merged:
	 * empty. */
	const char *description, *cwd;
	enum nature intelligence; /* normalised; NATURE_NONE when the record has none */
	bool telegram;
};

struct registry {
	struct peer_record *peers; /* sorted by name */
	size_t n;
	char *texts; /* what the records have borrowed */
	bool newer;  /* written by a newer version */
};

/* For who has read it a while ago: is that name still in it? ERR_NOT_FOUND: it is not any more. 0
 * also where it cannot be read. */
int registry_still_has(const struct layout *l, const char *name, struct err *e) NODISCARD;
/* A missing file is an empty registry. ERR_CORRUPT names file and place. Owned: registry_done(). */
int registry_load(const struct layout *l, struct registry *out, struct err *e) NODISCARD;
/* The text of such a file, or its tree; `what` names it in messages. Pure. */
int registry_parse(const char *text, size_t len, const char *what, struct registry *out,
		   struct err *e) NODISCARD;
/* The same without a tree, of what is as we write it. False: it is unusual or wrong, which only
 * registry_from_json() can tell apart; *out is as it was. */
bool registry_plain(const char *text, size_t len, struct registry *out);
int registry_from_json(const struct json *tree, const char *what, struct registry *out,
		       struct err *e) NODISCARD;
/* Where there is a good backup, the command that restores it becomes the hint of *e. Always -1. */
int registry_restore_hint(const struct layout *l, struct err *e);
void registry_done(struct registry *r);
const struct peer_record *registry_find(const struct registry *r, const char *name); /* NULL */
bool record_has_runtime(const struct peer_record *p, const char *runtime);
/* The runtime meant: `asked` if declared, else the default, else the first declared. ERR_REFUSED
 * "undeclared runtime"; the identity in *out. */
int record_identity(const struct peer_record *p, const char *asked, struct peer_id *out,
		    struct err *e) NODISCARD;
/* What the profile does not say (older programs' leave out what they like), the record says. */
void profile_complete(struct profile *p, const struct peer_record *r);
/* The profile in the record's folder, completed; none there: an empty one with the record's values.
 * Owned: profile_done(). */
int peer_profile(const struct peer_record *r, struct profile *out, struct err *e) NODISCARD;
/* "no such peer" with the nearest name as hint (ERR_NOT_FOUND); an invalid name is ERR_USAGE with
 * the name that it would become. */
int registry_need(const struct registry *r, const char *name, const struct peer_record **out,
		  struct err *e) NODISCARD;

/* Merge one record: runtimes united, an empty value wipes nothing, a new default does not replace
 * an old one unless set_default, another cwd is ERR_REFUSED, and so is a cwd that is another
 * peer's. Description is cut at 450. The intelligence as it was written stays if it means the same.
 * What changes nothing is not written. *out_created: there was none. Waits at most 10 s for the
 * lock (ERR_TIMEOUT); take it last, inside any other. ERR_USAGE: a name that is none, a new record
 * without a folder, a text that is not UTF-8. */
struct registry_change {
	const struct peer_record *record;
	bool set_default; /* record->default_runtime wins over the old one */
	bool replace; /* the record's values win whole: runtimes, default, description (also empty),
			 cwd */
	const char
	    *rename_from; /* NULL, or the name that this record had: it is renamed, ERR_REFUSED if
			   * record->name is taken, ERR_NOT_FOUND if there is none */
};
int registry_upsert(const struct layout *l, const struct registry_change *c, bool *out_created,
		    struct err *e) NODISCARD;
/* Drop a record. *out_dropped: there was one. */
int registry_drop(const struct layout *l, const char *name, bool *out_dropped,
		  struct err *e) NODISCARD;
