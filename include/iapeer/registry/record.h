/* record.h - the fields that the registry and the profile have in common: how each is read and
 * written.
 *
 * Readers fail with ERR_CORRUPT, their place being <where>.<key>; an absent field leaves the target
 * alone. Writers change what they name in o and nothing else: a field of somebody else's, and a
 * value that says the same in another way, stay as they are.
 */
#pragma once
#include "iapeer/base/json.h"
#include "iapeer/registry/peer.h"

#define DESCRIPTION_MAX_CHARS 450
#define DESCRIPTION_SIZE      (DESCRIPTION_MAX_CHARS * 4 + 1)

/* personality: there, and valid. */
int record_read_name(const struct json *o, const char *where, char out[static PEER_NAME_MAX + 1],
		     struct err *e) NODISCARD;
/* default_runtime (or `runtime`, its old name) and runtimes: valid names, each once, the default
 * among them. */
int record_read_runtimes(const struct json *o, const char *where,
			 char out_default[static PEER_NAME_MAX + 1], struct strv *out,
			 struct err *e) NODISCARD;
/* description: cut at DESCRIPTION_MAX_CHARS. */
int record_read_description(const struct json *o, const char *where,
			    char out[static DESCRIPTION_SIZE], struct err *e) NODISCARD;
/* intelligence: a word that we know, or none. */
int record_read_nature(const struct json *o, const char *where, enum nature *out,
		       struct err *e) NODISCARD;
/* interfaces: an object; *out says whether there is a telegram in it. */
int record_read_interfaces(const struct json *o, const char *where, bool *out,
			   struct err *e) NODISCARD;

/* `runtime`, the old name, goes; an empty default is left out. */
void record_put_runtimes(struct json *o, const char *default_runtime, const struct strv *runtimes);
void record_put_description(struct json *o,
			    const char *description); /* cut at DESCRIPTION_MAX_CHARS */
/* The word as it was written stays if it means n; NATURE_NONE takes it out. */
void record_put_nature(struct json *o, enum nature n);
void record_put_telegram(struct json *o); /* interfaces.telegram, if it is not there */

/* At most DESCRIPTION_MAX_CHARS characters of text: so many bytes. */
size_t record_description_len(const char *text);
void record_cut_description(const char *text, char out[static DESCRIPTION_SIZE]);
/* Add what is not there yet. */
void record_unite(struct strv *runtimes, const char *runtime);
