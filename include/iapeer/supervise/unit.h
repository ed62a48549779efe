/* unit.h - the texts that have a service manager keep the keeper: a systemd user unit, a launchd
 * plist. Pure.
 *
 * Both let the peers live when the keeper is stopped, restarted or killed (KillMode=process,
 * OOMPolicy=continue, AbandonProcessGroup), carry our sign (registry/service.h), and name
 * <root>/bin/iapeer. Paths may hold blanks, quotes, percent and dollar signs; one that is not UTF-8
 * or holds control characters cannot be said in either (ERR_USAGE).
 */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>

enum manager { MANAGER_SYSTEMD, MANAGER_LAUNCHD, MANAGER_COUNT };

struct unit_spec {
	const char *program; /* absolute: <root>/bin/iapeer */
	const char
	    *log; /* launchd writes the keeper's standard error there (systemd has its journal) */
	const struct strv *env; /* KEY=VALUE of what it must be told */
	bool background;        /* launchd: for a Mac where nobody has logged in on the screen */
};
int unit_print(enum manager m, const struct unit_spec *s, struct buf *out, struct err *e) NODISCARD;

const char *manager_word(enum manager m); /* "systemd", "launchd" */
bool manager_parse(const char *word, enum manager *out);

/* Is it this program that such a text starts? */
bool unit_starts(enum manager m, const char *text, const char *program);
/* The value of a key in a section of a systemd file ("Service", "KillMode"); the last one counts.
 * False: not there. */
bool unit_setting(const char *text, const char *section, const char *key, char *out, size_t size);
