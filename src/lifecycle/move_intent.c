#include "iapeer/lifecycle/move_intent.h"

#include <stdio.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

void move_plan_done(struct move_plan *p)
{
	strv_done(&p->identities);
	profile_done(&p->profile);
}

static int read_profile(const struct json *j, const char *path, struct move_plan *out,
			struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_PROFILE);

	if (!json_get(j, "profile"))
		return err_set(e, ERR_CORRUPT, 0, "%s: no profile", path);
	json_print(json_get(j, "profile"), true, &text);
	return profile_parse(buf_cstr(&text), text.len, path, &out->profile, e);
}

int move_intent_read(const struct layout *l, const char *name, struct move_plan *out, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_PROFILE + CAP_STATE);
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];
	int64_t format = 0;

	layout_moving(name, path);
	if (fs_read(l->root_fd, path, &b, e) < 0 ||
	    json_parse(buf_cstr(&b), b.len, path, &j, e) < 0 ||
	    json_req_i64(j, path, "format", 1, 1, &format, e) < 0 ||
	    json_req_str(j, path, "from", out->from, sizeof out->from, e) < 0 ||
	    json_req_str(j, path, "to", out->to, sizeof out->to, e) < 0 ||
	    json_req_str(j, path, "folderFrom", out->folder_from, sizeof out->folder_from, e) < 0 ||
	    json_req_str(j, path, "folderTo", out->folder_to, sizeof out->folder_to, e) < 0 ||
	    json_opt_strv(j, path, "identities", &out->identities, e) < 0)
		return -1;
	if (!peer_name_valid(out->from) || !peer_name_valid(out->to) ||
	    strcmp(out->from, name) != 0)
		return err_set(e, ERR_CORRUPT, 0, "%s: names", path);
	return read_profile(j, path, out, e);
}

/* The first intent that is about this name; one that cannot be read is about its own alone. */
static int intent_of(const struct layout *l, const char *name, struct move_plan *out,
		     bool *out_found, struct err *e)
{
	AUTO(strv_done) struct strv names = STRV_INIT;
	struct err none;

	*out_found = false;
	if (fs_list(l->root_fd, LAYOUT_MOVING, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n && !*out_found; i++) {
		bool own = strcmp(names.v[i], name) == 0, known;

		move_plan_done(out);
		*out = (struct move_plan){.profile.tree = NULL};
		known =
		    peer_name_valid(names.v[i]) && move_intent_read(l, names.v[i], out, &none) == 0;
		if (!known)
			str_cut(out->from, sizeof out->from, names.v[i]);
		*out_found = own || (known && strcmp(out->to, name) == 0);
	}
	return 0;
}

int move_intent_none(const struct layout *l, const char *name, struct err *e)
{
	AUTO(move_plan_done) struct move_plan plan = {.profile.tree = NULL};
	bool found;

	if (intent_of(l, name, &plan, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	err_set(e, ERR_REFUSED, 0, "%s is being moved, and the move cannot be finished", name);
	return err_hint(e, "`iapeer doctor --fix` says what is in its way");
}

int move_intent_forget(const struct layout *l, const char *name, struct err *e)
{
	for (;;) {
		AUTO(move_plan_done) struct move_plan plan = {.profile.tree = NULL};
		char path[LAYOUT_PATH];
		bool found;

		if (intent_of(l, name, &plan, &found, e) < 0)
			return -1;
		if (!found)
			return 0;
		layout_moving(plan.from, path);
		if (fs_unlink(l->root_fd, path, e) < 0)
			return -1;
	}
}
