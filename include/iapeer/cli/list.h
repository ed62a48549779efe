/* list.h - the table of peers: looked at and printed once, or for as long as somebody watches. */
#pragma once
#include "iapeer/cli/filter.h"

struct list_line {
	const struct peer_record *record; /* borrowed from the registry */
	struct buf marks;                 /* "● claude waiting 2m", painted */
	struct buf plain;                 /* the same without colours and ages: has it changed? */
	size_t cells;                     /* of `marks` */
	size_t queued;
};

struct list {
	struct list_line *v;
	size_t n;
	size_t name_cells, marks_cells; /* the widest of each */
	int64_t next_ms;                /* until the first of its ages reads otherwise */
};
#define LIST_INIT                                                                                  \
	{                                                                                          \
		.v = NULL                                                                          \
	}

/* Everybody whom the filter lets through, by the registry that is loaded; starts nothing. `reply`
 * (may be NULL) gets their JSON pushed. A list is looked at once. */
int list_look(const struct ctx *c, const struct filter *f, struct list *out, struct json *reply,
	      struct err *e) NODISCARD;
void list_done(struct list *l);
/* At most so many lines (0: all), the last of them saying how many are missing. */
void list_print(const struct term *t, const struct list *l, size_t most, struct buf *out);

/* What `iapeer list` prints. */
int list_once(struct ctx *c, const struct filter *f, struct err *e) NODISCARD;
/* Print it again whenever it has changed, until nobody looks any more. On a terminal in its place,
 * and its ages go on; else each time a new table, or one JSON object a line. */
int list_watch(struct ctx *c, const struct filter *f, struct err *e) NODISCARD;
