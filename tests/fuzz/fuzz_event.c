/* An agent's hook gives us anything: no text of it is invalid, and a cut changes nothing that stood
 * before it. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/agent/event.h"
#include "iapeer/agent/hook_json.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N 2

static void look(const char *text, size_t len, struct buf *v)
{
	static const char *const names[N] = {"hook_event_name", "prompt"};

	for (size_t i = 0; i < N; i++)
		v[i] = (struct buf)BUF_INIT(CAP_STATE);
	hook_json_texts(text, len, names, N, v);
	for (size_t i = 0; i < N; i++)
		assert(utf8_valid(buf_cstr(&v[i]), v[i].len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct buf whole[N], part[N];
	AUTO(report_done) struct report r = {.at_ms = 0};

	look(text, size, whole);
	look(text, size / 2, part);
	/* A character that was cut is U+FFFD. */
	assert(part[0].len <= whole[0].len + 9 || whole[0].failed);
	for (size_t i = 0; i < N; i++) {
		buf_done(&whole[i]);
		buf_done(&part[i]);
	}
	if (event_report(text, size, 1, &r))
		assert(r.kind < REPORT_KIND_COUNT && memchr(r.detail, '\0', sizeof r.detail));
	return 0;
}
