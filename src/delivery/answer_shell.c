/* The answer of a shell: what it printed between Enter and its next prompt. */
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/delivery/paste_kind.h"
#include "iapeer/launch/shell.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

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

int shell_turn(struct pane *p, int64_t log_offset, int64_t deadline_ms, struct buf *out,
	       struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT((size_t)CAP_ANSWER * 2);
	AUTO(buf_done) struct buf row = BUF_INIT(CAP_STATE);
	struct shell_memory m;
	size_t prompt_at;

	if (shell_wait_prompt(p, log_offset, true, deadline_ms, e) < 0)
		return -1;
	if (pane_log_from(p, log_offset, &b, e) < 0)
		return -1;
	for (prompt_at = b.len; prompt_at > 0 && b.p[prompt_at - 1] != '\n'; prompt_at--)
		;
	screen_rows(buf_cstr(&b), prompt_at, out);
	screen_last_row(buf_cstr(&b), b.len, &row);
	/* "printf foo" leaves its words on the prompt's own row. */
	shell_memory_load(p, &m);
	if (m.prompt[0] && str_ends(buf_cstr(&row), m.prompt) && row.len > strlen(m.prompt)) {
		buf_add(out, row.p, row.len - strlen(m.prompt));
	} else if (b.len == b.max) {
		out->failed = true; /* there is more than we read: this row is no prompt */
	} else {
		str_cut(m.prompt, sizeof m.prompt, buf_cstr(&row));
		m.empty_log_size = log_offset + (int64_t)b.len;
		shell_memory_save(p, &m);
	}
	cut_answer(out);
	return 0;
}
