#include "iapeer/cli/peers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/words.h"
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/sender.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define EDIT_WAIT_MS 30000 /* a person may be asked for trust meanwhile */

int sight_of(const struct ctx *c, const struct fleet *f, const struct peer_record *r,
	     const struct peer_id *id, struct sight *out, struct err *e)
{
	struct observe_in in = {.layout = &c->layout,
				.settings = &c->settings,
				.record = r,
				.id = *id,
				.fleet = f,
				.brief = f != NULL};

	out->id =
	    *id; /* not the whole of it: an observation is large, and there may be thousands */
	out->shown = SHOWN_ASLEEP;
	out->queued = 0;
	out->looked = out->does = false;
	if (f && observe_nothing(&c->layout, f, id, true))
		return 0;
	if (observe(&in, &out->o, e) < 0)
		return -1;
	out->looked = true;
	out->shown = observe_shown(&out->o);
	out->queued = out->o.queued;
	return 0;
}

/* One peer's broken file must not hide the others: it is unknown, and said. */
int sights_of(const struct ctx *c, struct fleet *f, const struct peer_record *r, struct sight **out,
	      struct err *e)
{
	struct sight *v = xmalloc((r->runtimes.n + 1) * sizeof *v);

	for (size_t i = 0; i < r->runtimes.n; i++) {
		struct err why = ERR_INIT;
		struct peer_id id;

		if (peer_make(r->runtimes.v[i], r->name, &id, e) < 0) {
			free(v);
			return -1;
		}
		if (sight_of(c, f, r, &id, &v[i], &why) == 0) {
			sight_status(c, f, &v[i]);
			continue;
		}
		log_warn("peers", "%s-%s: %s", id.runtime, id.name, why.msg);
		v[i].shown = SHOWN_UNKNOWN;
	}
	*out = v;
	return 0;
}

int peer_meant(const struct ctx *c, const char *name, const char *asked,
	       const struct peer_record **out, struct peer_id *out_id, struct err *e)
{
	const struct peer_record *r;

	if (registry_need(&c->registry, name, &r, e) < 0 ||
	    record_identity(r, asked, out_id, e) < 0)
		return -1;
	*out = r;
	return 0;
}

int peer_name_check(const char *name, struct err *e)
{
	char better[PEER_NAME_MAX + 1];
	struct err ignored = ERR_INIT;

	if (peer_name_valid(name))
		return 0;
	err_set(e, ERR_USAGE, 0,
		"\"%.60s\" is no peer's name: lower-case letters, digits and dashes, a letter "
		"first, at most 32",
		name);
	if (peer_normalise(name, better, &ignored) == 0)
		return err_hint(e, "did you mean %s?", better);
	return -1;
}

enum nature peer_nature(const struct ctx *c, const struct peer_record *r)
{
	AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};
	struct err e = ERR_INIT;
	struct peer_id id;

	if (r->intelligence != NATURE_NONE)
		return r->intelligence;
	if (record_identity(r, NULL, &id, &e) < 0 ||
	    manifest_load(&c->layout, id.runtime, &m, &e) < 0)
		return NATURE_NONE;
	return m.default_intelligence;
}

static int take(const struct ctx *c, const char *path, const char *what, int64_t wait_ms,
		struct lock *out, struct err *e)
{
	if (fs_mkdirs(c->layout.root_fd, LAYOUT_LOCKS, e) < 0)
		return -1;
	return lock_take(out, c->layout.root_fd, path, what, clock_mono_ms() + wait_ms, e);
}

int peer_lock(const struct ctx *c, const struct peer_id *id, const char *what, int64_t wait_ms,
	      struct lock *out, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_lock(id, path);
	return take(c, path, what, wait_ms, out, e);
}

int peer_edit_begin(struct ctx *c, const char *name, const char *what, struct lock *out,
		    struct err *e)
{
	char path[LAYOUT_PATH];

