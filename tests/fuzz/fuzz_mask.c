/* What leaves the host: whatever the text, a value that is known to be secret is nowhere in it. The
 * first line of the input is that value. */
#include <stdint.h>
#include <string.h>

#include "iapeer/base/mem.h"
#include "iapeer/cli/mask.h"

#include "must.h"

#include "iapeer/base/banned.h"

/* Could it stand in what we put in a value's place? */
static bool is_of_the_mask(const char *value)
{
	return strpbrk(value, "[]") || strstr(MASKED, value);
}

static bool holds(const char *text, size_t len, const char *value)
{
	size_t n = strlen(value);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(text + i, value, n) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "",
		   *nl = size ? memchr(text, '\n', size) : NULL;
	size_t first = nl ? (size_t)(nl - text) : 0, from = nl ? first + 1 : 0;
	auto_free char *value = xstrndup(text, first);
	AUTO(strv_done) struct strv values = STRV_INIT;
	AUTO(buf_done) struct buf out = BUF_INIT(CAP_OUTPUT);

	strv_add(&values, value);
	mask_text(text + from, size - from, &values, &out);
	must(!out.failed && out.len <= (size - from) * (sizeof MASKED + 1));
	if (strlen(value) >= 6 && !is_of_the_mask(value))
		must(!holds(buf_cstr(&out), out.len, value));
	return 0;
}
