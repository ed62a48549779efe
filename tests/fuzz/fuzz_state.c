/* The small files of a peer, whatever is in them: read or refused, and what was read is written as
 * it was. The first byte of the input, a digit, says which file it is. */
#include <stdint.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/json.h"
#include "iapeer/base/str.h"
#include "iapeer/delivery/chain.h"
#include "iapeer/delivery/receipt.h"
#include "iapeer/delivery/sending.h"
#include "iapeer/delivery/topics.h"
#include "iapeer/delivery/turn.h"
#include "iapeer/launch/conversation.h"
#include "iapeer/launch/session.h"
#include "iapeer/launch/shell.h"
#include "iapeer/lifecycle/marks.h"
#include "iapeer/registry/state_file.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define ME "shell-bob"
#define ID "m1"

static const struct peer_id bob = {.name = "bob", .runtime = "shell"};

/* What a reader gives back when it fails is what it was given. */
#define BLANK 0x5a

static bool is_blank(const void *p, size_t size)
{
	const unsigned char *s = p;

	for (size_t i = 0; i < size; i++)
		if (s[i] != BLANK)
			return false;
	return true;
}

static void refused(const void *p, size_t size, const struct err *e)
{
	must(is_blank(p, size) && e->code != ERR_NONE && e->code != ERR_NOT_FOUND && e->msg[0]);
}

/* ---- read and written again; false: it was refused ---- */

static bool session(void)
{
	struct session s;
	struct err e;

	memset(&s, BLANK, sizeof s);
	if (session_load(&l, &bob, &s, &e) < 0) {
		refused(&s, sizeof s, &e);
		return false;
	}
	(void)session_liveness(&s);
	must(session_save(&l, &s, &e) == 0);
	return true;
}

static bool conversation(void)
{
	struct conversation c;
	struct err e;

	memset(&c, BLANK, sizeof c);
	if (conversation_load(&l, &bob, &c, &e) < 0) {
		refused(&c, sizeof c, &e);
		return false;
	}
	must(!c.id[0] || conversation_id_valid(c.id));
	must(conversation_save(&l, &bob, &c, &e) == 0);
	return true;
}

static bool turn(void)
{
	struct turn t;
	struct err e;

	memset(&t, BLANK, sizeof t);
	if (turn_load(&l, &bob, &t, &e) < 0) {
		refused(&t, sizeof t, &e);
		return false;
	}
	must(turn_waits(&l, &bob, t.id) && turn_save(&l, &bob, &t, &e) == 0);
	return true;
}

static bool sending(void)
{
	struct sending s;
	struct err e;

	memset(&s, BLANK, sizeof s);
	if (sending_load(&l, &bob, &s, &e) < 0) {
		refused(&s, sizeof s, &e);
		return false;
	}
	must(sending_note(&l, &bob, &s, &e) == 0);
	return true;
}

static bool pane_exit(void)
{
	struct pane_exit x;
	struct err e;

	memset(&x, BLANK, sizeof x);
	if (pane_exit_load(&l, &bob, &x, &e) < 0) {
		refused(&x, sizeof x, &e);
		return false;
	}
	must(pane_exit_save(&l, ME, &x, &e) == 0);
	return true;
}

static bool receipt(void)
{
	struct receipt r;
	struct err e;

	memset(&r, BLANK, sizeof r);
	if (receipt_load(&l, &bob, ID, &r, &e) < 0) {
		must(is_blank(&r, sizeof r) && e.code != ERR_NONE);
		return false;
	}
	must(strcmp(r.id, ID) == 0 && receipt_save(&l, &bob, &r, &e) == 0);
	receipt_done(&r);
	return true;
}

static bool composer(void)
{
	struct session s = {.id = bob};
	struct pane p = {.layout = &l, .session = &s};
	struct shell_memory m;

	shell_memory_load(&p, &m);
	must(memchr(m.prompt, '\0', sizeof m.prompt) && memchr(m.program, '\0', sizeof m.program));
	shell_memory_save(&p, &m);
	return false; /* what cannot be read is not known, and is not told from what is */
}

static bool deaths(void)
{
	struct death_entry d = {.at_ms = 7, .cause = "sigsegv", .woke_at_ms = 5};
	struct death_ring before, after;
	struct err e;

	if (deaths_load(&l, &bob, &before, &e) < 0) {
		must(e.code != ERR_NONE && deaths_forgive(&l, &bob, &e) == 0);
		must(deaths_load(&l, &bob, &after, &e) == 0 && after.n == 0);
		return false;
	}
	must(before.n <= DEATH_RING && death_ring_own(&before, clock_utc_ms(), 1000) >= 0);
	must(deaths_add(&l, &bob, &d, &e) == 0 && deaths_load(&l, &bob, &after, &e) == 0);
	must(after.n > 0 && after.v[after.n - 1].woke_at_ms == 5);
	must(after.n == before.n + 1 || after.n == before.n);
	must(deaths_forgive(&l, &bob, &e) == 0 && deaths_load(&l, &bob, &after, &e) == 0);
	must(death_ring_own(&after, clock_utc_ms(), INT64_C(1) << 50) == 0);
	return false;
}

