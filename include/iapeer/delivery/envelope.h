/* envelope.h - the <iap> envelope: what a peer's program sees of a message, and the decoder. Pure.
 *
 *   <iap from-personality="alice" from-runtime="claude" ... topic="release">
 *   Message from another iapeer peer. Answer with send_to_peer.
 *   <attachments><![CDATA[/path/a
 *   /path/b]]></attachments>
 *   <message><![CDATA[text; ]]]]><![CDATA[> is split like this]]></message>
 *   </iap>
 *
 * Reading follows the structure, never a search for an end mark: what stands in a CDATA section
 * opens and ends nothing. In an attribute, & < > " newline, carriage return and tab are references.
 * Attachments are parted by the newlines inside CDATA; a newline (or another control) in a path is
 * a reference outside: /a]]>&#10;<![CDATA[b. Text must be UTF-8; what is not, and NUL, is read as
 * U+FFFD.
 */
#pragma once
#include "iapeer/base/buf.h"
#include "iapeer/registry/peer.h"

#define MESSAGE_MAX_CHARS 16000
#define TOPIC_MAX_CHARS   200
#define ATTACHMENTS_MAX   20
#define ENVELOPE_TAG_MAX  1024 /* from < to >, both counted */

struct envelope {
	struct peer_id from;
	enum nature from_nature; /* NATURE_NONE: not said (an unknown word is dropped) */
	char ts[40];
	char id[80];
	char
	    topic[TOPIC_MAX_CHARS * 4 + 1]; /* a longer one is cut at 200 characters when decoded */
	struct strv attachments;
	char *message; /* owned; "" stays "" */
};
#define ENVELOPE_INIT                                                                              \
	{                                                                                          \
		.message = NULL                                                                    \
	}

void envelope_done(struct envelope *v); /* empty again */
/* Append it, without a newline behind. A NULL message is an empty one; an empty path is left out.
 * The topic is cut at a character so that the tag keeps its bound: 200 plain characters fit beside
 * an id of 79 bytes, 200 emoji do not. */
void envelope_encode(const struct envelope *v, struct buf *out);

/* A stream of bytes with envelopes in it: noise before, two in one buffer, cut anywhere. */
struct envelope_decoder {
	struct buf b;
	size_t looked; /* so much of b was searched for an end in vain */
};
#define ENVELOPE_DECODER_INIT                                                                      \
	{                                                                                          \
		.b = BUF_INIT(CAP_QUEUE_ITEM)                                                      \
	}
void envelope_decoder_done(struct envelope_decoder *d);
/* Call envelope_next() until it returns 0 after each feed: where CAP_QUEUE_ITEM bytes are waiting
 * and no envelope has come of them, the oldest start is given up. */
void envelope_feed(struct envelope_decoder *d, const char *bytes, size_t n);
/* 1: *out filled (owned); 0: nothing complete yet. Never fails: what cannot be decoded is skipped.
 */
int envelope_next(struct envelope_decoder *d, struct envelope *out);
/* One whole envelope, noise around it allowed; ERR_CORRUPT says whether <iap, the message or the
 * end is missing. */
int envelope_decode(const char *text, size_t len, struct envelope *out, struct err *e) NODISCARD;

/* What may be pasted: ESC, C0 but tab and newline, DEL and C1 become U+FFFD; CRLF and CR become
 * newline. So does each byte that is no UTF-8 become U+FFFD. Appended to out. */
void envelope_filter(const char *text, size_t len, struct buf *out);
