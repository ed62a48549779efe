/* fate.h - what dies with what: read out of where a process is in the tree of cgroups. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include <stdbool.h>
#include <stddef.h>

enum fate {
	FATE_MACHINE,      /* nothing but the machine, or its container */
	FATE_LOGIN,        /* a login session: session-4.scope */
	FATE_USER_MANAGER, /* a scope of the user's manager */
	FATE_USER_UNIT,    /* a service of the user's manager */
	FATE_SYSTEM_UNIT,  /* a service of the system: ssh.service, cron.service */
	FATE_COUNT
};
struct fate_place {
	enum fate fate;
	char unit[128]; /* "session-4.scope"; "" with FATE_MACHINE */
};

/* The text of /proc/PID/cgroup -> the path that systemd gave it; "/" when it gave none. */
void fate_path(const char *cgroup_text, char *out, size_t size);
void fate_of(const char *path, struct fate_place *out);

struct fate_facts {
	bool linger;           /* the user's manager outlives the last logout */
	bool kills_logins;     /* logind ends what a logout leaves (KillUserProcesses) */
	const char *kill_mode; /* of the unit; "" when its file is not known */
	const char *user;
};
/* What ends them, in plain words; *out_advice: a command or NULL. True: that may surprise somebody.
 */
bool fate_text(const struct fate_place *p, const struct fate_facts *f, struct buf *out,
	       const char **out_advice);
