/* Any file in a runtime's folder: it is read, or refused with its name; and what was read drives
 * the screen. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char box[] =
    "> old\n\n\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\n> \x1b[2mghost\x1b[0m\n"
    "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\n\n> Yes\n  No\n? confirm\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *auto_json tree = NULL;
	struct manifest AUTO(manifest_done) m = {.runtime = "own"};
	const struct manifest_vars vars = {.conversation = "{peer}", .workdir = "/w", .peer = "p"};
	const struct screen s = {
	    .text = box, .len = sizeof(box) - 1, .cursor_x = -1, .cursor_y = -1};
	struct strv AUTO(strv_done) args = STRV_INIT;
	struct screen_facts f;
	enum runtime_kind kind = KIND_COUNT;
	struct err e = ERR_INIT;
	bool named = false;

	if (json_parse((const char *)data, size, "own", &tree, &e) < 0)
		return 0;
	if (manifest_kind(tree, "own", &kind, &named, &e) == 0)
		assert(!named || kind < KIND_COUNT);
	if (manifest_read(tree, "own", &m, &e) < 0) {
		assert(e.code == ERR_CORRUPT && str_starts(e.msg, "own: "));
		return 0;
	}
	assert(m.n_dialogs <= MANIFEST_DIALOGS && m.kind < KIND_COUNT);
	manifest_args(&m, &vars, &args);
	screen_read(&m, &s, &f);
	assert(!f.on_row || *f.key);
	return 0;
}
