#include "iapeer/registry/settings.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/log.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define MAX_SECS  (10L * 365 * 24 * 3600)
#define MAX_BYTES (1LL << 40)
#define MIB       (1LL << 20)

enum kind {
	SECS,  /* int64_t milliseconds, given in seconds */
	BYTES, /* int64_t */
	COUNT, /* int */
	FLAG,  /* bool */
};

/* One row a setting. */
struct row {
	const char *name; /* of the variable and in config.json */
	/* In settings_text(). NULL: a limit of who sends, which is not the sender's to say: only
	 * config.json counts. */
	const char *shown;
	enum kind kind;
	size_t offset;
	int64_t min, max, fallback; /* in the unit of the name */
};

/* clang-format off */
#define AT(field) offsetof(struct settings, field)
static const struct row rows[] = {
    {"IAPEER_IDLE_SECS",                   "idle",                    SECS,  AT(idle_ms),                   1, MAX_SECS,  3600},
    {"IAPEER_BOOT_DEADLINE_SECS",          "boot_deadline",           SECS,  AT(boot_deadline_ms),          1, MAX_SECS,  240},
    {"IAPEER_BOOT_PARALLEL",               "boot_parallel",           COUNT, AT(boot_parallel),             1, 64,        2},
    {"IAPEER_READY_GATE_SECS",             "ready_gate",              SECS,  AT(ready_gate_ms),             1, MAX_SECS,  120},
    {"IAPEER_CRASHLOOP_MAX",               "crashloop_max",           COUNT, AT(crashloop_max),             1, 16,        3},
    {"IAPEER_CRASHLOOP_WINDOW_SECS",       "crashloop_window",        SECS,  AT(crashloop_window_ms),       1, MAX_SECS,  300},
    {"IAPEER_MAX_HOPS",                    NULL,                      COUNT, AT(max_hops),                  1, 64,        8},
    {"IAPEER_PAIR_MAX",                    NULL,                      COUNT, AT(pair_max),                  1, 200,       20},
    {"IAPEER_PAIR_WINDOW_SECS",            NULL,                      SECS,  AT(pair_window_ms),            1, 86400,     600},
    {"IAPEER_EPHEMERAL_QUIET_SECS",        "ephemeral_quiet",         SECS,  AT(ephemeral_quiet_ms),        0, MAX_SECS,  20},
    {"IAPEER_EPHEMERAL_UNARMED_IDLE_SECS", "ephemeral_unarmed_idle",  SECS,  AT(ephemeral_unarmed_idle_ms), 0, MAX_SECS,  600},
    {"IAPEER_TRASH_SECS",                  "trash",                   SECS,  AT(trash_ms),                  1, MAX_SECS,  60},
    {"IAPEER_STATUS_DECAY_SECS",           "status_decay",            SECS,  AT(status_decay_ms),           1, MAX_SECS,  600},
    {"IAPEER_CANARY",                      "canary",                  FLAG,  AT(canary),                    0, 1,         1},
    {"IAPEER_SUPERVISE_LOG_VERBOSE",       "log_verbose",             FLAG,  AT(log_verbose),               0, 1,         0},
    {"IAPEER_LIFECYCLE_LOG_MAX_BYTES",     "lifecycle_log_max_bytes", BYTES, AT(lifecycle_log_max_bytes),   0, MAX_BYTES, 5 * MIB},
    {"IAPEER_LIFECYCLE_LOG_KEEP",          "lifecycle_log_keep",      COUNT, AT(lifecycle_log_keep),        0, 1000,      5},
    {"IAPEER_DELIVERY_LOG_MAX_BYTES",      "delivery_log_max_bytes",  BYTES, AT(delivery_log_max_bytes),    0, MAX_BYTES, 5 * MIB},
    {"IAPEER_DELIVERY_LOG_KEEP",           "delivery_log_keep",       COUNT, AT(delivery_log_keep),         0, 1000,      5},
    {"IAPEER_PANELOG_MAX_BYTES",           "panelog_max_bytes",       BYTES, AT(panelog_max_bytes),         0, MAX_BYTES, 16 * MIB},
    {"IAPEER_PANELOG_KEEP",                "panelog_keep",            COUNT, AT(panelog_keep),              0, 1000,      2},
};
#undef AT
/* clang-format on */

