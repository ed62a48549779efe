/* What became of a message, in JSON: of agent/send.h. */
#include "iapeer/agent/send.h"

#include "iapeer/base/banned.h"

static enum delivery_status status_of(const struct send *s, enum err_code code)
{
	if (s->has_receipt)
		return s->receipt.status;
	if (code == ERR_NONE || code == ERR_QUEUED)
		return DELIVERY_QUEUED;
	if (code == ERR_AMBIGUOUS)
		return DELIVERY_AMBIGUOUS;
	if (code == ERR_FAILED || code == ERR_TIMEOUT || code == ERR_CORRUPT)
		return DELIVERY_FAILED;
	return DELIVERY_REFUSED;
}

static enum rung rung_of(const struct send *s)
{
	if (s->has_receipt)
		return s->receipt.rung;
	return s->queued ? RUNG_ACCEPTED : RUNG_NONE;
}

struct json *send_json(const struct send *s, int rc, const struct err *e)
{
	const struct receipt *r = s->has_receipt ? &s->receipt : NULL;
	const char *reason = rc < 0 && !s->reason[0] ? e->msg : s->reason;
	struct json *j = json_object();

	json_set_str(j, "id", s->item.id);
	json_set_str(j, "peer", s->known ? s->id.name : s->typed);
	json_set_str(j, "runtime", s->known ? s->id.runtime : "");
	json_set_str(j, "status", delivery_status_word(status_of(s, rc < 0 ? e->code : ERR_NONE)));
	json_set_str(j, "rung", rung_word(rung_of(s)));
	json_set_bool(j, "woke", r && r->woke);
	if (r && r->woke) {
		json_set_str_opt(j, "mode", r->mode);
		json_set_str_opt(j, "cause", r->cause);
	}
	json_set_bool(j, "duplicate", s->duplicate);
	json_set_str_opt(j, "reason", r && r->reason[0] ? r->reason : reason);
	if (s->item.wait == WAIT_TURN && r && r->answer)
		json_set_str(j, "answer", r->answer);
	return j;
}
