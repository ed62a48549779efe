/* settings.h - the numbers that a user may change: defaults, then <root>/config.json, then the
 * environment (but for the loop breaker's, which bind the very process whose environment it would
 * be). */
#pragma once
#include "iapeer/registry/layout.h"
#include <stdint.h>

struct settings {
	int64_t idle_ms, boot_deadline_ms, ready_gate_ms;
	int64_t ephemeral_quiet_ms, ephemeral_unarmed_idle_ms;
	int64_t trash_ms; /* absence from the registry after which state goes to the trash */
	int boot_parallel;
	int crashloop_max;
	int64_t crashloop_window_ms;
	int max_hops, pair_max; /* the loop breaker's: delivery/chain.h */
	int64_t pair_window_ms;
	int64_t status_decay_ms; /* "working", and nothing heard for so long: unknown */
	bool canary;
	bool log_verbose;
	int64_t lifecycle_log_max_bytes, delivery_log_max_bytes, panelog_max_bytes;
	int lifecycle_log_keep, delivery_log_keep, panelog_keep;
	char tmux_bin[LAYOUT_PATH]; /* "" : tmux along the PATH of <root>/environment, then our own
				     */
};

/* A bad value is named by a warning in the log and the default used; only a config.json that cannot
 * be parsed fails (ERR_CORRUPT). */
int settings_load(const struct layout *l, struct settings *out, struct err *e) NODISCARD;
/* "boot_parallel=2 idle=3600 ..." of what differs from the default, for `a command that finds a
 * keeper with other values says so`. */
void settings_text(const struct settings *s, char *out, size_t size);
/* The owner's command for peers that need him: `on_attention` of config.json, program and
 * arguments, replacing *out; empty: none. ERR_CORRUPT. */
int settings_on_attention(const struct layout *l, struct strv *out, struct err *e) NODISCARD;
/* IAPEER_<RUNTIME>_BIN from config.json or the environment; "" when not set. */
void settings_runtime_bin(const struct layout *l, const char *runtime,
			  char out[static LAYOUT_PATH]);
