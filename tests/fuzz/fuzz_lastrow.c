/* Whatever a program prints: its rows are text, keep their cap, and are found in bounded time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/runtime/screen.h"

#include "must.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t caps[] = {1, 64, 4096, CAP_STATE};

	for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
		struct buf out = BUF_INIT(caps[i]);

		screen_last_row((const char *)data, size, &out);
		must(out.len <= caps[i]);
		for (size_t k = 0; k < out.len; k++)
			must((unsigned char)out.p[k] >= 0x20 && out.p[k] != 0x7f);
		buf_done(&out);
		screen_rows((const char *)data, size, &out);
		must(out.len <= caps[i] && utf8_valid(buf_cstr(&out), out.len));
		buf_done(&out);
	}
	return 0;
}
