#include "iapeer/registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tmproot.h"

#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define FILE_OF_IT "root/peers-profiles.json"
#define BACKUP     "root/peers-profiles.json.bak"

#define BOB                                                                                        \
	"{\"personality\":\"bob\",\"default_runtime\":\"claude\",\"runtimes\":[\"claude\"],"       \
	"\"cwd\":\"/b\"}"
#define ONE(record) "{\"version\":2,\"peers\":[" record "]}"

static void record_done(struct peer_record *p)
{
	strv_done(&p->runtimes);
}

/* name, default runtime, folder; "" leaves one out. */
static struct peer_record record(const char *name, const char *runtime, const char *cwd)
{
	struct peer_record p = {.intelligence = NATURE_NONE};

	str_cut(p.name, sizeof p.name, name);
	str_cut(p.default_runtime, sizeof p.default_runtime, runtime);
	p.cwd = cwd;
	if (*runtime)
		strv_add(&p.runtimes, runtime);
	return p;
}

static bool changed(const struct tmproot *t, const struct registry_change *c)
{
	struct err e = ERR_INIT;
	bool created = false;

	if (registry_upsert(&t->l, c, &created, &e) < 0)
		fail_msg("%s", e.msg);
	return created;
}

static bool upserted(const struct tmproot *t, const struct peer_record *p)
{
	return changed(t, &(struct registry_change){.record = p});
}

static struct err not_changed(const struct tmproot *t, const struct registry_change *c,
			      enum err_code code)
{
	struct err e = ERR_INIT;
	bool created = false;

	assert_int_equal(registry_upsert(&t->l, c, &created, &e), -1);
	if (e.code != code)
		fail_msg("%d: %s", (int)e.code, e.msg);
	return e;
}

static bool created(const struct tmproot *t, const char *name, const char *runtime, const char *cwd)
{
	AUTO(record_done) struct peer_record p = record(name, runtime, cwd);

	return upserted(t, &p);
}

static void loaded(const struct tmproot *t, struct registry *r)
{
	struct err e = ERR_INIT;

	if (registry_load(&t->l, r, &e) < 0)
		fail_msg("%s", e.msg);
}

static void holds(const struct tmproot *t, const char *text)
{
	const char *whole = tmproot_read(t, FILE_OF_IT);

	if (!strstr(whole, text))
		fail_msg("%s\nis not in\n%s", text, whole);
}

/* ---- the file ---- */

static void a_missing_file_is_an_empty_registry(void **state)
{
	AUTO(registry_done) struct registry r = {.n = 7};

	loaded(*state, &r);
	assert_int_equal(r.n, 0);
	assert_null(registry_find(&r, "bob"));
	assert_false(fs_exists(AT_FDCWD, tmproot_path(*state, FILE_OF_IT)));
}

