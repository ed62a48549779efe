#include "iapeer/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/fault.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/ctx.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/render_help.h"
#include "iapeer/cli/verbs.h"

#include "iapeer/base/banned.h"

/* Written out whole, or we say why not: a full disk must not look like success. Nobody reading any
 * more is no error. */
static int flush(struct buf *out, struct err *e)
{
	if (buf_check(out, "standard output", e) < 0)
		return -1;
	if (out->len == 0)
		return 0;
	if (fs_write_all(STDOUT_FILENO, out->p, out->len, e) < 0) {
		if (e->sys == EPIPE)
			return 0;
		return err_set(e, ERR_FAILED, e->sys, "write standard output");
	}
	if (close(STDOUT_FILENO) < 0 && errno != EINTR)
		return err_set(e, ERR_FAILED, errno, "write standard output");
	return 0;
}

static void say_error(const struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err lost = ERR_INIT;

	buf_str(&b, "iapeer: ");
	text_shown(&b, e->msg);
	buf_chr(&b, '\n');
	if (e->hint[0]) {
		buf_str(&b, "  ");
		text_shown(&b, e->hint);
		buf_chr(&b, '\n');
	}
	if (fs_write_all(STDERR_FILENO, buf_cstr(&b), b.len, &lost) < 0)
		return; /* there is no other place to say it */
}

/* Print what the verb has to say and its error, once; returns the exit status. */
static int finish(struct ctx *c, int rc, struct err *e)
{
	struct err lost = ERR_INIT;

	if (c->mute)
		return 0;
	if (rc < 0 && e->code == ERR_NONE)
		e->code = ERR_FAILED;
	if (rc < 0 && e->code == ERR_NOT_FOUND && e->sys)
		e->code = ERR_FAILED; /* what the system does not find is a file, not a peer */
	if (rc < 0 && c->tried[0])
		err_wrap(e, "%s", c->tried);
	if (c->json) {
		if (rc < 0 && !c->reply)
			c->reply = json_object();
		if (rc < 0)
			json_set_err(c->reply, e);
		if (c->reply) {
			buf_cut(&c->out, 0);
			json_print(c->reply, false, &c->out);
			buf_chr(&c->out, '\n');
		}
	}
	if (rc < 0)
		say_error(e);
	if (flush(&c->out, &lost) < 0) {
		say_error(&lost);
		return rc < 0 ? (int)e->code : (int)lost.code;
	}
	return rc < 0 ? (int)e->code : 0;
}

static int no_such_verb(struct ctx *c, const char *typed, struct err *e)
{
	const char *near = verb_nearest(typed);

	ctx_tried(c, "%.60s", typed);
	err_set(e, ERR_USAGE, 0, "no such verb");
	if (typed[0] == '-')
		return err_hint(e, "options stand behind the verb: iapeer list --json");
	if (near)
		return err_hint(e, "did you mean `iapeer %s`?", near);
	return err_hint(e, "`iapeer help` lists them");
}

/* `iapeer --help` and `iapeer --version` are what everybody types first. */
static const char *alias(const char *word)
{
	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
		return "help";
	if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0)
		return "version";
	return word;
}

static bool asks_json(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static int help_instead(struct ctx *c, const struct verb *v)
{
	if (strcmp(v->name, "help") == 0 && c->json)
		c->reply = help_json();
	else if (strcmp(v->name, "help") == 0)
		help_all(&c->term, &c->out);
	else if (c->json)
		c->reply = help_verb_json(v);
	else
		help_verb(&c->term, v, &c->out);
	return 0;
}

static int run_verb(struct ctx *c, const struct verb *v, int argc, char **argv, struct err *e)
{
	AUTO(parsed_done) struct parsed p = {.verb = NULL};
	int rc = opt_parse(v, argc, argv, &p, e);

	c->json = p.json;
	c->mute = (v->flags & V_MUTE) && !p.help;
	if (c->mute)
		log_open(STDERR_FILENO, LOG_ERROR);
	ctx_tried(c, "%s", v->name);
	if (p.debug)
		log_open(STDERR_FILENO, LOG_DEBUG);
	if (p.help)
		return help_instead(c, v);
	if (rc < 0)
		return -1;
	if (p.n_args > 0)
		ctx_tried(c, "%s %.80s", v->name, p.args[0]);
	if (ctx_open(c, v, e) < 0)
		return -1;
	return v->run(c, &p, e);
}

int verb_main(int argc, char **argv)
{
	AUTO(ctx_done) struct ctx c = CTX_INIT;
	struct err e = ERR_INIT;
	const struct verb *v;

	term_read(&c.term);
	if (argc < 2) {
		AUTO(buf_done) struct buf page = BUF_INIT(CAP_STATE);

		help_all(&c.term, &page);
		if (fs_write_all(STDERR_FILENO, buf_cstr(&page), page.len, &e) < 0)
			return ERR_FAILED;
		return ERR_USAGE;
	}
	v = verb_find(alias(argv[1]));
	fault_role(v ? v->name : "none");
	if (!v) {
		c.json = asks_json(argc - 2, argv + 2);
		return finish(&c, no_such_verb(&c, argv[1], &e), &e);
	}
	return finish(&c, run_verb(&c, v, argc - 2, argv + 2, &e), &e);
}
