#include "iapeer/canary/oom.h"

#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define ITS_NAME       "tmux" /* check-layers: not a command */
#define FACILITY_SHIFT 3 /* "priority" is facility * 8 + level; the kernel's own facility is 0 */

static bool take_word(const char **at, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *at) < n || memcmp(*at, word, n) != 0)
		return false;
	*at += n;
	return true;
}

static bool take_number(const char **at, const char *end, int64_t *out)
{
	char digits[24];
	size_t n = 0;

	while (*at + n < end && n + 1 < sizeof digits && (*at)[n] >= '0' && (*at)[n] <= '9') {
		digits[n] = (*at)[n];
		n++;
	}
	digits[n] = '\0';
	*at += n;
	return n > 0 && str_i64(digits, 0, INT64_MAX, out);
}

/* "Out of memory: Killed process 4711 (name) total-vm:..." with the prefixes that kernels use. */
static bool parse_victim(const char *at, const char *end, struct oom_victim *out)
{
	static const char *const prefix[] = {
	    "Out of memory: ", "Out of memory (oom_kill_allocating_task): ",
	    "Memory cgroup out of memory: "};
	const char *close_paren;
	int64_t pid;
	size_t n;

	for (size_t i = 0; i < sizeof prefix / sizeof prefix[0]; i++)
		if (take_word(&at, end, prefix[i]))
			break;
	if (!take_word(&at, end, "Killed process ") || !take_number(&at, end, &pid) || pid < 1 ||
	    pid > INT32_MAX)
		return false;
	(void)take_word(&at, end,
			","); /* kernels before 5.3: "4711, UID 0, (name)" or "4711 (name)" */
	if (!take_word(&at, end, " "))
		return false;
	if (at < end && *at == 'U')
		while (at < end && *at != '(')
			at++;
	close_paren = at < end && *at == '(' ? memchr(at, ')', (size_t)(end - at)) : NULL;
	if (!close_paren)
		return false;
	n = (size_t)(close_paren - at) - 1;
	if (n >= sizeof out->name)
		n = sizeof out->name - 1;
	memcpy(out->name, at + 1, n);
	out->name[n] = '\0';
	out->pid = (int)pid;
	return true;
}

/* "3,447,6294372127,-;Out of memory: ...": priority, number, microseconds, flags. */
void oom_log_add(struct oom_log *log, const char *line, size_t len)
{
	const char *at = line, *end = line + len, *text = memchr(line, ';', len);
	int64_t priority, number, at_us;
	struct oom_victim v;

	if (!text || !take_number(&at, text, &priority) || !take_word(&at, text, ",") ||
	    !take_number(&at, text, &number) || !take_word(&at, text, ",") ||
	    !take_number(&at, text, &at_us) || at >= text || *at != ',')
		return;
	if (!log->any)
		log->since_ms = at_us / 1000;
	log->any = true;
	if (priority >> FACILITY_SHIFT != 0 || !parse_victim(text + 1, end, &v))
		return;
	v.at_ms = at_us / 1000;
	log->v[log->n++ % OOM_VICTIMS] = v;
}

bool oom_log_names(const struct oom_log *log, pid_t pid, int64_t armed_ms, bool late)
{
	size_t n = log->n < OOM_VICTIMS ? log->n : OOM_VICTIMS;

	if (!log->readable || pid <= 0 || armed_ms <= 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (log->v[i].pid == pid && log->v[i].at_ms >= armed_ms &&
		    (!late || str_starts(log->v[i].name, ITS_NAME)))
			return true;
	return false;
}

bool oom_log_covers(const struct oom_log *log, int64_t armed_ms)
{
	/* Of more victims than we hold the latest are held: enough, if one of them was before. */
	return log->readable && log->any && armed_ms > 0 && log->since_ms <= armed_ms &&
	       (log->n <= OOM_VICTIMS || log->v[log->n % OOM_VICTIMS].at_ms < armed_ms);
}

enum oom_proof oom_judge(const struct oom_facts *f)
{
	if (f->end == OOM_END_OTHER)
		return OOM_NOT_PROVEN;
	if (f->named)
		return OOM_KERNEL_LOG;
	if (f->end != OOM_END_SIGKILL || f->covered || !f->whole)
		return OOM_NOT_PROVEN;
	return f->kills_armed >= 0 && f->kills_now > f->kills_armed ? OOM_CGROUP_COUNTER
								    : OOM_NOT_PROVEN;
}

static const char *const words[] = {
    [OOM_NOT_PROVEN] = "",
    [OOM_KERNEL_LOG] = "kernel-log",
    [OOM_CGROUP_COUNTER] = "cgroup-counter",
};
_Static_assert(sizeof words / sizeof words[0] == OOM_PROOF_COUNT, "a word for each");

const char *oom_proof_word(enum oom_proof p)
{
	return words[p];
}

enum oom_proof oom_proof_of(const char *word)
{
	for (int p = 0; p < OOM_PROOF_COUNT; p++)
		if (strcmp(words[p], word) == 0)
			return (enum oom_proof)p;
	return OOM_NOT_PROVEN;
}
