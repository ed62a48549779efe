#include "iapeer/delivery/sender.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/origin.h"
#include "iapeer/launch/session.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define CLI_RUNTIME "cli"

/* In its session, whoever has adopted us since. */
static bool in_session(const struct session *s)
{
	enum proc_state leader;

	if (s->pane.pid <= 0 || getsid(0) != s->pane.pid)
		return false;
	leader = plat_proc_state(s->pane);
	return leader == PROC_RUNNING || leader == PROC_STOPPED;
}

/* In the control group that was made for its start. Who is set on it may go to another one. */
static bool in_group(const struct session *s, const char *group)
{
	char theirs[LAYOUT_PATH], identity[PEER_IDENTITY_MAX + 1];
	const char *name = strrchr(group, '/');

	peer_identity(&s->id, identity);
	return name && strcmp(name + 1, identity) == 0 &&
	       plat_cgroup_path(s->server.pid, theirs, sizeof theirs) && strcmp(group, theirs) == 0;
}

/* What ties us to a peer, the weakest first. */
enum tie { TIE_NONE, TIE_GROUP, TIE_SESSION, TIE_ABOVE };

struct search {
	const struct ancestry *above;
	char group[LAYOUT_PATH]; /* ours; "": none of its own */
	enum tie tie;
	size_t distance; /* with TIE_ABOVE */
	struct peer_id id;
};

static void consider(struct search *f, const struct session *s)
{
	size_t d = ancestry_distance(f->above, &s->server);
	enum tie tie = TIE_NONE;

	if (d < f->above->n)
		tie = TIE_ABOVE;
	else if (in_session(s))
		tie = TIE_SESSION;
	else if (f->group[0] && in_group(s, f->group))
		tie = TIE_GROUP;
	if (tie == TIE_NONE || tie < f->tie || (tie == f->tie && d >= f->distance))
		return;
	f->tie = tie;
	f->distance = d;
	f->id = s->id;
}

/* The peer whose server is nearest above us. A keeper that one peer's command started has that peer
 * above it too: what it has let loose is not that one's. */
static enum tie find_session(const struct layout *l, const struct ancestry *above,
			     const struct keepers *k, struct peer_id *out)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct search f = {.above = above, .distance = above->n + 1};
	size_t keeper = ancestry_distance(above, &k->now);
	char boot[64] = "";
	struct err e = ERR_INIT;

	if (fs_list(l->root_fd, LAYOUT_LIFECYCLE, &names, &e) < 0 || plat_boot_id(boot, &e) < 0)
		return TIE_NONE;
	if (!plat_cgroup_path(getpid(), f.group, sizeof f.group))
		f.group[0] = '\0';
	for (size_t i = 0; i < names.n; i++) {
		struct session s;
		struct peer_id id;
		const char *what;

		if (!layout_parse_state(names.v[i], &id, &what) || strcmp(what, "session") != 0)
			continue;
		if (session_load(l, &id, &s, &e) == 0 &&
		    (!s.boot_id[0] || strcmp(s.boot_id, boot) == 0))
			consider(&f, &s);
	}
	if (f.tie == TIE_ABOVE && keeper < f.distance)
		return TIE_NONE;
	*out = f.id;
	return f.tie;
}

static enum nature nature_of(const struct layout *l, const struct registry *r,
			     const struct peer_id *id)
{
	AUTO(manifest_done) struct manifest m = {.kind = KIND_SHELL};
	const struct peer_record *p = registry_find(r, id->name);
	struct err e = ERR_INIT;

	if (p && p->intelligence != NATURE_NONE)
		return p->intelligence;
	if (manifest_load(l, id->runtime, &m, &e) < 0)
		return NATURE_ABSENT;
	return m.default_intelligence == NATURE_NONE ? NATURE_ABSENT : m.default_intelligence;
}

static bool registered(const struct registry *r, const struct peer_id *id)
{
	const struct peer_record *p = registry_find(r, id->name);

	return p && record_has_runtime(p, id->runtime);
}

