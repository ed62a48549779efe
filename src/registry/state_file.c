#include "iapeer/registry/state_file.h"

#include "iapeer/base/fs.h"

#include "iapeer/base/banned.h"

int state_read(const struct layout *l, const struct peer_id *id, const char *what,
	       char out_path[static LAYOUT_PATH], struct json **out, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	layout_state(id, what, out_path);
	if (fs_read(l->root_fd, out_path, &b, e) < 0)
		return -1;
	return json_parse(buf_cstr(&b), b.len, out_path, out, e);
}

typedef int write_fn(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		     struct err *e);

static int print_to(write_fn *write, const struct layout *l, const char *path, const struct json *j,
		    struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	json_print(j, true, &b);
	return buf_check(&b, path, e) < 0 ? -1
					  : write(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

int state_write(const struct layout *l, const struct peer_id *id, const char *what,
		const struct json *j, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_state(id, what, path);
	return print_to(fs_write_atomic, l, path, j, e);
}

int state_write_soft(const struct layout *l, const struct peer_id *id, const char *what,
		     const struct json *j, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_state(id, what, path);
	return print_to(fs_write_soft, l, path, j, e);
}

int state_drop(const struct layout *l, const struct peer_id *id, const char *what, struct err *e)
{
	char path[LAYOUT_PATH];

	layout_state(id, what, path);
	return fs_unlink(l->root_fd, path, e);
}