	layout_profile_lock(name, path);
	if (take(c, path, what, EDIT_WAIT_MS, out, e) < 0)
		return -1;
	registry_done(&c->registry);
	return registry_load(&c->layout, &c->registry, e);
}

void state_mark(const struct term *t, struct buf *b, enum shown_state s, const char *runtime)
{
	static const struct {
		const char *glyph, *ascii;
		enum paint paint;
	} marks[] = {[SHOWN_LIVE] = {"●", "*", PAINT_GREEN},
		     [SHOWN_ASLEEP] = {"○", "o", PAINT_DIM},
		     [SHOWN_STOPPED] = {"✕", "x", PAINT_RED},
		     [SHOWN_UNKNOWN] = {"?", "?", PAINT_YELLOW}};
	_Static_assert(sizeof marks / sizeof marks[0] == SHOWN_STATE_COUNT, "one mark a state");

	term_paint(t, b, marks[s].paint, t->utf8 ? marks[s].glyph : marks[s].ascii);
	buf_fmt(b, " %s", runtime);
}

static struct json *runtime_json(const struct sight *s)
{
	struct json *o = json_object();

	json_set_str(o, "runtime", s->id.runtime);
	json_set_str(o, "state", shown_state_word(s->shown));
	if (s->does)
		json_set(o, "status", status_json(&s->status));
	if (s->shown == SHOWN_LIVE && s->looked && s->o.has_session) {
		json_set_bool(o, "attached", session_attached(&s->o.session));
		json_set_i64(o, "server_pid", s->o.session.server.pid);
		json_set_time(o, "since", s->o.session.woke_at_ms);
	}
	return o;
}

/* Only a profile that speaks of tags is worth parsing when there are a thousand. */
static bool speaks_of_tags(const struct peer_record *r)
{
	char path[2 * LAYOUT_PATH], text[8192];
	auto_fd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "%s/" LAYOUT_PROFILE, r->cwd);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return n == sizeof text - 1 || strstr(text, "\"tags\"");
}

void peer_tags(const struct peer_record *r, struct strv *out)
{
	AUTO(profile_done) struct profile p;
	struct err e = ERR_INIT;

	profile_init(&p);
	if (!speaks_of_tags(r))
		return;
	if (profile_load(r->cwd, &p, &e) < 0)
		return; /* `show` says what is wrong with it */
	for (size_t i = 0; i < p.tags.n; i++)
		words_unite(out, p.tags.v[i]);
}

struct json *peer_json(const struct ctx *c, const struct peer_record *r, const struct sight *sights)
{
	AUTO(strv_done) struct strv tags = STRV_INIT;
	struct json *o = json_object(), *list;
	struct err e = ERR_INIT;
	struct peer_id id;
	size_t queued = 0;

	peer_tags(r, &tags);
	for (size_t i = 0; i < r->runtimes.n; i++)
		queued += sights[i].queued;
	json_set_str(o, "personality", r->name);
	json_set_str(o, "default_runtime", record_identity(r, NULL, &id, &e) < 0 ? "" : id.runtime);
	json_set_str(o, "description", r->description);
	json_set_str(o, "intelligence", nature_word(peer_nature(c, r)));
	json_set_str(o, "cwd", r->cwd);
	json_set_strv(o, "tags", &tags);
	json_set_i64(o, "queue", (int64_t)queued);
	list = json_set(o, "runtimes", json_array());
	for (size_t i = 0; i < r->runtimes.n; i++)
		json_push(list, runtime_json(&sights[i]));
	return o;
}

int peer_said_by_person(const struct ctx *c, const char *what, struct err *e)
{
	struct sender who;

	if (sender_find(&c->layout, &c->registry, NULL, &who, e) < 0)
		return -1;
	if (who.nature != NATURE_ARTIFICIAL)
		return 0;
	err_set(e, ERR_REFUSED, 0, "%s: this is said by a person, not by an agent", what);
	return err_hint(e, "a person types it, outside of every agent's session");
}
