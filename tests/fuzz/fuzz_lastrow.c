/* Whatever a program prints: its last row has no line in it, keeps its cap, and is found in bounded
 * time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/launch/shell.h"

#include "iapeer/base/banned.h"

static void must(bool so)
{
	if (!so)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t caps[] = {1, 64, 4096, CAP_STATE};

	for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
		struct buf out = BUF_INIT(caps[i]);

		shell_last_row((const char *)data, size, &out);
		must(out.len <= caps[i]);
		for (size_t k = 0; k < out.len; k++)
			must((unsigned char)out.p[k] >= 0x20 && out.p[k] != 0x7f);
		buf_done(&out);
	}
	return 0;
}