static bool topic(void)
{
	AUTO(strv_done) struct strv before = STRV_INIT;
	AUTO(strv_done) struct strv after = STRV_INIT;
	struct err e;

	if (topics_load(&l, &bob, &before, &e) < 0)
		return false;
	must(topics_add(&l, &bob, "t", &e) == 0 && topics_load(&l, &bob, &after, &e) == 0);
	must(after.n > 0 && strcmp(after.v[after.n - 1], "t") == 0);
	must(after.n <= TOPICS_MAX || after.n <= before.n);
	return false;
}

/* A chain of which nothing is known, or anything: it goes on with what is sent next. */
static bool chain(void)
{
	struct sender from = {.id = {.name = "alice", .runtime = "shell"},
			      .nature = NATURE_ARTIFICIAL};
	struct settings set = {.max_hops = 64, .pair_max = 1, .pair_window_ms = INT64_C(1) << 50};
	AUTO(strv_done) struct strv hops = STRV_INIT;
	struct queue_item m = {.id = ID, .from = from.id};
	auto_json struct json *j = NULL;
	char path[LAYOUT_PATH];
	int64_t person = 0;
	struct err e;

	must(chain_check(&l, &set, &from, &bob, &hops, &e) == 0 || e.code == ERR_REFUSED);
	strv_done(&hops);
	strv_add(&hops, "alice");
	must(chain_note(&l, &set, &bob, &m, &hops, &e) == 0);
	must(state_read(&l, &bob, "chain", path, &j, &e) == 0);
	must(json_len(json_get(j, "messages")) > 0 && json_len(json_get(j, "messages")) <= 256);
	must(json_req_i64(j, "", "personAtMs", 0, INT64_MAX, &person, &e) == 0);
	strv_done(&hops);
	if (person < clock_utc_ms() - 1000)
		must(chain_check(&l, &set, &from, &bob, &hops, &e) < 0 && e.code == ERR_REFUSED);
	return false;
}

/* ---- the same, in other words ---- */

static bool same_number(const struct json *a, const struct json *b)
{
	int64_t x = 0, y = 0;

	return b && str_i64(json_text(a), 0, INT64_MAX, &x) &&
	       str_i64(json_text(b), 0, INT64_MAX, &y) && x == y;
}

static void same_value(const struct json *a, const struct json *b)
{
	int64_t x = 0, y = 0;

	if (json_is_string(a))
		must(strcmp(json_text(a), b ? json_text(b) : "") == 0 || same_number(a, b));
	else if (json_is_bool(a))
		must(json_true(a) == (b && json_true(b)));
	else if (json_is_number(a))
		must(json_whole(a, &x) && (!b || json_whole(b, &y)) && x == y);
	else if (json_is_object(a))
		for (const struct json *k = json_first(b); k; k = json_next(k))
			same_value(json_get(a, json_key(k)), k);
}

static const struct kind {
	const char *file, *keys[24]; /* the keys that are written again */
	bool (*again)(void);
} kinds[] = {
    {"session",
     {"cwd", "wokeAtMs", "wokeMonoMs", "server", "pane", "bootId", "socket", "paneId", "paneTty",
      "mode", "cause", "conversation", "wokeFor", "logStart", "reportsFrom", "ready", "hooks"},
     session},
    {"conversation",
     {"id", "workdir", "workdirBefore", "transcript", "startedAtMs", "usedAtMs", "reportsFrom",
      "failed"},
     conversation},
    {"turn", {"id", "offset", "reportsAt", "untilMs", "wokeAtMs"}, turn},
    {"sending",
     {"id", "file", "length", "hash", "pane", "server", "atMs", "reportsAt", "pastedAtMs",
      "submittedAtMs", "logBefore", "enteredLog"},
     sending},
    {"exit", {"panePid", "status", "signal", "serverPid", "atMs"}, pane_exit},
    {"receipts", /* a folder */
     {"id", "woke", "mode", "cause", "reason", "acceptedAtMs", "pastedAtMs", "submittedAtMs",
      "recordedAtMs", "turnAtMs", "turnEnded", "answer"},
     receipt},
    {"composer", {NULL}, composer},
    {"deaths", {NULL}, deaths},
    {"topic", {NULL}, topic},
    {"chain", {NULL}, chain},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void path_of(const struct kind *k, char out[static LAYOUT_PATH])
{
	size_t n;

	layout_state(&bob, k->file, out);
	n = strlen(out);
	if (strcmp(k->file, "receipts") == 0)
		snprintf(out + n, LAYOUT_PATH - n, "/%016llx.json",
			 (unsigned long long)str_hash(ID, strlen(ID)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kind *k = &kinds[size ? (uint8_t)(data[0] - '0') % KINDS : 0];
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_OUTPUT);
	auto_json struct json *before = NULL;
	auto_json struct json *after = NULL;
	char path[LAYOUT_PATH];
	struct err e;

	enter(LAYOUT_LIFECYCLE "/" ME ".receipts");
	if (size == 0)
		return 0;
	path_of(k, path);
	put_file(path, data + 1, size - 1);
	if (k->again()) {
		get_file(path, &text);
		must(json_parse((const char *)data + 1, size - 1, "before", &before, &e) == 0);
		must(json_parse(buf_cstr(&text), text.len, "after", &after, &e) == 0);
		for (size_t i = 0; k->keys[i]; i++)
			if (json_get(before, k->keys[i]))
				same_value(json_get(before, k->keys[i]),
					   json_get(after, k->keys[i]));
	}
	drop_file(path);
	return 0;
}
