#include "iapeer/cli/render_help.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

size_t help_width(const struct term *t)
{
	return t->columns > 0 && t->columns < HELP_WIDTH ? (size_t)t->columns : HELP_WIDTH;
}

static bool visible(const struct verb *v)
{
	return !(v->flags & V_HIDDEN);
}

#define NARROW 16 /* columns that a text needs beside its name */

/* "  name       text", the text filled into its column; on a narrow terminal below its name. */
static void row(const struct term *t, struct buf *out, const char *name, size_t column,
		const char *text)
{
	buf_str(out, "  ");
	term_paint(t, out, PAINT_BOLD, name);
	if (help_width(t) < column + NARROW) {
		buf_str(out, "\n    ");
		column = 4;
	} else {
		text_pad(out, 2 + text_cells(name), column);
	}
	text_wrap(out, text, column, column, help_width(t));
}

static void paragraph(const struct term *t, struct buf *out, const char *text)
{
	text_wrap(out, text, 0, 0, help_width(t));
}

void help_all(const struct term *t, struct buf *out)
{
	size_t column = 0;

	paragraph(t, out, "usage: iapeer <verb> [argument...] [--option...]");
	buf_chr(out, '\n');
	for (size_t i = 0; i < n_verbs; i++)
		if (visible(&verbs[i]) && strlen(verbs[i].name) + 4 > column)
			column = strlen(verbs[i].name) + 4;
	for (size_t i = 0; i < n_verbs; i++)
		if (visible(&verbs[i]))
			row(t, out, verbs[i].name, column, verbs[i].brief);
	buf_chr(out, '\n');
	paragraph(t, out,
		  "`iapeer help <verb>` tells more about one, `iapeer help exit-codes` what an "
		  "exit status means.");
}

/* Paragraphs are filled; a line that begins with two blanks stands as it is (examples). */
static void detail(const struct term *t, struct buf *out, const char *text)
{
	char line[1024];

	while (*text) {
		size_t len = strcspn(text, "\n");

		snprintf(line, sizeof line, "%.*s", (int)len, text);
		if (str_starts(line, "  "))
			buf_fmt(out, "%s\n", line);
		else
			paragraph(t, out, line);
		text += len + (text[len] == '\n');
	}
}

static void option_name(const struct opt *o, char *out, size_t size)
{
	snprintf(out, size, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
}

static void option_rows(const struct term *t, struct buf *out, const struct verb *v,
			const struct opt *list, bool common)
{
	char name[96];

	for (; list && list->name; list++) {
		if (list->hidden || (common && !opt_applies(v, list)))
			continue;
		option_name(list, name, sizeof name);
		row(t, out, name, 26, list->help);
	}
}

static bool has_options(const struct verb *v)
{
	for (const struct opt *o = v->opts; o && o->name; o++)
		if (!o->hidden)
			return true;
	return false;
}

void help_verb(const struct term *t, const struct verb *v, struct buf *out)
{
	buf_fmt(out, "usage: iapeer %s%s%s%s\n\n", v->name, *v->args ? " " : "", v->args,
		has_options(v) ? " [--option...]" : "");
	paragraph(t, out, v->brief);
	if (!str_empty(v->detail)) {
		buf_chr(out, '\n');
		detail(t, out, v->detail);
	}
	buf_str(out, "\noptions:\n");
	option_rows(t, out, v, v->opts, false);
	option_rows(t, out, v, opt_common, true);
}

void help_exit_codes(const struct term *t, struct buf *out)
{
	char code[16];

	paragraph(t, out,
		  "The exit status of every verb; with --json an error's `code` is the word.");
	buf_chr(out, '\n');
	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		snprintf(code, sizeof code, "%d", i);
		buf_fmt(out, "  %s", code);
		text_pad(out, 2 + strlen(code), 5);
		buf_str(out, err_word((enum err_code)i));
		text_pad(out, 5 + strlen(err_word((enum err_code)i)), 17);
		text_wrap(out, err_text((enum err_code)i), 17, 17, help_width(t));
	}
}

static struct json *verb_json(const struct verb *v)
{
	struct json *o = json_object();

	json_set_str(o, "name", v->name);
	json_set_str(o, "args", v->args);
	json_set_str(o, "brief", v->brief);
	return o;
}

struct json *help_json(void)
{
	struct json *o = json_object(), *list = json_set(o, "verbs", json_array());

	for (size_t i = 0; i < n_verbs; i++)
		if (visible(&verbs[i]))
			json_push(list, verb_json(&verbs[i]));
	return o;
}

static void push_options(struct json *list, const struct verb *v, const struct opt *o, bool common)
{
	for (; o && o->name; o++) {
		struct json *j;

		if (o->hidden || (common && !opt_applies(v, o)))
			continue;
		j = json_push(list, json_object());
		json_set_str(j, "name", o->name);
		json_set_str_opt(j, "value", o->value);
		json_set_str(j, "help", o->help);
	}
}

struct json *help_verb_json(const struct verb *v)
{
	struct json *o = verb_json(v), *list;

	json_set_str_opt(o, "detail", v->detail);
	list = json_set(o, "options", json_array());
	push_options(list, v, v->opts, false);
	push_options(list, v, opt_common, true);
	return o;
}

struct json *help_codes_json(void)
{
	struct json *o = json_object(), *list = json_set(o, "exit_codes", json_array());

	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		struct json *j = json_push(list, json_object());

		json_set_i64(j, "status", i);
		json_set_str(j, "code", err_word((enum err_code)i));
		json_set_str(j, "meaning", err_text((enum err_code)i));
	}
	return o;
}
