/* verb_opts.h - the options of each verb; the rows of src/cli/verbs.c point here. Each list ends
 * with a NULL name. */
#pragma once
#include "iapeer/cli/verb.h"

extern const struct opt create_opts[];
extern const struct opt list_opts[];
extern const struct opt read_opts[];
extern const struct opt send_opts[];
extern const struct opt attach_opts[];
extern const struct opt start_opts[];
extern const struct opt stop_opts[];
extern const struct opt new_opts[];
extern const struct opt remove_opts[];
extern const struct opt queue_opts[];
extern const struct opt why_opts[];
extern const struct opt logs_opts[];
extern const struct opt wait_opts[];
extern const struct opt events_opts[];
extern const struct opt deaths_opts[];
extern const struct opt doctor_opts[];
extern const struct opt supervise_opts[];
extern const struct opt apply_opts[];
extern const struct opt panelog_opts[];
extern const struct opt hook_opts[];
extern const struct opt event_opts[];
extern const struct opt canary_opts[];
extern const struct opt help_opts[];
/* `ask` is `send --wait turn`: it has all of its options but the first. */
#define ask_opts (send_opts + 1)
