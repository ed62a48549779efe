#include "iapeer/runtime/screen.h"

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen_text.h"

#include "iapeer/base/banned.h"

enum { TAIL_CHARS = 160, TAIL_BYTES = 32 << 10 };

void screen_plain(const char *text, size_t len, struct buf *out)
{
	text_plain(text, len, out);
}

/* Letters, digits, words in any script; not rules (with a name or not), boxes, blocks and arrows
 * alone. */
static bool says_something(const char *s, size_t len)
{
	uint32_t c = 0;

	if (text_box(s, len) && text_box(s + 3, len - 3) && text_box(s + 6, len - 6))
		return false;
	for (size_t i = 0; i < len;) {
		size_t n = utf8_decode(s + i, len - i, &c);

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    (c > 0xbf && (c < 0x2000 || c > 0x2bff) && c != 0xfffd))
			return true;
		i += n ? n : 1;
	}
	return false;
}

/* The line without boxes, its blanks run together and its quotes made single. */
static void flatten(const char *s, size_t len, struct buf *out)
{
	size_t start = out->len;
	bool gap = false;
	uint32_t c;

	for (size_t i = 0; i < len;) {
		size_t n = text_blank(s + i, len - i);

		n = n ? n : text_box(s + i, len - i);
		if (n) {
			gap = true;
			i += n;
			continue;
		}
		if (gap && out->len > start)
			buf_chr(out, ' ');
		gap = false;
		n = utf8_decode(s + i, len - i, &c);
		n = n ? n : 1;
		if (s[i] == '"' || s[i] == '`' || c == 0x201c || c == 0x201d || c == 0x2018 ||
		    c == 0x2019)
			buf_chr(out, '\'');
		else
			buf_add(out, s + i, n);
		i += n;
	}
}

void screen_tail(const char *text, size_t len, char *out, size_t size)
{
	struct sheet AUTO(sheet_done) sheet = SHEET_INIT;
	struct buf AUTO(buf_done) tail = BUF_INIT((size_t)4 * TAIL_BYTES);
	size_t line[2], n = 0;
	size_t cut = 0;
	uint32_t c;

	if (len > TAIL_BYTES) {
		text += len - TAIL_BYTES;
		len = TAIL_BYTES;
	}
	sheet_read(&sheet, text, len);
	for (size_t i = sheet.n; i > 0 && n < 2; i--)
		if (says_something(sheet_text(&sheet, i - 1), sheet.lines[i - 1].len))
			line[n++] = i - 1;
	while (n > 0) {
		n--;
		flatten(sheet_text(&sheet, line[n]), sheet.lines[line[n]].len, &tail);
		buf_str(&tail, n ? " | " : "");
	}
	for (size_t i = 0; i < TAIL_CHARS && cut < tail.len; i++) {
		size_t one = utf8_decode(tail.p + cut, tail.len - cut, &c);

		cut += one ? one : 1;
	}
	buf_cut(&tail, cut);
	str_cut(out, size, buf_cstr(&tail));
}
