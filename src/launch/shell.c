#include "iapeer/launch/shell.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/state_file.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define QUIET_MS       30   /* a shell without line editing is taken at its word after this */
#define QUIET_RAW_MS   100  /* a prompt that we do not know is taken for one after this */
#define QUIET_EDITS_MS 1000 /* one that should edit lines gets this long to switch its terminal */
#define QUIET_OTHER_MS 1000 /* one that does not, behind a prompt that we do not know */
#define SETTLE_MS      200  /* how its terminal is set, and that it sleeps, is told by nothing: */
#define LOOK_MS        3    /* looked at this often behind output, */
#define LOOK_LATER_MS  50   /* and later this often */

void shell_look(const struct pane *p, struct shell_facts *out)
{
	auto_fd int tty = open(p->session->pane_tty, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct proc_info info;
	struct termios t;
	struct err e;

	*out = (struct shell_facts){.known = false};
	if (plat_proc_info(p->session->pane.pid, &info, &e) < 0 || info.state == PROC_GONE)
		return;
	out->at_prompt = info.tty_pgid == info.pgid;
	out->sleeping = info.sleeping;
	str_cut(out->program, sizeof out->program, info.name);
	if (tty < 0 || tcgetattr(tty, &t) < 0)
		return;
	out->known = true;
	out->canonical = (t.c_lflag & ICANON) != 0;
	out->echo = (t.c_lflag & ECHO) != 0;
	if (ioctl(tty, FIONREAD, &out->ahead) < 0)
		out->ahead = 0;
}

void shell_memory_load(const struct pane *p, struct shell_memory *out)
{
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];
	struct err e;

	/* A hint only: what cannot be read is as good as not known. */
	*out = (struct shell_memory){.empty_log_size = -1};
	if (state_read(p->layout, &p->session->id, "composer", path, &j, &e) < 0)
		return;
	if (json_opt_str(j, path, "prompt", out->prompt, sizeof out->prompt, &e) < 0 ||
	    json_opt_str(j, path, "program", out->program, sizeof out->program, &e) < 0 ||
	    json_opt_bool(j, path, "raw", &out->raw, &e) < 0 ||
	    json_opt_i64(j, path, "emptyLogSize", -1, INT64_MAX / 2, &out->empty_log_size, &e) <
		0 ||
	    json_opt_i64(j, path, "enteredAtMs", 0, INT64_MAX / 2, &out->entered_at_ms, &e) < 0 ||
	    json_opt_i64(j, path, "ahead", 0, INT64_MAX / 2, &out->ahead, &e) < 0)
		*out = (struct shell_memory){.empty_log_size = -1};
}

void shell_memory_save(const struct pane *p, const struct shell_memory *m)
{
	auto_json struct json *j = json_object();
	struct err ignored;

	json_set_str(j, "prompt", m->prompt);
	json_set_str(j, "program", m->program);
	json_set_bool(j, "raw", m->raw);
	json_set_i64(j, "emptyLogSize", m->empty_log_size);
	json_set_i64(j, "enteredAtMs", m->entered_at_ms);
	json_set_i64(j, "ahead", m->ahead);
	if (state_write_soft(p->layout, &p->session->id, "composer", j, &ignored) < 0)
		return; /* the next delivery looks at the screen instead */
}

/* Shells that edit lines themselves switch their terminal before they prompt. */
static bool edits_lines(const char *program)
{
	static const char *const names[] = {"bash", "zsh", "fish"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(program, names[i]) == 0)
			return true;
	return false;
}

static size_t trimmed_len(const char *s)
{
	size_t n = strlen(s);

	while (n > 0 && s[n - 1] == ' ')
		n--;
	return n;
}

/* What stands on the row where the cursor is: something visible, and the prompt that we know (or
 * none is known). The log comes through tmux and lags behind the shell: behind much output a row of
 * that is no prompt yet. */
static bool row_shows(struct pane *p, int64_t from, bool *out_prompt)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8192);
	AUTO(buf_done) struct buf row = BUF_INIT(4096);
	int64_t size = pane_log_size(p);
	struct shell_memory m;
	size_t n, want;
	struct err e;

	if (size <= from)
		return false;
	if (pane_log_from(p, size - from > 4096 ? size - 4096 : from, &b, &e) < 0)
		return false;
	screen_last_row(buf_cstr(&b), b.len, &row);
	n = trimmed_len(buf_cstr(&row));
	shell_memory_load(p, &m);
	want = trimmed_len(m.prompt);
	*out_prompt = n >= want && memcmp(buf_cstr(&row) + n - want, m.prompt, want) == 0;
	return n > 0;
}

