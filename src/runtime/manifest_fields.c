#include "iapeer/runtime/manifest.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/manifest_valid.h"

#include "iapeer/base/banned.h"

enum type {
	T_FORMAT,  /* the number 1 */
	T_RUNTIME, /* must be the name it was looked for by */
	T_TEXT,    /* char[size] */
	T_KEY,     /* char[size], the name of a tmux key */
	T_BELOW,   /* char[size], a path below some folder */
	T_BOOL,
	T_WORD, /* an enum, by its words */
	T_NATURE,
	T_LIST, /* struct strv */
	T_KEYS,
	T_ENV,   /* KEY=VALUE */
	T_FILES, /* object of objects, owned */
	T_DIALOGS,
};

struct field {
	const char *name;
	enum type type;
	size_t offset, size;
	const char *const *words; /* T_WORD: in the order of the enum, NULL ends */
};

/* Where a value stands, for messages. */
struct place {
	const char *what; /* the file */
	char prefix[44];  /* "" or "dialogs[2]." */
	const char *field;
	const struct json *parent;
};

static const char *const kind_words[] = {
    [KIND_SHELL] = "shell", [KIND_TUI] = "tui", [KIND_SERVICE] = "service", [KIND_COUNT] = NULL};
static const char *const envelope_words[] = {
    [ENVELOPE_BARE] = "bare", [ENVELOPE_IAP] = "iap", NULL};
static const char *const proof_words[] = {
    [PROOF_SUBMITTED] = "submitted", [PROOF_RECORDED] = "recorded", NULL};
static const char *const hooks_words[] = {
    [HOOKS_NEVER] = "never", [HOOKS_TRUST] = "trust", [HOOKS_ALWAYS] = "always", NULL};
static const char *const busy_words[] = {[BUSY_PASTE] = "paste", [BUSY_QUEUE] = "queue", NULL};

/* Enums are stored through an unsigned. */
_Static_assert(sizeof(enum runtime_kind) == sizeof(unsigned), "enum width");
_Static_assert(sizeof(enum envelope_kind) == sizeof(unsigned), "enum width");
_Static_assert(sizeof(enum proof) == sizeof(unsigned), "enum width");
_Static_assert(sizeof(enum hooks_when) == sizeof(unsigned), "enum width");
_Static_assert(sizeof(enum busy_policy) == sizeof(unsigned), "enum width");
_Static_assert(sizeof(enum nature) == sizeof(unsigned), "enum width");

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)

static const struct field dialog_fields[] = {
    {"name", T_TEXT, AT(dialog, name), NULL},     {"when", T_LIST, AT(dialog, when), NULL},
    {"cursor", T_TEXT, AT(dialog, cursor), NULL}, {"row", T_TEXT, AT(dialog, row), NULL},
    {"move", T_KEY, AT(dialog, move), NULL},      {"accept", T_KEY, AT(dialog, accept), NULL},
    {"trust", T_BOOL, AT(dialog, trust), NULL},   {"advice", T_TEXT, AT(dialog, advice), NULL},
};

