/* The system prompt, whatever stands in the documents that it is made of and in what a neighbour
 * says of itself, the parts of the input: always text, without what acts on a terminal, the same
 * each time; a description stays on its line. */
#include <stdint.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/prompt.h"

#include "root.h"

#include "iapeer/base/banned.h"

static void is_text(const struct buf *b)
{
	const char *s = buf_cstr(b), *end = s + b->len;
	uint32_t c;

	must(utf8_valid(s, b->len));
	for (size_t n; s < end; s += n) {
		n = utf8_decode(s, (size_t)(end - s), &c);
		must(n > 0 && (c == '\n' || c == '\t' || !(c < 0x20 || (c >= 0x7f && c < 0xa0))));
	}
}

static size_t lines_of(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->p[i] == '\n';
	return n;
}

static void compose(struct registry *r, struct buf *out)
{
	struct profile profile = {.tree = NULL};
	struct prompt_in in = {.layout = &l,
			       .registry = r,
			       .record = &r->peers[1],
			       .profile = &profile,
			       .id = {.name = "bob", .runtime = "claude"},
			       .workdir = l.root,
			       .host = "host"};
	struct err e;

	must(prompt_compose(&in, out, &e) == 0);
	is_text(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = {LAYOUT_DOCTRINE, "more.md"};
	AUTO(buf_done) struct buf text = BUF_INIT(PROMPT_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(PROMPT_MAX);
	AUTO(buf_done) struct buf bare = BUF_INIT(PROMPT_MAX);
	struct peer_record peers[] = {{.name = "ann", .description = "", .cwd = "/ann"},
				      {.name = "bob", .description = ""}};
	struct registry r = {.peers = peers, .n = 2};
	struct part part = {.size = 0};
	const uint8_t *at = data;

	enter("x");
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (next_part(&at, data + size, &part))
			put_file(files[i], part.data, part.size);
		else
			drop_file(files[i]);
	peers[1].cwd = l.root;
	compose(&r, &bare);
	if (!next_part(&at, data + size, &part))
		part.size = 0;
	auto_free char *description = xstrndup(part.size ? (const char *)part.data : "", part.size);
	peers[0].description = description;
	compose(&r, &text);
	compose(&r, &again);
	must(same_bytes(&text, &again) && lines_of(&text) == lines_of(&bare));
	return 0;
}
