/* peer.h - names: peers, runtimes, identities. Pure.
 *
 * An identity is <runtime>-<personality> and is split at its first dash, always by peer_parse(),
 * never by a pattern: "claude-big-bob" is big-bob's, not bob's. Whoever holds a struct peer_id
 * holds validated names; paths are built from nothing else.
 */
#pragma once
#include "iapeer/base/err.h"
#include <stdbool.h>

#define PEER_NAME_MAX     32
#define PEER_IDENTITY_MAX (2 * PEER_NAME_MAX + 1)

struct peer_id {
	char name[PEER_NAME_MAX + 1];    /* ^[a-z][a-z0-9-]{0,31}$ */
	char runtime[PEER_NAME_MAX + 1]; /* ^[a-z][a-z0-9]{0,31}$ (no dash) */
};

enum nature { NATURE_NONE, NATURE_ARTIFICIAL, NATURE_NATURAL, NATURE_ABSENT, NATURE_COUNT };

bool peer_name_valid(const char *name);
bool peer_runtime_valid(const char *runtime);
/* Both names must be valid; ERR_USAGE says which is not and why. */
int peer_make(const char *runtime, const char *name, struct peer_id *out, struct err *e) NODISCARD;
int peer_parse(const char *identity, struct peer_id *out, struct err *e) NODISCARD; /* ERR_USAGE */
bool peer_id_eq(const struct peer_id *a, const struct peer_id *b);
void peer_identity(const struct peer_id *id, char out[static PEER_IDENTITY_MAX + 1]);

/* A name out of free text (a folder's name): lower case, transliterated to ASCII, every other run
 * of characters one dash, none at the ends, at most 32, beginning with a letter. "Café №2" ->
 * "cafe-no-2", "Нова" -> "nova", "Straße" -> "strasse". ERR_USAGE when nothing usable is left. */
int peer_normalise(const char *text, char out[static PEER_NAME_MAX + 1], struct err *e) NODISCARD;

/* "artificial", "natural", "absent"; read also "human" (natural) and "scripted" (absent).
 * NATURE_NONE: no such word. */
enum nature nature_parse(const char *word);
const char *nature_word(enum nature n); /* "" for NATURE_NONE */
