/* The answer of a shell: what it printed between Enter and its next prompt. */
#include <string.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/launch/shell.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

#define AHEAD_MAX  64
#define NO_ECHO_MS 1000

/* More than an answer may hold: whole lines from its beginning, and a word about it. */
static void cut_answer(struct buf *out)
{
	static const char note[] = "[cut here: the answer is longer]\n";
	size_t keep = out->len;

	if (!out->failed)
		return;
	out->failed = false;
	while (keep > 0 && (out->p[keep - 1] != '\n' || keep + sizeof note > out->max))
		keep--;
	buf_cut(out, keep);
	buf_str(out, note);
}

/* Where the answer begins. What was typed while something else ran is echoed again at a prompt, and
 * only what stands behind that is its own. False: not echoed (yet). */
static bool behind_echo(const struct buf *b, const struct shell_memory *m, size_t *out)
{
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_STATE);
	size_t prompt = strlen(m->prompt), keep = (size_t)m->ahead, n = 0;
	const char *s = b->p, *nl;
	size_t behind[AHEAD_MAX];

	*out = 0;
	while (prompt > 0 && m->prompt[prompt - 1] == ' ')
		prompt--;
	keep = keep > AHEAD_MAX ? AHEAD_MAX : keep;
	if (prompt == 0 || keep == 0)
		return true;
	for (; b->len && (nl = memchr(s, '\n', b->len - (size_t)(s - b->p))) != NULL; s = nl + 1) {
		buf_cut(&row, 0);
		screen_last_row(s, (size_t)(nl - s), &row);
		if (row.len > prompt && memcmp(row.p, m->prompt, prompt) == 0)
			behind[n++ % keep] = (size_t)(nl - b->p) + 1;
	}
	if (n < keep)
		return false;
	*out = behind[n % keep];
	return true;
}

/* Until its prompt is there, and behind the offset in b all that was printed before it. What was
 * typed ahead has a prompt before it, too; where no echo follows, what ran has taken it. */
static int wait_answer(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *b,
		       size_t *out_start, struct err *e)
{
	int64_t size = -1, still_since = clock_mono_ms();
	struct shell_memory m;

	shell_memory_load(p, &m);
	for (;;) {
		if (shell_wait_prompt(p, log_offset, false, deadline_ms, e) < 0)
			return -1;
		buf_cut(b, 0);
		if (pane_log_from(p, log_offset, b, e) < 0)
			return -1;
		if (pane_log_size(p) != size)
			still_since = clock_mono_ms();
		size = pane_log_size(p);
		if (behind_echo(b, &m, out_start) || clock_mono_ms() - still_since >= NO_ECHO_MS)
			return 0;
		if (!pane_wait(p, 20))
			return err_set(e, ERR_FAILED, 0, "the shell has ended");
	}
}

int shell_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT((size_t)CAP_ANSWER * 2);
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_STATE);
	struct shell_memory m;
	struct shell_facts f;
	size_t prompt_at, start = 0;

	if (wait_answer(p, log_offset, deadline_ms, &b, &start, e) < 0)
		return -1;
	for (prompt_at = b.len; prompt_at > start && b.p[prompt_at - 1] != '\n'; prompt_at--)
		;
	screen_rows(buf_cstr(&b) + start, prompt_at - start, out);
	screen_last_row(buf_cstr(&b), b.len, &row);
	/* "printf foo" leaves its words on the prompt's own row. */
	shell_memory_load(p, &m);
	if (m.prompt[0] && str_ends(buf_cstr(&row), m.prompt) && row.len > strlen(m.prompt)) {
		buf_add(out, row.p, row.len - strlen(m.prompt));
	} else if (b.len == b.max) {
		out->failed = true; /* there is more than we read: this row is no prompt */
	} else {
		shell_look(p, &f);
		if (f.known && f.at_prompt && f.sleeping)
			m.raw = !f.canonical;
		str_cut(m.program, sizeof m.program, f.program);
		str_cut(m.prompt, sizeof m.prompt, buf_cstr(&row));
		m.empty_log_size = log_offset + (int64_t)b.len;
		shell_memory_save(p, &m);
	}
	cut_answer(out);
	return 0;
}
