/* fake_tui - behaves like an agent's terminal program, so that the product can be tried in a real
 * tmux.
 *
 *   --delay-ms N       wait before the first paint (typed bytes meanwhile meet a cooked terminal,
 * as in real life)
 *   --dialog NAME      ask first: trust, resume, notes, login, unknown (again: one after the other)
 *   --swallow-enter N  the first N Enters in the composer are ignored
 *   --draft TEXT  --ghost TEXT    what the composer begins with; dim text while it is empty
 *   --busy-ms N        each turn lasts so long        --no-echo   no answer to a turn
 *   --record FILE      each submitted text, one JSON string a line, synced before the turn begins
 *   --raw FILE         every byte received
 *   --hook PROGRAM     tells `PROGRAM event $PEER_RUNTIME` what happens, as Claude Code does
 *   --hook-late        it says that it took a text when its turn begins, not when it is queued
 *   --deaf-hooks N     the first N texts are not reported    --hook-delay-ms N  before a report
 *   --transcript FILE  its conversation's file: a JSON object a line
 *   --fail-turn N      the N-th turn fails for good
 *   --merge            what was queued during a turn is one turn together
 *   --die-at-boot CODE   --die-after N [--die-how kill|segv|exit:N]   --ignore-hup
 *
 * Keys: Enter submits, C-j breaks the line, Backspace, C-u clears, C-c clears or leaves, C-d
 * leaves, Escape ends a turn.
 */
#include "fake_tui_hook.h"
#include "fake_tui_paint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/json.h"

#include "iapeer/base/banned.h"

enum { PASTE_CHARS = 800, PASTE_LINES = 2, ESC_WAIT_MS = 40, LOOK_MS = 200 };

/* ---- turns ---- */

static void record(struct tui *t, const char *text)
{
	struct buf AUTO(buf_done) line = BUF_INIT(TEXT_MAX);

	t->submitted++;
	if (t->record_fd < 0)
		return;
	json_quote(&line, text, strlen(text));
	buf_chr(&line, '\n');
	put(t->record_fd, buf_cstr(&line), line.len);
	fsync(t->record_fd);
}

static void maybe_die(struct tui *t)
{
	const char *how = t->o.die_how ? t->o.die_how : "exit:0";
	int64_t status = 0;

	if (!t->o.die_after || t->submitted < t->o.die_after)
		return;
	if (strcmp(how, "kill") == 0)
		raise(SIGKILL);
	if (strcmp(how, "segv") == 0)
		raise(SIGSEGV);
	if (!str_starts(how, "exit:") || !str_i64(how + 5, 0, 255, &status))
		status = 2;
	leave(t, (int)status);
}

static void drop_first(struct strv *v)
{
	free(v->v[0]);
	memmove(v->v, v->v + 1, v->n * sizeof(*v->v)); /* the NULL too */
	v->n--;
}

static void begin_turn(struct tui *t)
{
	strv_fmt(&t->entries, "\u276f %s", t->turns.v[0]);
	if (t->o.hook_late)
		tell_taken(t, t->turns.v[0]);
	t->busy = true;
	t->busy_until_ms = clock_mono_ms() + t->o.busy_ms;
}

static void end_turn(struct tui *t, bool interrupted)
{
	struct buf AUTO(buf_done) answer = BUF_INIT(TEXT_MAX);

	buf_fmt(&answer, "echo: %s", t->turns.v[0]);
	if (interrupted)
		strv_add(&t->entries, "  \u23bf  Interrupted");
	else if (!t->o.no_echo)
		strv_fmt(&t->entries, "\u25cf %s", buf_cstr(&answer));
	if (!interrupted && ++t->ended == t->o.fail_turn)
		tell(t, "StopFailure", "error", "rate_limit");
	else if (!interrupted)
		tell(t, "Stop", "last_assistant_message", buf_cstr(&answer));
	drop_first(&t->turns);
	while (t->o.merge && t->turns.n > 1)
		drop_first(&t->turns);
	t->busy = false;
	if (t->turns.n)
		begin_turn(t);
}

