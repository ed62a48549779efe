/* A line of a journal, whatever is in it, is walked to its end; and what we write as a value is
 * read back the same, out of one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/journal.h"

#include "must.h"

#include "iapeer/base/banned.h"

#define VALUE 512

static void walk(const char *line, size_t len)
{
	char key[32], value[64], found[64];
	const char *at = line, *before = line;

	while (logfmt_next(&at, line + len, key, sizeof key, value, sizeof value)) {
		must(at > before && at <= line + len);
		must(memchr(key, '\0', sizeof key) && memchr(value, '\0', sizeof value));
		before = at;
		if (key[0])
			(void)logfmt_get(line, len, key, found, sizeof found);
	}
}

static void round_trip(const char *text)
{
	auto_logfmt struct logfmt l = {.b = BUF_INIT(CAP_LINE)};
	char back[VALUE * 4], again[VALUE * 4];

	logfmt_init(&l, 0);
	logfmt_raw(&l, "a", text);
	logfmt_i64(&l, "n", -7);
	must(!l.b.failed && !memchr(l.b.p, '\n', l.b.len));
	must(logfmt_get(l.b.p, l.b.len, "n", again, sizeof again) && strcmp(again, "-7") == 0);
	must(logfmt_get(l.b.p, l.b.len, "a", back, sizeof back));
	must(strcmp(back, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char value[VALUE + 1];
	size_t n = size < VALUE ? size : VALUE;

	walk((const char *)data, size);
	memcpy(value, data, n);
	value[n] = '\0';
	round_trip(value);
	return 0;
}
