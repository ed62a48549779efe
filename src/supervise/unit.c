#include "iapeer/supervise/unit.h"

#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/registry/service.h"

#include "iapeer/base/banned.h"

static const char *const words[] = {[MANAGER_SYSTEMD] = "systemd", [MANAGER_LAUNCHD] = "launchd"};
_Static_assert(sizeof words / sizeof words[0] == MANAGER_COUNT, "one word a manager");

const char *manager_word(enum manager m)
{
	return words[m];
}

bool manager_parse(const char *word, enum manager *out)
{
	for (int i = 0; i < MANAGER_COUNT; i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum manager)i;
			return true;
		}
	return false;
}

static int check_text(const char *s, struct err *e)
{
	if (!utf8_valid(s, strlen(s)))
		return err_set(e, ERR_USAGE, 0, "%.200s is not UTF-8: no service file can name it",
			       s);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_USAGE, 0,
				       "%.200s holds a control character: no service file can "
				       "name it",
				       s);
	return 0;
}

static int check(const struct unit_spec *s, struct err *e)
{
	if (check_text(s->program, e) < 0 || check_text(s->log, e) < 0)
		return -1;
	for (size_t i = 0; i < s->env->n; i++)
		if (check_text(s->env->v[i], e) < 0)
			return -1;
	return 0;
}

/* ---- systemd ---- */

/* In double quotes, as systemd.syntax(7) reads them. % begins a specifier everywhere; $ a variable
 * only in the arguments of a program: not in its path, and not in Environment=. */
static void put_quoted(struct buf *out, const char *s, bool argument)
{
	buf_chr(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_chr(out, '\\');
		if (*s == '%' || (argument && *s == '$'))
			buf_chr(out, *s);
		buf_chr(out, *s);
	}
	buf_chr(out, '"');
}

/* systemd refuses quotes and backslashes in the path of a program, however they are written
 * ("contains special characters"); in an argument they are fine. */
static bool needs_env(const char *program)
{
	return program[strcspn(program, "\"'\\")] != '\0';
}

static void put_exec(struct buf *out, const char *program)
{
	bool env = needs_env(program);

	buf_str(out, env ? "ExecStart=/usr/bin/env " : "ExecStart=");
	put_quoted(out, program, env);
	buf_str(out, " supervise --replace\n");
}

static void print_systemd(const struct unit_spec *s, struct buf *out)
{
	buf_str(out,
		"# Written by `iapeer supervise --install`; `--uninstall` takes it away.\n"
		"[Unit]\n"
		"Description=iapeer: keeps this user's peers reachable\n" SERVICE_UNIT_MARKER "\n"
		"# Peers depend on it: it is tried again for ever.\n"
		"StartLimitIntervalSec=0\n"
		"\n"
		"[Service]\n"
		"Type=exec\n");
	put_exec(out, s->program);
	for (size_t i = 0; i < s->env->n; i++) {
		buf_str(out, "Environment=");
		put_quoted(out, s->env->v[i], false);
		buf_chr(out, '\n');
	}
	buf_str(out, "Restart=always\n"
		     "RestartSec=5\n"
		     "# Stopping or restarting it ends the keeper alone, not the peers.\n"
		     "KillMode=process\n"
		     "# One program that is killed for its memory does not end the others.\n"
		     "OOMPolicy=continue\n"
		     "# Each peer may get a cgroup of its own.\n"
		     "Delegate=yes\n"
		     "\n"
		     "[Install]\n"
		     "WantedBy=default.target\n");
}

/* ---- launchd ---- */

static void put_xml(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			buf_str(out, "&amp;");
		else if (*s == '<')
			buf_str(out, "&lt;");
		else if (*s == '>')
			buf_str(out, "&gt;");
		else
			buf_chr(out, *s);
	}
}

static void put_string(struct buf *out, const char *indent, const char *s)
{
	buf_fmt(out, "%s<string>", indent);
	put_xml(out, s);
	buf_str(out, "</string>\n");
}

static void put_true(struct buf *out, const char *key)
{
	buf_fmt(out, "\t<key>%s</key>\n\t<true/>\n", key);
}