static void the_file_has_the_documented_form(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "claude", "/home/bob");
	struct tmproot *t = *state;
	struct stat st;

	strv_add(&p.runtimes, "shell");
	p.description = "says \"hi\" / \xc3\xa9";
	p.intelligence = NATURE_ARTIFICIAL;
	p.telegram = true;
	assert_true(upserted(t, &p));
	assert_true(created(t, "ann", "codex", "/home/ann"));
	assert_string_equal(tmproot_read(t, FILE_OF_IT),
			    "{\n"
			    "  \"version\": 2,\n"
			    "  \"peers\": [\n"
			    "    {\n"
			    "      \"personality\": \"ann\",\n"
			    "      \"default_runtime\": \"codex\",\n"
			    "      \"runtimes\": [\n"
			    "        \"codex\"\n"
			    "      ],\n"
			    "      \"description\": \"\",\n"
			    "      \"cwd\": \"/home/ann\"\n"
			    "    },\n"
			    "    {\n"
			    "      \"personality\": \"bob\",\n"
			    "      \"default_runtime\": \"claude\",\n"
			    "      \"runtimes\": [\n"
			    "        \"claude\",\n"
			    "        \"shell\"\n"
			    "      ],\n"
			    "      \"description\": \"says \\\"hi\\\" / \xc3\xa9\",\n"
			    "      \"intelligence\": \"artificial\",\n"
			    "      \"cwd\": \"/home/bob\",\n"
			    "      \"interfaces\": {\n"
			    "        \"telegram\": {}\n"
			    "      }\n"
			    "    }\n"
			    "  ]\n"
			    "}\n");
	assert_int_equal(stat(tmproot_path(t, FILE_OF_IT), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_others_wrote_survives_a_rewrite(void **state)
{
	struct tmproot *t = *state;

	assert_int_equal(
	    tmproot_write(
		t, FILE_OF_IT,
		"{\"note\":{\"by\":[\"hand\",1.50]},\"version\":2,\"peers\":["
		"{\"zeta\":null,\"personality\":\"zoe\",\"runtime\":\"telegram\",\"cwd\":\"/z\","
		"\"intelligence\":\"human\",\"interfaces\":{\"telegram\":{\"chat\":12345678901}}},"
		"{\"personality\":\"bob\",\"cwd\":\"/b\",\"runtimes\":[\"claude\"],\"mine\":[]}],"
		"\"tail\":true}"),
	    0);
	assert_true(created(t, "mia", "claude", "/m"));
	assert_false(created(t, "bob", "shell", ""));
	assert_string_equal(tmproot_read(t, FILE_OF_IT), "{\n"
							 "  \"note\": {\n"
							 "    \"by\": [\n"
							 "      \"hand\",\n"
							 "      1.50\n"
							 "    ]\n"
							 "  },\n"
							 "  \"version\": 2,\n"
							 "  \"peers\": [\n"
							 "    {\n"
							 "      \"personality\": \"bob\",\n"
							 "      \"cwd\": \"/b\",\n"
							 "      \"runtimes\": [\n"
							 "        \"claude\",\n"
							 "        \"shell\"\n"
							 "      ],\n"
							 "      \"mine\": [],\n"
							 "      \"default_runtime\": \"shell\"\n"
							 "    },\n"
							 "    {\n"
							 "      \"personality\": \"mia\",\n"
							 "      \"default_runtime\": \"claude\",\n"
							 "      \"runtimes\": [\n"
							 "        \"claude\"\n"
							 "      ],\n"
							 "      \"description\": \"\",\n"
							 "      \"cwd\": \"/m\"\n"
							 "    },\n"
							 "    {\n"
							 "      \"zeta\": null,\n"
							 "      \"personality\": \"zoe\",\n"
							 "      \"runtime\": \"telegram\",\n"
							 "      \"cwd\": \"/z\",\n"
							 "      \"intelligence\": \"human\",\n"
							 "      \"interfaces\": {\n"
							 "        \"telegram\": {\n"
							 "          \"chat\": 12345678901\n"
							 "        }\n"
							 "      }\n"
							 "    }\n"
							 "  ],\n"
							 "  \"tail\": true\n"
							 "}\n");
}

static void the_old_name_of_the_default_runtime_is_read_and_replaced(void **state)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;

	assert_int_equal(
	    tmproot_write(t, FILE_OF_IT,
			  ONE("{\"personality\":\"bob\",\"runtime\":\"claude\",\"cwd\":\"/b\"}")),
	    0);
	loaded(t, &r);
	assert_string_equal(registry_find(&r, "bob")->default_runtime, "claude");
	assert_true(record_has_runtime(registry_find(&r, "bob"), "claude"));
	assert_false(created(t, "bob", "shell", ""));
	holds(t, "\"default_runtime\": \"claude\"");
	assert_null(strstr(tmproot_read(t, FILE_OF_IT), "\"runtime\""));
}

static void intelligence_is_normalised_when_read_and_kept_as_it_was_written(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "", "");
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;

	assert_int_equal(tmproot_write(t, FILE_OF_IT,
				       ONE("{\"personality\":\"bob\",\"runtimes\":[\"shell\"],"
					   "\"intelligence\":\"scripted\","
					   "\"cwd\":\"/b\"}")),
			 0);
	loaded(t, &r);
	assert_int_equal(r.peers[0].intelligence, NATURE_ABSENT);
	p.intelligence = NATURE_ABSENT; /* the same, said again */
	p.description = "new";
	assert_false(upserted(t, &p));
	holds(t, "\"scripted\"");
	holds(t, "\"new\"");
	p.intelligence = NATURE_NONE;
	assert_false(upserted(t, &p));
	holds(t, "\"scripted\"");
	p.intelligence = NATURE_NATURAL;
	assert_false(upserted(t, &p));
	holds(t, "\"natural\"");
}

