/* service.h - peers that a service manager already keeps: whose job is it?
 *
 * A launchd job com.iapeer.<name>.plist without our owner key, or a systemd user unit
 * iapeer-<name>.service without our marker line, means that somebody else keeps that peer: it is
 * read-only for us. The key is the one that @agfpd/iapeer writes, so a host that is taken over in
 * place keeps its own jobs. What cannot be read counts as foreign.
 *
 * Launchd's folder is $IAPEER_LAUNCHAGENTS_DIR, else Library/LaunchAgents in the home folder
 * ($HOME, else the password file's). Units are looked for where systemd's user manager looks; the
 * first of a name counts, and one that is masked (a link to /dev/null) hides the others. Both are
 * looked at on every system. Nothing is started, no lock is taken.
 */
#pragma once
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define SERVICE_OWNER_KEY "com.iapeer.managed" /* <key>...</key><true/> at the top of a plist */
#define SERVICE_UNIT_MARKER                                                                        \
	"X-Iapeer-Managed=true" /* a line of a unit; systemd passes over what begins with X- */
#define SERVICE_PLIST       "com.iapeer.%s.plist"
#define SERVICE_KEEPER_UNIT "iapeer.service"
#define SERVICE_KEEPER_JOB  "com.iapeer.supervise"

enum service_owner { SERVICE_NONE, SERVICE_OURS, SERVICE_FOREIGN_LAUNCHD, SERVICE_FOREIGN_UNIT };

/* Whose is the job of that peer, and which file it is ("" when there is none). A handful of
 * lstat(2). ERR_USAGE: no valid name. */
int service_owner_of(const char *name, enum service_owner *out, char *out_path, size_t size,
		     struct err *e) NODISCARD;
/* The guard: ERR_REFUSED with the file in its message when the job is foreign. *out (may be NULL)
 * as above. */
int service_guard(const char *name, enum service_owner *out, struct err *e) NODISCARD;
/* "refused-foreign-launchd", "refused-foreign-unit"; NULL for what is not foreign. */
const char *service_action(enum service_owner o);

/* The same for everybody, each folder listed once: for a tick over a thousand peers. */
struct service_job {
	char name[PEER_NAME_MAX + 1];
	enum service_owner owner; /* never SERVICE_NONE */
	char path[LAYOUT_PATH];
};
struct services {
	struct service_job *v;
	size_t n;
	uint64_t stamp; /* of the folders and of the jobs in them, as they were read; 0: never */
};
/* A folder that cannot be listed is passed over with a warning in the log. Owned: services_done().
 */
void services_scan(struct services *out);
/* The same for who asks again and again: reads nothing if all is as it was, by inodes and times. */
void services_refresh(struct services *s);
void services_done(struct services *s);
/* NULL: no job of that name. */
const struct service_job *services_find(const struct services *s, const char *name);
/* The same refusal as service_guard(). */
int services_guard(const struct services *s, const char *name, enum service_owner *out,
		   struct err *e) NODISCARD;

/* ---- where jobs are, for who writes or reads them ---- */

/* Launchd's folder, and the folder of the user's own units. False: no home folder is known, or the
 * path is too long. */
bool service_agents_dir(char out[static LAYOUT_PATH]);
bool service_units_dir(char out[static LAYOUT_PATH]);
/* The file that systemd's user manager would load for a unit. False: there is none, or it is
 * masked. */
bool service_unit_file(const char *unit, char out[static LAYOUT_PATH]);

/* Does the text carry our sign? Pure. */
bool service_plist_is_ours(const char *text);
bool service_unit_is_ours(const char *text);
