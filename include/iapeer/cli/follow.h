/* follow.h - lines that are appended to files, as they come: journals, reports, pane logs.
 *
 * A file is named below the root. It may not be there yet, and may be rotated (x becomes x.1) at
 * any moment: no line is lost or told twice, as long as it is not rotated twice between two reads.
 * Nobody holds a descriptor of it meanwhile. Nothing is polled: follow_wait() sleeps on a watch.
 */
#pragma once
#include "iapeer/registry/layout.h"
#include <stdbool.h>
#include <stdint.h>

struct follow_file {
	char path[LAYOUT_PATH];
	uint64_t inode; /* of the file that `at` is in; 0: none was there yet */
	int64_t at;     /* behind the last whole line that was told */
	bool cut; /* `at` may be inside a line: what comes before the next newline is dropped */
};

struct follow {
	const struct layout *layout; /* borrowed */
	struct follow_file *v;
	size_t n, room;
	int watch_fd;
};
#define FOLLOW_INIT                                                                                \
	{                                                                                          \
		.watch_fd = -1                                                                     \
	}
#define FOLLOW_ALL INT64_MAX

/* Follow that file too, from `back` bytes before its end on (its predecessor's too, where it is
 * shorter): 0: only what comes now; FOLLOW_ALL: all that is there. A file that is followed already
 * is left as it is. Makes the folder that it is in. */
int follow_add(struct follow *f, const struct layout *l, const char *path, int64_t back,
	       struct err *e) NODISCARD;
void follow_done(struct follow *f);

/* Tell every new whole line, file by file, oldest first; without its newline, and not
 * NUL-terminated. fn returns false to stop: the line that it refused is told again. Lines of more
 * than 1 MiB are passed over. */
int follow_read(struct follow *f,
		bool (*fn)(const char *path, const char *line, size_t len, void *arg), void *arg,
		struct err *e) NODISCARD;

enum follow_why {
	FOLLOW_CHANGED, /* something happened to a file: read again */
	FOLLOW_TIME,    /* `ms` are over (negative: never) */
	FOLLOW_NOBODY,  /* nobody reads our standard output any more */
};
enum follow_why follow_wait(struct follow *f, int64_t ms);
