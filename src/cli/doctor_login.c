/* doctor: has a person been through a program's first questions and logged in? As far as its files
 * and the environment of peers tell: nothing is asked of the network, and what is found is named,
 * never shown. */
#include "iapeer/cli/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/environment.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define FILE_BYTES ((size_t)16 << 20) /* Claude keeps much in one file */

/* "~/x" and "$NAME/x" as the peers' programs would read them. */
static bool expand(const char *path, size_t len, const struct strv *env, char out[LAYOUT_PATH])
{
	char name[64] = "HOME";
	const char *rest = path + 1, *end = path + len, *base;
	int n;

	if (*path == '$') {
		rest = memchr(path, '/', len);
		if (!rest || (size_t)(rest - path) > sizeof name)
			return false;
		str_cut(name, (size_t)(rest - path), path + 1);
	}
	base = environment_get(env, name);
	if (str_empty(base))
		return false;
	n = snprintf(out, LAYOUT_PATH, "%s%.*s", base, (int)(end - rest), rest);
	return n > 0 && n < LAYOUT_PATH;
}

/* A member that says something: not false, null or empty. */
static bool has_member(const struct buf *file, const char *path, const char *member)
{
	auto_json struct json *j = NULL;
	const struct json *v;
	const char *text;
	bool yes = true;
	struct err e;

	if (json_parse(buf_cstr(file), file->len, path, &j, &e) < 0 || !json_is_object(j))
		return false;
	v = json_get(j, member);
	text = json_text(v);
	if (v && json_is_bool(v))
		return json_opt_bool(j, path, member, &yes, &e) == 0 && yes;
	return json_is_object(v) || json_is_array(v) || !str_empty(text);
}

static bool is_variable(const char *sign)
{
	return *sign == '$' && !strchr(sign, '/');
}

/* One sign: "$NAME", "path", "path#member", "path~text". */
static bool shows(const char *sign, const struct strv *env)
{
	AUTO(buf_done) struct buf file = BUF_INIT(FILE_BYTES);
	size_t len = 1 + strcspn(sign + 1, "#~");
	char path[LAYOUT_PATH];
	struct err e;

	if (is_variable(sign))
		return !str_empty(environment_get(env, sign + 1));
	if (!expand(sign, len, env, path) || fs_read(AT_FDCWD, path, &file, &e) < 0)
		return false;
	if (sign[len] == '#')
		return has_member(&file, path, sign + len + 1);
	return sign[len] != '~' || strstr(buf_cstr(&file), sign + len + 1) != NULL;
}

static const char *sign_of(const struct strv *signs, const struct strv *env)
{
	for (size_t i = 0; i < signs->n; i++)
		if (shows(signs->v[i], env))
			return signs->v[i];
	return NULL;
}

static bool takes_variable(const struct manifest *m)
{
	for (size_t i = 0; i < m->login_any.n; i++)
		if (is_variable(m->login_any.v[i]))
			return true;
	return false;
}

void doctor_login(struct doctor *d, const struct manifest *m, const struct strv *env)
{
	const char *login = sign_of(&m->login_any, env);
	char advice[256];

	if (m->setup_any.n > 0 && !sign_of(&m->setup_any, env)) {
		snprintf(advice, sizeof advice,
			 "run %s once in a terminal of your own, until it waits for you",
			 m->runtime);
		doctor_say(
		    d, FOUND_WARN, m->runtime, advice,
		    "nobody has answered its first questions here: it will ask them of a peer");
	}
	if (m->login_any.n == 0)
		return;
	if (login) {
		doctor_say(d, FOUND_OK, m->runtime, NULL, "logged in, by %s", login);
		return;
	}
	snprintf(advice, sizeof advice,
		 "run %s once in a terminal of your own and log in%s (a peer's launch.env and the "
		 "system's key chain are not looked at)",
		 m->runtime, takes_variable(m) ? ", or put its key into <root>/environment" : "");
	doctor_say(d, FOUND_WARN, m->runtime, advice, "nothing here says that it is logged in");
}
