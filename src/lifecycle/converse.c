#include "iapeer/lifecycle/converse.h"

#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/report.h"

#include "iapeer/base/banned.h"

/* A program's own words on what it is in: when it begins (or a person begins anew in it), and when
 * it takes a prompt. */
static bool take_report(const struct report *r, void *arg)
{
	struct conversation *c = arg;

	if (r->source != REPORT_BY_HOOK || (r->kind != REPORT_READY && r->kind != REPORT_TAKEN) ||
	    !conversation_id_valid(r->conversation))
		return true;
	if (strcmp(c->id, r->conversation) != 0)
		c->transcript[0] = '\0';
	str_cut(c->id, sizeof c->id, r->conversation);
	if (r->transcript[0])
		str_cut(c->transcript, sizeof c->transcript, r->transcript);
	if (r->at_ms > c->used_at_ms)
		c->used_at_ms = r->at_ms;
	return true;
}

static int add_reports(const struct layout *l, const struct peer_id *id, struct conversation *c,
		       struct err *e)
{
	int64_t at = c->reports_from;

	return report_each(l, id, &at, take_report, c, e);
}

int converse_load(const struct layout *l, const struct peer_id *id, struct conversation *out,
		  struct err *e)
{
	struct conversation c;

	if (conversation_load(l, id, &c, e) < 0 || add_reports(l, id, &c, e) < 0)
		return -1;
	*out = c;
	return 0;
}

int converse_ready(const struct layout *l, const struct session *s, struct err *e)
{
	struct conversation c = {.id = ""};
	bool resumed = strcmp(s->mode, "resume") == 0;

	if (resumed && conversation_load(l, &s->id, &c, e) < 0 && e->code != ERR_NOT_FOUND)
		return -1;
	if (!resumed || !c.started_at_ms)
		c.started_at_ms = s->woke_at_ms;
	str_cut(c.id, sizeof c.id, s->conversation);
	str_cut(c.workdir, sizeof c.workdir, s->cwd);
	c.workdir_before[0] = '\0';
	c.used_at_ms = clock_utc_ms();
	c.reports_from = s->reports_from;
	c.failed = false;
	if (add_reports(l, &s->id, &c, e) < 0)
		return -1;
	return conversation_save(l, &s->id, &c, e);
}

int converse_note(const struct layout *l, const struct peer_id *id, struct err *e)
{
	struct conversation known, c;

	if (conversation_load(l, id, &known, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	c = known;
	if (add_reports(l, id, &c, e) < 0)
		return -1;
	if (strcmp(c.id, known.id) == 0 && strcmp(c.transcript, known.transcript) == 0)
		return 0;
	return conversation_save(l, id, &c, e);
}

int converse_move(const struct layout *l, const struct peer_id *id, const char *from,
		  const char *to, struct err *e)
{
	struct conversation c;

	if (conversation_load(l, id, &c, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	/* Where it was held before it may have been told to go on elsewhere, and nobody has. */
	if (strcmp(c.workdir, from) != 0 && strcmp(c.workdir_before, from) != 0)
		return 0;
	str_cut(c.workdir_before, sizeof c.workdir_before, from);
	str_cut(c.workdir, sizeof c.workdir, to);
	return conversation_save(l, id, &c, e);
}

int converse_failed(const struct layout *l, const struct peer_id *id, struct err *e)
{
	struct conversation c;

	if (conversation_load(l, id, &c, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	c.failed = true;
	return conversation_save(l, id, &c, e);
}
