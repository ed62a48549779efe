#include "iapeer/cli/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"

#include "iapeer/base/banned.h"

#define TAG_MAX 64

void words_split(const char *text, char separator, struct strv *out)
{
	while (text && *text) {
		const char *end = strchr(text, separator);
		size_t len = end ? (size_t)(end - text) : strlen(text);
		const char *from = text, *next = end ? end + 1 : text + len;

		while (len && *from == ' ') {
			from++;
			len--;
		}
		while (len && from[len - 1] == ' ')
			len--;
		if (len)
			strv_take(out, xstrndup(from, len));
		text = next;
	}
}

void words_unite(struct strv *list, const char *word)
{
	if (!strv_has(list, word))
		strv_add(list, word);
}

void words_join(struct buf *out, const struct strv *list, const char *between)
{
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			buf_str(out, between);
		text_shown(out, list->v[i]);
	}
}

int words_hint(struct err *e, const char *intro, const struct strv *list)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	words_join(&b, list, ", ");
	return err_hint(e, "%s: %s", intro, buf_cstr(&b));
}

static bool tag_valid(const char *tag)
{
	size_t len = strlen(tag);

	if (len == 0 || len > TAG_MAX || !isalnum((unsigned char)tag[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)tag[i]) && !strchr("._-", tag[i]))
			return false;
	return true;
}

int words_tags(const char *text, struct strv *list, struct err *e)
{
	AUTO(strv_done) struct strv tags = STRV_INIT;

	words_split(text, ',', &tags);
	for (size_t i = 0; i < tags.n; i++) {
		if (!tag_valid(tags.v[i]))
			return err_set(e, ERR_USAGE, 0,
				       "\"%.80s\" is no tag: letters, digits, . _ -, at most %d",
				       tags.v[i], TAG_MAX);
		words_unite(list, tags.v[i]);
	}
	return 0;
}

int words_description(const char *text, char *out, struct err *e)
{
	size_t len = strlen(text), at = 0, n = 0;

	if (!utf8_valid(text, len))
		return err_set(e, ERR_USAGE, 0, "the description is not UTF-8");
	while (at < len && n < DESCRIPTION_MAX_CHARS) {
		uint32_t c;

		at += utf8_decode(text + at, len - at, &c);
		n++;
	}
	if (at < len)
		ctx_note("iapeer: note: the description is cut at %d characters",
			 DESCRIPTION_MAX_CHARS);
	memcpy(out, text, at);
	out[at] = '\0';
	for (char *p = out; *p; p++)
		if (*p == '\n' || *p == '\r' || *p == '\t')
			*p = ' ';
	return 0;
}

int words_path(const char *path, char out[static LAYOUT_PATH], struct err *e)
{
	auto_free char *cwd = NULL;
	auto_free char *full = NULL;
	size_t len;

	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return err_set(e, ERR_FAILED, errno, "the current folder");
	}
	full =
	    cwd ? xasprintf("%s/%s", cwd, str_starts(path, "./") ? path + 2 : path) : xstrdup(path);
	len = strlen(full);
	while (len > 1 && full[len - 1] == '/')
		full[--len] = '\0';
	if (!utf8_valid(full, len))
		return err_set(e, ERR_USAGE, 0, "folder %.200s: its name is not UTF-8", full);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)full[i] < 0x20 || full[i] == 0x7f)
			return err_set(e, ERR_USAGE, 0,
				       "folder %.200s: control characters in its name", full);
	if (!str_put(out, LAYOUT_PATH, full))
		return err_set(e, ERR_USAGE, 0, "folder %.200s...: longer than %d bytes", full,
			       LAYOUT_PATH - 1);
	return 0;
}

int words_folder(const char *path, char out[static LAYOUT_PATH], struct err *e)
{
	auto_free char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return err_set(e, ERR_USAGE, errno, "folder %.200s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, 0, "%.200s is not a folder", path);
	return words_path(real, out, e);
}

void words_ago(int64_t age_ms, char *out, size_t size)
{
	int64_t s = age_ms / 1000;

	if (s < 60)
		snprintf(out, size, "%lld s ago", (long long)s);
	else if (s < 3600)
		snprintf(out, size, "%lld min ago", (long long)(s / 60));
	else if (s < INT64_C(48) * 3600)
		snprintf(out, size, "%lld h ago", (long long)(s / 3600));
	else
		snprintf(out, size, "%lld days ago", (long long)(s / 86400));
}

int64_t words_span(int64_t ms, char *out, size_t size)
{
	static const struct {
		int64_t ms;
		char unit;
	} units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (ms < units[i].ms && units[i].unit != 's')
		i++;
	snprintf(out, size, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
	return units[i].ms - ms % units[i].ms;
}

int words_since(const char *text, int64_t now_ms, int64_t *out_ms, struct err *e)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = {1, 60, 3600, 86400};
	const char *unit = text[0] ? strchr(units, text[strlen(text) - 1]) : NULL;
	struct tm day = {.tm_isdst = -1};
	const char *end;
	char number[16];
	int64_t n;

	if (unit && *unit && strlen(text) < sizeof number) {
		snprintf(number, sizeof number, "%.*s", (int)(strlen(text) - 1), text);
		if (str_i64(number, 0, 1000000, &n)) {
			*out_ms = now_ms - n * seconds[unit - units] * 1000;
			return 0;
		}
	}
	if (clock_parse_iso(text, out_ms))
		return 0;
	/* A day is the reader's, as the story tells it. */
	end = strlen(text) == 10 ? strptime(text, "%Y-%m-%d", &day) : NULL;
	if (end && !*end) {
		*out_ms = (int64_t)mktime(&day) * 1000;
		return 0;
	}
	err_set(e, ERR_USAGE, 0, "--since: \"%.40s\" is no time", text);
	return err_hint(e, "30m, 2h, 3d, 2026-11-22 or 2026-11-22T09:00:00+01:00");
}
