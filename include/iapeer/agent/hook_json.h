/* hook_json.h - some texts out of the JSON object that an agent's hook is given. Pure.
 *
 * Not json.h: the object is somebody else's and may be of any size (a tool's whole output is in
 * it), hold what we would refuse (\u0000, half a surrogate pair), or be cut where we stopped
 * reading. What stands before the cut is still good.
 */
#pragma once
#include "iapeer/base/buf.h"

/* For each member of the outermost object that is a text and has one of n names: append it to
 * out[i], whose cap is the limit: past it only its `failed` is set. The first of a name counts.
 * Characters that cannot be are U+FFFD. */
void hook_json_texts(const char *json, size_t len, const char *const *names, size_t n,
		     struct buf *out);
