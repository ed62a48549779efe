#include "iapeer/delivery/stray.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/sending.h"

#include "iapeer/base/banned.h"

#define CALL_MS 5000

struct stray {
	char id[MESSAGE_ID_MAX + 1];
	char pane[32];
	int64_t server, at_ms;
	char *text;
};

static void stray_done(struct stray *s)
{
	free(s->text);
	s->text = NULL;
}

static void stray_path(const struct deliver_in *in, char out[static LAYOUT_PATH])
{
	layout_state(&in->session->id, "stray", out);
}

/* Soft: it matters as long as the session lives, and with the machine that goes too. */
static int save(const struct deliver_in *in, const struct stray *s, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_QUEUE_ITEM);
	auto_json struct json *j = json_object();
	char path[LAYOUT_PATH];

	json_set_i64(j, "format", 1);
	json_set_str(j, "id", s->id);
	json_set_str(j, "pane", s->pane);
	json_set_i64(j, "server", s->server);
	json_set_i64(j, "atMs", s->at_ms);
	json_set_str(j, "text", s->text);
	json_print(j, false, &b);
	stray_path(in, path);
	if (buf_check(&b, path, e) < 0)
		return -1;
	return fs_write_soft(in->layout->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

void stray_remember(const struct delivering *d, const struct paste *p)
{
	AUTO(stray_done)
	struct stray s = {.server = d->sending->server, .at_ms = d->sending->at_ms};
	struct err e;

	if (p->end != PASTE_AMBIGUOUS || p->submitted_at_ms || d->text->len == 0)
		return;
	str_cut(s.id, sizeof s.id, d->sending->id);
	str_cut(s.pane, sizeof s.pane, d->sending->pane);
	s.text = xstrdup(buf_cstr(d->text));
	if (save(d->in, &s, &e) < 0)
		log_warn("delivery", "%s: what stands in its composer counts as a draft", e.msg);
}

int stray_intend(const struct deliver_in *in, const char *text, struct err *e)
{
	AUTO(stray_done)
	struct stray s = {.server = in->session->server.pid, .at_ms = clock_utc_ms()};

	message_id_new(s.id); /* no message has it, and so no receipt is changed */
	str_cut(s.pane, sizeof s.pane, in->session->pane_id);
	s.text = xstrdup(text);
	return save(in, &s, e);
}

void stray_forget(const struct deliver_in *in)
{
	char path[LAYOUT_PATH];
	struct err e;

	stray_path(in, path);
	if (fs_exists(in->layout->root_fd, path) && fs_unlink(in->layout->root_fd, path, &e) < 0)
		log_warn("delivery", "%s", e.msg);
}

static bool load(const struct deliver_in *in, struct stray *s)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_QUEUE_ITEM);
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];
	struct err e;

	stray_path(in, path);
	return fs_read(in->layout->root_fd, path, &b, &e) == 0 &&
	       json_parse(buf_cstr(&b), b.len, path, &j, &e) == 0 &&
	       json_req_str(j, path, "id", s->id, sizeof s->id, &e) == 0 &&
	       json_req_str(j, path, "pane", s->pane, sizeof s->pane, &e) == 0 &&
	       json_req_i64(j, path, "server", 1, INT32_MAX, &s->server, &e) == 0 &&
	       json_req_i64(j, path, "atMs", 0, INT64_MAX / 2, &s->at_ms, &e) == 0 &&
	       json_opt_dup(j, path, "text", &s->text, &e) == 0 && s->text;
}

bool stray_is(const struct deliver_in *in, const char *text)
{
	AUTO(stray_done) struct stray s = {.text = NULL};

	return load(in, &s) && strcmp(s.text, text) == 0;
}

/* A text that names its message nobody else types. Any other one a person may have typed since. */
static int is_ours(const struct deliver_in *in, const struct stray *s, struct err *e)
{
	AUTO(tmux_look_done) struct tmux_look look = {.cursor_x = -1};
	struct paste_job j = {.since_ms = s->at_ms};

	if (in->manifest->envelope == ENVELOPE_IAP && strstr(s->text, s->id))
		return 1;
	if (tmux_look(&in->pane->tmux, false, clock_mono_ms() + CALL_MS, &look, e) < 0)
		return -1;
	return paste_typed_since(&look, &j) ? 0 : 1;
}

/* The receipt said that it was not known. Now it is. */
static void upgrade(const struct deliver_in *in, const struct stray *s, const struct paste *p)
{
	const struct peer_id *id = &in->session->id;
	AUTO(receipt_done) struct receipt r = {.rung = RUNG_NONE};
	struct err e;

	if (receipt_load(in->layout, id, s->id, &r, &e) < 0 || r.status != DELIVERY_AMBIGUOUS)
		return;
	deliver_result(p, &r);
	if (receipt_save(in->layout, id, &r, &e) < 0)
		log_warn("delivery", "%s", e.msg);
	else
		deliver_note(in->layout, id, NULL, &r);
}

int stray_settle(const struct deliver_in *in, struct paste *how, struct err *e)
{
	AUTO(stray_done) struct stray s = {.text = NULL};
	struct paste_job j = {.entered_log = ENTERED_UNKNOWN, .log_before = -1};
	int ours;

	if (!load(in, &s))
		return 0;
	if (s.server != in->session->server.pid || strcmp(s.pane, in->session->pane_id) != 0) {
		stray_forget(in); /* it went with its session */
		return 0;
	}
	ours = is_ours(in, &s, e);
	if (ours <= 0)
		return ours;
	j.text = s.text;
	j.len = strlen(s.text);
	if (paste_settle(in->pane, &j, how, e) < 0)
		return -1;
	if (how->end != PASTE_OK && how->end != PASTE_FAILED)
		return 0;
	upgrade(in, &s, how);
	stray_forget(in);
	return 1;
}
