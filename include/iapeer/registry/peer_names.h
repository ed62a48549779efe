/* peer_names.h - how a foreign letter is spelled in ASCII: the tables behind peer_normalise().
 * Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PEER_SPELL_MAX 8

/* The lower-case ASCII spelling of one character: "ae", "shch"; "" for what is dropped without a
 * trace (combining marks, the soft sign); " no " with blanks for what stands as a word of its own.
 * False: no letter or digit. */
bool peer_spell(uint32_t c, char out[static PEER_SPELL_MAX]);
/* The one character that a letter and the mark behind it make, where its spelling differs from the
 * bare letter's (decomposed Cyrillic: и and a breve are й, not и); 0 for any other pair. */
uint32_t peer_compose(uint32_t letter, uint32_t mark);
