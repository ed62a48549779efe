#include "iapeer/delivery/envelope.h"

#include <stdint.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const char CDATA[] = "<![CDATA[", CDATA_END[] = "]]>";
static const char REPLACEMENT[] = "\ufffd";

enum { CDATA_LEN = sizeof(CDATA) - 1, CDATA_END_LEN = sizeof(CDATA_END) - 1 };

/* ---- writing ---- */

/* The reference for one byte of an attribute, or NULL. */
static const char *attr_reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	case '\t':
		return "&#9;";
	default:
		return NULL;
	}
}

/* ` name="value"`, cut at a character so that it takes at most `most` bytes; nothing at all for an
 * empty value. */
static void put_attr(struct buf *out, const char *name, const char *value, size_t most)
{
	size_t len = value ? strlen(value) : 0, start = out->len;
	uint32_t c;

	if (!len || strlen(name) + 4 >= most)
		return;
	buf_fmt(out, " %s=\"", name);
	for (size_t i = 0; i < len;) {
		const char *reference = attr_reference(value[i]);
		size_t n = utf8_decode(value + i, len - i, &c);
		const char *bytes = reference ? reference : n ? value + i : REPLACEMENT;
		size_t size = reference ? strlen(reference) : n ? n : sizeof(REPLACEMENT) - 1;

		if (out->len - start + size + 1 > most)
			break;
		buf_add(out, bytes, size);
		i += n ? n : 1;
	}
	buf_chr(out, '"');
}

/* Text as CDATA, its end mark split over two sections. */
static void put_cdata(struct buf *out, const char *text)
{
	buf_str(out, CDATA);
	while (*text) {
		const char *end = strstr(text, CDATA_END);
		size_t n = end ? (size_t)(end - text) + 2 : strlen(text);

		buf_add(out, text, n);
		if (end)
			buf_fmt(out, "%s%s", CDATA_END, CDATA);
		text += n;
	}
	buf_str(out, CDATA_END);
}

/* Inside CDATA newlines part the paths: a newline or a control in a path stands outside, as a
 * reference. */
static void put_path(struct buf *out, const char *path)
{
	size_t len = strlen(path);
	uint32_t c;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_decode(path + i, len - i, &c);

		if (n && (c < 0x20 || (c >= 0x7f && c <= 0x9f)))
			buf_fmt(out, "%s&#%u;%s", CDATA_END, (unsigned)c, CDATA);
		else if (str_starts(path + i, CDATA_END))
			buf_fmt(out, "]%s%s", CDATA_END,
				CDATA); /* the first of two brackets; the rest follows */
		else if (n)
			buf_add(out, path + i, n);
		else
			buf_str(out, REPLACEMENT);
		i += n ? n : 1;
	}
}

static void put_attachments(struct buf *out, const struct strv *paths)
{
	bool first = true;

	for (size_t i = 0; i < paths->n; i++) {
		if (!*paths->v[i])
			continue;
		if (first)
			buf_fmt(out, "<attachments>%s", CDATA);
		else
			buf_chr(out, '\n');
		first = false;
		put_path(out, paths->v[i]);
	}
	if (!first)
		buf_fmt(out, "%s</attachments>\n", CDATA_END);
}

void envelope_encode(const struct envelope *v, struct buf *out)
{
	struct buf AUTO(buf_done) tag = BUF_INIT(ENVELOPE_TAG_MAX);

	buf_str(&tag, "<iap");
	put_attr(&tag, "from-personality", v->from.name, ENVELOPE_TAG_MAX);
	put_attr(&tag, "from-runtime", v->from.runtime, ENVELOPE_TAG_MAX);
	put_attr(&tag, "from-intelligence", nature_word(v->from_nature), ENVELOPE_TAG_MAX);
	put_attr(&tag, "ts", v->ts, sizeof(v->ts) * 6);
	put_attr(&tag, "id", v->id, ENVELOPE_TAG_MAX - 1 - tag.len);
	put_attr(&tag, "topic", v->topic, ENVELOPE_TAG_MAX - 1 - tag.len);
	buf_chr(&tag, '>');
	buf_add(out, buf_cstr(&tag), tag.len);
	buf_str(out, "\nMessage from another iapeer peer. Answer with send_to_peer.\n");
	put_attachments(out, &v->attachments);
	buf_str(out, "<message>");
	put_cdata(out, v->message ? v->message : "");
	buf_str(out, "</message>\n</iap>");
}

void envelope_done(struct envelope *v)
{
	free(v->message);
	strv_done(&v->attachments);
	memset(v, 0, sizeof(*v));
}

/* ---- what may be pasted ---- */

void envelope_filter(const char *text, size_t len, struct buf *out)
{
	uint32_t c;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_decode(text + i, len - i, &c);

		if (text[i] == '\r') {
			buf_chr(out, '\n');
			i += i + 1 < len && text[i + 1] == '\n' ? 2 : 1;
			continue;
		}
		if (n == 0 || (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c <= 0x9f))
			buf_add(out, REPLACEMENT, sizeof(REPLACEMENT) - 1);
		else
			buf_add(out, text + i, n);
		i += n ? n : 1;
	}
}
