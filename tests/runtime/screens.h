/* screens.h - captures and manifests for the tests of screen.c. Needs IAPEER_SOURCE_DIR, or the
 * source tree as folder. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/runtime/builtin.h"
#include "iapeer/runtime/screen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RULE     "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500"
#define NB       "\u00a0"

static inline void read_file(const char *folder, const char *name, struct buf *out)
{
	const char *source = getenv("IAPEER_SOURCE_DIR");
	struct err e = ERR_INIT;
	char path[1024];

	snprintf(path, sizeof(path), "%s/tests/%s/%s", source ? source : ".", folder, name);
	if (fs_read(AT_FDCWD, path, out, &e) < 0)
		fail_msg("%s", e.msg);
}

static inline void parse_manifest(const char *text, size_t len, const char *runtime,
				  struct manifest *m)
{
	struct json *auto_json tree = NULL;
	struct err e = ERR_INIT;

	assert_true(str_put(m->runtime, sizeof(m->runtime), runtime));
	if (json_parse(text, len, runtime, &tree, &e) < 0 ||
	    manifest_read(tree, runtime, m, &e) < 0)
		fail_msg("%s", e.msg);
}

/* A built-in one, or fake_tui's, into an empty m. */
static inline void manifest_of(const char *runtime, struct manifest *m)
{
	for (const struct builtin_manifest *b = builtin_manifests; b->runtime; b++)
		if (strcmp(b->runtime, runtime) == 0)
			parse_manifest(b->text, b->len, runtime, m);
	if (strcmp(runtime, "fake") == 0) {
		struct buf AUTO(buf_done) text = BUF_INIT(CAP_PROFILE);

		read_file("fake", "fake_tui.json", &text);
		parse_manifest(text.p, text.len, runtime, m);
	}
	assert_true(m->program.n > 0);
}

static inline struct screen screen_of(const struct buf *b)
{
	return (struct screen){.text = buf_cstr(b), .len = b->len, .cursor_x = -1, .cursor_y = -1};
}

static inline struct screen screen_text_of(const char *s)
{
	return (struct screen){.text = s, .len = strlen(s), .cursor_x = -1, .cursor_y = -1};
}

static inline void read_golden(const char *file, struct manifest *out_m, struct buf *out)
{
	char runtime[32], name[128];

	snprintf(runtime, sizeof(runtime), "%.*s", (int)strcspn(file, "-"), file);
	snprintf(name, sizeof(name), "%s.txt", file);
	manifest_of(runtime, out_m);
	read_file("golden/screen", name, out);
}
