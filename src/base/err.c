#include "iapeer/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/banned.h"

struct err_row {
	const char *word, *text;
};

static const struct err_row rows[] = {
#define X(name, status, word, text) [name] = {word, text},
    ERR_MAP(X)
#undef X
};
_Static_assert(sizeof rows / sizeof rows[0] == ERR_CODE_COUNT, "one row an error code");

/* A message is one line whatever went into it: names of files may hold newlines. */
static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int err_set(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
	va_list ap;
	int n;

	e->code = code;
	e->sys = sys;
	e->hint[0] = '\0';
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (sys && n >= 0 && (size_t)n < sizeof e->msg)
		snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %s", strerror(sys));
	one_line(e->msg);
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char old[sizeof e->msg];
	va_list ap;
	int n;

	memcpy(old, e->msg, sizeof old);
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->msg)
		snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %s", old);
	one_line(e->msg);
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e->hint[0])
		return -1;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof e->hint, fmt, ap);
	va_end(ap);
	one_line(e->hint);
	return -1;
}

const char *err_word(enum err_code code)
{
	return code < ERR_CODE_COUNT ? rows[code].word : rows[ERR_FAILED].word;
}

const char *err_text(enum err_code code)
{
	return code < ERR_CODE_COUNT ? rows[code].text : rows[ERR_FAILED].text;
}

enum err_code err_from_word(const char *word)
{
	for (int i = 0; i < ERR_CODE_COUNT; i++)
		if (word && strcmp(rows[i].word, word) == 0)
			return (enum err_code)i;
	return ERR_FAILED;
}