static void a_missing_intelligence_stays_missing(void **state)
{
	AUTO(registry_done) struct registry r = {.n = 0};

	assert_int_equal(tmproot_write(*state, FILE_OF_IT, ONE(BOB)), 0);
	loaded(*state, &r);
	assert_int_equal(r.peers[0].intelligence, NATURE_NONE);
	assert_false(created(*state, "bob", "shell", ""));
	assert_null(strstr(tmproot_read(*state, FILE_OF_IT), "intelligence"));
}

static void a_long_description_is_cut_on_the_disk(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "claude", "/b");
	AUTO(registry_done) struct registry r = {.n = 0};
	AUTO(registry_done) struct registry s = {.n = 0};
	struct tmproot *t = *state;
	char text[452] = "";

	memset(text, 'x', 450);
	p.description = text;
	assert_true(upserted(t, &p));
	loaded(t, &r);
	assert_int_equal(strlen(r.peers[0].description), 450);
	memset(text, 'y', 451);
	assert_false(upserted(t, &p));
	loaded(t, &s);
	assert_int_equal(strlen(s.peers[0].description), 450);
	assert_null(strstr(tmproot_read(t, FILE_OF_IT), p.description));
}

/* ---- merging ---- */

static void a_second_upsert_merges(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "claude", "/b");
	AUTO(record_done) struct peer_record q = record("bob", "codex", "/b");
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;

	p.description = "old";
	p.intelligence = NATURE_ARTIFICIAL;
	p.telegram = true;
	assert_true(upserted(t, &p));
	assert_false(
	    upserted(t, &q)); /* no description, no intelligence, no telegram: nothing is wiped */
	loaded(t, &r);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.peers[0].default_runtime, "claude");
	assert_int_equal(r.peers[0].runtimes.n, 2);
	assert_true(record_has_runtime(&r.peers[0], "claude") &&
		    record_has_runtime(&r.peers[0], "codex"));
	assert_string_equal(r.peers[0].description, "old");
	assert_int_equal(r.peers[0].intelligence, NATURE_ARTIFICIAL);
	assert_true(r.peers[0].telegram);
}

static void explicit_values_win(void **state)
{
	AUTO(record_done) struct peer_record q = record("bob", "codex", "");
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;

	assert_true(created(t, "bob", "claude", "/b"));
	q.description = "new";
	q.intelligence = NATURE_NATURAL;
	assert_false(changed(t, &(struct registry_change){.record = &q, .set_default = true}));
	loaded(t, &r);
	assert_string_equal(r.peers[0].default_runtime, "codex");
	assert_string_equal(r.peers[0].description, "new");
	assert_int_equal(r.peers[0].intelligence, NATURE_NATURAL);
	assert_string_equal(r.peers[0].cwd, "/b");
}

static void replacing_takes_the_new_values_whole(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "claude", "/b");
	AUTO(record_done) struct peer_record q = record("bob", "shell", "/c");
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;

	p.description = "old";
	strv_add(&p.runtimes, "codex");
	assert_true(upserted(t, &p));
	assert_false(changed(t, &(struct registry_change){.record = &q, .replace = true}));
	loaded(t, &r);
	assert_string_equal(r.peers[0].default_runtime, "shell");
	assert_int_equal(r.peers[0].runtimes.n, 1);
	assert_string_equal(r.peers[0].description, "");
	assert_string_equal(r.peers[0].cwd, "/c");
}

static void a_rename_keeps_the_record_and_takes_no_name_of_another(void **state)
{
	AUTO(record_done) struct peer_record p = record("rob", "", "");
	AUTO(registry_done) struct registry r = {.n = 0};
	struct registry_change c = {.record = &p, .rename_from = "bob"};
	struct tmproot *t = *state;

	assert_int_equal(
	    tmproot_write(
		t, FILE_OF_IT,
		ONE("{\"personality\":\"bob\",\"runtimes\":[\"claude\"],\"cwd\":\"/b\",\"x\":1},"
		    "{\"personality\":\"mia\",\"runtimes\":[\"claude\"],\"cwd\":\"/m\"}")),
	    0);
	assert_false(changed(t, &c));
	loaded(t, &r);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.peers[1].name, "rob");
	assert_string_equal(r.peers[1].cwd, "/b");
	holds(t, "\"x\": 1");
	not_changed(t, &c, ERR_REFUSED);
	c.rename_from = "bib";
	str_cut(p.name, sizeof p.name, "new");
	not_changed(t, &c, ERR_NOT_FOUND);
}

