#include "iapeer/cli/ctx.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/lifecycle/move.h"

#include "iapeer/base/banned.h"

int ctx_open(struct ctx *c, const struct verb *v, struct err *e)
{
	if (!(v->flags & (V_ROOT | V_ROOT_MAKE | V_REGISTRY | V_SETTINGS)))
		return 0;
	if (layout_open(&c->layout, v->flags & V_ROOT_MAKE, e) < 0) {
		if (e->code == ERR_NOT_FOUND && !(v->flags & V_ROOT)) {
			e->code = ERR_NONE;
			return 0;
		}
		return -1;
	}
	c->rooted = true;
	if ((v->flags & (V_SETTINGS | V_REGISTRY)) &&
	    settings_load(&c->layout, &c->settings, e) < 0)
		return -1;
	if (v->flags & V_MUTATES)
		move_catch_up(&c->layout);
	return v->flags & V_REGISTRY ? registry_load(&c->layout, &c->registry, e) : 0;
}

void ctx_done(struct ctx *c)
{
	registry_done(&c->registry);
	if (c->rooted)
		layout_done(&c->layout);
	json_free(c->reply);
	buf_done(&c->out);
	c->reply = NULL;
}

int ctx_flush(struct ctx *c, struct err *e)
{
	if (buf_check(&c->out, "standard output", e) < 0)
		return -1;
	if (c->out.len > 0 && fs_write_all(STDOUT_FILENO, c->out.p, c->out.len, e) < 0) {
		buf_cut(&c->out, 0);
		return e->sys == EPIPE ? 1
				       : err_set(e, ERR_FAILED, e->sys, "write standard output");
	}
	buf_cut(&c->out, 0);
	return 0;
}

void ctx_tried(struct ctx *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->tried, sizeof c->tried, fmt, ap);
	va_end(ap);
}

void ctx_note(const char *fmt, ...)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	struct err e = ERR_INIT;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	text_shown(&b, text);
	buf_chr(&b, '\n');
	if (fs_write_all(STDERR_FILENO, buf_cstr(&b), b.len, &e) < 0)
		return; /* nobody reads it */
}