static const struct field fields[] = {
    {"format", T_FORMAT, 0, 0, NULL},
    {"runtime", T_RUNTIME, AT(manifest, runtime), NULL},
    {"kind", T_WORD, AT(manifest, kind), kind_words},
    {"program", T_LIST, AT(manifest, program), NULL},
    {"search", T_LIST, AT(manifest, search), NULL},
    {"args_fresh", T_LIST, AT(manifest, args_fresh), NULL},
    {"args_resume", T_LIST, AT(manifest, args_resume), NULL},
    {"args_always", T_LIST, AT(manifest, args_always), NULL},
    {"args_trust", T_LIST, AT(manifest, args_trust), NULL},
    {"env", T_ENV, AT(manifest, env), NULL},
    {"env_trust", T_ENV, AT(manifest, env_trust), NULL},
    {"env_trust_root", T_ENV, AT(manifest, env_trust_root), NULL},
    {"files", T_FILES, offsetof(struct manifest, files), 0, NULL},
    {"files_trust", T_FILES, offsetof(struct manifest, files_trust), 0, NULL},
    {"hooks", T_WORD, AT(manifest, hooks), hooks_words},
    {"envelope", T_WORD, AT(manifest, envelope), envelope_words},
    {"proof", T_WORD, AT(manifest, proof), proof_words},
    {"busy", T_WORD, AT(manifest, busy_policy), busy_words},
    {"default_intelligence", T_NATURE, AT(manifest, default_intelligence), NULL},
    {"requires_intelligence", T_NATURE, AT(manifest, requires_intelligence), NULL},
    {"marker", T_TEXT, AT(manifest, marker), NULL},
    {"ruled", T_BOOL, AT(manifest, ruled), NULL},
    {"placeholders", T_LIST, AT(manifest, placeholders), NULL},
    {"pasted", T_LIST, AT(manifest, pasted), NULL},
    {"ready_any", T_LIST, AT(manifest, ready_any), NULL},
    {"busy_any", T_LIST, AT(manifest, busy_any), NULL},
    {"retry_any", T_LIST, AT(manifest, retry_any), NULL},
    {"failed_line", T_LIST, AT(manifest, failed_line), NULL},
    {"dialogs", T_DIALOGS, AT(manifest, dialogs), NULL},
    {"setup_any", T_LIST, AT(manifest, setup_any), NULL},
    {"login_any", T_LIST, AT(manifest, login_any), NULL},
    {"submit", T_KEYS, AT(manifest, submit), NULL},
    {"interrupt", T_KEYS, AT(manifest, interrupt), NULL},
    {"compact", T_TEXT, AT(manifest, compact), NULL},
    {"has_conversations", T_BOOL, AT(manifest, has_conversations), NULL},
    {"data_folder", T_LIST, AT(manifest, data_folder), NULL},
    {"conversation_file", T_BELOW, AT(manifest, conversation_file), NULL},
    {"process_file", T_BELOW, AT(manifest, process_file), NULL},
    {"lock_file", T_BELOW, AT(manifest, lock_file), NULL},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Always -1: "<file>: <field>: <reason>". */
static int PRINTF(3, 4) wrong(const struct place *p, struct err *e, const char *fmt, ...)
{
	char why[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set(e, ERR_CORRUPT, 0, "%s: %s%s: %s", p->what, p->prefix, p->field, why);
}

static int read_text(const struct json *v, const struct field *f, const struct place *p, char *out,
		     struct err *e)
{
	const char *s = json_text(v);

	if (!s)
		return wrong(p, e, "expected a string");
	if (strlen(s) >= f->size)
		return wrong(p, e, "longer than %zu bytes", f->size - 1);
	if (!manifest_plain(s))
		return wrong(p, e, "control characters are not allowed");
	if (f->type == T_KEY && *s && !manifest_key_valid(s))
		return wrong(p, e, "not the name of a key: \"%s\"", s);
	if (f->type == T_BELOW && !manifest_below_valid(s))
		return wrong(p, e, "not a path below data_folder: \"%s\"", s);
	return str_put(out, f->size, s) ? 0 : wrong(p, e, "does not fit");
}

static int check_item(const char *s, const struct field *f, const struct place *p, size_t i,
		      struct err *e)
{
	if (!s)
		return wrong(p, e, "item %zu: expected a string", i);
	if (!manifest_plain(s))
		return wrong(p, e, "item %zu: control characters are not allowed", i);
	if (f->type == T_KEYS && !manifest_key_valid(s))
		return wrong(p, e, "item %zu: not the name of a key: \"%s\"", i, s);
	if (f->type == T_ENV && !manifest_env_valid(s))
		return wrong(p, e, "item %zu: expected NAME=VALUE, and not a name of ours", i);
	if (f->type == T_LIST && !*s)
		return wrong(p, e, "item %zu: empty", i);
	return 0;
}

/* The list replaces what was there. */
static int read_list(const struct json *v, const struct field *f, const struct place *p,
		     struct strv *out, struct err *e)
{
	if (!json_is_array(v))
		return wrong(p, e, "expected a list of strings");
	for (size_t i = 0; i < json_len(v); i++)
		if (check_item(json_text(json_at(v, i)), f, p, i, e) < 0)
			return -1;
	strv_done(out);
	for (size_t i = 0; i < json_len(v); i++)
		strv_add(out, json_text(json_at(v, i)));
	return 0;
}

static int read_word(const struct json *v, const struct field *f, const struct place *p, void *out,
		     struct err *e)
{
	const char *s = json_text(v);
	char known[128] = "";
	size_t used = 0;

	if (!s)
		return wrong(p, e, "expected a string");
	for (unsigned i = 0; f->words[i]; i++) {
		if (strcmp(s, f->words[i]) == 0) {
			memcpy(out, &i, sizeof(i));
			return 0;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 f->words[i]);
	}
	return wrong(p, e, "unknown word \"%s\" (known: %s)", s, known);
}

static int read_nature(const struct json *v, const struct place *p, void *out, struct err *e)
{
	const char *s = json_text(v);
	enum nature n = s ? nature_parse(s) : NATURE_NONE;

	if (!s)
		return wrong(p, e, "expected a string");
	if (n == NATURE_NONE && *s)
		return wrong(p, e, "unknown word \"%s\" (known: artificial, natural, absent)", s);
	memcpy(out, &n, sizeof(n));
	return 0;
}

/* The object replaces what was there. */
static int read_files(const struct json *v, const struct place *p, struct json **out, struct err *e)
{
	if (!json_is_object(v))
		return wrong(p, e, "expected an object");
	for (size_t i = 0; i < json_len(v); i++) {
		const struct json *file = json_at(v, i);

		if (!manifest_file_valid(json_key(file)))
			return wrong(p, e, "\"%.64s\" is no name for a file", json_key(file));
		if (!json_is_object(file))
			return wrong(p, e, "%s: expected an object", json_key(file));
	}
	json_free(*out);
	*out = json_copy(v);
	return 0;
}

static int read_format(const struct place *p, struct err *e)
{
	struct err scratch = ERR_INIT;
	int64_t format = 0;

	if (json_opt_i64(p->parent, p->what, p->field, 1, INT32_MAX, &format, &scratch) < 0)
		return wrong(p, e, "expected the number 1");
	if (format != 1)
		return wrong(p, e, "%lld is newer than this program, which knows 1",
			     (long long)format);
	return 0;
}

static int read_runtime(const struct json *v, const struct place *p, const char *expected,
			struct err *e)
{
	const char *s = json_text(v);

	if (!s || strcmp(s, expected) != 0)
		return wrong(p, e, "must be \"%s\", the name of its folder", expected);
	return 0;
}

static int read_bool(const struct json *v, const struct place *p, bool *out, struct err *e)
{
	if (!json_is_bool(v))
		return wrong(p, e, "expected true or false");
	return json_opt_bool(p->parent, p->what, p->field, out, e);
}

/* Everything but a list of dialogs, so that a dialog's fields are read by it too. */
static int read_simple(const struct json *v, const struct field *f, const struct place *p,
		       char *base, struct err *e)
{
	char *at = base + f->offset;

	switch (f->type) {
	case T_FORMAT:
		return read_format(p, e);
	case T_RUNTIME:
		return read_runtime(v, p, at, e);
	case T_TEXT:
	case T_KEY:
	case T_BELOW:
		return read_text(v, f, p, at, e);
	case T_BOOL:
		return read_bool(v, p, (bool *)(void *)at, e);
	case T_WORD:
		return read_word(v, f, p, at, e);
	case T_NATURE:
		return read_nature(v, p, at, e);
	case T_LIST:
	case T_KEYS:
	case T_ENV:
		return read_list(v, f, p, (struct strv *)(void *)at, e);
	case T_FILES:
		return read_files(v, p, (struct json **)(void *)at, e);
	case T_DIALOGS:
		break;
	}
	return wrong(p, e, "cannot stand here");
}

static const struct field *find(const struct field *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static int unknown(const struct field *table, size_t n, const struct place *p, struct err *e)
{
	const char *names[COUNT(fields) + COUNT(dialog_fields)];
	const char *near;

	for (size_t i = 0; i < n; i++)
		names[i] = table[i].name;
	near = str_nearest(p->field, names, n);
	if (near)
		return wrong(p, e, "unknown field; did you mean \"%s\"?", near);
	return wrong(p, e, "unknown field (docs/RUNTIMES.md lists them)");
}

static void dialog_done(struct dialog *d)
{
	strv_done(&d->when);
	memset(d, 0, sizeof(*d));
}

static int read_dialog(const struct json *o, size_t i, const char *what, struct dialog *d,
		       struct err *e)
{
	struct place p = {.what = what, .field = "", .parent = o};
	char number[40];

	snprintf(number, sizeof(number), "dialogs[%zu]", i);
	if (!json_is_object(o)) {
		p.field = number;
		return wrong(&p, e, "expected an object");
	}
	snprintf(p.prefix, sizeof(p.prefix), "%s.", number);
	for (size_t k = 0; k < json_len(o); k++) {
		const struct json *v = json_at(o, k);
		const struct field *f;

		p.field = json_key(v);
		f = find(dialog_fields, COUNT(dialog_fields), p.field);
		if (!f)
			return unknown(dialog_fields, COUNT(dialog_fields), &p, e);
		if (read_simple(v, f, &p, (char *)d, e) < 0)
			return -1;
	}
	return 0;
}

static int read_dialogs(const struct json *v, const struct place *p, struct manifest *m,
			struct err *e)
{
	if (!json_is_array(v))
		return wrong(p, e, "expected a list of objects");
	if (json_len(v) > MANIFEST_DIALOGS)
		return wrong(p, e, "more than %d", MANIFEST_DIALOGS);
	for (size_t i = 0; i < MANIFEST_DIALOGS; i++)
		dialog_done(&m->dialogs[i]);
	m->n_dialogs = json_len(v);
	for (size_t i = 0; i < m->n_dialogs; i++)
		if (read_dialog(json_at(v, i), i, p->what, &m->dialogs[i], e) < 0)
			return -1;
	return 0;
}

int manifest_read(const struct json *tree, const char *what, struct manifest *m, struct err *e)
{
	struct place p = {.what = what, .field = "format", .parent = tree};

	if (!json_is_object(tree))
		return err_set(e, ERR_CORRUPT, 0, "%s: expected an object", what);
	if (!json_get(tree, "format"))
		return wrong(&p, e, "missing (1 is the one this program knows)");
	for (size_t i = 0; i < json_len(tree); i++) {
		const struct json *v = json_at(tree, i);
		const struct field *f;
		int failed;

		p.field = json_key(v);
		f = find(fields, COUNT(fields), p.field);
		if (!f)
			return unknown(fields, COUNT(fields), &p, e);
		failed = f->type == T_DIALOGS ? read_dialogs(v, &p, m, e)
					      : read_simple(v, f, &p, (char *)m, e);
		if (failed < 0)
			return -1;
	}
	return 0;
}

int manifest_kind(const struct json *tree, const char *what, enum runtime_kind *out,
		  bool *out_named, struct err *e)
{
	const struct json *v = json_is_object(tree) ? json_get(tree, "kind") : NULL;
	const struct field *f = find(fields, COUNT(fields), "kind");
	struct place p = {.what = what, .field = "kind", .parent = tree};

	if (v && f && read_word(v, f, &p, out, e) < 0)
		return -1;
	*out_named = v != NULL;
	return 0;
}

void manifest_field_names(struct strv *out)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		strv_add(out, fields[i].name);
	for (size_t i = 0; i < COUNT(dialog_fields); i++)
		strv_fmt(out, "dialogs[].%s", dialog_fields[i].name);
}

void manifest_done(struct manifest *m)
{
	json_free(m->files);
	json_free(m->files_trust);
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].type == T_LIST || fields[i].type == T_KEYS || fields[i].type == T_ENV)
			strv_done((struct strv *)(void *)((char *)m + fields[i].offset));
	for (size_t i = 0; i < MANIFEST_DIALOGS; i++)
		dialog_done(&m->dialogs[i]);
	memset(m, 0, sizeof(*m));
}