static void another_folder_is_refused_and_the_same_one_is_not(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "claude", "/elsewhere");
	struct registry_change c = {.record = &p};
	struct tmproot *t = *state;
	struct err e;

	assert_true(created(t, "bob", "claude", "/b"));
	e = not_changed(t, &c, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "bob lives in /b, not in /elsewhere"));
	assert_false(created(t, "bob", "claude", "/b"));
	assert_false(created(t, "bob", "claude", ""));
}

static void a_folder_has_one_name(void **state)
{
	AUTO(record_done) struct peer_record p = record("rob", "claude", "/b");
	struct registry_change c = {.record = &p};
	struct err e;

	assert_true(created(*state, "bob", "claude", "/b"));
	e = not_changed(*state, &c, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "is the peer bob already"));
}

static void a_wrong_record_is_refused_before_any_write(void **state)
{
	static const struct {
		const char *name, *runtime, *cwd, *description;
	} rows[] = {
	    {"Bob", "claude", "/b", ""},     {"", "claude", "/b", ""},
	    {"bob", "cla-ude", "/b", ""},    {"bob", "claude", "", ""},
	    {"bob", "claude", "b", ""},      {"bob", "claude", "/\xff", ""},
	    {"bob", "claude", "/b", "\xff"},
	};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(record_done)
		struct peer_record p = record(rows[i].name, rows[i].runtime, rows[i].cwd);
		struct registry_change c = {.record = &p};

		p.description = rows[i].description;
		not_changed(t, &c, ERR_USAGE);
	}
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, FILE_OF_IT)));
}

static void what_changes_nothing_is_not_written(void **state)
{
	struct tmproot *t = *state;
	struct stat before, after;

	assert_true(created(t, "bob", "claude", "/b"));
	assert_int_equal(stat(tmproot_path(t, FILE_OF_IT), &before), 0);
	assert_false(created(t, "bob", "claude", "/b"));
	assert_int_equal(stat(tmproot_path(t, FILE_OF_IT), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, BACKUP)));
}

static void a_dropped_record_is_gone_and_the_others_are_as_they_were(void **state)
{
	struct tmproot *t = *state;
	struct err e = ERR_INIT;
	bool dropped = false;

	assert_int_equal(registry_drop(&t->l, "bob", &dropped, &e), 0);
	assert_false(dropped);
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, FILE_OF_IT)));
	assert_int_equal(
	    tmproot_write(t, FILE_OF_IT,
			  ONE(BOB
			      ",{\"personality\":\"mia\",\"cwd\":\"/m\",\"intelligence\":\"human\","
			      "\"other\":{\"a\":1}}")),
	    0);
	assert_int_equal(registry_drop(&t->l, "bob", &dropped, &e), 0);
	assert_true(dropped);
	assert_string_equal(tmproot_read(t, FILE_OF_IT),
			    "{\n  \"version\": 2,\n  \"peers\": [\n    {\n"
			    "      \"personality\": \"mia\",\n      \"cwd\": \"/m\",\n"
			    "      \"intelligence\": \"human\",\n      \"other\": {\n"
			    "        \"a\": 1\n      }\n    }\n  ]\n}\n");
	assert_int_equal(registry_drop(&t->l, "bob", &dropped, &e), 0);
	assert_false(dropped);
	assert_int_equal(registry_drop(&t->l, "mia", &dropped, &e), 0);
	holds(t, "\"peers\": []");
}

/* ---- what is wrong on the disk ---- */

