#include "iapeer/registry/environment.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define MAX_VARIABLES 1000
#define DEFAULT_PATH  "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
#define START_ARGS    "PEER_START_ARGS"

/* What a peer gets of its maker's environment. */
static const char *const names[] = {
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_PAPER",
    "LC_NAME",
    "LC_ADDRESS",
    "LC_TELEPHONE",
    "LC_MEASUREMENT",
    "LC_IDENTIFICATION",
    "TZ",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
};

/* ---- a vector of KEY=VALUE ---- */

static bool has_key(const char *entry, const char *key, size_t len)
{
	return strncmp(entry, key, len) == 0 && entry[len] == '=';
}

const char *environment_get(const struct strv *env, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < env->n; i++)
		if (has_key(env->v[i], key, len))
			return env->v[i] + len + 1;
	return NULL;
}

void environment_set(struct strv *env, const char *key, const char *value)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < env->n; i++) {
		if (!has_key(env->v[i], key, len))
			continue;
		char *entry = xasprintf("%s=%s", key, value);
		free(env->v[i]);
		env->v[i] = entry;
		return;
	}
	strv_fmt(env, "%s=%s", key, value);
}

/* ---- the text of a file ---- */

struct line {
	char *text; /* trimmed; ours to cut up */
	size_t number;
	const char *what;
};

