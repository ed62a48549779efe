#include "iapeer/delivery/topics.h"

#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/registry/state_file.h"

#include "iapeer/base/banned.h"

int topics_load(const struct layout *l, const struct peer_id *id, struct strv *out, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	char path[LAYOUT_PATH];
	const char *s;

	layout_state(id, "topic", path);
	if (fs_read(l->root_fd, path, &b, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	for (s = buf_cstr(&b); *s;) {
		size_t n = strcspn(s, "\n");

		if (n > 0)
			strv_fmt(out, "%.*s", (int)n, s);
		s += n + (s[n] == '\n');
	}
	return 0;
}

int topics_add(const struct layout *l, const struct peer_id *id, const char *topic, struct err *e)
{
	AUTO(strv_done) struct strv old = STRV_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	char path[LAYOUT_PATH];
	size_t first;

	if (!topic[0] || strchr(topic, '\n'))
		return 0;
	if (topics_load(l, id, &old, e) < 0)
		return -1;
	if (old.n > 0 && strcmp(old.v[old.n - 1], topic) == 0)
		return 0;
	first = old.n >= TOPICS_MAX && !strv_has(&old, topic) ? old.n - TOPICS_MAX + 1 : 0;
	for (size_t i = first; i < old.n; i++)
		if (strcmp(old.v[i], topic) != 0)
			buf_fmt(&b, "%s\n", old.v[i]);
	buf_fmt(&b, "%s\n", topic);
	layout_state(id, "topic", path);
	return fs_write_atomic(l->root_fd, path, buf_cstr(&b), b.len, 0600, e);
}

int topics_clear(const struct layout *l, const struct peer_id *id, struct err *e)
{
	return state_drop(l, id, "topic", e);
}