/* The composer's text with the pastes put back. */
static void expand(const struct tui *t, struct buf *out)
{
	static const char mark[] = "[Pasted text #";
	const char *s = buf_cstr(&t->box);

	while (*s) {
		const char *end = str_starts(s, mark) ? strchr(s, ']') : NULL;
		const char *number = s + sizeof(mark) - 1;
		size_t n = 0;

		while (end && *number >= '0' && *number <= '9' && n < 100000)
			n = n * 10 + (size_t)(*number++ - '0');
		if (n == 0 || n > t->pastes.n) {
			buf_chr(out, *s++);
			continue;
		}
		buf_str(out, t->pastes.v[n - 1]);
		s = end + 1;
	}
}

static void submit(struct tui *t)
{
	struct buf AUTO(buf_done) text = BUF_INIT(TEXT_MAX);

	if (t->box.len == 0 || ++t->enters <= t->o.swallow_enter)
		return;
	expand(t, &text);
	buf_cut(&t->box, 0);
	strv_done(&t->pastes);
	record(t, buf_cstr(&text));
	maybe_die(t);
	if (!t->o.hook_late)
		tell_taken(t, buf_cstr(&text));
	strv_add(&t->turns, buf_cstr(&text));
	if (!t->busy)
		begin_turn(t);
}

/* ---- keys ---- */

static void dialog_enter(struct tui *t, const struct dialog_screen *d)
{
	if (t->row == d->leaves)
		leave(t, 1);
	if (d->rows[0])
		strv_fmt(&t->entries, "answered %s: %s", d->name, d->rows[t->row]);
	t->dialog++;
	d = dialog_now(t);
	t->row = d ? d->start : 0;
}

static void move(struct tui *t, int by)
{
	const struct dialog_screen *d = dialog_now(t);

	if (d && t->row + by >= 0 && d->rows[0] && d->rows[t->row + by])
		t->row += by;
}

static void escape(struct tui *t)
{
	if (dialog_now(t))
		leave(t, 1);
	if (t->busy)
		end_turn(t, true);
}

static void key(struct tui *t, char c)
{
	const struct dialog_screen *d = dialog_now(t);

	if (c == 0x04 || (c == 0x03 && (d || t->box.len == 0)))
		leave(t, 0);
	if (d && (c == '\r' || c == '\n'))
		dialog_enter(t, d);
	if (d)
		return;
	if (c == '\r')
		submit(t);
	else if (c == 0x03 || c == 0x15)
		buf_cut(&t->box, 0);
	else if (c == 0x7f || c == 0x08)
		do
			buf_cut(&t->box, t->box.len ? t->box.len - 1 : 0);
		while (t->box.len && ((unsigned char)t->box.p[t->box.len] & 0xc0) == 0x80);
	else if ((unsigned char)c >= 0x20 || c == '\n' || c == '\t')
		buf_chr(&t->box, c);
}

static void pasted(struct tui *t)
{
	size_t lines = 0;

	for (size_t i = 0; i < t->paste.len; i++)
		if (t->paste.p[i] == '\r')
			t->paste.p[i] = '\n';
	for (size_t i = 0; i < t->paste.len; i++)
		lines += t->paste.p[i] == '\n';
	if (dialog_now(t)) {
		buf_cut(&t->paste, 0); /* into the dialog, and lost */
	} else if (t->paste.len > PASTE_CHARS || lines > PASTE_LINES) {
		strv_add(&t->pastes, buf_cstr(&t->paste));
		buf_fmt(&t->box, "[Pasted text #%zu", t->pastes.n);
		if (lines)
			buf_fmt(&t->box, " +%zu lines", lines);
		buf_chr(&t->box, ']');
	} else {
		buf_add(&t->box, buf_cstr(&t->paste), t->paste.len);
	}
	buf_cut(&t->paste, 0);
}

