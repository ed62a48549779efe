#include "iapeer/runtime/manifest_valid.h"

#include <ctype.h>
#include <string.h>

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

bool manifest_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

bool manifest_key_valid(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			return false;
	return true;
}

bool manifest_env_valid(const char *s)
{
	static const char *const ours[] = {"PEER_PERSONALITY=", "PEER_RUNTIME=", "PEER_IDENTITY=",
					   "IAPEER_",           "TMUX=",         "TMUX_PANE="};
	const char *eq = strchr(s, '=');

	if (!eq || eq == s || isdigit((unsigned char)*s))
		return false;
	for (const char *p = s; p < eq; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (str_starts(s, ours[i]))
			return false;
	return true;
}

bool manifest_file_valid(const char *s)
{
	if (!*s || *s == '.' || *s == '-' || strlen(s) > 64 || strcmp(s, "launch.env") == 0)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return true;
}

bool manifest_below_valid(const char *s)
{
	return *s != '/' && !strstr(s, "..");
}