static int wrong(const struct line *at, struct err *e, const char *why)
{
	return err_set(e, ERR_CORRUPT, 0, "%s: line %zu: %s", at->what, at->number, why);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *trim(char *s)
{
	size_t n;

	while (is_blank(*s))
		s++;
	n = strlen(s);
	while (n && is_blank(s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

static bool is_key(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

/* Take the quotes off a value that is quoted as a whole, in place: in double quotes a backslash
 * makes the next quote, backslash, dollar or backtick plain, as in a shell; in single quotes
 * nothing is special. A comment may follow. False: a quote that never ends, or something behind it.
 */
static bool unquote(char *value)
{
	char quote = value[0], *to = value, *from = value + 1;

	for (; *from && *from != quote; from++) {
		if (quote == '"' && *from == '\\' && from[1] && strchr("\"\\$`", from[1]))
			from++;
		*to++ = *from;
	}
	if (*from != quote)
		return false;
	from++;
	if (*from && !(is_blank(*from) && *trim(from) == '#'))
		return false;
	*to = '\0';
	return true;
}

/* The words of PEER_START_ARGS: quoted as a whole, or a line of words some of which are quoted. */
static int start_args(const struct line *at, const char *value, struct strv *args, struct err *e)
{
	AUTO(strv_done) struct strv words = STRV_INIT;
	auto_free char *whole = xstrdup(value);
	bool quoted = (whole[0] == '"' || whole[0] == '\'') && unquote(whole);
	struct strv old = *args;

	if (proc_split(quoted ? whole : value, &words, e) < 0) {
		err_wrap(e, "%s: line %zu: " START_ARGS, at->what, at->number);
		e->code = ERR_CORRUPT;
		return -1;
	}
	*args = words;
	words = old;
	return 0;
}

static int take_line(const struct line *at, struct strv *env, struct strv *args, struct err *e)
{
	char *key = at->text, *value = strchr(at->text, '=');

	if (!value)
		return wrong(at, e, "expected KEY=VALUE");
	*value++ = '\0';
	if (str_starts(key, "export "))
		key += strlen("export ");
	key = trim(key);
	value = trim(value);
	if (!is_key(key))
		return wrong(at, e, "a name has letters, digits and _ only, no digit first");
	if (args && strcmp(key, START_ARGS) == 0)
		return start_args(at, value, args, e);
	if ((value[0] == '"' || value[0] == '\'') && !unquote(value))
		return wrong(at, e, "a quote that does not end with the value");
	environment_set(env, key, value);
	if (env->n > MAX_VARIABLES)
		return wrong(at, e, "more than 1000 variables");
	return 0;
}

int environment_parse(const char *text, size_t len, const char *what, struct strv *env,
		      struct strv *args, struct err *e)
{
	auto_free char *copy = xstrndup(len ? text : "", len);
	struct line at = {.number = 0, .what = what};

	if (len && memchr(text, '\0', len))
		return err_set(e, ERR_CORRUPT, 0, "%s: holds a NUL byte", what);
	for (char *next = copy, *end; next; next = end) {
		end = strchr(next, '\n');
		if (end)
			*end++ = '\0';
		if (at.number++ == 0 && str_starts(next, "\xef\xbb\xbf"))
			next += 3;
		at.text = trim(next);
		if (at.text[0] == '\0' || at.text[0] == '#')
			continue;
		if (take_line(&at, env, args, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- <root>/environment ---- */

/* What the account says, where the environment says nothing. "" : nothing. */
static const char *account_value(const char *key)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *value = NULL;

	if (strcmp(key, "PATH") == 0)
		return DEFAULT_PATH;
	if (pw && strcmp(key, "HOME") == 0)
		value = pw->pw_dir;
	else if (pw && strcmp(key, "SHELL") == 0)
		value = pw->pw_shell;
	else if (pw && (strcmp(key, "USER") == 0 || strcmp(key, "LOGNAME") == 0))
		value = pw->pw_name;
	if (str_empty(value) && strcmp(key, "SHELL") == 0)
		value = "/bin/sh";
	if (str_empty(value) && strcmp(key, "HOME") == 0)
		value = "/";
	return value ? value : "";
}

/* As environment_parse() reads it again: bare where that works. */
static void add_line(struct buf *b, const char *key, const char *value)
{
	bool bare = value[0] != '"' && value[0] != '\'' && !is_blank(value[0]) &&
		    !(value[0] && is_blank(value[strlen(value) - 1]));

	buf_fmt(b, "%s=%s", key, bare ? value : "\"");
	for (const char *p = value; !bare && *p; p++) {
		if (strchr("\"\\$`", *p))
			buf_chr(b, '\\');
		buf_chr(b, *p);
	}
	buf_str(b, bare ? "\n" : "\"\n");
}

int environment_ensure(const struct layout *l, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	bool created;

	if (fs_exists(l->root_fd, LAYOUT_ENVIRONMENT))
		return 0;
	buf_str(&b, "# What every peer's program gets: KEY=VALUE lines. Yours to change; of ours, "
		    "only `iapeer doctor --fix` does.\n");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);

		if (str_empty(value))
			value = account_value(names[i]);
		if (strpbrk(value, "\n\r"))
			log_warn("environment",
				 "%s holds a line break and is left out of %s/" LAYOUT_ENVIRONMENT,
				 names[i], l->root);
		else if (*value)
			add_line(&b, names[i], value);
	}
	if (buf_check(&b, LAYOUT_ENVIRONMENT, e) < 0 ||
	    fs_publish(l->root_fd, LAYOUT_ENVIRONMENT, buf_cstr(&b), b.len, 0600, &created, e) < 0)
		return err_wrap(e, "%s", l->root);
	return 0;
}

/* Does this line set the key? As take_line() reads it. */
static bool sets(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key);

	while (len && is_blank(*line)) {
		line++;
		len--;
	}
	if (len > 7 && strncmp(line, "export ", 7) == 0) {
		line += 7;
		len -= 7;
	}
	while (len && is_blank(*line)) {
		line++;
		len--;
	}
	if (len <= n || strncmp(line, key, n) != 0)
		return false;
	while (n < len && is_blank(line[n]))
		n++;
	return n < len && line[n] == '=';
}

int environment_put(const struct layout *l, const char *key, const char *value, struct err *e)
{
	AUTO(buf_done) struct buf old = BUF_INIT(CAP_STATE);
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	AUTO(strv_done) struct strv again = STRV_INIT;
	const char *s, *end;
	bool done = false;

	if (strpbrk(value, "\n\r"))
		return err_set(e, ERR_USAGE, 0, "%s holds a line break", key);
	if (fs_read(l->root_fd, LAYOUT_ENVIRONMENT, &old, e) < 0)
		return err_wrap(e, "%s", l->root);
	for (s = buf_cstr(&old), end = s + old.len; s < end;) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((nl ? nl : end) - s);

		if (!sets(s, len, key)) {
			buf_add(&b, s, len);
			buf_chr(&b, '\n');
		} else if (!done) {
			add_line(&b, key, value);
			done = true;
		}
		s += len + 1;
	}
	if (!done)
		add_line(&b, key, value);
	/* What could not be read again is not written. */
	if (buf_check(&b, LAYOUT_ENVIRONMENT, e) < 0 ||
	    environment_parse(b.p, b.len, LAYOUT_ENVIRONMENT, &again, NULL, e) < 0 ||
	    fs_write_atomic(l->root_fd, LAYOUT_ENVIRONMENT, buf_cstr(&b), b.len, 0600, e) < 0)
		return err_wrap(e, "%s", l->root);
	return 0;
}

static void from_account(struct strv *out)
{
	static const char *const keys[] = {"HOME", "PATH", "SHELL", "USER", "LOGNAME"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (*account_value(keys[i]))
			environment_set(out, keys[i], account_value(keys[i]));
}

int environment_load(const struct layout *l, struct strv *out, struct err *e)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	char path[LAYOUT_PATH];
	struct strv old = *out;

	if (layout_abs(l, LAYOUT_ENVIRONMENT, path, e) < 0)
		return -1;
	if (fs_read(l->root_fd, LAYOUT_ENVIRONMENT, &text, e) == 0) {
		if (environment_parse(buf_cstr(&text), text.len, path, &env, NULL, e) < 0)
			return -1;
	} else if (e->code == ERR_NOT_FOUND) {
		from_account(&env);
	} else {
		return err_wrap(e, "%s", l->root);
	}
	*out = env;
	env = old;
	return 0;
}
