/* Placeholders: what stands in the arguments and files of a manifest, and what is put there. */
#include "iapeer/runtime/manifest.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* One word for a shell, whatever is in it. */
static void shell_word(const char *s, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=:,./@%";

	if (*s && s[strspn(s, plain)] == '\0') {
		buf_str(out, s);
		return;
	}
	buf_chr(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_str(out, "'\\''");
		else
			buf_chr(out, *s);
	}
	buf_chr(out, '\'');
}

/* The inside of a string in JSON, or of one in quotes in TOML. */
static void inside_quotes(const char *s, struct buf *out)
{
	AUTO(buf_done) struct buf quoted = BUF_INIT(CAP_STATE);

	json_quote(&quoted, s, strlen(s));
	if (quoted.len >= 2)
		buf_add(out, quoted.p + 1, quoted.len - 2);
}

static const char *value_of(const struct manifest_vars *vars, const char *name, size_t len)
{
	const struct {
		const char *name, *value;
	} known[] = {
	    {"conversation", vars->conversation},
	    {"workdir", vars->workdir},
	    {"peer", vars->peer},
	    {"exe", vars->exe},
	    {"root", vars->root},
	    {"socks", vars->socks},
	    {"files", vars->files},
	    {"prompt_file", vars->prompt_file},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && memcmp(known[i].name, name, len) == 0)
			return known[i].value ? known[i].value : "";
	return NULL;
}

/* s begins with a brace. Its placeholder's value, with what its filters make of it, goes to out;
 * the length of the placeholder, 0: none begins here. */
static size_t placeholder(const char *s, const struct manifest_vars *vars, bool in_quotes,
			  struct buf *out)
{
	AUTO(buf_done) struct buf now = BUF_INIT(CAP_STATE);
	const char *end = strchr(s, '}'), *filter;
	const char *value;

	if (!end)
		return 0;
	filter = s + 1 + strcspn(s + 1, ":}");
	value = value_of(vars, s + 1, (size_t)(filter - s - 1));
	if (!value)
		return 0;
	buf_str(&now, value);
	while (filter < end) {
		AUTO(buf_done) struct buf next = BUF_INIT(CAP_STATE);
		size_t len = strcspn(filter + 1, ":}");

		if (len == 2 && memcmp(filter + 1, "sh", len) == 0)
			shell_word(buf_cstr(&now), &next);
		else if (len == 6 && memcmp(filter + 1, "quoted", len) == 0)
			inside_quotes(buf_cstr(&now), &next);
		else
			return 0;
		buf_cut(&now, 0);
		buf_add(&now, buf_cstr(&next), next.len);
		filter += 1 + len;
	}
	if (in_quotes)
		inside_quotes(buf_cstr(&now), out);
	else
		buf_add(out, buf_cstr(&now), now.len);
	return (size_t)(end - s) + 1;
}

static void fill(const char *s, const struct manifest_vars *vars, bool in_quotes, struct buf *out)
{
	while (*s) {
		size_t len = *s == '{' ? placeholder(s, vars, in_quotes, out) : 0;

		if (len == 0) {
			buf_chr(out, *s);
			len = 1;
		}
		s += len;
	}
}

void manifest_text(const char *text, const struct manifest_vars *vars, struct buf *out)
{
	fill(text, vars, false, out);
}

static void add_args(const struct strv *from, const struct manifest_vars *vars, struct strv *out)
{
	for (size_t i = 0; i < from->n; i++) {
		AUTO(buf_done) struct buf arg = BUF_INIT(CAP_STATE);

		manifest_text(from->v[i], vars, &arg);
		strv_add(out, buf_cstr(&arg));
	}
}

void manifest_args(const struct manifest *m, const struct manifest_vars *vars, struct strv *out)
{
	add_args(vars->resume ? &m->args_resume : &m->args_fresh, vars, out);
	add_args(&m->args_always, vars, out);
	if (vars->trust)
		add_args(&m->args_trust, vars, out);
}

/* Filled in where it has been printed: there every string is in quotes already, and no tree has to
 * be walked. */
void manifest_file(const struct manifest *m, size_t i, const struct manifest_vars *vars,
		   const char **out_name, struct buf *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	const struct json *base = json_at(m->files, i);
	const struct json *more = vars->trust ? json_get(m->files_trust, json_key(base)) : NULL;
	auto_json struct json *tree = json_copy(base);

	for (size_t k = 0; more && k < json_len(more); k++)
		json_set(tree, json_key(json_at(more, k)), json_copy(json_at(more, k)));
	json_print(tree, true, &text);
	fill(buf_cstr(&text), vars, true, out);
	*out_name = json_key(base);
}

static bool any_has(const struct strv *args, const char *what)
{
	for (size_t i = 0; i < args->n; i++)
		if (strstr(args->v[i], what))
			return true;
	return false;
}

bool manifest_chooses_id(const struct manifest *m)
{
	return any_has(&m->args_fresh, "{conversation");
}

bool manifest_wants_prompt(const struct manifest *m)
{
	AUTO(buf_done) struct buf files = BUF_INIT(CAP_PROFILE);
	static const char what[] = "{prompt_file";

	if (m->files)
		json_print(m->files, false, &files);
	return any_has(&m->args_fresh, what) || any_has(&m->args_resume, what) ||
	       any_has(&m->args_always, what) || any_has(&m->args_trust, what) ||
	       strstr(buf_cstr(&files), what) != NULL;
}
