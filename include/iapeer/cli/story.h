/* story.h - a timeline told in sentences, as a person would. Pure. */
#pragma once
#include "iapeer/base/buf.h"
#include "iapeer/base/json.h"
#include "iapeer/cli/timeline.h"

/* Appends {"ts","identity","event","text"} to the array, a deaths' with "death_id" and "cause";
 * what several lines say of one thing is said once. `event`: woke, messages, waits, refused, ended,
 * stopped, parked, died, failed. */
void story_tell(const struct timeline *t, struct json *out);
