/* config.json, whatever is in it: refused, or each setting is within its bounds, and the owner's
 * command has a program. */
#include <stdint.h>

#include "iapeer/registry/settings.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define YEARS_MS (INT64_C(10) * 365 * 24 * 3600 * 1000)

static void within(int64_t n, int64_t min, int64_t max)
{
	must(n >= min && n <= max);
}

static void check(const struct settings *s)
{
	char text[4096];

	within(s->idle_ms, 1000, YEARS_MS);
	within(s->boot_deadline_ms, 1000, YEARS_MS);
	within(s->ready_gate_ms, 1000, YEARS_MS);
	within(s->ephemeral_quiet_ms, 0, YEARS_MS);
	within(s->ephemeral_unarmed_idle_ms, 0, YEARS_MS);
	within(s->trash_ms, 1000, YEARS_MS);
	within(s->boot_parallel, 1, 64);
	within(s->crashloop_max, 1, 16);
	within(s->crashloop_window_ms, 1000, YEARS_MS);
	within(s->max_hops, 1, 64);
	within(s->pair_max, 1, 200);
	within(s->pair_window_ms, 1000, INT64_C(86400) * 1000);
	within(s->status_decay_ms, 1000, YEARS_MS);
	within(s->lifecycle_log_max_bytes, 0, INT64_C(1) << 40);
	within(s->panelog_keep, 0, 1000);
	must(memchr(s->tmux_bin, '\0', sizeof s->tmux_bin));
	settings_text(s, text, sizeof text);
	must(memchr(text, '\0', sizeof text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_done) struct strv command = STRV_INIT;
	char bin[LAYOUT_PATH];
	struct settings s;
	struct err e, also;
	int rc;

	enter("x");
	put_file(LAYOUT_CONFIG, data, size);
	rc = settings_load(&l, &s, &e);
	if (rc == 0)
		check(&s);
	else
		must(e.code == ERR_CORRUPT && e.msg[0]);
	strv_add(&command, "old");
	if (settings_on_attention(&l, &command, &also) == 0)
		must(rc == 0 && (command.n == 0 || command.v[0][0]));
	else
		must(also.code == ERR_CORRUPT && command.n == 1 &&
		     strcmp(command.v[0], "old") == 0);
	settings_runtime_bin(&l, "claude", bin);
	must(memchr(bin, '\0', sizeof bin) && (rc == 0 || !bin[0]));
	return 0;
}
