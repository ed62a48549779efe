#include "iapeer/launch/provision.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/prompt.h"

#include "iapeer/base/banned.h"

struct manifest_vars provision_vars(const struct launch_in *in, const struct provision *p,
				    const char *identity, const char *conversation)
{
	return (struct manifest_vars){.conversation = conversation,
				      .workdir = launch_workdir(in),
				      .peer = identity,
				      .exe = p->exe,
				      .root = in->layout->root,
				      .socks = in->layout->socks,
				      .files = p->files,
				      .prompt_file = p->prompt,
				      .resume = in->resume,
				      .trust = in->profile->trust};
}

static int write_prompt(const struct launch_in *in, struct provision *p, struct err *e)
{
	char host[128] = "";
	struct prompt_in prompt = {.layout = in->layout,
				   .registry = in->registry,
				   .record = in->record,
				   .profile = in->profile,
				   .id = in->id,
				   .workdir = launch_workdir(in),
				   .host = host};

	if (!manifest_wants_prompt(in->manifest))
		return 0;
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	return prompt_write(&prompt, p->prompt, e);
}

/* What stands there already is left alone: a program may watch its files. */
static int write_file(int folder, const char *path, const struct buf *text, struct err *e)
{
	AUTO(buf_done) struct buf old = BUF_INIT(CAP_PROFILE);
	struct err none;

	if (fs_read(folder, path, &old, &none) == 0 && old.len == text->len &&
	    memcmp(buf_cstr(&old), buf_cstr(text), text->len) == 0)
		return 0;
	return fs_write_soft(folder, path, buf_cstr(text), text->len, 0600, e);
}

static int write_files(const struct launch_in *in, const struct provision *p, struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1], below[LAYOUT_PATH];
	struct manifest_vars vars;
	auto_fd int folder = -1;

	if (json_len(in->manifest->files) == 0)
		return 0;
	peer_identity(&in->id, identity);
	vars = provision_vars(in, p, identity, "");
	layout_runtime_folder(in->id.runtime, below);
	if (fs_open_dir(AT_FDCWD, in->record->cwd, &folder, e) < 0 ||
	    fs_mkdirs(folder, below, e) < 0)
		return -1;
	for (size_t i = 0; i < json_len(in->manifest->files); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROFILE);
		AUTO(buf_done) struct buf path = BUF_INIT(CAP_STATE);
		const char *name;

		manifest_file(in->manifest, i, &vars, &name, &text);
		buf_fmt(&path, "%s/%s", below, name);
		if (buf_check(&text, name, e) < 0 ||
		    write_file(folder, buf_cstr(&path), &text, e) < 0)
			return -1;
	}
	return 0;
}

int provision_make(const struct launch_in *in, struct provision *out, struct err *e)
{
	struct provision p = {.prompt = ""};
	char below[LAYOUT_PATH];

	layout_runtime_folder(in->id.runtime, below);
	if (snprintf(p.files, sizeof p.files, "%s/%s", in->record->cwd, below) >=
	    (int)sizeof p.files)
		return err_set(e, ERR_FAILED, 0, "%s/%s: more than %d bytes", in->record->cwd,
			       below, LAYOUT_PATH - 1);
	if (layout_abs(in->layout, LAYOUT_BINARY, p.exe, e) < 0 || write_prompt(in, &p, e) < 0 ||
	    write_files(in, &p, e) < 0)
		return -1;
	*out = p;
	return 0;
}
