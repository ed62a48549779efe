#include "iapeer/delivery/envelope.h"

#include <stdint.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/envelope_text.h"

#include "iapeer/base/banned.h"

/* A byte that is no text takes three. */
#define TEXT_MAX  ((size_t)3 * CAP_QUEUE_ITEM)
#define VALUE_MAX ((size_t)3 * ENVELOPE_TAG_MAX)

/* What a scanner says of the bytes it was given. */
enum scan {
	SCAN_OK,
	SCAN_MORE,       /* right so far, but cut */
	SCAN_BAD,        /* no envelope begins here */
	SCAN_NO_MESSAGE, /* it ends without one */
};

/* Bytes that are read, and how far. */
struct cursor {
	const char *s;
	size_t len, at;
};

static const char OPEN[] = "<iap", CLOSE[] = "</iap>", CDATA[] = "<![CDATA[", CDATA_END[] = "]]>";

/* Does what is left begin with word? SCAN_MORE: it may, but it is cut. */
static enum scan begins(const struct cursor *c, const char *word)
{
	size_t left = c->len - c->at, n = strlen(word);

	if (memcmp(c->s + c->at, word, left < n ? left : n) != 0)
		return SCAN_BAD;
	return left < n ? SCAN_MORE : SCAN_OK;
}

/* ---- the tag ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static void put_topic(char *out, size_t size, const char *text)
{
	size_t len = strlen(text), end = 0;
	uint32_t c;

	for (size_t chars = 0; end < len && chars < TOPIC_MAX_CHARS; chars++)
		end += utf8_decode(text + end, len - end, &c);
	if (end < size) {
		memcpy(out, text, end);
		out[end] = '\0';
	}
}

/* Which attributes were seen, as bits; one that comes twice spoils the tag. What does not fit is
 * dropped. */
static bool set_attr(struct envelope *v, const char *name, const char *value, unsigned *seen)
{
	static const char *const names[] = {
	    "from-personality", "from-runtime", "from-intelligence", "ts", "id", "topic"};
	const struct {
		char *at;
		size_t size;
	} fields[] = {{v->from.name, sizeof(v->from.name)},
		      {v->from.runtime, sizeof(v->from.runtime)},
		      {NULL, 0},
		      {v->ts, sizeof(v->ts)},
		      {v->id, sizeof(v->id)},
		      {NULL, 0}};
	size_t i = 0;

	_Static_assert(sizeof(names) / sizeof(names[0]) == sizeof(fields) / sizeof(fields[0]),
		       "a field a name");
	while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], name) != 0)
		i++;
	if (i == sizeof(names) / sizeof(names[0]))
		return true; /* of a newer version */
	if (*seen & 1U << i)
		return false;
	*seen |= 1U << i;
	if (strcmp(name, "topic") == 0)
		put_topic(v->topic, sizeof(v->topic), value);
	else if (strcmp(name, "from-intelligence") == 0)
		v->from_nature = nature_parse(value);
	else if (fields[i].at && !str_put(fields[i].at, fields[i].size, value))
		fields[i].at[0] = '\0';
	return true;
}

/* name="value"; c stands at the name. */
static enum scan scan_attr(struct cursor *c, struct envelope *v, unsigned *seen)
{
	struct buf AUTO(buf_done) name = BUF_INIT(ENVELOPE_TAG_MAX), value = BUF_INIT(VALUE_MAX);
	char quote;

	while (c->at < c->len && is_name(c->s[c->at]))
		buf_chr(&name, c->s[c->at++]);
	if (c->at + 1 >= c->len)
		return c->at < c->len && (c->s[c->at] != '=' || !name.len) ? SCAN_BAD : SCAN_MORE;
	quote = c->s[c->at + 1];
	if (!name.len || c->s[c->at] != '=' || (quote != '"' && quote != '\''))
		return SCAN_BAD;
	for (c->at += 2; c->at < c->len && c->s[c->at] != quote;) {
		size_t n = envelope_put_reference(&value, c->s + c->at, c->len - c->at);

		if (c->s[c->at] == '<')
			return SCAN_BAD;
		c->at += n ? n : envelope_put_char(&value, c->s + c->at, c->len - c->at);
	}
	if (c->at >= c->len)
		return SCAN_MORE;
	c->at++;
	return set_attr(v, buf_cstr(&name), buf_cstr(&value), seen) ? SCAN_OK : SCAN_BAD;
}

/* From <iap to >. */
static enum scan scan_tag(struct cursor *c, struct envelope *v)
{
	struct cursor tag = {.s = c->s + c->at, .len = c->len - c->at, .at = sizeof(OPEN) - 1};
	enum scan cut = tag.len >= ENVELOPE_TAG_MAX ? SCAN_BAD : SCAN_MORE;
	struct peer_id from;
	struct err e = ERR_INIT;
	unsigned seen = 0;

