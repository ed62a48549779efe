#include "iapeer/cli/fate.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* One line a hierarchy: "1:name=systemd:/user.slice/..." where there is one, else "0::/...". */
void fate_path(const char *text, char *out, size_t size)
{
	static const char *const marks[] = {":name=systemd:", "0::"};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		const char *at = strstr(text, marks[i]);
		size_t len;

		if (!at)
			continue;
		at += strlen(marks[i]);
		len = strcspn(at, "\n");
		/* A system without systemd in charge has both, and both say nothing. */
		if (len <= 1 && i == 0)
			continue;
		if (len >= size)
			continue;
		memcpy(out, at, len);
		out[len] = '\0';
		return;
	}
	str_cut(out, size, "/");
}

static bool ends(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(s + len - n, suffix, n) == 0;
}

/* The first component from `s` on that is a unit with processes; NULL: none. */
static const char *next_unit(const char *s, size_t *len)
{
	while (*s) {
		s += strspn(s, "/");
		*len = strcspn(s, "/");
		if (ends(s, *len, ".service") || ends(s, *len, ".scope"))
			return s;
		s += *len;
	}
	return NULL;
}

static void take(struct fate_place *out, enum fate fate, const char *unit, size_t len)
{
	out->fate = fate;
	if (len >= sizeof out->unit)
		len = sizeof out->unit - 1;
	memcpy(out->unit, unit, len);
	out->unit[len] = '\0';
}

void fate_of(const char *path, struct fate_place *out)
{
	size_t len = 0, inner_len = 0;
	const char *unit = next_unit(path, &len), *inner;

	*out = (struct fate_place){.fate = FATE_MACHINE};
	/* Inside of a container's own scope or service there may be a whole system. */
	if (!unit)
		return;
	inner = next_unit(unit + len, &inner_len);
	if (len > strlen("user@") && memcmp(unit, "user@", strlen("user@")) == 0) {
		if (!inner)
			take(out, FATE_USER_MANAGER, unit, len);
		else
			take(out,
			     ends(inner, inner_len, ".service") ? FATE_USER_UNIT
								: FATE_USER_MANAGER,
			     inner, inner_len);
		return;
	}
	if (len > strlen("session-") && memcmp(unit, "session-", strlen("session-")) == 0)
		take(out, FATE_LOGIN, unit, len);
	else if (len != strlen("init.scope") || memcmp(unit, "init.scope", len) != 0)
		take(out, FATE_SYSTEM_UNIT, unit, len);
}

/* KillMode=process and none leave everybody but the main process alone. */
static bool kills_all(const char *kill_mode)
{
	return strcmp(kill_mode, "process") != 0 && strcmp(kill_mode, "none") != 0;
}

static bool text_of_user(const struct fate_place *p, const struct fate_facts *f, struct buf *out,
			 const char **out_advice)
{
	bool unit = p->fate == FATE_USER_UNIT, warn = false;

	*out_advice = NULL;
	if (unit && f->kill_mode[0] && !kills_all(f->kill_mode)) {
		buf_fmt(out, "stopping or restarting %s leaves them", p->unit);
	} else if (unit) {
		buf_fmt(out, "stopping or restarting %s ends them", p->unit);
		*out_advice = "iapeer supervise --install writes a unit that leaves peers alone "
			      "(KillMode=process)";
		warn = true;
	}
	if (f->linger) {
		buf_fmt(out, "%slogging out leaves them (linger is on)", unit ? "; " : "");
		return warn;
	}
	buf_fmt(out, "%s%s's last logout ends them (linger is off)", unit ? "; " : "", f->user);
	if (!warn)
		*out_advice = "loginctl enable-linger";
	return true;
}

bool fate_text(const struct fate_place *p, const struct fate_facts *f, struct buf *out,
	       const char **out_advice)
{
	*out_advice = NULL;
	switch (p->fate) {
	case FATE_LOGIN:
		*out_advice = "iapeer supervise --install && loginctl enable-linger; who is live "
			      "moves when it "
			      "wakes next";
		buf_fmt(out, "they belong to one login, %s: %s", p->unit,
			f->kills_logins ? "logging out there ends them (KillUserProcesses=yes)"
					: "logging out there leaves them only as long as logind's "
					  "KillUserProcesses is off");
		return true;
	case FATE_USER_MANAGER:
	case FATE_USER_UNIT:
		return text_of_user(p, f, out, out_advice);
	case FATE_SYSTEM_UNIT:
		*out_advice = "iapeer supervise --install; who is live moves when it wakes next";
		buf_fmt(out, "stopping or restarting %s may end them", p->unit);
		return true;
	case FATE_MACHINE:
	case FATE_COUNT:
		break;
	}
	buf_str(out, "nothing but the end of the machine, or of its container, ends them");
	return false;
}