static void put_env(struct buf *out, const struct strv *env)
{
	if (env->n == 0)
		return;
	buf_str(out, "\t<key>EnvironmentVariables</key>\n\t<dict>\n");
	for (size_t i = 0; i < env->n; i++) {
		const char *eq = strchr(env->v[i], '=');
		size_t n = eq ? (size_t)(eq - env->v[i]) : 0;

		if (!eq)
			continue;
		buf_fmt(out, "\t\t<key>%.*s</key>\n", (int)n, env->v[i]);
		put_string(out, "\t\t", eq + 1);
	}
	buf_str(out, "\t</dict>\n");
}

static void print_launchd(const struct unit_spec *s, struct buf *out)
{
	buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		     "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
		     "<plist version=\"1.0\">\n"
		     "<!-- Written by `iapeer supervise`. -->\n"
		     "<dict>\n"
		     "\t<key>Label</key>\n"
		     "\t<string>" SERVICE_KEEPER_JOB "</string>\n");
	put_true(out, SERVICE_OWNER_KEY);
	buf_str(out, "\t<key>ProgramArguments</key>\n\t<array>\n");
	put_string(out, "\t\t", s->program);
	put_string(out, "\t\t", "supervise");
	put_string(out, "\t\t", "--replace");
	buf_str(out, "\t</array>\n");
	put_env(out, s->env);
	put_true(out, "RunAtLoad");
	put_true(out, "KeepAlive");
	/* Ending it ends the keeper alone, not the peers. */
	put_true(out, "AbandonProcessGroup");
	/* Anything else is throttled, and so would be all that the peers run. */
	buf_str(out, "\t<key>ProcessType</key>\n");
	put_string(out, "\t", "Interactive");
	/* In one session only: two keepers would replace each other for ever. */
	if (s->background) {
		buf_str(out, "\t<key>LimitLoadToSessionType</key>\n");
		put_string(out, "\t", "Background");
	}
	buf_str(out, "\t<key>StandardErrorPath</key>\n");
	put_string(out, "\t", s->log);
	buf_str(out, "</dict>\n</plist>\n");
}

int unit_print(enum manager m, const struct unit_spec *s, struct buf *out, struct err *e)
{
	if (check(s, e) < 0)
		return -1;
	if (m == MANAGER_SYSTEMD && needs_env(s->program) && strchr(s->program, '='))
		return err_set(e, ERR_USAGE, 0,
			       "%.200s holds quotes or backslashes and =: no unit can name it",
			       s->program);
	if (m == MANAGER_SYSTEMD)
		print_systemd(s, out);
	else
		print_launchd(s, out);
	return buf_check(out, "service file", e);
}

/* ---- reading ---- */

bool unit_starts(enum manager m, const char *text, const char *program)
{
	AUTO(buf_done) struct buf want = BUF_INIT(CAP_STATE);

	if (m == MANAGER_SYSTEMD)
		put_exec(&want, program);
	else
		put_string(&want, "\t\t", program);
	return !want.failed && strstr(text, buf_cstr(&want)) != NULL;
}

static bool is_section(const char *line, size_t len, const char *section)
{
	size_t want = strlen(section);

	return len == want + 2 && line[len - 1] == ']' && memcmp(line + 1, section, want) == 0;
}

static const char *trim(const char *s, size_t *len)
{
	while (*len && strchr(" \t\r", s[0])) {
		s++;
		(*len)--;
	}
	while (*len && strchr(" \t\r", s[*len - 1]))
		(*len)--;
	return s;
}

/* "Key = value": the value, its length in *len; NULL when it is another key's. */
static const char *value_of(const char *line, size_t *len, const char *key)
{
	const char *eq = memchr(line, '=', *len);
	size_t n = eq ? (size_t)(eq - line) : 0, rest = eq ? *len - n - 1 : 0;
	const char *value;

	if (!eq)
		return NULL;
	line = trim(line, &n);
	if (n != strlen(key) || memcmp(line, key, n) != 0)
		return NULL;
	value = trim(eq + 1, &rest);
	*len = rest;
	return value;
}

bool unit_setting(const char *text, const char *section, const char *key, char *out, size_t size)
{
	bool inside = false, found = false;

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		size_t len = strcspn(s, "\n");
		const char *line = trim(s, &len), *value;

		if (len && line[0] == '[')
			inside = is_section(line, len, section);
		if (!inside || !len || line[0] == '#' || line[0] == ';' || line[0] == '[')
			continue;
		value = value_of(line, &len, key);
		if (!value || len >= size)
			continue;
		memcpy(out, value, len);
		out[len] = '\0';
		found = true;
	}
	return found;
}