/* Bytes taken from the front of a paste; its end is looked for. */
static size_t take_paste(struct tui *t)
{
	static const char end[] = "\x1b[201~";
	const char *at = strstr(t->in.p, end);
	size_t n = at ? (size_t)(at - t->in.p) : t->in.len > 5 ? t->in.len - 5 : 0;

	buf_add(&t->paste, t->in.p, n);
	if (!at)
		return n;
	t->pasting = false;
	pasted(t);
	return n + sizeof(end) - 1;
}

/* Of a sequence that begins with ESC; 0: more must come. */
static size_t take_escape(struct tui *t, bool waited)
{
	const char *s = t->in.p;
	size_t n = 2;

	if (t->in.len == 1 || (s[1] != '[' && s[1] != 'O')) {
		if (t->in.len == 1 && !waited)
			return 0;
		escape(t);
		return 1;
	}
	while (n < t->in.len && (unsigned char)s[n] < 0x40)
		n++;
	if (n >= t->in.len)
		return waited ? t->in.len : 0;
	if (str_starts(s, "\x1b[200~"))
		t->pasting = true;
	else if (s[n] == 'A' || s[n] == 'B')
		move(t, s[n] == 'A' ? -1 : 1);
	return n + 1;
}

static void take_input(struct tui *t, bool waited)
{
	while (t->in.len > 0) {
		size_t n = 1;

		if (t->pasting)
			n = take_paste(t);
		else if (t->in.p[0] == 0x1b)
			n = take_escape(t, waited);
		else
			key(t, t->in.p[0]);
		if (n == 0)
			return;
		buf_drop(&t->in, n);
	}
}

/* ---- the program ---- */

static bool look_at_size(struct tui *t)
{
	struct winsize w;

	if (ioctl(1, TIOCGWINSZ, &w) < 0 || !w.ws_row || !w.ws_col)
		w = (struct winsize){.ws_row = 24, .ws_col = 80};
	if (w.ws_row == t->rows && w.ws_col == t->cols)
		return false;
	t->rows = w.ws_row;
	t->cols = w.ws_col > 20 ? w.ws_col : 20;
	return true;
}

static void hung_up(struct tui *t)
{
	while (t->o.ignore_hup)
		poll(NULL, 0, -1);
	_exit(0);
}

