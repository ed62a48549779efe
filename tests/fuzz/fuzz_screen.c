/* Any screen, read by the manifest that its first byte picks: a key is pressed only on what was
 * seen, a composer that holds something holds just that, and what is shown to people is text. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/builtin.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read once: 'a', 'b', ... are the built-in ones in their order. */
static const struct manifest *manifest_at(size_t i)
{
	static struct manifest all[8];
	static size_t n;
	struct err e = ERR_INIT;

	for (; !n || builtin_manifests[n].runtime; n++) {
		struct json *auto_json tree = NULL;
		const struct builtin_manifest *b = &builtin_manifests[n];

		assert(n < sizeof(all) / sizeof(all[0]));
		assert(json_parse(b->text, b->len, b->runtime, &tree, &e) == 0);
		assert(manifest_read(tree, b->runtime, &all[n], &e) == 0);
	}
	return &all[i % n];
}

static void facts(const struct manifest *m, const struct screen *s)
{
	struct screen_facts f;

	screen_read(m, s, &f);
	assert((f.dialog != NULL) == (f.state == SCREEN_DIALOG));
	assert(!f.key || f.dialog);
	assert(!f.on_row || (f.key == f.dialog->accept && *f.key));
	assert(!f.key || f.on_row || f.key == f.dialog->move);
	assert(!f.composer_empty || f.has_composer);
}

static void composer(const struct manifest *m, const struct screen *s)
{
	struct buf AUTO(buf_done) typed = BUF_INIT((size_t)4 * CAP_SCREEN),
				  more = BUF_INIT((size_t)4 * CAP_SCREEN);

	if (!screen_composer(m, s, &typed)) {
		assert(!screen_holds(m, s, "x", 1));
		return;
	}
	assert(utf8_valid(buf_cstr(&typed), typed.len));
	assert(!screen_holds(m, s, "", 0));
	if (typed.len == 0)
		return;
	assert(screen_holds(m, s, typed.p, typed.len));
	buf_add(&more, typed.p, typed.len);
	buf_str(&more, "x");
	assert(!screen_holds(m, s, more.p, more.len) || strchr(typed.p, ']')); /* or collapsed */
}

static void texts(const char *text, size_t len)
{
	struct buf AUTO(buf_done) plain = BUF_INIT((size_t)4 * CAP_SCREEN);
	char tail[1024];

	screen_plain(text, len, &plain);
	assert(utf8_valid(buf_cstr(&plain), plain.len));
	for (size_t i = 0; i < plain.len; i++)
		assert((unsigned char)plain.p[i] >= 0x20 || plain.p[i] == '\t' ||
		       plain.p[i] == '\n');
	screen_tail(text, len, tail, sizeof(tail));
	assert(utf8_valid(tail, strlen(tail)) && utf8_chars(tail, strlen(tail)) <= 160);
	assert(!strchr(tail, '\n') && !strchr(tail, '"'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct screen s = {
	    .text = (const char *)data + 1, .len = size - 1, .cursor_x = -1, .cursor_y = -1};
	const struct manifest *m;

	if (size < 2 || size > 65536)
		return 0;
	m = manifest_at(data[0] >= 'a' ? (size_t)(data[0] - 'a') : data[0]);
	facts(m, &s);
	composer(m, &s);
	texts(s.text, s.len);
	return 0;
}