/* An identity as typed; a bare name means that peer's default. */
static int parse_from(const struct registry *r, const char *from, struct peer_id *out,
		      struct err *e)
{
	const struct peer_record *p = peer_name_valid(from) ? registry_find(r, from) : NULL;

	if (peer_parse(from, out, e) == 0) {
		if (registered(r, out))
			return 0;
		if (!p)
			return err_set(e, ERR_NOT_FOUND, 0,
				       "no such sender: %.80s is not registered", from);
	}
	if (p)
		return record_identity(p, NULL, out, e);
	if (peer_name_valid(from))
		return err_set(e, ERR_NOT_FOUND, 0, "no such sender: %.80s is not registered",
			       from);
	return err_wrap(e, "invalid sender");
}

/* The login name made a valid personality, else uid<n>. */
static void person(struct sender *s)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct err e = ERR_INIT;

	if (!pw || str_empty(pw->pw_name) || peer_normalise(pw->pw_name, s->id.name, &e) < 0)
		snprintf(s->id.name, sizeof s->id.name, "uid%lu", (unsigned long)geteuid());
	snprintf(s->id.runtime, sizeof s->id.runtime, CLI_RUNTIME);
	s->nature = NATURE_NATURAL;
}

bool sender_is_person(const struct sender *s)
{
	return !s->inside && strcmp(s->id.runtime, CLI_RUNTIME) == 0;
}

/* What the environment says is a hint, good enough only where the processes above us say nothing.
 */
static bool claimed(const struct registry *r, struct peer_id *out)
{
	const char *value = getenv("PEER_IDENTITY");
	struct err e = ERR_INIT;

	if (str_empty(value))
		return false;
	if (peer_parse(value, out, &e) == 0 && registered(r, out))
		return true;
	log_debug("sender", "PEER_IDENTITY ignored: no registered identity");
	return false;
}

static int contradiction(const char *what, const char *said, const struct peer_id *truth,
			 struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(truth, identity);
	return err_set(e, ERR_REFUSED, 0, "%s says %.80s, but this runs inside the session of %s",
		       what, said, identity);
}

/* Not in a session: by what was typed, else what the environment says, else the person. */
static void by_name(const struct layout *l, const struct registry *r, const struct peer_id *typed,
		    const struct peer_id *env, struct sender *s)
{
	if (!typed && !env) {
		person(s);
		return;
	}
	s->id = typed ? *typed : *env;
	s->nature = nature_of(l, r, &s->id);
}

/* No peer is above us. What a peer let loose is a program, whatever it calls itself; and a person
 * is verified only where it can be told that this is none of those. */
static void judge(const struct ancestry *above, const struct keepers *k, struct sender *s)
{
	enum origin origin = origin_of(above, k);

	if (origin == ORIGIN_STRAY)
		s->nature = NATURE_ARTIFICIAL;
	s->verified = origin == ORIGIN_OUTSIDE && sender_is_person(s);
}

int sender_find(const struct layout *l, const struct registry *r, const char *from,
		struct sender *out, struct err *e)
{
	struct sender s = {.nature = NATURE_NONE};
	struct peer_id typed = {.name = ""}, env = {.name = ""};
	bool has_env = claimed(r, &env);
	struct ancestry above;
	struct keepers k;
	enum tie tie;

	if (from && parse_from(r, from, &typed, e) < 0)
		return -1;
	ancestry_look(&above);
	keepers_look(l, &k);
	tie = find_session(l, &above, &k, &s.id);
	s.inside = tie != TIE_NONE;
	if (s.inside && from && !peer_id_eq(&typed, &s.id))
		return contradiction("--from", from, &s.id, e);
	if (s.inside && has_env && !peer_id_eq(&env, &s.id))
		return contradiction("PEER_IDENTITY", getenv("PEER_IDENTITY"), &s.id, e);
	if (s.inside) {
		s.verified = tie > TIE_GROUP;
		s.nature = nature_of(l, r, &s.id);
	} else {
		by_name(l, r, from ? &typed : NULL, has_env ? &env : NULL, &s);
		judge(&above, &k, &s);
	}
	*out = s;
	return 0;
}