static bool read_input(struct tui *t)
{
	static char chunk[65536];
	ssize_t n = read(0, chunk, sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return false;
	if (n <= 0)
		hung_up(t);
	if (t->raw_fd >= 0)
		put(t->raw_fd, chunk, (size_t)n);
	for (ssize_t i = 0; i < n; i++) {
		if (chunk[i] == 0)
			chunk[i] = '?';
		buf_chr(&t->in, chunk[i]);
	}
	return true;
}

static _Noreturn void run(struct tui *t)
{
	bool changed = true;

	for (;;) {
		struct pollfd p = {.fd = 0, .events = POLLIN};
		int64_t now = clock_mono_ms();
		int64_t wait = t->in.len ? ESC_WAIT_MS : LOOK_MS;
		size_t had;

		if (look_at_size(t) || changed)
			paint(t);
		if (t->busy && t->busy_until_ms - now < wait)
			wait = t->busy_until_ms > now ? t->busy_until_ms - now : 0;
		changed = poll(&p, 1, (int)wait) > 0 && read_input(t);
		had = t->in.len;
		take_input(t, !changed);
		changed = changed || t->in.len != had;
		if (t->busy && clock_mono_ms() >= t->busy_until_ms) {
			end_turn(t, false);
			changed = true;
		}
	}
}

static const struct option_row {
	const char *name;
	enum { NUMBER, WORD, FLAG, LIST } type;
	size_t offset;
} option_rows[] = {
    {"--delay-ms", NUMBER, offsetof(struct opts, delay_ms)},
    {"--swallow-enter", NUMBER, offsetof(struct opts, swallow_enter)},
    {"--busy-ms", NUMBER, offsetof(struct opts, busy_ms)},
    {"--die-after", NUMBER, offsetof(struct opts, die_after)},
    {"--die-at-boot", NUMBER, offsetof(struct opts, die_at_boot)},
    {"--draft", WORD, offsetof(struct opts, draft)},
    {"--ghost", WORD, offsetof(struct opts, ghost)},
    {"--record", WORD, offsetof(struct opts, record)},
    {"--raw", WORD, offsetof(struct opts, raw)},
    {"--die-how", WORD, offsetof(struct opts, die_how)},
    {"--deaf-hooks", NUMBER, offsetof(struct opts, deaf_hooks)},
    {"--hook-delay-ms", NUMBER, offsetof(struct opts, hook_delay_ms)},
    {"--fail-turn", NUMBER, offsetof(struct opts, fail_turn)},
    {"--hook", WORD, offsetof(struct opts, hook)},
    {"--transcript", WORD, offsetof(struct opts, transcript)},
    {"--hook-late", FLAG, offsetof(struct opts, hook_late)},
    {"--merge", FLAG, offsetof(struct opts, merge)},
    {"--no-echo", FLAG, offsetof(struct opts, no_echo)},
    {"--ignore-hup", FLAG, offsetof(struct opts, ignore_hup)},
    {"--dialog", LIST, offsetof(struct opts, dialogs)},
};

static bool set_option(struct opts *o, const struct option_row *row, const char *value)
{
	char *at = (char *)o + row->offset;
	int64_t n = 0;
	bool on = true;

	if (row->type == FLAG) {
		memcpy(at, &on, sizeof(on));
	} else if (row->type == WORD) {
		memcpy(at, &value, sizeof(value));
	} else if (row->type == LIST) {
		strv_add(&o->dialogs, value);
	} else {
		long long number;

		if (!str_i64(value, 0, INT32_MAX, &n))
			return false;
		number = n;
		memcpy(at, &number, sizeof(number));
	}
	return true;
}

static bool parse(struct opts *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct option_row *row = NULL;

		for (size_t k = 0; k < sizeof(option_rows) / sizeof(option_rows[0]); k++)
			if (strcmp(argv[i], option_rows[k].name) == 0)
				row = &option_rows[k];
		if (!row || (row->type != FLAG && ++i >= argc) || !set_option(o, row, argv[i]))
			return false;
	}
	return true;
}

static int open_log(const char *path)
{
	return path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

int main(int argc, char **argv)
{
	static struct tui t = {
	    .box = BUF_INIT(TEXT_MAX), .in = BUF_INIT(TEXT_MAX), .paste = BUF_INIT(TEXT_MAX)};
	struct termios raw;

	t.o.die_at_boot = -1;
	if (!parse(&t.o, argc, argv)) {
		fprintf(stderr,
			"fake_tui: unknown option or bad value (see the head of fake_tui.c)\n");
		return 2;
	}
	if (t.o.ignore_hup)
		signal(SIGHUP, SIG_IGN);
	if (t.o.delay_ms)
		poll(NULL, 0, (int)t.o.delay_ms);
	if (t.o.die_at_boot >= 0) {
		printf("fake_tui: starting\nfake_tui: \"no luck\" today\n");
		return (int)t.o.die_at_boot;
	}
	t.record_fd = open_log(t.o.record);
	t.raw_fd = open_log(t.o.raw);
	if (tcgetattr(0, &t.before) < 0) {
		fprintf(stderr, "fake_tui: standard input is no terminal\n");
		return 1;
	}
	raw = t.before;
	cfmakeraw(&raw);
	tcsetattr(0, TCSADRAIN, &raw);
	put(1, "\x1b[?2004h\x1b[2J", 12);
	buf_str(&t.box, t.o.draft ? t.o.draft : "");
	strv_add(&t.entries, "Fake TUI v1");
	if (dialog_now(&t))
		t.row = dialog_now(&t)->start;
	tell(&t, "SessionStart", "source", "startup");
	run(&t);
}
