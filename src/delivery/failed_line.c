#include "iapeer/delivery/failed_line.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* The first that fits counts. Codex says most of it in words for people. */
static const struct {
	const char *part, *word;
} words[] = {{"401 ", "auth"},
	     {"403 ", "auth"},
	     {"nauthorized", "auth"},
	     {"API key", "auth"},
	     {"429 ", "quota"},
	     {"usage limit", "quota"},
	     {"quota", "quota"},
	     {"high demand", "overload"},
	     {"529 ", "overload"},
	     {"verloaded", "overload"},
	     {"Internal Server Error", "overload"},
	     {"Service Unavailable", "overload"}};

const char *failed_line_word(const char *said)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strstr(said, words[i].part))
			return words[i].word;
	return "other";
}

/* Where `text` ends in [at, end); NULL: it is not there. */
static const char *behind(const char *at, const char *end, const char *text)
{
	const char *found = memmem(at, (size_t)(end - at), text, strlen(text));

	return found ? found + strlen(text) : NULL;
}

/* Where the reason begins; NULL: another line. */
static const char *reason_in(const struct strv *texts, const char *line, const char *end)
{
	const char *at = NULL;

	for (size_t i = 0; i < texts->n; i++)
		if (!(at = behind(line, end, texts->v[i])))
			return NULL;
	return at;
}

/* Up to the quote that ends the JSON text; escapes stay as they are written. */
static void copy_reason(const char *at, const char *end, char *out, size_t size)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	const char *from = at;

	while (at < end && *at != '"')
		at += *at == '\\' && at + 1 < end ? 2 : 1;
	buf_add(&b, from, (size_t)((at < end ? at : end) - from));
	str_cut(out, size, buf_cstr(&b));
}

bool failed_line_find(const struct strv *texts, const char *file, size_t len, const char *needle,
		      char *reason, size_t size)
{
	const char *end = file + len, *at = file, *next, *stop, *found = NULL;
	const char *line = *needle ? NULL : file;

	for (; *needle && (next = behind(at, end, needle)); line = at)
		at = next;
	for (; line && line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			break; /* it is still being written */
		if ((next = reason_in(texts, line, stop))) {
			found = next;
			copy_reason(found, stop, reason, size);
		}
	}
	return found != NULL;
}
