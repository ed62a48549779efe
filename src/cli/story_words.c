#include "iapeer/cli/story_words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "iapeer/base/str.h"
#include "iapeer/registry/peer.h"

#include "iapeer/base/banned.h"

#define SHORT_PERCENT 10 /* less than this left: memory was short */
#define GREW_MUCH_MIB 64 /* in a minute; less is not worth a word */

void story_sender(const char *identity, char *out, size_t size)
{
	struct peer_id id;
	struct err e;

	str_cut(out, size, peer_parse(identity, &id, &e) == 0 ? id.name : identity);
	if (!out[0])
		str_cut(out, size, "somebody");
}

void story_clock(int64_t utc_ms, char out[static 16])
{
	time_t seconds = (time_t)(utc_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	snprintf(out, 16, "%02d:%02d", tm.tm_hour % 100, tm.tm_min % 100);
}

/* ---- how it started ---- */

/* Why it began afresh, or what had been before. */
static void reason_of(const char *cause, struct buf *out)
{
	static const struct {
		const char *cause, *words;
	} rows[] = {{"new", "as asked for by `new`"},
		    {"folder-launch", "by `run` in its folder"},
		    {"soft-reload", "as asked for by `new --on-wake`"},
		    {"ephemeral-policy", "it begins afresh each time (wake_policy=ephemeral)"},
		    {"never-policy", "it begins afresh each time (resume_policy=never)"},
		    {"idle-reaped-new-topic", "it had been parked, and this was another topic"},
		    {"idle-reaped-no-topic", "it had been parked"},
		    {"idle-reaped-resume", "it had been parked"},
		    {"idle-reaped-always", "it had been parked"},
		    {"idle-reaped-human", "it had been parked"},
		    {"crash-or-self-close", "its program had ended by itself"}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(cause, rows[i].cause) == 0) {
			buf_str(out, rows[i].words);
			return;
		}
	buf_str(out, cause);
}

void story_mode(bool resume, const char *cause, struct buf *out)
{
	if (resume) {
		buf_str(out, " and went on with its conversation.");
	} else if (strcmp(cause, "first-wake") == 0) {
		buf_str(out, ", for the first time.");
	} else if (str_ends(cause, "-no-resume")) {
		buf_str(out, ", afresh: there was no conversation to go on with.");
	} else if (cause[0]) {
		buf_str(out, ", afresh: ");
		reason_of(cause, out);
		buf_chr(out, '.');
	} else {
		buf_chr(out, '.');
	}
}

/* ---- what was done ---- */

const char *story_step(const char *action, const char *reason, struct buf *out)
{
	static const struct {
		const char *action, *event, *text;
	} rows[] = {
	    {"reaped-idle", "parked", "It was parked: nothing had happened for a while."},
	    {"reaped-stopped", "parked", "It was parked, for it had been stopped."},
	    {"adopted", "woke", "A server that was on no record answered on its socket: adopted."},
	    {"leftover-ended", "ended", "A server that was on no record was ended."},
	    {"pane-finished", "ended", "Its session was ended behind its program."},
	    {"ending-undone", "failed", "Its server was to end and did not; it is watched again."}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(action, rows[i].action) == 0) {
			buf_str(out, rows[i].text);
			return rows[i].event;
		}
	if (strcmp(action, "parked") == 0 || strcmp(action, "ended") == 0) {
		if (strcmp(reason, "stop") == 0)
			buf_str(out, "It was stopped.");
		else if (strcmp(reason, "remove") == 0)
			buf_str(out, "It was ended, to be removed.");
		else if (strcmp(reason, "new") == 0 || strcmp(reason, "run") == 0)
			buf_str(out, "Its session was ended, to begin a new one.");
		else {
			buf_str(out, "Its session was ended, as had been begun.");
			return "ended";
		}
		return "stopped";
	}
	return NULL;
}

const char *story_tried(const char *action)
{
	static const char *const rows[][2] = {{"started", "Starting it failed"},
					      {"needs-eager-fresh", "Starting it afresh failed"},
					      {"ready", "It did not become ready"},
					      {"delivered", "Delivering failed"},
					      {"parked", "Stopping it failed"},
					      {"ended", "Ending it failed"},
					      {"reaped-idle", "Parking it failed"}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(action, rows[i][0]) == 0)
			return rows[i][1];
	return "Something went wrong";
}

/* ---- how it ended ---- */

static void upper(const char *s, struct buf *out)
{
	char name[32];

	str_cut(name, sizeof name, s);
	for (char *c = name; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	buf_str(out, name);
}

/* "shell-alice: tmux < bash" was asked from inside that peer. */
static void by_whom(const char *asker, struct buf *out)
{
	const char *colon = strstr(asker, ": ");
	char identity[128], name[64];

	if (!asker[0]) {
		buf_str(out, "; who asked is not known");
	} else if (colon && (size_t)(colon - asker) < sizeof identity) {
		memcpy(identity, asker, (size_t)(colon - asker));
		identity[colon - asker] = '\0';
		story_sender(identity, name, sizeof name);
		buf_fmt(out, ", asked for from inside %s (%s)", name, colon + 2);
	} else {
		buf_fmt(out, ", asked for from outside (%s)", asker);
	}
}

static bool crashed(const char *cause)
{
	static const char *const signals[] = {"sigsegv", "sigabrt", "sigbus", "sigill", "sigfpe"};

	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (strcmp(cause, signals[i]) == 0)
			return true;
	return false;
}

void story_server_end(const char *cause, const char *command, const char *asker, struct buf *out)
{
	if (strcmp(cause, "host-restart") == 0) {
		buf_str(out, "The host was restarted, and its tmux server went with it.");
		return;
	}
	if (strcmp(cause, "exited") == 0) {
		buf_str(out,
			"Its tmux server ended in order, told so by a signal (SIGTERM, SIGINT) "
			"or a short form of a tmux command; by whom is not known.");
		return;
	}
	if (strcmp(cause, "kill-server") == 0) {
		buf_fmt(out, "Its tmux server was ended by `tmux %s`",
			command[0] ? command : "kill-server");
		by_whom(asker, out);
	} else if (strcmp(cause, "oom-kill") == 0) {
		buf_str(out, "The kernel killed its tmux server, for memory had run out");
	} else if (crashed(cause)) {
		buf_str(out, "Its tmux server crashed (");
		upper(cause, out);
		buf_chr(out, ')');
	} else if (str_starts(cause, "sig")) {
		buf_str(out, "Its tmux server was killed by ");
		upper(cause, out);
	} else {
		buf_str(out, "Its tmux server was gone; how it ended is not known");
		if (command[0]) {
			buf_fmt(out, ". `tmux %s` had been typed just before", command);
			by_whom(asker, out);
		}
	}
	buf_chr(out, '.');
}

void story_kills(int64_t kills, struct buf *out)
{
	if (kills > 0)
		buf_fmt(out,
			" Since it was started the kernel had killed %lld process%s of its control "
			"group for memory; whether its server was %s is not known.",
			(long long)kills, kills == 1 ? "" : "es",
			kills == 1 ? "that one" : "one of them");
}

void story_memory(int64_t available, int64_t total, struct buf *out)
{
	double gib = 1024.0 * 1024 * 1024;

	if (available < 0 || total <= 0)
		return;
	buf_fmt(out, " Memory was %s: %.1f of %.1f GiB were free.",
		available / (total / 100 + 1) < SHORT_PERCENT ? "short" : "not short",
		(double)available / gib, (double)total / gib);
}

void story_before(int64_t available, const char *grew, int64_t grew_bytes, struct buf *out)
{
	const int64_t mib = INT64_C(1) << 20;

	if (available < 0)
		return;
	buf_fmt(out, " Shortly before, %.1f GiB of memory were free",
		(double)available / (1024.0 * (double)mib));
	if (grew[0] && grew_bytes >= GREW_MUCH_MIB * mib)
		buf_fmt(out, ", and %s had grown by %lld MiB", grew, (long long)(grew_bytes / mib));
	buf_chr(out, '.');
}
