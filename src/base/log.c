#include "iapeer/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* The only mutable global state of the program. */
static int log_fd = STDERR_FILENO;
static enum log_level log_max = LOG_WARN;

static const char *const words[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
_Static_assert(sizeof words / sizeof words[0] == LOG_LEVEL_COUNT, "one word a level");

void log_open(int fd, enum log_level level)
{
	log_fd = fd;
	log_max = level;
}

void log_line(enum log_level level, const char *module, const char *fmt, ...)
{
	struct buf b = BUF_INIT(4096);
	char text[2048], when[CLOCK_ISO_MAX];
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (log_fd == STDERR_FILENO) {
		buf_fmt(&b, "iapeer: %s: ", words[level]);
	} else {
		clock_iso(clock_utc_ms(), when);
		buf_fmt(&b, "%s %s %s ", when, words[level], module);
	}
	str_shown(&b, text, strlen(text), false);
	buf_chr(&b, '\n');
	if (write(log_fd, buf_cstr(&b), b.len) < 0)
		log_fd = STDERR_FILENO; /* nothing else can be done about a log that is gone */
	buf_done(&b);
}
