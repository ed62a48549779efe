#include "iapeer/registry/peer.h"

#include <string.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/peer_names.h"

#include "iapeer/base/banned.h"

#define SHOWN_BYTES 64 /* of a wrong name, in a message */

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(const char *s, bool dashes)
{
	if (!s || !is_letter(s[0]))
		return false;
	for (size_t n = 0; s[n]; n++) {
		if (n == PEER_NAME_MAX)
			return false;
		if (!is_letter(s[n]) && !is_digit(s[n]) && !(dashes && s[n] == '-'))
			return false;
	}
	return true;
}

bool peer_name_valid(const char *name)
{
	return is_name(name, true);
}

bool peer_runtime_valid(const char *runtime)
{
	return is_name(runtime, false);
}

/* What was typed, fit for a message: escaped, and cut where somebody typed a book. */
static int refuse(struct err *e, const char *text, const char *why)
{
	AUTO(buf_done) struct buf shown = BUF_INIT(SHOWN_BYTES * 4 + 8);
	size_t n = text ? strlen(text) : 0;

	if (text)
		str_shown(&shown, text, n < SHOWN_BYTES ? n : SHOWN_BYTES, false);
	return err_set(e, ERR_USAGE, 0, "\"%s%s\" %s", buf_cstr(&shown),
		       n > SHOWN_BYTES ? "..." : "", why);
}

int peer_make(const char *runtime, const char *name, struct peer_id *out, struct err *e)
{
	struct peer_id id;

	if (!peer_runtime_valid(runtime) || !str_put(id.runtime, sizeof id.runtime, runtime))
		return refuse(e, runtime,
			      "is no runtime's name (lower-case letters and digits, a letter "
			      "first, at most 32)");
	if (!peer_name_valid(name) || !str_put(id.name, sizeof id.name, name))
		return refuse(e, name,
			      "is no peer's name (lower-case letters, digits and dashes, a letter "
			      "first, at most 32)");
	*out = id;
	return 0;
}

int peer_parse(const char *identity, struct peer_id *out, struct err *e)
{
	const char *dash = identity ? strchr(identity, '-') : NULL;
	char runtime[PEER_NAME_MAX + 1];
	size_t n;

	if (!dash)
		return refuse(e, identity, "is no identity (<runtime>-<peer>)");
	n = (size_t)(dash - identity);
	if (n >= sizeof runtime)
		return refuse(e, identity,
			      "is no identity: its runtime has more than 32 characters");
	memcpy(runtime, identity, n);
	runtime[n] = '\0';
	if (peer_make(runtime, dash + 1, out, e) < 0)
		return refuse(e, identity, "is no identity (<runtime>-<peer>)");
	return 0;
}

bool peer_id_eq(const struct peer_id *a, const struct peer_id *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->runtime, b->runtime) == 0;
}

void peer_identity(const struct peer_id *id, char out[static PEER_IDENTITY_MAX + 1])
{
	size_t n = strnlen(id->runtime, PEER_NAME_MAX), m = strnlen(id->name, PEER_NAME_MAX);

	memcpy(out, id->runtime, n);
	out[n] = '-';
	memcpy(out + n + 1, id->name, m);
	out[n + 1 + m] = '\0';
}

/* A name that grows; a dash is written together with the character behind it, so none ends up last.
 */
struct growing {
	char text[PEER_NAME_MAX + 1];
	size_t n;
	bool dash, full;
};

static void grow(struct growing *g, char c)
{
	size_t need = g->dash ? 2 : 1;

	if (!is_letter(c) && !(is_digit(c) && g->n)) {
		g->dash = g->n > 0;
		return;
	}
	if (g->n + need > PEER_NAME_MAX)
		g->full = true;
	if (g->full)
		return;
	if (g->dash)
		g->text[g->n++] = '-';
	g->text[g->n++] = c;
	g->dash = false;
}

/* One character of text, with the mark behind it where the two make one; returns its length. */
static size_t take_char(const char *text, size_t len, uint32_t *out)
{
	size_t n = utf8_decode(text, len, out), m;
	uint32_t mark, whole;

	if (n == 0) {
		*out = 0xfffd;
		return 1;
	}
	m = utf8_decode(text + n, len - n, &mark);
	whole = m ? peer_compose(*out, mark) : 0;
	if (!whole)
		return n;
	*out = whole;
	return n + m;
}

int peer_normalise(const char *text, char out[static PEER_NAME_MAX + 1], struct err *e)
{
	struct growing g = {.n = 0};
	size_t len = strlen(text);

	for (size_t i = 0; i < len && !g.full;) {
		char spelled[PEER_SPELL_MAX];
		uint32_t c;

		i += take_char(text + i, len - i, &c);
		if (!peer_spell(c, spelled))
			grow(&g, '-');
		for (const char *p = spelled; *p; p++)
			grow(&g, *p);
	}
	if (g.n == 0) {
		refuse(e, text, "has no letter that a peer's name could be made of");
		return err_hint(
		    e, "choose a name: lower-case letters, digits and dashes, a letter first");
	}
	memcpy(out, g.text, g.n);
	out[g.n] = '\0';
	return 0;
}

static const char *const nature_words[] = {
    [NATURE_NONE] = "",
    [NATURE_ARTIFICIAL] = "artificial",
    [NATURE_NATURAL] = "natural",
    [NATURE_ABSENT] = "absent",
};
_Static_assert(sizeof nature_words / sizeof nature_words[0] == NATURE_COUNT, "one word a nature");

enum nature nature_parse(const char *word)
{
	if (str_empty(word))
		return NATURE_NONE;
	if (strcmp(word, "human") == 0)
		return NATURE_NATURAL;
	if (strcmp(word, "scripted") == 0)
		return NATURE_ABSENT;
	for (int n = NATURE_NONE + 1; n < NATURE_COUNT; n++)
		if (strcmp(word, nature_words[n]) == 0)
			return (enum nature)n;
	return NATURE_NONE;
}

const char *nature_word(enum nature n)
{
	return n < NATURE_COUNT ? nature_words[n] : "";
}