	if (cut == SCAN_BAD)
		tag.len = ENVELOPE_TAG_MAX;
	for (;;) {
		size_t before = tag.at;
		enum scan attr;

		while (tag.at < tag.len && is_blank(tag.s[tag.at]))
			tag.at++;
		if (tag.at == tag.len)
			return cut;
		if (tag.s[tag.at] == '>')
			break;
		attr = tag.at > before ? scan_attr(&tag, v, &seen) : SCAN_BAD;
		if (attr != SCAN_OK)
			return attr == SCAN_MORE ? cut : SCAN_BAD;
	}
	c->at += tag.at + 1;
	if (peer_make(v->from.runtime, v->from.name, &from, &e) < 0)
		return SCAN_BAD; /* nobody can be called so: it is not one of ours */
	v->from = from;
	return SCAN_OK;
}

/* ---- the body ---- */

/* Where text goes: one buffer, or paths parted by newlines. */
struct sink {
	struct buf text;
	struct strv *paths; /* NULL: one text */
};

static void sink_done(struct sink *s)
{
	buf_done(&s->text);
}

static void end_path(struct sink *to)
{
	if (to->paths && to->text.len > 0 && to->paths->n < ATTACHMENTS_MAX)
		strv_add(to->paths, buf_cstr(&to->text));
	if (to->paths)
		buf_cut(&to->text, 0);
}

static size_t put_plain(struct sink *to, const char *s, size_t len)
{
	if (*s != '\n' || !to->paths)
		return envelope_put_char(&to->text, s, len);
	end_path(to);
	return 1;
}

static enum scan scan_cdata(struct cursor *c, struct sink *to)
{
	const char *from = c->s + c->at + sizeof(CDATA) - 1;
	size_t left = c->len - c->at - (sizeof(CDATA) - 1);
	const char *end = memmem(from, left, CDATA_END, sizeof(CDATA_END) - 1);

	if (!end)
		return SCAN_MORE;
	while (to && from < end)
		from += put_plain(to, from, (size_t)(end - from));
	c->at = (size_t)(end - c->s) + sizeof(CDATA_END) - 1;
	return SCAN_OK;
}

/* Behind the opening tag, up to and with `close`. */
static enum scan scan_text(struct cursor *c, const char *close, struct sink *to)
{
	while (c->at < c->len) {
		enum scan closes = begins(c, close), cdata = begins(c, CDATA);
		size_t n;

		if (closes == SCAN_OK) {
			c->at += strlen(close);
			end_path(to);
			return SCAN_OK;
		}
		if (closes == SCAN_MORE || cdata == SCAN_MORE)
			return SCAN_MORE;
		if (cdata == SCAN_OK) {
			if (scan_cdata(c, to) != SCAN_OK)
				return SCAN_MORE;
			continue;
		}
		n = envelope_put_reference(&to->text, c->s + c->at, c->len - c->at);
		c->at += n ? n : put_plain(to, c->s + c->at, c->len - c->at);
	}
	return SCAN_MORE;
}

static enum scan scan_message(struct cursor *c, struct envelope *v)
{
	struct sink AUTO(sink_done) to = {.text = BUF_INIT(TEXT_MAX)};
	enum scan r;

	c->at += strlen("<message>");
	r = scan_text(c, "</message>", &to);
	if (to.text.failed)
		return SCAN_BAD;
	if (r == SCAN_OK && !v->message)
		v->message = xstrndup(buf_cstr(&to.text), to.text.len);
	return r;
}

static enum scan scan_attachments(struct cursor *c, struct envelope *v)
{
	struct strv AUTO(strv_done) paths = STRV_INIT;
	struct sink AUTO(sink_done) to = {.text = BUF_INIT(TEXT_MAX), .paths = &paths};
	enum scan r;

	c->at += strlen("<attachments>");
	r = scan_text(c, "</attachments>", &to);
	if (r == SCAN_OK && !v->attachments.n) {
		v->attachments = paths;
		paths = (struct strv)STRV_INIT;
	}
	return r;
}

/* One element, or one byte that is none. */
static enum scan scan_element(struct cursor *c, struct envelope *v)
{
	if (begins(c, "<message>") == SCAN_OK)
		return scan_message(c, v);
	if (begins(c, "<attachments>") == SCAN_OK)
		return scan_attachments(c, v);
	if (begins(c, CDATA) == SCAN_OK)
		return scan_cdata(c, NULL);
	if (begins(c, "<message>") == SCAN_MORE || begins(c, "<attachments>") == SCAN_MORE ||
	    begins(c, CDATA) == SCAN_MORE || begins(c, CLOSE) == SCAN_MORE ||
	    begins(c, OPEN) == SCAN_MORE)
		return SCAN_MORE;
	c->at++;
	return SCAN_OK;
}

