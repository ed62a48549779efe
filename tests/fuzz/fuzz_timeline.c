/* What `why` reads, whatever is in it: three journals and the evidence of a death, the parts of the
 * input. What is told is in order and is text; of too much the newest is kept. */
#include <stdint.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/story.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define EVIDENCE LAYOUT_DEATHS_DIR "/x.txt"
#define MANY     100000

static void read_it(const struct timeline_want *want, struct timeline *out)
{
	struct err e;

	must(timeline_read(&l, want, out, &e) == 0 && out->n <= want->most);
	for (size_t i = 0; i < out->n; i++) {
		must(out->v[i].at_ms >= want->since_ms && out->v[i].log < TIMELINE_LOGS);
		must(i == 0 || out->v[i - 1].at_ms <= out->v[i].at_ms);
	}
}

static void tell(struct timeline *t)
{
	auto_json struct json *story = json_array();
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_OUTPUT);
	struct err e;

	must(timeline_details(&l, t, &e) == 0);
	story_tell(t, story);
	json_print(story, false, &b);
	must(!b.failed && utf8_valid(b.p, b.len));
	must(json_len(story) <= t->n * 2);
	for (const struct json *o = json_first(story); o; o = json_next(o)) {
		must(json_text(json_get(o, "ts")) && json_text(json_get(o, "event")));
		must(json_text(json_get(o, "text")) && json_text(json_get(o, "text"))[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = {LAYOUT_LIFECYCLE_LOG, LAYOUT_DELIVERY_LOG,
					    LAYOUT_EXITS_LOG, EVIDENCE};
	AUTO(timeline_done) struct timeline all = {.n = 0};
	AUTO(timeline_done) struct timeline bobs = {.n = 0};
	AUTO(timeline_done) struct timeline newest = {.n = 0};
	struct timeline_want want = {.most = MANY, .since_ms = INT64_MIN};
	const uint8_t *at = data;
	struct part part;

	enter(LAYOUT_DEATHS_DIR);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (next_part(&at, data + size, &part))
			put_file(files[i], part.data, part.size);
		else
			drop_file(files[i]);
	read_it(&want, &all);
	tell(&all);
	want.name = "bob";
	want.sent = true;
	read_it(&want, &bobs);
	must(bobs.n <= all.n);
	tell(&bobs);
	want = (struct timeline_want){.most = 2, .since_ms = INT64_MIN};
	read_it(&want, &newest);
	must(newest.n == (all.n < 2 ? all.n : 2));
	for (size_t i = 0; i < newest.n; i++)
		must(strcmp(newest.v[i].line, all.v[all.n - newest.n + i].line) == 0);
	return 0;
}
