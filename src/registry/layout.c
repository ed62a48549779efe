#include "iapeer/registry/layout.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define NAME_PREFIX "tmux-iap-"
#define SHORT_NAME  (16 + 5) /* "0123456789abcdef.sock" */

/* What goes in is validated and the root is bounded by layout_open(): not fitting is our own
 * mistake. */
static PRINTF(2, 3) void put(char out[static LAYOUT_PATH], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out, LAYOUT_PATH, fmt, ap);
	va_end(ap);
	assert(n >= 0 && n < LAYOUT_PATH);
}

static void put_identity(char out[static LAYOUT_PATH], const char *folder, const struct peer_id *id,
			 const char *end)
{
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(id, identity);
	put(out, "%s/%s%s", folder, identity, end);
}

void layout_state(const struct peer_id *id, const char *what, char out[static LAYOUT_PATH])
{
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(id, identity);
	put(out, LAYOUT_LIFECYCLE "/%s.%s", identity, what);
}

void layout_lock(const struct peer_id *id, char out[static LAYOUT_PATH])
{
	put_identity(out, LAYOUT_LOCKS, id, "");
}

void layout_queue_lock(const struct peer_id *id, char out[static LAYOUT_PATH])
{
	put_identity(out, LAYOUT_LOCKS, id, ".queue");
}

void layout_profile_lock(const char *name, char out[static LAYOUT_PATH])
{
	assert(peer_name_valid(name));
	put(out, LAYOUT_LOCKS "/%s.profile", name);
}

void layout_trash(const char *entry, char out[static LAYOUT_PATH])
{
	snprintf(out, LAYOUT_PATH, "%s/%.255s", LAYOUT_TRASH, entry);
}

void layout_removing(const char *name, char out[static LAYOUT_PATH])
{
	assert(peer_name_valid(name));
	put(out, LAYOUT_REMOVING "/%s", name);
}

void layout_moving(const char *name, char out[static LAYOUT_PATH])
{
	assert(peer_name_valid(name));
	put(out, LAYOUT_MOVING "/%s", name);
}

void layout_pane_log(const struct peer_id *id, char out[static LAYOUT_PATH])
{
	put_identity(out, LAYOUT_PANE_LOGS, id, ".log");
}

void layout_peer_home(const struct layout *l, const char *name, char out[static LAYOUT_PATH])
{
	assert(peer_name_valid(name));
	put(out, "%s/peers/%s", l->root, name);
}

void layout_runtime_manifest(const char *runtime, char out[static LAYOUT_PATH])
{
	assert(peer_runtime_valid(runtime));
	put(out, "runtimes/%s/runtime.json", runtime);
}

void layout_launch_env(const char *runtime, char out[static LAYOUT_PATH])
{
	assert(peer_runtime_valid(runtime));
	put(out, ".iapeer/runtimes/%s/launch.env", runtime);
}

void layout_runtime_folder(const char *runtime, char out[static LAYOUT_PATH])
{
	assert(peer_runtime_valid(runtime));
	put(out, ".iapeer/runtimes/%s", runtime);
}

int layout_abs(const struct layout *l, const char *rel, char out[static LAYOUT_PATH], struct err *e)
{
	char path[LAYOUT_PATH];
	int n = snprintf(path, sizeof path, "%s/%s", l->root, rel);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_FAILED, 0, "%s/%s: more than %d bytes", l->root, rel,
			       LAYOUT_PATH - 1);
	memcpy(out, path, (size_t)n + 1);
	return 0;
}

/* <folder>/<name>.sock, else <socks>/<hash of what>.sock. */
static int socket_path(const struct layout *l, const char *long_path, const char *what,
		       char out[static LAYOUT_PATH], struct err *e)
{
	size_t max = plat_socket_max(), short_len = strlen(l->socks) + 1 + SHORT_NAME;

	if (strlen(long_path) <= max && strlen(long_path) < LAYOUT_PATH) {
		put(out, "%s", long_path);
		return 0;
	}
	if (short_len <= max && short_len < LAYOUT_PATH) {
		put(out, "%s/%016llx.sock", l->socks,
		    (unsigned long long)str_hash(what, strlen(what)));
		return 0;
	}
	return err_set(e, ERR_REFUSED, 0,
		       "the socket of %.80s needs a path of %zu bytes (%zu at the least), the "
		       "system takes %zu: set "
		       "IAPEER_SOCK_DIR to a folder with a shorter name",
		       what, strlen(long_path), short_len, max);
}

int layout_socket(const struct layout *l, const struct peer_id *id, char out[static LAYOUT_PATH],
		  struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1], path[LAYOUT_PATH + 96];

	peer_identity(id, identity);
	snprintf(path, sizeof path, "%s/" NAME_PREFIX "%s.sock", l->socks, identity);
	return socket_path(l, path, identity, out, e);
}

/* The root's hash cannot be an identity's: a root begins with a slash. Two roots may share
 * IAPEER_SOCK_DIR. */
int layout_control_socket(const struct layout *l, char out[static LAYOUT_PATH], struct err *e)
{
	char path[LAYOUT_PATH + 96];

	snprintf(path, sizeof path, "%s/" LAYOUT_CONTROL_SOCKET, l->root);
	return socket_path(l, path, l->root, out, e);
}

/* Lower-case words, digits, dashes and dots; no part of it may say "tmp": those are files that
 * nobody finished. */
static bool is_what(const char *what)
{
	const char *part = what;

	for (const char *p = what;; p++) {
		if (*p && *p != '.') {
			if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && *p != '-')
				return false;
			continue;
		}
		if (p == part || str_starts(part, "tmp"))
			return false;
		if (!*p)
			return true;
		part = p + 1;
	}
}

bool layout_parse_state(const char *file_name, struct peer_id *out_id, const char **out_what)
{
	const char *dot = strchr(file_name, '.');
	char identity[PEER_IDENTITY_MAX + 1];
	struct peer_id id;
	struct err e;
	size_t n;

	if (!dot)
		return false;
	n = (size_t)(dot - file_name);
	if (n >= sizeof identity || !is_what(dot + 1))
		return false;
	memcpy(identity, file_name, n);
	identity[n] = '\0';
	if (peer_parse(identity, &id, &e) < 0)
		return false;
	*out_id = id;
	*out_what = dot + 1;
	return true;
}
