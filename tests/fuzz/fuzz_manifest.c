/* Any file in a runtime's folder, a new one or laid over a built-in one: it is read, or refused
 * with its name; and what was read drives the screen, makes arguments and files. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen.h"

#include "root.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char box[] =
    "> old\n\n\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\n> \x1b[2mghost\x1b[0m\n"
    "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\n\n> Yes\n  No\n? confirm\n";

static void make(const struct manifest *m, bool resume)
{
	const struct manifest_vars vars = {.conversation = "{peer}",
					   .workdir = "/w \"'$(x)\n",
					   .peer = "p",
					   .exe = "/e '",
					   .resume = resume,
					   .trust = resume};
	struct strv AUTO(strv_done) args = STRV_INIT;
	const char *name;

	manifest_args(m, &vars, &args);
	for (size_t i = 0; i < json_len(m->files); i++) {
		struct buf AUTO(buf_done) text = BUF_INIT(CAP_OUTPUT);
		struct json *auto_json tree = NULL;
		struct err e = ERR_INIT;

		manifest_file(m, i, &vars, &name, &text);
		assert(name[0] && name[0] != '/' && !strstr(name, "../"));
		assert(text.failed || json_parse(text.p, text.len, name, &tree, &e) == 0 ||
		       e.code == ERR_CORRUPT);
	}
}

static void find_program(const struct manifest *m)
{
	struct strv AUTO(strv_done) env = STRV_INIT;
	char path[LAYOUT_PATH];
	struct err e = ERR_INIT;

	strv_add(&env, "HOME=/nowhere");
	strv_add(&env, "PATH=/bin:relative::/usr/bin");
	strv_add(&env, "SHELL=/bin/sh");
	if (manifest_program(m, &l, &env, path, &e) == 0)
		assert(path[0] == '/');
	else
		assert(e.code == ERR_FAILED && e.msg[0]);
}

static void use(const struct manifest *m)
{
	const struct screen s = {
	    .text = box, .len = sizeof(box) - 1, .cursor_x = -1, .cursor_y = -1};
	struct screen_facts f;

	assert(m->program.n > 0 && m->n_dialogs <= MANIFEST_DIALOGS && m->kind < KIND_COUNT);
	assert(!m->has_conversations || m->args_resume.n > 0);
	(void)manifest_chooses_id(m);
	(void)manifest_wants_prompt(m);
	find_program(m);
	make(m, false);
	make(m, true);
	screen_read(m, &s, &f);
	assert(!f.on_row || *f.key);
}

/* As that runtime's file, in its folder. */
static void load(const char *runtime, const uint8_t *data, size_t size)
{
	struct manifest AUTO(manifest_done) m = {.n_dialogs = 0};
	char path[LAYOUT_PATH], folder[LAYOUT_PATH];
	struct err e = ERR_INIT;

	layout_runtime_manifest(runtime, path);
	str_cut(folder, sizeof folder, path);
	*strrchr(folder, '/') = '\0';
	assert(fs_mkdirs(l.root_fd, folder, &e) == 0);
	assert(fs_write_soft(l.root_fd, path, data, size, 0600, &e) == 0);
	if (manifest_load(&l, runtime, &m, &e) < 0)
		assert(e.code == ERR_CORRUPT && str_starts(e.msg, path));
	else
		use(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > CAP_PROFILE)
		return 0;
	enter("runtimes");
	load("own", data, size);
	load("claude", data, size);
	return 0;
}
