#include "iapeer/base/json.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* One character that is not plain ASCII text; returns the bytes it took. */
static size_t quote_char(struct buf *out, const char *s, size_t len)
{
	static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *hit = *s ? strchr(named, *s) : NULL;
	uint32_t point;
	size_t n = utf8_decode(s, len, &point);

	if (hit) {
		buf_chr(out, '\\');
		buf_chr(out, letters[hit - named]);
		return 1;
	}
	if (n == 0 ||
	    point ==
		0) { /* no reader of ours takes either, and an error message must get through */
		buf_str(out, "\xef\xbf\xbd");
		return 1;
	}
	if (char_acts(point))
		buf_fmt(out, "\\u%04x", (unsigned)point);
	else
		buf_add(out, s, n);
	return n;
}

void json_quote(struct buf *out, const char *s, size_t len)
{
	size_t plain = 0, at = 0;

	buf_chr(out, '"');
	while (at < len) {
		char c = s[at];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			at++;
			continue;
		}
		buf_add(out, s + plain, at - plain);
		at += quote_char(out, s + at, len - at);
		plain = at;
	}
	if (len > plain)
		buf_add(out, s + plain, len - plain);
	buf_chr(out, '"');
}

static void print_scalar(const struct json *j, struct buf *out)
{
	char room[JSON_NUMBER_MAX];
	const char *text = json_text(j);

	if (text)
		json_quote(out, text, strlen(text));
	else if (json_is_number(j))
		buf_str(out, json_number(j, room));
	else if (json_is_bool(j))
		buf_str(out, json_true(j) ? "true" : "false");
	else
		buf_str(out, "null");
}

static void print_break(struct buf *out, int level)
{
	buf_chr(out, '\n');
	for (int i = 0; i < level; i++)
		buf_str(out, "  ");
}

/* level: how far the line is indented; negative: all on one line. As deep as the tree, which is
 * either ours or was refused beyond JSON_DEPTH_MAX. */
static void print_node(const struct json *j, int level, struct buf *out)
{
	bool object = json_is_object(j), pretty = level >= 0;

	if (!object && !json_is_array(j)) {
		print_scalar(j, out);
		return;
	}
	buf_chr(out, object ? '{' : '[');
	for (const struct json *m = json_first(j); m; m = json_next(m)) {
		if (m != json_first(j))
			buf_chr(out, ',');
		if (pretty)
			print_break(out, level + 1);
		if (object) {
			json_quote(out, json_key(m), strlen(json_key(m)));
			buf_str(out, pretty ? ": " : ":");
		}
		print_node(m, pretty ? level + 1 : -1, out);
	}
	if (pretty && json_first(j))
		print_break(out, level);
	buf_chr(out, object ? '}' : ']');
}

void json_print(const struct json *j, bool pretty, struct buf *out)
{
	print_node(j, pretty ? 0 : -1, out);
	if (pretty)
		buf_chr(out, '\n');
}