/* An envelope from c->at on; c then stands behind it. v is to be emptied whatever comes of it. */
static enum scan scan_envelope(struct cursor *c, struct envelope *v)
{
	enum scan r = scan_tag(c, v);

	while (r == SCAN_OK) {
		const char *next = memchr(c->s + c->at, '<', c->len - c->at);

		if (!next)
			return SCAN_MORE;
		c->at = (size_t)(next - c->s);
		if (begins(c, CLOSE) == SCAN_OK) {
			c->at += sizeof(CLOSE) - 1;
			return v->message ? SCAN_OK : SCAN_NO_MESSAGE;
		}
		/* Another one begins where this has not ended: this was cut off by its sender. */
		if (begins(c, OPEN) == SCAN_OK && c->at + 4 < c->len && is_blank(c->s[c->at + 4]))
			return v->message ? SCAN_BAD : SCAN_NO_MESSAGE;
		r = scan_element(c, v);
	}
	return r;
}

/* ---- a stream ---- */

void envelope_decoder_done(struct envelope_decoder *d)
{
	buf_done(&d->b);
	d->looked = 0;
}

/* The next <iap at or behind `from`; the length, less a cut-off start of one, when there is none.
 */
static size_t find_start(const char *s, size_t len, size_t from, bool *out_found)
{
	const char *at = len > from ? memmem(s + from, len - from, OPEN, sizeof(OPEN) - 1) : NULL;
	size_t tail = sizeof(OPEN) - 2;

	*out_found = at != NULL;
	if (at)
		return (size_t)(at - s);
	while (tail > 0 && (len < from + tail || memcmp(s + len - tail, OPEN, tail) != 0))
		tail--;
	return len - tail;
}

void envelope_feed(struct envelope_decoder *d, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t room = d->b.max - d->b.len, part = n < room ? n : room;
		bool found;

		buf_add(&d->b, bytes, part);
		bytes += part;
		n -= part;
		if (n == 0 || d->b.failed)
			return;
		buf_drop(&d->b, find_start(d->b.p, d->b.len, d->b.len / 2, &found));
		d->looked = 0;
	}
}

static bool has(const struct cursor *c, size_t from, const char *word)
{
	return memmem(c->s + from, c->len - from, word, strlen(word)) != NULL;
}

/* Can what came behind `from` tell more of the oldest start, which waits for its end? Its end, or
 * that of a later one; or the next start, by which it is cut off: then a whole one may stand
 * between them. */
static bool tells_more(const struct cursor *c, size_t from)
{
	return has(c, from, CLOSE) || (has(c, from, OPEN) && has(c, 0, CLOSE));
}

int envelope_next(struct envelope_decoder *d, struct envelope *out)
{
	struct cursor c = {.s = buf_cstr(&d->b), .len = d->b.len};
	size_t start = 0, from = d->looked > sizeof(CLOSE) ? d->looked - sizeof(CLOSE) : 0;
	enum scan r = SCAN_MORE;
	bool found;

	if (d->looked && !tells_more(&c, from)) {
		d->looked = c.len;
		return 0;
	}
	for (;;) {
		struct envelope AUTO(envelope_done) v = ENVELOPE_INIT;

		start = find_start(c.s, c.len, start, &found);
		if (!found)
			break;
		c.at = start;
		r = scan_envelope(&c, &v);
		if (r == SCAN_MORE)
			break;
		if (r == SCAN_OK) {
			*out = v;
			v = (struct envelope)ENVELOPE_INIT;
			buf_drop(&d->b, c.at);
			d->looked = 0;
			return 1;
		}
		start++;
	}
	buf_drop(&d->b, start);
	d->looked = found && c.at > start
			? c.len - start
			: 0; /* a tag that is cut is looked at anew: it has a bound */
	return 0;
}

int envelope_decode(const char *text, size_t len, struct envelope *out, struct err *e)
{
	static const char *const why[] = {[SCAN_OK] = "",
					  [SCAN_MORE] = "it is cut: </iap> is missing",
					  [SCAN_BAD] = "its <iap tag cannot be read",
					  [SCAN_NO_MESSAGE] = "its <message> is missing"};
	struct cursor c = {.s = text, .len = len};
	enum scan first = SCAN_OK, r;
	size_t start = 0;
	bool found;

	for (;;) {
		struct envelope AUTO(envelope_done) v = ENVELOPE_INIT;

		start = find_start(text, len, start, &found);
		if (!found)
			break;
		c.at = start++;
		r = scan_envelope(&c, &v);
		if (r == SCAN_OK) {
			*out = v;
			v = (struct envelope)ENVELOPE_INIT;
			return 0;
		}
		first = first == SCAN_OK ? r : first;
	}
	if (first == SCAN_OK)
		return err_set(e, ERR_CORRUPT, 0, "envelope: no <iap in it");
	return err_set(e, ERR_CORRUPT, 0, "envelope: %s", why[first]);
}