static void a_corrupt_registry_is_refused_with_its_place_and_left_as_it_is(void **state)
{
	static const char *const rows[][2] = {
	    {"", "line 1"},
	    {"{\"version\":2,\"peers\":[", "line 1"},
	    {"[]", "expected an object"},
	    {"{\"version\":2}", ".peers: expected an array"},
	    {"{\"version\":2,\"peers\":{}}", ".peers: expected an array"},
	    {"{\"version\":\"2\",\"peers\":[]}", ".version: expected a whole number"},
	    {ONE("7"), ": peers[0]: expected an object"},
	    {ONE(BOB "," BOB), ": two records of bob"},
	    {ONE(BOB ",{\"personality\":\"mia\",\"cwd\":\"\"}"), ": peers[1].cwd: empty"},
	    {ONE("{\"personality\":\"mia\"}"), ": peers[0].cwd: missing"},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"m\"}"),
	     ": peers[0].cwd: expected an absolute path"},
	    {ONE("{\"personality\":\"mia\",\"cwd\":7}"), ": peers[0].cwd: expected a string"},
	    {ONE("{\"cwd\":\"/m\"}"), ": peers[0].personality: missing"},
	    {ONE("{\"personality\":\"../m\",\"cwd\":\"/m\"}"), ": peers[0].personality: \"../m\""},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"intelligence\":\"robot\"}"),
	     "[0].intelligence: \"robot\""},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"intelligence\":7}"),
	     "[0].intelligence: expected"},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"runtimes\":[\"a/b\"]}"),
	     "[0].runtimes: \"a/b\""},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"runtimes\":[7]}"),
	     "[0].runtimes[0]: expected"},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"default_runtime\":\"a b\"}"),
	     "[0].default_runtime: \"a b\""},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"interfaces\":7}"),
	     "[0].interfaces: expected an object"},
	    {ONE("{\"personality\":\"mia\",\"cwd\":\"/m\",\"description\":{}}"),
	     "[0].description: expected a string"},
	    {ONE(BOB) "x", "something follows"},
	};
	AUTO(record_done) struct peer_record p = record("new", "claude", "/n");
	struct registry_change c = {.record = &p};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct registry r = {.n = 0};
		struct err e = ERR_INIT;
		bool dropped;

		assert_int_equal(tmproot_write(t, FILE_OF_IT, rows[i][0]), 0);
		if (registry_load(&t->l, &r, &e) == 0)
			fail_msg("%s", rows[i][0]);
		assert_int_equal(e.code, ERR_CORRUPT);
		if (!strstr(e.msg, rows[i][1]) || !str_starts(e.msg, tmproot_path(t, FILE_OF_IT)))
			fail_msg("%s, not %s", e.msg, rows[i][1]);
		assert_string_equal(e.hint, "");
		not_changed(t, &c, ERR_CORRUPT);
		assert_int_equal(registry_drop(&t->l, "bob", &dropped, &e), -1);
		assert_string_equal(tmproot_read(t, FILE_OF_IT), rows[i][0]);
		assert_false(fs_exists(AT_FDCWD, tmproot_path(t, BACKUP)));
	}
}

static void the_backup_is_the_last_good_version(void **state)
{
	struct tmproot *t = *state;
	char first[4096];

	assert_true(created(t, "ann", "claude", "/a"));
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, BACKUP)));
	str_cut(first, sizeof first, tmproot_read(t, FILE_OF_IT));
	assert_true(created(t, "bob", "claude", "/b"));
	assert_string_equal(tmproot_read(t, BACKUP), first);
	str_cut(first, sizeof first, tmproot_read(t, FILE_OF_IT));
	assert_int_equal(tmproot_write(t, FILE_OF_IT, "{"), 0);

	AUTO(record_done) struct peer_record p = record("cid", "claude", "/c");
	not_changed(t, &(struct registry_change){.record = &p}, ERR_CORRUPT);
	assert_null(strstr(tmproot_read(t, BACKUP), "bob"));
	assert_non_null(strstr(tmproot_read(t, BACKUP), "ann"));
}

