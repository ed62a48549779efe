#include "iapeer/cli/journals.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define TAIL_BYTES (256U << 10)

static bool matches(const char *line, size_t len, const struct log_match *want, size_t n)
{
	char value[LOG_FIELD_MAX];

	for (size_t i = 0; i < n; i++) {
		bool same = logfmt_get(line, len, want[i].key, value, sizeof value) &&
			    strcmp(value, want[i].value) == 0;

		if (same == want[i].differs)
			return false;
	}
	return true;
}

/* From the end towards the beginning. The first line may be cut: it is looked at all the same, for
 * a cut line lacks ts or a key more likely than it lies. */
static bool last_of(const struct buf *text, const struct log_match *want, size_t n, struct buf *out)
{
	const char *p = buf_cstr(text);
	size_t end = text->len;

	while (end > 0) {
		size_t start = end - 1;

		while (start > 0 && p[start - 1] != '\n')
			start--;
		if (matches(p + start, end - start - (p[end - 1] == '\n'), want, n)) {
			buf_add(out, p + start, end - start - (p[end - 1] == '\n'));
			return true;
		}
		end = start;
	}
	return false;
}

bool log_last(const struct layout *l, const char *log, const struct log_match *want, size_t n,
	      struct buf *out)
{
	char path[LAYOUT_PATH];

	for (int i = 0; i < 2; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(TAIL_BYTES + 1);
		struct err e = ERR_INIT;

		snprintf(path, sizeof path, "%s%s", log, i ? ".1" : "");
		if (fs_read_at(l->root_fd, path, -(int64_t)TAIL_BYTES, TAIL_BYTES, &text, &e) < 0)
			continue;
		if (last_of(&text, want, n, out))
			return true;
	}
	return false;
}

void log_field(struct json *o, const char *as, const char *line, size_t len, const char *key)
{
	char value[LOG_FIELD_MAX];

	if (logfmt_get(line, len, key, value, sizeof value))
		json_set_str_opt(o, as, value);
}
