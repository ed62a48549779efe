/* doctor: what is wrong here, what to do about it, and --fix. */
#include "iapeer/cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/cli/opt.h"
#include "iapeer/cli/verb_runs.h"
#include "iapeer/supervise/reference.h"

#include "iapeer/base/banned.h"

static const char *const words[] = {[FOUND_OK] = "ok", [FOUND_WARN] = "warn", [FOUND_BAD] = "bad"};
_Static_assert(sizeof words / sizeof words[0] == FINDING_COUNT, "one word a finding");

static struct json *add(struct doctor *d, enum finding f, const char *what, const char *text)
{
	struct json *o = json_push(d->list, json_object());

	json_set_str(o, "level", words[f]);
	json_set_str(o, "what", what);
	json_set_str(o, "finding", text);
	d->n[f]++;
	return o;
}

void doctor_say(struct doctor *d, enum finding f, const char *what, const char *advice,
		const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_set_str_opt(add(d, f, what, text), "advice", advice);
}

void doctor_fixed(struct doctor *d, const char *what, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_set_bool(add(d, FOUND_OK, what, text), "fixed", true);
	d->n_fixed++;
}

void doctor_names(struct buf *out, const struct strv *names, size_t max)
{
	for (size_t i = 0; i < names->n && i < max; i++)
		buf_fmt(out, "%s%s", i ? ", " : "", names->v[i]);
	if (names->n > max)
		buf_fmt(out, " and %zu more", names->n - max);
}

/* ---- the root: what cannot be opened is a finding too ---- */

static void find_root(struct doctor *d)
{
	struct err e = ERR_INIT;

	if (layout_open(&d->c->layout, false, &e) < 0) {
		if (e.code == ERR_NOT_FOUND)
			doctor_say(d, FOUND_WARN, "root", "iapeer create <name> makes it",
				   "there is none yet: %s", e.msg);
		else
			doctor_say(d, FOUND_BAD, "root", e.hint[0] ? e.hint : "set IAPEER_ROOT",
				   "%s", e.msg);
		return;
	}
	d->c->rooted = true;
	doctor_say(d, FOUND_OK, "root", NULL, "%s", d->c->layout.root);
	if (settings_load(&d->c->layout, &d->c->settings, &e) < 0)
		doctor_say(d, FOUND_BAD, "settings", "put that file right, or delete it", "%s",
			   e.msg);
	e = (struct err)ERR_INIT;
	d->registry_ok = registry_load(&d->c->layout, &d->c->registry, &e) == 0;
	if (!d->registry_ok)
		doctor_say(d, FOUND_BAD, "registry", e.hint, "%s", e.msg);
	else if (d->c->registry.newer)
		doctor_say(d, FOUND_WARN, "registry", "use the newer iapeer",
			   "it was written by a newer iapeer; it is read, not written");
	else
		doctor_say(d, FOUND_OK, "registry", NULL, "%zu peer%s", d->c->registry.n,
			   d->c->registry.n == 1 ? "" : "s");
}

static void find_reference(struct doctor *d)
{
	pid_t pid = reference_daemon(&d->c->layout);

	if (pid)
		doctor_say(d, FOUND_BAD, "daemon", "stop it, or leave this root to it",
			   "the daemon of @agfpd/iapeer (pid %ld) serves this root too", (long)pid);
}

static void print(const struct doctor *d)
{
	static const enum paint paints[] = {
	    [FOUND_OK] = PAINT_GREEN, [FOUND_WARN] = PAINT_YELLOW, [FOUND_BAD] = PAINT_RED};
	struct ctx *c = d->c;

	for (const struct json *o = json_first(d->list); o; o = json_next(o)) {
		const char *level = json_text(json_get(o, "level")),
			   *advice = json_text(json_get(o, "advice"));
		enum finding f = FOUND_OK;

		while (f < FOUND_BAD && strcmp(level, words[f]) != 0)
			f++;
		term_paint(&c->term, &c->out, paints[f], words[f]);
		text_pad(&c->out, text_cells(words[f]), 6);
		text_shown(&c->out, json_text(json_get(o, "what")));
		buf_str(&c->out, json_get(o, "fixed") ? ": fixed: " : ": ");
		text_shown(&c->out, json_text(json_get(o, "finding")));
		buf_chr(&c->out, '\n');
		if (!advice)
			continue;
		buf_str(&c->out, "      ");
		text_shown(&c->out, advice);
		buf_chr(&c->out, '\n');
	}
}

int verb_doctor(struct ctx *c, const struct parsed *p, struct err *e)
{
	struct doctor d = {.c = c, .fix = opt_given(p, "fix")};
	static void (*const checks[])(struct doctor *) = {
	    find_reference,   doctor_keeper,      doctor_fate,   doctor_tmux,
	    doctor_runtimes,  doctor_environment, doctor_disk,   doctor_binary,
	    doctor_modes,     doctor_sockets,     doctor_drift,  doctor_services,
	    doctor_leftovers, doctor_litter,      doctor_deaths, doctor_memory,
	};

	if (opt_given(p, "drill"))
		return doctor_drill(c, e);
	c->reply = json_object();
	d.list = json_set(c->reply, "findings", json_array());
	find_root(&d);
	if (c->rooted) {
		services_scan(&d.services);
		for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
			checks[i](&d);
		services_done(&d.services);
	} else {
		doctor_tmux(&d);
	}
	json_set_i64(c->reply, "ok", (int64_t)d.n[FOUND_OK]);
	json_set_i64(c->reply, "warn", (int64_t)d.n[FOUND_WARN]);
	json_set_i64(c->reply, "bad", (int64_t)d.n[FOUND_BAD]);
	json_set_i64(c->reply, "fixed", (int64_t)d.n_fixed);
	if (!c->json)
		print(&d);
	if (d.n[FOUND_BAD] == 0)
		return 0;
	err_set(e, ERR_FAILED, 0, "%zu thing%s wrong", d.n[FOUND_BAD],
		d.n[FOUND_BAD] == 1 ? " is" : "s are");
	return d.fix ? -1 : err_hint(e, "iapeer doctor --fix puts right what is its to put right");
}