bool shell_shows_prompt(const struct pane *p)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	AUTO(buf_done) struct buf row = BUF_INIT(4096);
	struct shell_memory m;
	size_t want;
	struct err e;

	shell_memory_load(p, &m);
	want = trimmed_len(m.prompt);
	if (want == 0 || fs_read_at(p->layout->root_fd, p->log, -4096, 4096, &b, &e) < 0)
		return true;
	screen_last_row(buf_cstr(&b), b.len, &row);
	return row.len >= want && memcmp(row.p, m.prompt, want) == 0;
}

bool shell_works(const struct shell_facts *f, const struct shell_memory *m)
{
	return m->raw && f->known && f->canonical && strcmp(m->program, f->program) == 0;
}

bool shell_runs_builtin(const struct pane *p)
{
	struct shell_facts f;
	struct shell_memory m;

	shell_look(p, &f);
	if (!f.known || !f.at_prompt || !f.canonical)
		return false;
	shell_memory_load(p, &m);
	return shell_works(&f, &m) || !shell_shows_prompt(p);
}

/* What has been seen of the pane so far. */
struct prompt_wait {
	bool first;
	int64_t from;        /* only output behind this counts */
	int64_t size;        /* of the log */
	int64_t grown_at;    /* when it grew last */
	int64_t still_since; /* neither has it grown since, nor has the shell done anything else */
	bool edits;          /* such a shell is given time to switch its terminal */
};

/* So long may a terminal be silent until that is a prompt; -1: it never is. */
static int64_t quiet_ms(const struct pane *p, const struct prompt_wait *w,
			const struct shell_facts *f)
{
	struct shell_memory m;

	shell_memory_load(p, &m);
	if (w->first || strcmp(m.program, f->program) != 0 || shell_shows_prompt(p))
		return w->edits ? QUIET_EDITS_MS : QUIET_MS;
	return shell_works(f, &m) ? -1 : QUIET_OTHER_MS;
}

/* Does it read? A raw terminal and a sleeping shell: yes, nothing more has to be waited for. Else
 * silence must do. */
static bool reads(struct pane *p, const struct prompt_wait *w, const struct shell_facts *f,
		  int64_t now)
{
	int64_t still = now - w->still_since, quiet;
	bool prompt = false;

	if (w->size <= w->from || !f->sleeping)
		return false;
	if (!f->canonical && row_shows(p, w->from, &prompt) && (prompt || still >= QUIET_RAW_MS))
		return true;
	quiet = quiet_ms(p, w, f);
	return quiet >= 0 && still >= quiet;
}

int shell_wait_prompt(struct pane *p, int64_t from, bool first, int64_t deadline_ms, struct err *e)
{
	struct prompt_wait w = {.first = first, .from = from, .still_since = clock_mono_ms()};
	struct shell_facts f;
	bool foreground;

	for (;;) {
		int64_t size = pane_log_size(p), now;

		shell_look(p, &f);
		now = clock_mono_ms();
		/* What was typed ahead comes next: the prompt is that of the command before. */
		foreground = f.known && f.at_prompt && f.ahead == 0;
		/* The silence of what it runs is not its own: that may have ended just now, and
		 * what it prints next is on its way. */
		if (size != w.size)
			w.grown_at = now;
		if (size != w.size || !foreground || !f.sleeping)
			w.still_since = now;
		w.size = size;
		if (size < w.from)
			w.from = 0; /* rotated meanwhile */
		w.edits = w.edits || edits_lines(f.program);
		if (foreground && reads(p, &w, &f, now))
			return 0;
		if (pane_ended(p))
			return err_set(e, ERR_FAILED, 0, "the shell has ended");
		if (now >= deadline_ms)
			return err_set(e, ERR_TIMEOUT, 0, "no prompt in time");
		pane_wait(p, now - w.grown_at < SETTLE_MS ? LOOK_MS : LOOK_LATER_MS);
	}
}
