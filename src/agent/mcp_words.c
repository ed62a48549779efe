#include "iapeer/agent/mcp_words.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define NAMES_MAX 40

static void sentence(struct buf *out, const char *text)
{
	buf_str(out, text);
	if (!str_empty(text) && !strchr(".?!", text[strlen(text) - 1]))
		buf_chr(out, '.');
}

/* A hint is a command for a person, or a question. */
static void hint(struct buf *out, const char *text)
{
	if (str_empty(text))
		return;
	if (str_starts(text, "iapeer "))
		buf_fmt(out, " Ask the person you work for to run `%s`", text);
	else
		buf_fmt(out, " %c%s",
			text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0], text + 1);
	if (!strchr(".?!", text[strlen(text) - 1]))
		buf_chr(out, '.');
}

static void woken(const struct receipt *r, struct buf *out)
{
	if (!r->woke)
		return;
	buf_str(out, strcmp(r->mode, "resume") == 0
			 ? " It slept and was woken; its conversation goes on."
			 : " It slept and was woken with a new conversation: it remembers nothing "
			   "of an earlier one.");
}

static void delivered(const struct send *s, struct buf *out)
{
	const char *peer = s->id.name;

	buf_fmt(out, "Delivered to %s.", peer);
	woken(&s->receipt, out);
	if (s->manifest.envelope == ENVELOPE_BARE)
		buf_fmt(out,
			" %s (runtime %s) gets the bare text: it is not told who sent it and will "
			"not write back. What it prints comes back with wait_secs.",
			peer, s->id.runtime);
	else
		buf_fmt(out,
			" If %s answers, that reaches you as a message of its own: go on, or "
			"end your turn.",
			peer);
}

static void answered(const struct send *s, bool quote, struct buf *out)
{
	const char *answer = s->receipt.answer;

	if (str_empty(answer))
		buf_fmt(out, "Delivered to %s, whose turn has ended without a word.", s->id.name);
	else if (!quote)
		buf_fmt(out, "%s answered.", s->id.name);
	else
		buf_fmt(out, "%s answered:\n\n%s", s->id.name, answer);
}

/* Whom else could have been meant? */
static void names(const struct registry *r, struct buf *out)
{
	if (!r || r->n == 0) {
		buf_str(out, " There are no peers.");
		return;
	}
	buf_str(out, " There are:");
	for (size_t i = 0; i < r->n && i < NAMES_MAX; i++)
		buf_fmt(out, "%s %s", i ? "," : "", r->peers[i].name);
	buf_str(out, r->n > NAMES_MAX ? ", and more." : ".");
}

void mcp_words_unsent(const struct err *e, struct buf *out)
{
	buf_str(out, "Not sent: ");
	sentence(out, e->msg);
	hint(out, e->hint);
}

static void queued(const struct send *s, struct buf *out)
{
	buf_fmt(out, "Accepted, not yet delivered to %s", s->id.name);
	if (s->reason[0])
		buf_fmt(out, ": %s", s->reason);
	buf_str(out, ". It is kept and will be delivered by itself; do not send it again.");
	if (s->item.wait == WAIT_TURN)
		buf_str(out, " The answer, if any, does not come back from this call any more.");
}

static void unfinished(const struct send *s, struct buf *out)
{
	buf_fmt(out,
		"Delivered to %s, which has not ended its turn in the %lld s that you waited. "
		"Nothing is lost, but its answer does not come back from this call any more: do "
		"not send it again; go on, and a message may come.",
		s->id.name, (long long)(s->timeout_ms / 1000));
}

static void cut(const struct send *s, const struct err *e, struct buf *out)
{
	buf_fmt(out, "Delivered to %s, but no answer will come: ", s->id.name);
	sentence(out, s->receipt.reason);
	if (e->hint[0])
		hint(out, e->hint);
	else
		buf_str(out, " It may have begun with it: send it again only if twice does no "
			     "harm.");
}

static void ambiguous(const struct send *s, const struct err *e, struct buf *out)
{
	buf_fmt(out, "Not known whether it arrived at %s: ", s->id.name);
	sentence(out, e->msg);
	buf_str(out, " It is not tried again by itself. Send it again only if twice does no harm.");
}

static void failed(const struct send *s, const struct err *e, struct buf *out)
{
	buf_fmt(out, "Not delivered to %s: ", s->known ? s->id.name : s->typed);
	sentence(out, e->msg);
	hint(out, e->hint);
	if (!e->hint[0])
		buf_str(out, " You may try again later.");
}

bool mcp_words(const struct send *s, int rc, const struct err *e, bool quote, struct buf *out)
{
	bool turn = s->item.wait == WAIT_TURN;

	if (rc == 0 && turn && s->has_receipt)
		answered(s, quote, out);
	else if (rc == 0 && s->has_receipt)
		delivered(s, out);
	else if (rc == 0 || e->code == ERR_QUEUED)
		queued(s, out);
	else if (send_turn_cut(s))
		cut(s, e, out);
	else if (s->has_receipt && s->receipt.status == DELIVERY_DELIVERED)
		unfinished(s, out);
	else if (e->code == ERR_AMBIGUOUS)
		ambiguous(s, e, out);
	else if (e->code == ERR_FAILED || e->code == ERR_TIMEOUT || e->code == ERR_CORRUPT)
		failed(s, e, out);
	else
		mcp_words_unsent(e, out);
	if (rc < 0 && e->code == ERR_NOT_FOUND && !s->known)
		names(s->w.registry, out);
	if (s->has_receipt && send_drops_attachments(s))
		buf_fmt(out, " %s is not told of the attachments.", s->id.name);
	return rc < 0 && e->code != ERR_QUEUED &&
	       !(!send_turn_cut(s) && s->has_receipt && s->receipt.status == DELIVERY_DELIVERED);
}
