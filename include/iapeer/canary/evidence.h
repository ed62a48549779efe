/* evidence.h - what the machine looked like when a server died, gathered in-process. */
#pragma once
#include "iapeer/base/plat.h"
#include "iapeer/canary/oom.h"
#include "iapeer/registry/layout.h"

/* Memory, swap, pressure, the 25 largest processes by RSS (names, never arguments), kernel lines.
 * Once for a burst. */
void evidence_machine(struct buf *out);
/* Forget old files of server-deaths: the newest 1,000 stay, and all of the last day, for they are
 * also what keeps a death from being recorded twice. */
int evidence_expire(const struct layout *l, int64_t now_utc_ms, struct err *e) NODISCARD;
/* The last 2 KiB of the pane's log, controls made visible. */
void evidence_pane(const struct layout *l, const char *identity, struct buf *out);
/* Whom the kernel says that it killed for memory. Once for a burst. */
void evidence_oom_log(struct oom_log *out);
/* Does it name that process, which was killed just now and lived since then (awake time; 0: not
 * known)? */
bool evidence_oom_names(pid_t pid, int64_t since_mono_ms);
