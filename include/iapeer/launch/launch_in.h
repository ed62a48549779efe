/* launch_in.h - whose program is to be started, and how. All of it is borrowed. */
#pragma once
#include "iapeer/registry/profile.h"
#include "iapeer/registry/registry.h"
#include "iapeer/registry/settings.h"
#include "iapeer/runtime/manifest.h"

struct launch_in {
	const struct layout *layout;
	const struct settings *settings;
	const struct registry *registry; /* the team, for the system prompt; NULL: nobody else */
	const struct peer_record *record;
	const struct profile *profile;
	const struct manifest *manifest;
	struct peer_id id;
	bool resume;
	const char *conversation; /* its id, where resume is set */
	const char *cause;
};

/* The folder that the program runs in: the profile's workdir, else the peer's folder. */
static inline const char *launch_workdir(const struct launch_in *in)
{
	return in->profile->workdir[0] ? in->profile->workdir : in->record->cwd;
}
