/* The part of plat.h that is pure: text of the kernel that holds names which anybody may choose. */
#include "iapeer/base/plat.h"

#include <stdlib.h>
#include <string.h>

#include "iapeer/base/banned.h"

static void take_name(const char *open_paren, const char *close_paren, struct proc_info *out)
{
	size_t n = (size_t)(close_paren - open_paren) - 1;

	if (n >= sizeof out->name)
		n = sizeof out->name - 1;
	memcpy(out->name, open_paren + 1, n);
	out->name[n] = '\0';
}

static enum proc_state state_of(char c)
{
	switch (c) {
	case 'Z':
	case 'X':
	case 'x':
		return PROC_ZOMBIE;
	case 'T':
	case 't':
		return PROC_STOPPED;
	default:
		return PROC_RUNNING;
	}
}

/* Text of /proc/PID/stat. The name is between the first ( and the last ), since a command may hold
 * one. */
bool plat_stat_parse(const char *text, int64_t page_bytes, struct proc_info *out)
{
	const char *open_paren = strchr(text, '('), *close_paren = strrchr(text, ')');
	unsigned long long field[53] = {0};
	char *end;
	const char *s;
	int n = 4, last;

	if (!open_paren || !close_paren || close_paren < open_paren || close_paren[1] != ' ' ||
	    !close_paren[2])
		return false;
	take_name(open_paren, close_paren, out);
	out->state = state_of(close_paren[2]);
	out->sleeping = close_paren[2] == 'S';
	last = out->state == PROC_ZOMBIE ? 52 : 24;
	for (s = close_paren + 3; n <= last; n++, s = end) {
		/* Some fields are negative (tpgid); strtoull wraps them and the cast back restores
		 * them. */
		field[n] = strtoull(s, &end, 10);
		if (end == s)
			break;
	}
	if (n <= 24 || field[24] > (unsigned long long)(INT64_MAX / page_bytes))
		return false;
	out->ppid = (pid_t)field[4];
	out->pgid = (pid_t)field[5];
	out->tty_pgid = (pid_t)field[8];
	out->birth = field[22];
	out->rss_bytes = (int64_t)field[24] * page_bytes;
	out->exit_status = n > 52 && out->state == PROC_ZOMBIE ? (int)field[52] : -1;
	return true;
}