/* The hint is run by a real shell, in a folder whose name tries to be more than a name. */
static void the_hint_is_a_command_that_restores_the_backup(void **state)
{
	static const char *const folders[] = {"plain", "it's $(touch pwned) `x` \"q\" #"};
	struct tmproot *t = *state;

	for (size_t i = 0; i < 2; i++) {
		AUTO(registry_done) struct registry r = {.n = 0};
		AUTO(layout_done) struct layout l = LAYOUT_INIT;
		char file[2 * LAYOUT_PATH];
		struct err e = ERR_INIT;
		bool new;

		setenv("IAPEER_ROOT", tmproot_path(t, folders[i]), 1);
		assert_int_equal(layout_open(&l, true, &e), 0);
		AUTO(record_done) struct peer_record ann = record("ann", "claude", "/a");
		AUTO(record_done) struct peer_record bob = record("bob", "claude", "/b");
		assert_int_equal(
		    registry_upsert(&l, &(struct registry_change){.record = &ann}, &new, &e), 0);
		assert_int_equal(
		    registry_upsert(&l, &(struct registry_change){.record = &bob}, &new, &e), 0);
		snprintf(file, sizeof file, "%s/peers-profiles.json", folders[i]);
		assert_int_equal(tmproot_write(t, file, "garbage"), 0);
		assert_int_equal(registry_load(&l, &r, &e), -1);
		assert_non_null(strstr(e.hint, "cp "));

		char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, e.hint, NULL};
		struct proc_opts opts = {.file = "/bin/sh", .argv = argv, .deadline_ms = INT64_MAX};
		struct proc_result result = PROC_RESULT_INIT;
		struct err f = ERR_INIT;
		assert_int_equal(proc_run(&opts, &result, &f), 0);
		assert_int_equal(result.status, 0);
		proc_result_done(&result);
		assert_int_equal(registry_load(&l, &r, &e), 0);
		assert_int_equal(r.n, 1);
		assert_string_equal(r.peers[0].name, "ann");
	}
}

static void a_backup_that_is_corrupt_itself_is_not_recommended(void **state)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(tmproot_write(t, FILE_OF_IT, "{"), 0);
	assert_int_equal(tmproot_write(t, BACKUP, "{"), 0);
	assert_int_equal(registry_load(&t->l, &r, &e), -1);
	assert_string_equal(e.hint, "");
}

