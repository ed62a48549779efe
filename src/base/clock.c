#include "iapeer/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

/* A year has four digits, in any time zone. */
#define FIRST_MS (-INT64_C(62135510400000))
#define LAST_MS  INT64_C(253402214399999)

int64_t clock_mono_ms(void)
{
	return plat_mono_ns() / 1000000;
}

int64_t clock_mono_us(void)
{
	return plat_mono_ns() / 1000;
}

int64_t clock_utc_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_iso(int64_t utc_ms, char out[static CLOCK_ISO_MAX])
{
	int64_t known = utc_ms < FIRST_MS ? FIRST_MS : utc_ms > LAST_MS ? LAST_MS : utc_ms;
	time_t s = (time_t)(known / 1000);
	int ms = (int)(known % 1000);
	struct tm tm;
	char date[24];
	long off;

	if (ms < 0) {
		ms += 1000;
		s--;
	}
	localtime_r(&s, &tm);
	off = tm.tm_gmtoff / 60;
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CLOCK_ISO_MAX, "%s.%03d%c%02d:%02d", date, ms, off < 0 ? '-' : '+',
		 (int)((off < 0 ? -off : off) / 60 % 100), (int)((off < 0 ? -off : off) % 60));
}

/* Exactly two digits at s. */
static bool two_digits(const char *s, int *out)
{
	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return false;
	*out = (s[0] - '0') * 10 + (s[1] - '0');
	return true;
}

/* "Z" or "+01:00" to the end of the text. */
static bool parse_offset(const char *s, int64_t *out_seconds)
{
	int hours, minutes;

	*out_seconds = 0;
	if (strcmp(s, "Z") == 0)
		return true;
	if ((*s != '+' && *s != '-') || strlen(s) != 6 || s[3] != ':' ||
	    !two_digits(s + 1, &hours) || !two_digits(s + 4, &minutes))
		return false;
	*out_seconds = (int64_t)(*s == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

bool clock_parse_iso(const char *s, int64_t *out_utc_ms)
{
	int64_t offset;
	struct tm tm;
	const char *p;
	int ms = 0;

	memset(&tm, 0, sizeof tm);
	p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!p)
		return false;
	if (*p == '.') {
		int scale = 100;

		for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
			ms += (*p - '0') * scale;
	}
	if (!parse_offset(p, &offset))
		return false;
	*out_utc_ms = ((int64_t)timegm(&tm) - offset) * 1000 + ms;
	return true;
}
