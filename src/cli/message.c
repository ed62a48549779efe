#include "iapeer/cli/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/opt.h"

#include "iapeer/base/banned.h"

/* ---- the text ---- */

static int read_all(int fd, const char *what, struct buf *b, struct err *e)
{
	char chunk[8192];
	ssize_t n;

	do {
		n = read(fd, chunk, sizeof chunk);
		if (n > 0)
			buf_add(b, chunk, (size_t)n);
	} while ((n > 0 && !b->failed) || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_set(e, ERR_USAGE, errno, "read %.200s", what);
	if (buf_check(b, what, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	return 0;
}

/* A file or a pipe ends with a newline that nobody meant. */
static int taken(struct buf *b, const char *what, char **out, struct err *e)
{
	if (b->len && memchr(b->p, '\0', b->len))
		return err_set(e, ERR_USAGE, 0, "%.200s is not text: it holds a NUL", what);
	while (b->len && (b->p[b->len - 1] == '\n' || b->p[b->len - 1] == '\r'))
		buf_cut(b, b->len - 1);
	*out = xstrdup(buf_cstr(b));
	return 0;
}

static int from_fd(int fd, const char *what, char **out, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_TEXT);

	return read_all(fd, what, &b, e) < 0 ? -1 : taken(&b, what, out, e);
}

static int from_file(const char *path, char **out, struct err *e)
{
	auto_fd int fd = -1;

	if (strcmp(path, "-") == 0)
		return from_fd(STDIN_FILENO, "standard input", out, e);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_set(e, ERR_USAGE, errno, "--message-file %.200s", path);
	return from_fd(fd, path, out, e);
}

static char *joined(const struct parsed *p)
{
	struct buf b = BUF_INIT(CAP_OUTPUT);
	char *text;

	for (size_t i = 1; i < p->n_args; i++) {
		if (i > 1)
			buf_chr(&b, ' ');
		buf_str(&b, p->args[i]);
	}
	text = xstrdup(buf_cstr(&b));
	buf_done(&b);
	return text;
}

int message_body(const struct ctx *c, const struct parsed *p, char **out, struct err *e)
{
	size_t sources = (p->n_args > 1) + opt_count(p, "message") + opt_count(p, "message-file");

	if (sources > 1)
		return err_set(e, ERR_USAGE, 0,
			       "one text only: words, --message or --message-file");
	if (p->n_args > 1) {
		*out = joined(p);
		return 0;
	}
	if (opt_given(p, "message")) {
		*out = xstrdup(opt_value(p, "message"));
		return 0;
	}
	if (opt_given(p, "message-file"))
		return from_file(opt_value(p, "message-file"), out, e);
	if (!c->term.in_tty)
		return from_fd(STDIN_FILENO, "standard input", out, e);
	err_set(e, ERR_USAGE, 0, "the message is missing");
	return err_hint(e, "iapeer %s %s \"text\"", p->verb->name, p->args[0]);
}

/* ---- the outcome ---- */

/* Raw into a file or a pipe; on a terminal nothing in it may act. */
static void print_answer(struct ctx *c, const char *answer)
{
	size_t len = strlen(answer);

	if (c->term.out_tty)
		str_shown(&c->out, answer, len, true);
	else
		buf_add(&c->out, answer, len);
	if (len && answer[len - 1] != '\n')
		buf_chr(&c->out, '\n');
}

void outcome_print(struct ctx *c, const struct send *s)
{
	const struct receipt *r = s->has_receipt ? &s->receipt : NULL;
	bool ask = s->item.wait == WAIT_TURN;

	if (ask && r && r->answer) {
		print_answer(c, r->answer);
		return;
	}
	if (ask && r)
		return; /* a turn without words */
	if (!r) {
		buf_fmt(&c->out, "queued for %s", s->id.name);
		if (s->reason[0]) {
			buf_str(&c->out, ": ");
			text_shown(&c->out, s->reason);
		}
	} else {
		buf_fmt(&c->out, "delivered to %s", s->id.name);
	}
	if (r && r->woke)
		buf_fmt(&c->out, " (woke: %s, %s)", r->mode, r->cause);
	if (s->duplicate)
		buf_str(&c->out, r ? " (a duplicate: nothing was sent)"
				   : " (a duplicate: it was waiting already)");
	buf_chr(&c->out, '\n');
}