static void a_newer_version_is_read_with_a_warning_and_not_written(void **state)
{
	const char *text = "{\"version\":3,\"peers\":[" BOB "]}";
	AUTO(record_done) struct peer_record p = record("bob", "shell", "");
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;
	bool dropped;

	assert_int_equal(tmproot_write(t, FILE_OF_IT, text), 0);
	loaded(t, &r);
	assert_true(r.newer);
	assert_int_equal(r.n, 1);
	assert_non_null(strstr(tmproot_logged(t), "newer version"));
	e = not_changed(t, &(struct registry_change){.record = &p}, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "newer version"));
	assert_int_equal(registry_drop(&t->l, "bob", &dropped, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_string_equal(tmproot_read(t, FILE_OF_IT), text);
}

static void a_registry_that_is_a_link_is_refused(void **state)
{
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(tmproot_write(t, "other.json", ONE(BOB)), 0);
	assert_int_equal(symlink("../other.json", tmproot_path(t, FILE_OF_IT)), 0);
	assert_int_equal(registry_load(&t->l, &r, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
}

static void a_registry_that_vanished_is_made_anew_with_a_warning(void **state)
{
	struct tmproot *t = *state;

	assert_int_equal(tmproot_write(t, BACKUP, ONE(BOB)), 0);
	assert_true(created(t, "ann", "claude", "/a"));
	assert_non_null(strstr(tmproot_logged(t), "is missing and is made anew"));
	assert_string_equal(tmproot_read(t, BACKUP), ONE(BOB));
}

/* ---- looking up ---- */

static void a_peer_is_found_by_its_exact_name(void **state)
{
	static const char *const names[] = {"ann", "bob", "big-bob", "mia", "zoe"};
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;

	for (size_t i = 0; i < 5; i++) {
		char cwd[32];

		snprintf(cwd, sizeof cwd, "/%s", names[i]);
		assert_true(created(t, names[i], "claude", cwd));
	}
	loaded(t, &r);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(registry_find(&r, names[i])->name, names[i]);
	assert_null(registry_find(&r, "bo"));
	assert_null(registry_find(&r, "bobb"));
	assert_null(registry_find(&r, ""));
	assert_null(registry_find(&r, "zzz"));
}

static void an_unknown_peer_gets_the_nearest_name(void **state)
{
	static const struct {
		const char *typed, *hint;
		enum err_code code;
	} rows[] = {
	    {"bib", "did you mean bob?", ERR_NOT_FOUND},
	    {"releaes", "did you mean release?", ERR_NOT_FOUND},
	    {"claude-bob", "did you mean bob?", ERR_NOT_FOUND},
	    {"xylophone", "", ERR_NOT_FOUND},
	    {"Bob", "did you mean bob?", ERR_USAGE},
	    {"Bób", "did you mean bob?", ERR_USAGE},
	    {"Big Bub", "did you mean big-bub?", ERR_USAGE},
	    {"../bob", "did you mean bob?", ERR_USAGE},
	    {"", "", ERR_USAGE},
	    {"42", "", ERR_USAGE},
	};
	const struct peer_record *p = NULL;
	AUTO(registry_done) struct registry r = {.n = 0};
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_true(created(t, "bob", "claude", "/b"));
	assert_true(created(t, "release", "claude", "/r"));
	loaded(t, &r);
	assert_int_equal(registry_need(&r, "bob", &p, &e), 0);
	assert_string_equal(p->name, "bob");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err f = ERR_INIT;

		assert_int_equal(registry_need(&r, rows[i].typed, &p, &f), -1);
		if (f.code != rows[i].code || strcmp(f.hint, rows[i].hint) != 0)
			fail_msg("%s: %d, %s, %s", rows[i].typed, (int)f.code, f.msg, f.hint);
	}
}

static void the_runtime_meant_is_the_asked_the_default_or_the_first(void **state)
{
	AUTO(record_done) struct peer_record p = record("bob", "", "/b");
	struct err e = ERR_INIT;
	struct peer_id id;

	(void)state;
	assert_int_equal(record_identity(&p, NULL, &id, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	strv_add(&p.runtimes, "claude");
	strv_add(&p.runtimes, "codex");
	assert_int_equal(record_identity(&p, "", &id, &e), 0);
	assert_string_equal(id.runtime, "claude");
	str_cut(p.default_runtime, sizeof p.default_runtime, "codex");
	assert_int_equal(record_identity(&p, NULL, &id, &e), 0);
	assert_string_equal(id.runtime, "codex");
	assert_string_equal(id.name, "bob");
	assert_int_equal(record_identity(&p, "claude", &id, &e), 0);
	assert_string_equal(id.runtime, "claude");
	assert_int_equal(record_identity(&p, "shell", &id, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "undeclared runtime shell: bob has claude, codex"));
	assert_int_equal(record_identity(&p, "x/y", &id, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, tmproot_setup, tmproot_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_ROOT(a_missing_file_is_an_empty_registry),
	    WITH_ROOT(the_file_has_the_documented_form),
	    WITH_ROOT(what_others_wrote_survives_a_rewrite),
	    WITH_ROOT(the_old_name_of_the_default_runtime_is_read_and_replaced),
	    WITH_ROOT(intelligence_is_normalised_when_read_and_kept_as_it_was_written),
	    WITH_ROOT(a_missing_intelligence_stays_missing),
	    WITH_ROOT(a_long_description_is_cut_on_the_disk),
	    WITH_ROOT(a_second_upsert_merges),
	    WITH_ROOT(explicit_values_win),
	    WITH_ROOT(replacing_takes_the_new_values_whole),
	    WITH_ROOT(a_rename_keeps_the_record_and_takes_no_name_of_another),
	    WITH_ROOT(another_folder_is_refused_and_the_same_one_is_not),
	    WITH_ROOT(a_folder_has_one_name),
	    WITH_ROOT(a_wrong_record_is_refused_before_any_write),
	    WITH_ROOT(what_changes_nothing_is_not_written),
	    WITH_ROOT(a_dropped_record_is_gone_and_the_others_are_as_they_were),
	    WITH_ROOT(a_corrupt_registry_is_refused_with_its_place_and_left_as_it_is),
	    WITH_ROOT(the_backup_is_the_last_good_version),
	    WITH_ROOT(the_hint_is_a_command_that_restores_the_backup),
	    WITH_ROOT(a_backup_that_is_corrupt_itself_is_not_recommended),
	    WITH_ROOT(a_newer_version_is_read_with_a_warning_and_not_written),
	    WITH_ROOT(a_registry_that_is_a_link_is_refused),
	    WITH_ROOT(a_registry_that_vanished_is_made_anew_with_a_warning),
	    WITH_ROOT(a_peer_is_found_by_its_exact_name),
	    WITH_ROOT(an_unknown_peer_gets_the_nearest_name),
	    cmocka_unit_test(the_runtime_meant_is_the_asked_the_default_or_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
