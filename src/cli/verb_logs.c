/* logs: the lines of the journals, merged by time. */
#include "iapeer/cli/verb_runs.h"

#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/follow.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/peers.h"
#include "iapeer/cli/timeline.h"
#include "iapeer/cli/words.h"

#include "iapeer/base/banned.h"

#define SHOWN_DEFAULT 50
#define SHOWN_MAX     100000

static struct json *entry_json(const struct timeline_entry *x)
{
	struct json *o = json_object();

	json_set_time(o, "ts", x->at_ms);
	json_set_str(o, "log", timeline_log_word(x->log));
	json_set_str(o, "line", x->line);
	return o;
}

struct following {
	struct timeline_want want;
	bool json;
	int rc;
	struct err *e;
};

static bool tell(const char *path, const char *line, size_t len, void *arg)
{
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_OUTPUT);
	struct following *f = arg;
	int64_t at;

	(void)path;
	if (!timeline_wanted(&f->want, line, len, &at))
		return true;
	if (f->json) {
		auto_json struct json *o = json_object();
		AUTO(buf_done) struct buf text = BUF_INIT(CAP_TEXT);

		buf_add(&text, line, len);
		json_set_time(o, "ts", at);
		json_set_str(o, "line", buf_cstr(&text));
		json_print(o, false, &out);
	} else {
		str_shown(&out, line, len, false);
	}
	buf_chr(&out, '\n');
	f->rc = fs_write_all(STDOUT_FILENO, out.p, out.len, f->e);
	return f->rc == 0;
}

/* What comes from now on, until nobody listens any more. */
static int go_on(const struct ctx *c, struct following *f)
{
	AUTO(follow_done) struct follow files = FOLLOW_INIT;
	static const char *const logs[] = {LAYOUT_LIFECYCLE_LOG, LAYOUT_DELIVERY_LOG,
					   LAYOUT_EXITS_LOG};

	for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++)
		if (follow_add(&files, &c->layout, logs[i], 0, f->e) < 0)
			return -1;
	do {
		if (follow_read(&files, tell, f, f->e) < 0)
			return -1;
	} while (f->rc == 0 && follow_wait(&files, -1) != FOLLOW_NOBODY);
	return f->rc;
}

static int print_now(struct ctx *c, struct err *e)
{
	int rc = fs_write_all(STDOUT_FILENO, c->out.p, c->out.len, e);

	buf_cut(&c->out, 0);
	return rc;
}

int verb_logs(struct ctx *c, const struct parsed *p, struct err *e)
{
	AUTO(timeline_done) struct timeline t = {.n = 0};
	auto_json struct json *reply = json_object();
	struct json *lines = json_set(reply, "lines", json_array());
	struct timeline_want want = {.name = parsed_arg(p, 0), .sent = true};
	const char *since = opt_value(p, "since");
	int64_t last = since ? SHOWN_MAX : SHOWN_DEFAULT;

	if ((want.name && peer_name_check(want.name, e) < 0) ||
	    opt_i64(p, "last", 0, SHOWN_MAX, &last, e) < 0 ||
	    (since && words_since(since, clock_utc_ms(), &want.since_ms, e) < 0))
		return -1;
	want.most = (size_t)last;
	if (c->rooted && timeline_read(&c->layout, &want, &t, e) < 0)
		return -1;
	if (want.name && t.n == 0) {
		const struct peer_record *record;

		if (registry_need(&c->registry, want.name, &record, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < t.n; i++) {
		json_push(lines, entry_json(&t.v[i]));
		if (c->json)
			continue;
		text_shown(&c->out, t.v[i].line);
		buf_chr(&c->out, '\n');
	}
	if (opt_given(p, "follow")) {
		struct following f = {.want = want, .json = c->json, .e = e};

		f.want.since_ms = 0;
		if (!c->rooted)
			return err_set(e, ERR_NOT_FOUND, 0, "there is nothing to follow yet");
		if (!c->json && print_now(c, e) < 0)
			return -1;
		return go_on(c, &f);
	}
	c->reply = reply;
	reply = NULL;
	return 0;
}
