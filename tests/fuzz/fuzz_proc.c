/* What the kernel tells of processes, where other people's names are in it: /proc/PID/stat and
 * lines of its log. And that a name, whatever it is, changes nothing but the name. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/plat.h"
#include "iapeer/canary/oom.h"

#include "must.h"

#include "iapeer/base/banned.h"

static void as_a_name(const char *text)
{
	struct proc_info p;
	char line[256];

	snprintf(line, sizeof line,
		 "7 (%.63s) S 5 6 6 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 1000 3 0 0 0", text);
	must(plat_stat_parse(line, 4096, &p));
	must(p.state == PROC_RUNNING && p.sleeping && p.ppid == 5 && p.pgid == 6 &&
	     p.birth == 4711 && p.rss_bytes == 3 * 4096 && p.tty_pgid == -1);
	must(strlen(p.name) == strlen(text) || strlen(text) >= sizeof p.name);
}

static void as_the_log(const char *text, size_t len)
{
	static struct oom_log log;

	log = (struct oom_log){.readable = true};
	for (const char *at = text, *end = text + len; at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = nl ? (size_t)(nl - at) : (size_t)(end - at);

		oom_log_add(&log, at, n);
		at += n + 1;
	}
	for (size_t i = 0; i < log.n && i < OOM_VICTIMS; i++)
		must(log.v[i].pid > 0 && memchr(log.v[i].name, '\0', sizeof log.v[i].name));
	must(!oom_log_names(&log, 0, 1, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct proc_info p;

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (plat_stat_parse(text, 4096, &p))
		must(memchr(p.name, '\0', sizeof p.name) && p.state != PROC_GONE);
	as_a_name(text);
	as_the_log((const char *)data, size); /* exactly so long: no NUL behind it */
	free(text);
	return 0;
}
