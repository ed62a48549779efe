/* A canary's records, whatever is in the files: they are read or refused and left as they are; what
 * was read comes back the same out of each change; who is watched is listed once. Two records are
 * two parts of the input: the armed one, and the ending beside it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/canary/ledger.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define ME           "shell-bob"
#define FILE_OF_IT   LAYOUT_LIFECYCLE "/" ME ".canary"
#define ENDING_OF_IT LAYOUT_LIFECYCLE "/" ME ".ending"

static void same(const struct canary *a, const struct canary *b)
{
	must(strcmp(a->identity, b->identity) == 0 && strcmp(a->boot_id, b->boot_id) == 0 &&
	     strcmp(a->socket, b->socket) == 0 && strcmp(a->log_dir, b->log_dir) == 0 &&
	     a->server.pid == b->server.pid && a->server.birth == b->server.birth);
}

static void is(enum canary_state state, const struct canary *c)
{
	struct canary now;
	enum canary_state s;
	struct err e;

	must(canary_load(&l, ME, &s, &now, &e) == 0 && s == state);
	same(c, &now);
}

static void listed(size_t n)
{
	AUTO(strv_done) struct strv who = STRV_INIT;
	struct err e;

	must(canary_list(&l, &who, &e) == 0 && who.n == n);
	must(n == 0 || strcmp(who.v[0], ME) == 0);
}

/* Armed, then ending, armed again, of another server, and no more. */
static void change(const struct canary *c)
{
	struct canary ending = *c, other = *c;
	bool was = false;
	struct err e;

	must(canary_begin_ending(&l, ME, "fuzz", "round", 1, &e) == 0);
	is(CANARY_ENDING, c);
	must(canary_arm(&l, c, &e) == 0); /* its end was quicker */
	is(CANARY_ENDING, c);
	must(canary_undo_ending(&l, ME, &e) == 0);
	is(CANARY_ARMED, c);
	must(canary_note_ending(&l, &ending, &e) == 0);
	is(CANARY_ENDING, c);
	other.server.birth++;
	must(canary_note_ending(&l, &other, &e) == 0); /* another's is left alone */
	is(CANARY_ENDING, c);
	must(canary_arm(&l, &other, &e) == 0);
	is(CANARY_ARMED, &other);
	listed(1);
	(void)canary_server_gone(c);
	must(canary_disarm(&l, ME, &was, &e) == 0 && was);
	listed(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data;
	struct part armed = {.size = 0}, ending;
	struct canary c, before;
	struct armed_memory memory;
	enum canary_state s;
	struct err e = ERR_INIT;

	enter(LAYOUT_LIFECYCLE);
	next_part(&at, data + size, &armed);
	put_file(FILE_OF_IT, armed.data, armed.size);
	if (next_part(&at, data + size, &ending))
		put_file(ENDING_OF_IT, ending.data, ending.size);
	canary_armed_memory(&l, ME, &memory);
	must(memory.mono_ms >= 0 && memory.kills >= -1);
	must(memchr(memory.group, '\0', sizeof memory.group));
	listed(1);
	memset(&c, 0x5a, sizeof c);
	memcpy(&before, &c, sizeof c);
	if (canary_load(&l, ME, &s, &c, &e) < 0) {
		must(e.code != ERR_NONE && memcmp(&c, &before, sizeof c) == 0);
		must(fs_exists(l.root_fd, FILE_OF_IT));
	} else {
		must(s != CANARY_NONE && c.server.pid > 0 && strcmp(c.identity, ME) == 0);
		must(s == CANARY_ARMED || fs_exists(l.root_fd, ENDING_OF_IT));
		if (c.boot_id[0] && c.server.birth < INT64_MAX) {
			must(s == CANARY_ARMED || canary_undo_ending(&l, ME, &e) == 0);
			change(&c);
		}
	}
	drop_file(FILE_OF_IT);
	drop_file(ENDING_OF_IT);
	return 0;
}