static void store(struct settings *s, const struct row *row, int64_t n)
{
	char *at = (char *)s + row->offset;
	int64_t wide = row->kind == SECS ? n * 1000 : n;
	int narrow = (int)n;
	bool flag = n != 0;

	switch (row->kind) {
	case SECS:
	case BYTES:
		memcpy(at, &wide, sizeof wide);
		break;
	case COUNT:
		memcpy(at, &narrow, sizeof narrow);
		break;
	case FLAG:
		memcpy(at, &flag, sizeof flag);
		break;
	}
}

static int64_t fetch(const struct settings *s, const struct row *row)
{
	const char *at = (const char *)s + row->offset;
	int64_t wide = 0;
	int narrow = 0;
	bool flag = false;

	switch (row->kind) {
	case SECS:
	case BYTES:
		memcpy(&wide, at, sizeof wide);
		return row->kind == SECS ? wide / 1000 : wide;
	case COUNT:
		memcpy(&narrow, at, sizeof narrow);
		return narrow;
	case FLAG:
		memcpy(&flag, at, sizeof flag);
		return flag;
	}
	return 0;
}

static bool parse_flag(const char *word, int64_t *out)
{
	static const char *const words[][2] = {
	    {"off", "on"}, {"0", "1"}, {"false", "true"}, {"no", "yes"}};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		for (int64_t value = 0; value < 2; value++)
			if (strcasecmp(word, words[i][value]) == 0) {
				*out = value;
				return true;
			}
	return false;
}

static bool parse_word(const struct row *row, const char *word, int64_t *out)
{
	if (row->kind == FLAG)
		return parse_flag(word, out);
	return str_i64(word, row->min, row->max, out);
}

static bool is_blank(const char *s)
{
	return !s || s[strspn(s, " \t\r\n")] == '\0';
}

static void warn_bad(const struct row *row, const char *where, const char *value)
{
	log_warn("settings", "%s in %s: \"%s\" will not do (%s %lld to %lld); the default is used",
		 row->name, where, value, row->kind == FLAG ? "on or off," : "a whole number,",
		 (long long)row->min, (long long)row->max);
}

static void from_environment(struct settings *s, const struct row *row)
{
	const char *word = getenv(row->name);
	int64_t n = row->fallback;

	if (is_blank(word))
		return;
	if (!row->shown) {
		log_warn("settings", "%s in the environment does not count; it belongs into %s",
			 row->name, LAYOUT_CONFIG);
		return;
	}
	if (!parse_word(row, word, &n))
		warn_bad(row, "the environment", word);
	store(s, row, n);
}

static void from_config(struct settings *s, const struct row *row, const struct json *config)
{
	const struct json *value = json_get(config, row->name);
	int64_t n = row->fallback;
	struct err e;
	bool ok;

	if (!value)
		return;
	if (json_is_string(value))
		ok = parse_word(row, json_text(value), &n);
	else if (json_is_bool(value))
		ok = row->kind == FLAG && parse_flag(json_true(value) ? "on" : "off", &n);
	else
		ok = json_opt_i64(config, "", row->name, row->min, row->max, &n, &e) == 0;
	if (!ok)
		warn_bad(row, LAYOUT_CONFIG,
			 json_is_string(value) ? json_text(value) : "that value");
	store(s, row, ok ? n : row->fallback);
}

