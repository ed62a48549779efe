#include <uv.h>

#include "iapeer/supervise/supervise.h"

#include "iapeer/base/banned.h"

const char *supervise_libuv(void)
{
	return uv_version_string();
}
