/* A canary's record, whatever is in the file: it is read or refused and left as it is, and what was
 * read comes back the same. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/canary/ledger.h"

#include "iapeer/base/banned.h"

#define ME         "shell-bob"
#define FILE_OF_IT LAYOUT_LIFECYCLE "/" ME ".canary"

static struct layout l = {.root_fd = -1};

static void leave(void)
{
	struct err e;

	if (fs_remove_tree(AT_FDCWD, l.root, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
}

/* One private root for the whole run. */
static void enter(void)
{
	const char *tmp = getenv("TMPDIR");
	struct err e;

	if (l.root_fd >= 0)
		return;
	snprintf(l.root, sizeof l.root, "%.200s/iap-fuzz.XXXXXX", tmp && *tmp ? tmp : P_tmpdir);
	if (!mkdtemp(l.root) || fs_open_dir(AT_FDCWD, l.root, &l.root_fd, &e) < 0 ||
	    fs_mkdirs(l.root_fd, LAYOUT_LIFECYCLE, &e) < 0)
		abort();
	atexit(leave);
}

static void must(bool so)
{
	if (!so)
		abort();
}

static void same(const struct canary *a, const struct canary *b)
{
	must(strcmp(a->identity, b->identity) == 0 && strcmp(a->boot_id, b->boot_id) == 0 &&
	     strcmp(a->socket, b->socket) == 0 && strcmp(a->log_dir, b->log_dir) == 0 &&
	     a->server.pid == b->server.pid && a->server.birth == b->server.birth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct canary c, again;
	enum canary_state s;
	struct err e = ERR_INIT;

	enter();
	must(fs_write_soft(l.root_fd, FILE_OF_IT, data, size, 0600, &e) == 0);
	if (canary_load(&l, ME, &s, &c, &e) < 0) {
		must(e.code != ERR_NONE && fs_exists(l.root_fd, FILE_OF_IT));
		return 0;
	}
	must(s == CANARY_ARMED && c.server.pid > 0);
	must(strcmp(c.identity, ME) == 0);
	if (!c.boot_id[0])
		return 0;
	must(canary_begin_ending(&l, ME, "fuzz", "round", 1, &e) == 0);
	must(canary_load(&l, ME, &s, &again, &e) == 0 && s == CANARY_ENDING);
	same(&c, &again);
	must(canary_finish_ending(&l, ME, &e) == 0);
	return 0;
}