/* NULL when there is no such file. */
static int load_config(const struct layout *l, struct json **out, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_STATE);
	auto_json struct json *config = NULL;
	char path[LAYOUT_PATH];

	if (layout_abs(l, LAYOUT_CONFIG, path, e) < 0)
		return -1;
	if (fs_read(l->root_fd, LAYOUT_CONFIG, &text, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : err_wrap(e, "%s", l->root);
	if (json_parse(buf_cstr(&text), text.len, path, &config, e) < 0)
		return -1;
	if (!json_is_object(config))
		return err_set(e, ERR_CORRUPT, 0, "%s: expected an object", path);
	*out = config;
	config = NULL;
	return 0;
}

/* A setting that is a path; "" when it is not set. */
static void text_setting(const struct json *config, const char *name, char out[static LAYOUT_PATH])
{
	const char *value = getenv(name), *where = "the environment";
	const struct json *member = json_get(config, name);

	out[0] = '\0';
	if (is_blank(value)) {
		value = json_text(member);
		where = LAYOUT_CONFIG;
		if (member && !value)
			log_warn("settings", "%s in %s: expected a string; it is left out", name,
				 where);
	}
	if (!is_blank(value) && !str_put(out, LAYOUT_PATH, value))
		log_warn("settings", "%s in %s: more than %d bytes; it is left out", name, where,
			 LAYOUT_PATH - 1);
}

int settings_load(const struct layout *l, struct settings *out, struct err *e)
{
	auto_json struct json *config = NULL;
	struct settings s = {.idle_ms = 0};

	if (load_config(l, &config, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		store(&s, &rows[i], rows[i].fallback);
		from_config(&s, &rows[i], config);
		from_environment(&s, &rows[i]);
	}
	text_setting(config, "IAPEER_TMUX_BIN", s.tmux_bin);
	*out = s;
	return 0;
}

void settings_text(const struct settings *s, char *out, size_t size)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t n = fetch(s, &rows[i]);

		if (n == rows[i].fallback || !rows[i].shown)
			continue;
		if (rows[i].kind == FLAG)
			buf_fmt(&b, " %s=%s", rows[i].shown, n ? "on" : "off");
		else
			buf_fmt(&b, " %s=%lld", rows[i].shown, (long long)n);
	}
	if (s->tmux_bin[0])
		buf_fmt(&b, " tmux_bin=%s", s->tmux_bin);
	str_cut(out, size, b.len ? buf_cstr(&b) + 1 : "");
}

/* A list, not a line: nothing of what a peer says can ever become a command. */
int settings_on_attention(const struct layout *l, struct strv *out, struct err *e)
{
	auto_json struct json *config = NULL;
	AUTO(strv_done) struct strv v = STRV_INIT;

	if (load_config(l, &config, e) < 0)
		return -1;
	if (config && json_opt_strv(config, LAYOUT_CONFIG, "on_attention", &v, e) < 0) {
		return err_hint(e, "\"on_attention\": [\"program\", \"argument\", ...]");
	}
	if (v.n > 0 && !v.v[0][0])
		return err_set(e, ERR_CORRUPT, 0, "%s.on_attention[0]: empty", LAYOUT_CONFIG);
	strv_done(out);
	*out = v;
	v = (struct strv)STRV_INIT;
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): the nesting is assert's */
void settings_runtime_bin(const struct layout *l, const char *runtime, char out[static LAYOUT_PATH])
{
	auto_json struct json *config = NULL;
	char name[sizeof "IAPEER__BIN" + PEER_NAME_MAX];
	struct err e;
	char upper[PEER_NAME_MAX + 1] = "";

	assert(peer_runtime_valid(runtime));
	for (size_t i = 0; runtime[i]; i++)
		upper[i] = (char)toupper((unsigned char)runtime[i]);
	snprintf(name, sizeof name, "IAPEER_%s_BIN", upper);
	if (load_config(l, &config, &e) < 0)
		log_debug("settings", "%s is not looked at: %s", LAYOUT_CONFIG, e.msg);
	text_setting(config, name, out);
}
