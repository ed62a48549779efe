/* What has begun and was cut short, whatever is in its file: a removal and a move, the parts of the
 * input. What is read names valid peers; a removal takes nothing of a neighbour; what cannot be
 * finished is given up when that is asked for. */
#include <stdint.h>

#include "iapeer/lifecycle/move_intent.h"
#include "iapeer/lifecycle/remove.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define NAME      "bob"
#define REMOVING  LAYOUT_REMOVING "/" NAME
#define MOVING    LAYOUT_MOVING "/" NAME
#define OWN       LAYOUT_LIFECYCLE "/shell-" NAME ".stopped"
#define NEIGHBOUR LAYOUT_LIFECYCLE "/shell-" NAME "2.stopped"

static void look_at_move(void)
{
	AUTO(move_plan_done) struct move_plan plan = {.profile.tree = NULL};
	struct err e = ERR_INIT;

	if (move_intent_read(&l, NAME, &plan, &e) == 0) {
		must(strcmp(plan.from, NAME) == 0 && peer_name_valid(plan.to));
		must(peer_name_valid(plan.profile.name));
		must(move_intent_none(&l, plan.to, &e) < 0 && e.code == ERR_REFUSED);
	}
	must(move_intent_none(&l, NAME, &e) < 0 && e.code == ERR_REFUSED);
	must(move_intent_forget(&l, NAME, &e) == 0 && move_intent_none(&l, NAME, &e) == 0);
}

/* One that is named in it goes. */
static bool names(const struct part *p, const char *text)
{
	return p->size && memmem(p->data, p->size, text, strlen(text));
}

static void look_at_removal(const struct part *p)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct err e = ERR_INIT;
	int n = -1;

	if (remove_finish(&l, 0, &n, &e) == 0) {
		must(n == 1 && !fs_exists(l.root_fd, REMOVING));
		must(registry_load(&l, &r, &e) == 0 && r.n == 1 && !registry_find(&r, NAME));
	} else {
		must(n == 0 && fs_exists(l.root_fd, REMOVING) && fs_exists(l.root_fd, OWN));
		must(registry_load(&l, &r, &e) == 0 && r.n == 2);
	}
	/* An escape in JSON may name it in other letters. */
	must(fs_exists(l.root_fd, NEIGHBOUR) || names(p, NAME "2") || names(p, "\\u"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char registry[] =
	    "{\"version\":2,\"peers\":[{\"personality\":\"" NAME "\",\"cwd\":\"/x\"},"
	    "{\"personality\":\"" NAME "2\",\"cwd\":\"/y\"}]}";
	struct part removal = {.size = 0}, move;
	const uint8_t *at = data;

	enter(LAYOUT_REMOVING);
	if (!fs_exists(l.root_fd, LAYOUT_MOVING)) {
		struct err e;

		must(fs_mkdirs(l.root_fd, LAYOUT_MOVING, &e) == 0);
		must(fs_mkdirs(l.root_fd, LAYOUT_LIFECYCLE, &e) == 0);
		must(fs_mkdirs(l.root_fd, LAYOUT_LOCKS, &e) == 0);
	}
	put_file(LAYOUT_REGISTRY, registry, strlen(registry));
	put_file(OWN, "", 0);
	put_file(NEIGHBOUR, "", 0);
	next_part(&at, data + size, &removal);
	put_file(REMOVING, removal.data, removal.size);
	if (next_part(&at, data + size, &move)) {
		put_file(MOVING, move.data, move.size);
		look_at_move();
	}
	look_at_removal(&removal);
	drop_file(REMOVING);
	return 0;
}
