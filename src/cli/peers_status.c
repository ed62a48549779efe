/* What live peers do, as commands show it. The second half of peers.h. */
#include "iapeer/cli/peers.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

const struct manifest *fleet_manifest(const struct ctx *c, struct fleet *f, const char *runtime)
{
	struct manifest *m;
	struct err e;

	for (size_t i = 0; i < f->n_manifests; i++)
		if (strcmp(f->manifests[i].runtime, runtime) == 0)
			return &f->manifests[i];
	f->manifests = xrealloc(f->manifests, (f->n_manifests + 1) * sizeof *f->manifests);
	m = &f->manifests[f->n_manifests];
	memset(m, 0, sizeof *m);
	if (manifest_load(&c->layout, runtime, m, &e) < 0) {
		log_debug("peers", "%s", e.msg); /* doctor says what is wrong with it */
		return NULL;
	}
	f->n_manifests++;
	return m;
}

void sight_status(const struct ctx *c, struct fleet *f, struct sight *s)
{
	struct fleet own = {.n_manifests = 0};
	const struct manifest *m;

	if (s->shown != SHOWN_LIVE || !s->looked || !s->o.has_session)
		return;
	m = fleet_manifest(c, f ? f : &own, s->id.runtime);
	if (m) {
		status_look(&c->layout, &c->settings, &s->o.session, m, &s->status);
		s->does = true;
	}
	fleet_done(&own);
}

static int64_t age_ms(int64_t at_ms)
{
	int64_t age = clock_utc_ms() - at_ms;

	return age > 0 ? age : 0;
}

struct json *status_json(const struct status *s)
{
	struct json *o = json_object();

	json_set_str(o, "status", status_word(s->status));
	json_set_str(o, "source", s->source);
	json_set_time(o, "since", s->since_ms);
	json_set_i64(o, "age", age_ms(s->at_ms) / 1000);
	json_set_str_opt(o, "detail", s->detail);
	return o;
}

void status_mark(const struct term *t, struct buf *b, enum peer_status s)
{
	enum paint paint = status_needs_person(s) ? PAINT_RED
			   : s == STATUS_WORKING  ? PAINT_GREEN
			   : s == STATUS_UNKNOWN  ? PAINT_YELLOW
			   : s == STATUS_BOOTING  ? PAINT_YELLOW
						  : PAINT_DIM;

	term_paint(t, b, paint, status_word(s));
}

void status_text(const struct status *s, struct buf *b)
{
	char span[24];

	buf_str(b, status_word(s->status));
	if (strcmp(s->source, "process") != 0) { /* looked at just now */
		words_span(age_ms(s->since_ms), span, sizeof span);
		buf_fmt(b, " for %s", span);
	}
	if (s->detail[0]) {
		buf_str(b, s->status == STATUS_UNKNOWN ? ", last heard: " : ": ");
		text_shown(b, s->detail);
	}
	buf_fmt(b, " (%s)", s->source);
}
