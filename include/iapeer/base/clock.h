/* clock.h - time. Milliseconds in an int64_t everywhere; a deadline is monotonic, a stamp is UTC.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void); /* does not jump; stands still while the machine sleeps */
int64_t clock_mono_us(void);
int64_t clock_utc_ms(void); /* the wall clock */
#define CLOCK_ISO_MAX 40
/* "2026-11-22T10:00:00.123+01:00" (local time with its offset). */
void clock_iso(int64_t utc_ms, char out[static CLOCK_ISO_MAX]);
bool clock_parse_iso(const char *s, int64_t *out_utc_ms);
