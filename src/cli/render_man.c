/* iapeer.1 out of the table of verbs: what `help` says, as a manual page. */
#include <string.h>

#include "iapeer/base/build.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/render_man.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

/* Text for roff: backslashes and dashes are escaped, and no line begins with a control character.
 */
static void roff(struct buf *out, const char *text, bool line_start)
{
	for (const char *p = text; *p; p++) {
		if (line_start && (*p == '.' || *p == '\''))
			buf_str(out, "\\&");
		line_start = *p == '\n';
		if (*p == '\\')
			buf_str(out, "\\e");
		else if (*p == '-')
			buf_str(out, "\\-");
		else
			buf_chr(out, *p);
	}
}

static void line(struct buf *out, const char *text)
{
	roff(out, text, true);
	buf_chr(out, '\n');
}

/* As in help: a line that begins with two blanks stands as it is, the rest is filled. */
static void paragraphs(struct buf *out, const char *text)
{
	bool example = false;

	while (*text) {
		AUTO(buf_done) struct buf one = BUF_INIT(CAP_STATE);
		size_t len = strcspn(text, "\n");
		bool now;

		buf_add(&one, text, len);
		now = str_starts(buf_cstr(&one), "  ");
		if (now != example)
			buf_str(out, now ? ".PP\n.RS 4\n.nf\n" : ".fi\n.RE\n");
		example = now;
		if (len == 0)
			buf_str(out, example ? "" : ".PP\n");
		else
			line(out, buf_cstr(&one) + (now ? 2 : 0));
		text += len + (text[len] == '\n');
	}
	if (example)
		buf_str(out, ".fi\n.RE\n");
}

static void options(struct buf *out, const struct verb *v, const struct opt *list, bool common)
{
	for (; list && list->name; list++) {
		if (list->hidden || (common && !opt_applies(v, list)))
			continue;
		buf_str(out, ".TP\n\\fB\\-\\-");
		roff(out, list->name, false);
		buf_str(out, "\\fR");
		if (list->value) {
			buf_str(out, " \\fI");
			roff(out, list->value, false);
			buf_str(out, "\\fR");
		}
		buf_chr(out, '\n');
		line(out, list->help);
	}
}

static void verb(struct buf *out, const struct verb *v)
{
	buf_str(out, ".SS \"");
	roff(out, v->name, false);
	buf_str(out, "\"\n\\fBiapeer ");
	roff(out, v->name, false);
	buf_str(out, "\\fR ");
	line(out, v->args);
	buf_str(out, ".PP\n");
	line(out, v->brief);
	if (!str_empty(v->detail)) {
		buf_str(out, ".PP\n");
		paragraphs(out, v->detail);
	}
	options(out, v, v->opts, false);
}

static void exit_codes(struct buf *out)
{
	buf_str(out, ".SH EXIT STATUS\n");
	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		buf_fmt(out, ".TP\n\\fB%d\\fR ", i);
		line(out, err_word((enum err_code)i));
		line(out, err_text((enum err_code)i));
	}
}

void man_verbs(struct buf *out)
{
	static const struct verb any = {.name = "", .flags = V_JSON};

	buf_str(out, ".\\\" Made by `iapeer help --roff` out of the table of verbs.\n");
	buf_fmt(out, ".TH IAPEER 1 \"\" \"iapeer %s\" \"User Commands\"\n", build_version);
	buf_str(out, ".SH NAME\niapeer \\- keeps a team of peers on one host reachable\n"
		     ".SH SYNOPSIS\n\\fBiapeer\\fR \\fIverb\\fR [\\fIargument\\fR...] "
		     "[\\fB\\-\\-option\\fR...]\n.SH DESCRIPTION\n");
	line(out, MAN_DESCRIPTION);
	buf_str(out, ".SH VERBS\n");
	for (size_t i = 0; i < n_verbs; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			verb(out, &verbs[i]);
	buf_str(out, ".SH OPTIONS OF EVERY VERB\n");
	options(out, &any, opt_common, true);
	exit_codes(out);
	buf_str(out,
		".SH ENVIRONMENT\n\\fBIAPEER_ROOT\\fR names the root, where it is not "
		"\\fI~/.iapeer\\fR. \\fBNO_COLOR\\fR: no colour. What else there is stands in\n"
		".BR iapeer\\-files (5).\n"
		".SH SEE ALSO\n.BR iapeer\\-files (5),\n.BR tmux (1)\n");
}
