/* A canary's record, whatever is in the file: it is read or refused and left as it is, and what was
 * read comes back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/canary/ledger.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define ME         "shell-bob"
#define FILE_OF_IT LAYOUT_LIFECYCLE "/" ME ".canary"

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
	struct armed_memory memory;
	enum canary_state s;
	struct err e = ERR_INIT;

	enter(LAYOUT_LIFECYCLE);
	must(fs_write_soft(l.root_fd, FILE_OF_IT, data, size, 0600, &e) == 0);
	canary_armed_memory(&l, ME, &memory);
	must(memory.mono_ms >= 0 && memory.kills >= -1);
	must(memchr(memory.group, '\0', sizeof memory.group));
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
