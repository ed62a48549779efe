/* words.h - small texts that a person types, checked: lists, tags, folders, descriptions. */
#pragma once
#include "iapeer/base/buf.h"
#include "iapeer/registry/layout.h"

/* Pieces between separators, blanks around them dropped, empty ones left out, appended to out. */
void words_split(const char *text, char separator, struct strv *out);
/* Add unless it is there. */
void words_unite(struct strv *list, const char *word);
void words_join(struct buf *out, const struct strv *list,
		const char *between); /* controls made visible */
/* "<intro>: a, b, c" becomes the error's hint. Returns -1. */
int words_hint(struct err *e, const char *intro, const struct strv *list);

/* Tags, separated by commas, united with the list: ERR_USAGE for what is none (letters, digits, . _
 * - only). */
int words_tags(const char *text, struct strv *list, struct err *e) NODISCARD;
/* One line of UTF-8, cut at 450 characters with a note. `out` has the size of profile.description.
 */
int words_description(const char *text, char *out, struct err *e) NODISCARD;
/* A folder that is there, as its real path. ERR_USAGE. */
int words_folder(const char *path, char out[static LAYOUT_PATH], struct err *e) NODISCARD;
/* Made absolute as typed, with a final slash dropped; may be missing. ERR_USAGE: control
 * characters, not UTF-8, too long. */
int words_path(const char *path, char out[static LAYOUT_PATH], struct err *e) NODISCARD;

/* "12 s ago", "5 min ago", "3 h ago", "2 days ago". */
void words_ago(int64_t age_ms, char *out, size_t size);
/* "41s", "12m", "3h", "5d"; returns in how many ms it reads otherwise. */
int64_t words_span(int64_t ms, char *out, size_t size);
/* "90s", "30m", "2h", "3d" before now, or a time as the logs write it, or a day of it; UTC ms.
 * ERR_USAGE. */
int words_since(const char *text, int64_t now_ms, int64_t *out_ms, struct err *e) NODISCARD;
