/* send and ask: what was typed becomes a sending (agent/send.h), its outcome what is printed. */
#include "iapeer/cli/verb_runs.h"

#include <string.h>

#include "iapeer/agent/send.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/message.h"
#include "iapeer/cli/opt.h"

#include "iapeer/base/banned.h"

#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MAX_S     86400

static int take_wait(const struct parsed *p, struct send *s, struct err *e)
{
	const char *word = p->verb->arg == SEND_ASK ? NULL : opt_value(p, "wait");
	int64_t seconds = TIMEOUT_DEFAULT_S;

	if (p->verb->arg == SEND_ASK)
		s->item.wait = WAIT_TURN;
	if (word && !wait_rung_parse(word, &s->item.wait)) {
		err_set(e, ERR_USAGE, 0, "--wait: no rung \"%.40s\"", word);
		return err_hint(e, "there are: delivered, accepted, submitted, recorded, turn");
	}
	if (opt_i64(p, "timeout", 0, TIMEOUT_MAX_S, &seconds, e) < 0)
		return -1;
	s->timeout_ms = seconds * 1000;
	return 0;
}

static int take_id(const struct parsed *p, struct send *s, struct err *e)
{
	const char *id = opt_value(p, "id");

	if (!id || (message_id_valid(id) && str_put(s->item.id, sizeof s->item.id, id)))
		return 0;
	err_set(e, ERR_USAGE, 0, "--id: \"%.80s\" is no message id", id);
	return err_hint(e, MESSAGE_ID_RULE);
}

static int take_words(const struct ctx *c, const struct parsed *p, struct send *s, struct err *e)
{
	const char *topic = opt_value(p, "topic");

	s->typed = p->args[0];
	s->runtime = opt_value(p, "runtime");
	s->from = opt_value(p, "from");
	if (take_wait(p, s, e) < 0 || take_id(p, s, e) < 0)
		return -1;
	for (size_t i = 0; i < opt_count(p, "attachment"); i++)
		strv_add(&s->item.attachments, opt_nth(p, "attachment", i));
	if (!str_empty(topic))
		s->item.topic = xstrdup(topic);
	return message_body(c, p, &s->item.body, e);
}

static int wait_for_it(const struct ctx *c, struct send *s, struct err *e)
{
	AUTO(await_done) struct await a = AWAIT_INIT;

	if (!s->live && c->term.err_tty && !c->json && s->item.wait != WAIT_ACCEPTED)
		ctx_note("waking %s ...", s->id.name);
	return send_begin(s, &a, e) < 0 ? -1 : await_finish(&a, s->reason, sizeof s->reason, e);
}

static int send_it(const struct ctx *c, const struct parsed *p, struct send *s, struct err *e)
{
	if (take_words(c, p, s, e) < 0 || send_check(s, e) < 0 || send_accept(s, e) < 0)
		return -1;
	if (!s->duplicate && send_drops_attachments(s))
		ctx_note("iapeer: note: %s takes bare text: it is not told of the attachments",
			 s->id.runtime);
	return send_finish(s, send_settled(s) ? 0 : wait_for_it(c, s, e), e);
}

int verb_send(struct ctx *c, const struct parsed *p, struct err *e)
{
	struct send_world w = {
	    .layout = &c->layout, .registry = &c->registry, .settings = &c->settings};
	AUTO(send_free) struct send *s = send_new(&w);
	int rc;

	ctx_tried(c, "%s %.60s", p->verb->arg == SEND_ASK ? "ask" : "send to", p->args[0]);
	rc = send_it(c, p, s, e);
	c->reply = send_json(s, rc, e);
	if (rc == 0)
		outcome_print(c, s);
	return rc;
}
