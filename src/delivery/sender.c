#include "iapeer/delivery/sender.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/session.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define ANCESTORS_MAX 64
#define CLI_RUNTIME   "cli"

/* The processes above us, nearest first. */
static size_t ancestors(struct proc_ref *out)
{
	struct err e = ERR_INIT;
	struct proc_info info;
	pid_t pid = getppid();
	size_t n = 0;

	while (n < ANCESTORS_MAX && pid > 0) {
		if (plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE)
			break;
		out[n++] = (struct proc_ref){.pid = pid, .birth = info.birth};
		pid = info.ppid;
	}
	return n;
}

/* How far above us that server is; n: it is not. */
static size_t distance(const struct proc_ref *above, size_t n, const struct proc_ref *server)
{
	for (size_t i = 0; i < n; i++)
		if (above[i].pid == server->pid && above[i].birth == server->birth)
			return i;
	return n;
}

/* The peer whose server is nearest above us: a keeper that one peer's command started has that peer
 * above it too. */
static bool find_session(const struct layout *l, struct peer_id *out)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct proc_ref above[ANCESTORS_MAX];
	size_t n = ancestors(above), best = n;
	char boot[64] = "";
	struct err e = ERR_INIT;

	if (n == 0 || fs_list(l->root_fd, LAYOUT_LIFECYCLE, &names, &e) < 0 ||
	    plat_boot_id(boot, &e) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		struct session s;
		struct peer_id id;
		const char *what;
		size_t d;

		if (!layout_parse_state(names.v[i], &id, &what) || strcmp(what, "session") != 0)
			continue;
		if (session_load(l, &id, &s, &e) < 0 ||
		    (s.boot_id[0] && strcmp(s.boot_id, boot) != 0))
			continue;
		d = distance(above, n, &s.server);
		if (d < best) {
			best = d;
			*out = id;
		}
	}
	return best < n;
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
	s->verified = true;
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

int sender_find(const struct layout *l, const struct registry *r, const char *from,
		struct sender *out, struct err *e)
{
	struct sender s = {.nature = NATURE_NONE};
	struct peer_id typed = {.name = ""}, env = {.name = ""};
	bool has_env = claimed(r, &env);

	if (from && parse_from(r, from, &typed, e) < 0)
		return -1;
	s.inside = find_session(l, &s.id);
	if (s.inside && from && !peer_id_eq(&typed, &s.id))
		return contradiction("--from", from, &s.id, e);
	if (s.inside && has_env && !peer_id_eq(&env, &s.id))
		return contradiction("PEER_IDENTITY", getenv("PEER_IDENTITY"), &s.id, e);
	s.verified = s.inside;
	if (!s.inside && from) {
		s.id = typed;
	} else if (!s.inside && has_env) {
		s.id = env;
	} else if (!s.inside) {
		person(&s);
		*out = s;
		return 0;
	}
	s.nature = nature_of(l, r, &s.id);
	*out = s;
	return 0;
}
