/* However a stream is cut, the same envelopes come; what came comes again from its encoding;
 * nothing that the filter lets through is a key. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/delivery/envelope.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct envelope *v)
{
	struct buf AUTO(buf_done) b = BUF_INIT((size_t)4 * CAP_QUEUE_ITEM);
	struct envelope AUTO(envelope_done) back = ENVELOPE_INIT;
	struct err e = ERR_INIT;

	envelope_encode(v, &b);
	assert(!b.failed && utf8_valid(b.p, b.len));
	assert(envelope_decode(b.p, b.len, &back, &e) == 0);
	assert(peer_id_eq(&v->from, &back.from) && v->from_nature == back.from_nature);
	assert(strcmp(v->message, back.message) == 0);
	assert(strcmp(v->ts, back.ts) == 0 && strcmp(v->id, back.id) == 0);
	assert(str_starts(v->topic, back.topic)); /* cut where the tag would grow too long */
	assert(v->attachments.n == back.attachments.n);
	for (size_t i = 0; i < v->attachments.n; i++)
		assert(strcmp(v->attachments.v[i], back.attachments.v[i]) == 0);
}

/* Feed it `step` bytes at a time; returns how many came, *sum what was in them. */
static size_t stream(const char *text, size_t len, size_t step, uint64_t *sum)
{
	struct envelope_decoder AUTO(envelope_decoder_done) d = ENVELOPE_DECODER_INIT;
	size_t came = 0;

	*sum = 0;
	for (size_t at = 0; at < len; at += step) {
		envelope_feed(&d, text + at, len - at < step ? len - at : step);
		for (;;) {
			struct envelope AUTO(envelope_done) v = ENVELOPE_INIT;

			if (!envelope_next(&d, &v))
				break;
			came++;
			*sum = *sum * 31 + str_hash(v.message, strlen(v.message));
			if (step == len)
				again(&v);
		}
	}
	return came;
}

static void filter(const char *text, size_t len)
{
	struct buf AUTO(buf_done) once = BUF_INIT((size_t)4 * CAP_QUEUE_ITEM),
				  twice = BUF_INIT((size_t)4 * CAP_QUEUE_ITEM);

	envelope_filter(text, len, &once);
	envelope_filter(buf_cstr(&once), once.len, &twice);
	assert(utf8_valid(buf_cstr(&once), once.len));
	assert(once.len == twice.len && strcmp(buf_cstr(&once), buf_cstr(&twice)) == 0);
	for (size_t i = 0; i < once.len; i++)
		assert((unsigned char)once.p[i] >= 0x20 || once.p[i] == '\t' || once.p[i] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	uint64_t whole, parts;
	size_t n;

	if (size == 0 || size > 16384)
		return 0;
	n = stream(text, size, size, &whole);
	assert(stream(text, size, 7, &parts) == n && parts == whole);
	assert(stream(text, size, 1, &parts) == n && parts == whole);
	filter(text, size);
	return 0;
}
